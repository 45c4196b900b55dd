import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { silentLogger } from '../../../shared/runtime/logger.ts';
import { reportHtml } from '../../../simulations/report/report-html.ts';
import { roundsCsv } from '../../../simulations/report/rounds-csv.ts';
import { summariseOutcome } from '../../../simulations/report/summary.ts';
import { runSimulation, type Simulation } from '../../../simulations/run-simulation.ts';
import { loadScenario } from '../../../simulations/scenario.ts';
import { writeSmallScenario } from '../small-scenario.ts';

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'wardround-faults-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const hospitals = ['east', 'north', 'west'];
const needs = () => ({ signal: AbortSignal.timeout(580_000), log: silentLogger });
const scenario = (lines: string, changes = {}) => writeSmallScenario(folder, hospitals, changes, lines);
const simulate = (lines: string, changes = {}) => runSimulation(loadScenario(scenario(lines, changes)), needs());

function excluded(simulation: Simulation) {
  return (simulation.runs[0]?.view.rounds ?? []).map(({ round, excluded: sites }) => [
    round,
    ...sites.map(({ site, reason }) => `${site} ${reason}`),
  ]);
}

function judges(simulation: Simulation): string[] {
  return (simulation.runs[0]?.releases ?? []).flatMap(({ decisions }) => decisions.map(({ site }) => site)).sort();
}

describe('faults of a simulation', () => {
  it('offline: the rounds name the site as not connected, and it is back for the next and for the judging', async () => {
    for (const target of [2, 3]) {
      const simulation = await simulate('faults: [{ site: west, rounds: [2, 3], kind: offline }]\n', { target });
      expect(excluded(simulation)).toEqual([[0], [1], [2, 'west not_connected'], [3, 'west not_connected'], [4]]);
      expect(judges(simulation)).toEqual(hospitals);
      expect(reportHtml(simulation)).toContain('In rounds 2 to 3 west cannot reach the coordinator.');
    }
  }, 600_000);

  it('offline from the start to the end: the site has no part in anything', async () => {
    const simulation = await simulate('faults: [{ site: north, rounds: [0, 4], kind: offline }]\n');
    expect(excluded(simulation)).toEqual([0, 1, 2, 3, 4].map((round) => [round, 'north not_connected']));
    expect(judges(simulation)).toEqual(['east', 'west']);
  }, 600_000);

  it('slow: the round waits to the end of deadline and grace, then goes on without the site', async () => {
    const simulation = await simulate('faults: [{ site: east, rounds: [2, 2], kind: slow }]\n');
    expect(excluded(simulation)).toEqual([[0], [1], [2, 'east late'], [3], [4]]);
    // 30 s of deadline and 5 s of grace, in simulated time; the other rounds end when the work is done, by a clock that stands.
    expect(simulation.runs[0]?.view.rounds.map(({ durationMs }) => durationMs)).toEqual([0, 0, 35_000, 0, 0]);
    expect(judges(simulation)).toEqual(hospitals);
  }, 600_000);

  it.each([
    [
      'slow in the last round',
      '{ site: east, rounds: [4, 4], kind: slow }',
      {},
      [[0], [1], [2], [3], [4, 'east late']],
    ],
    [
      'slow with no grace time',
      '{ site: east, rounds: [4, 4], kind: slow }',
      { grace: 0 },
      [[0], [1], [2], [3], [4, 'east no_answer']],
    ],
    [
      'offline to the last round',
      '{ site: east, rounds: [4, 4], kind: offline }',
      {},
      [[0], [1], [2], [3], [4, 'east not_connected']],
    ],
    [
      'offline at the start, where the others are enough',
      '{ site: west, rounds: [0, 2], kind: offline }',
      { target: 2 },
      [[0, 'west not_connected'], [1, 'west not_connected'], [2, 'west not_connected'], [3], [4]],
    ],
    [
      'all but one together',
      '{ site: west, rounds: [2, 2], kind: slow }, { site: east, rounds: [2, 2], kind: corrupt-update }',
      { minimum: 1 },
      [[0], [1], [2, 'east refused', 'west late'], [3], [4]],
    ],
  ])(
    '%s',
    async (_, faults, changes, expected) => {
      const simulation = await simulate(`faults: [${faults}]\n`, changes);
      expect(excluded(simulation)).toEqual(expected);
      expect(judges(simulation)).toEqual(hospitals);
    },
    600_000,
  );

  it('end at once when they are told to', async () => {
    const controller = new AbortController();
    const attempt = runSimulation(loadScenario(scenario('faults: [{ site: west, rounds: [2, 3], kind: offline }]\n')), {
      signal: controller.signal,
      log: silentLogger,
      onRound: (_, view) => {
        if (view.status === 'waiting' && view.rounds.length > 2) controller.abort(new Error('enough'));
      },
    });
    await expect(attempt).rejects.toThrow('enough');
  }, 600_000);

  it('corrupt-update: admission refuses the value, and says which', async () => {
    const simulation = await simulate('faults: [{ site: north, rounds: [3, 4], kind: corrupt-update }]\n');
    expect(excluded(simulation)).toEqual([[0], [1], [2], [3, 'north refused'], [4, 'north refused']]);
    expect(simulation.runs[0]?.view.rounds[3]?.excluded[0]?.detail).toMatch(/^not_finite: .*layer1\.bias/);
    const answers = simulation.runs[0]?.updates.filter(({ site }) => site === 'north').map(({ answer }) => answer);
    expect(answers).toEqual(['accepted', 'accepted', 'not_finite', 'not_finite']);
  }, 600_000);

  it('give the same bytes again, and leave the rounds before the first of them as they are', async () => {
    const lines = `faults:
  - { site: west, rounds: [2, 2], kind: slow }
  - { site: west, rounds: [3, 3], kind: offline }
  - { site: east, rounds: [4, 4], kind: corrupt-update }
baselines: [pooled]
`;
    const render = (simulation: Simulation) => [
      JSON.stringify(summariseOutcome(simulation)),
      reportHtml(simulation),
      roundsCsv(simulation),
    ];
    const once = await simulate(lines);
    expect(excluded(once)).toEqual([[0], [1], [2, 'west late'], [3, 'west not_connected'], [4, 'east refused']]);
    const again = render(await simulate(lines));
    expect(render(once).map((text, index) => text === again[index])).toEqual([true, true, true]);
    const weights = (simulation: Simulation) => simulation.runs[0]?.view.rounds.map((round) => round.weights) ?? [];
    const undisturbed = weights(await simulate(''));
    expect(weights(once)[1]).toBe(undisturbed[1]);
    expect(weights(once)[2]).not.toBe(undisturbed[2]);
  }, 600_000);

  it.each([
    ['[{ site: south, rounds: [1, 2], kind: offline }]', /faults\[0\]\.site: there is no hospital south/],
    ['[{ site: east, rounds: [1, 5], kind: offline }]', /faults\[0\]\.rounds: 5 is past the last round of the plan, 4/],
    [
      '[{ site: east, rounds: [1, 2], kind: slow }, { site: east, rounds: [2, 3], kind: offline }]',
      /faults\[1\]: east has another fault in round 2/,
    ],
    [
      '[{ site: east, rounds: [1, 2], kind: slow }, { site: west, rounds: [2, 3], kind: offline }]',
      /round 2 has 1 undisturbed hospitals, and the plan asks for 2/,
    ],
  ])('are refused when they cannot be carried out: %s', async (faults, message) => {
    const attempt = simulate(`faults: ${faults}\n`);
    await expect(attempt).rejects.toMatchObject({ subsystem: 'simulation', code: 'scenario_invalid' });
    await expect(attempt).rejects.toThrow(message);
  });

  it.each([
    ['{ site: east, rounds: [3, 2], kind: offline }', /first round is after the last/],
    ['{ site: east, rounds: [0, 2], kind: slow }', /no update is sent in round 0/],
    ['{ site: east, rounds: [1, 2], kind: broken }', /kind/],
  ])('are refused at the door: %s', (fault, message) => {
    expect(() => loadScenario(scenario(`faults: [${fault}]\n`))).toThrow(message);
  });
});
