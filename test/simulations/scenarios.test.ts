import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it, vi } from 'vitest';
import { silentLogger } from '../../shared/runtime/logger.ts';
import type { ReleaseDecision } from '../../shared/wire/operator-port.ts';
import { reportHtml } from '../../simulations/report/report-html.ts';
import { roundsCsv } from '../../simulations/report/rounds-csv.ts';
import { summariseOutcome } from '../../simulations/report/summary.ts';
import { runSimulation, type Simulation } from '../../simulations/run-simulation.ts';
import { type LoadedScenario, loadScenario } from '../../simulations/scenario.ts';

const folder = mkdtempSync(join(tmpdir(), 'wardround-scenario-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function needs() {
  return { signal: AbortSignal.timeout(580_000), log: silentLogger };
}

function withSeeds(loaded: LoadedScenario, seeds: number[]): LoadedScenario {
  return { ...loaded, scenario: { ...loaded.scenario, seeds } };
}

function decisionsOf(simulation: Simulation): ReleaseDecision[] {
  return simulation.runs.flatMap((run) => run.releases.flatMap((release) => release.decisions));
}

/** What a hospital's report says of the change of its own patients over time. */
function foundAgainstItself(decision: ReleaseDecision) {
  return decision.judgement.evidence.shift.filter((row) => row.against === 'own-training' && row.large);
}

describe('the ready scenarios', () => {
  it('prevalence-shock: the hospital with other patients says that it is the prevalence, no other does', async () => {
    const simulation = await runSimulation(loadScenario('prevalence-shock'), needs());
    expect(simulation.runs.map(({ seed }) => seed)).toEqual([1, 2, 3]);
    for (const decision of decisionsOf(simulation)) {
      const found = foundAgainstItself(decision).filter(({ kind, psi }) => kind === 'prevalence' && (psi ?? 0) >= 0.2);
      if (decision.site !== 'hungarian') {
        expect(found, decision.site).toEqual([]);
        continue;
      }
      expect(found).toHaveLength(1);
      expect(found[0]?.column).toBe('disease');
      // What leaves the hospital names the change, without its own figures.
      expect(found[0]?.explanation).toMatch(/^The outcome disease is not as frequent /);
      const noted = decision.judgement.decision.reasons.filter(({ code }) => code === 'noted.prevalence_change');
      expect(noted).toHaveLength(1);
      expect(noted[0]?.text).toContain("this hospital's earlier rows");
    }
  }, 600_000);

  it('unit-change: the hospital whose laboratory changed the unit holds and says so, no other does', async () => {
    const simulation = await runSimulation(loadScenario('unit-change'), needs());
    for (const decision of decisionsOf(simulation)) {
      const reasons = decision.judgement.decision.reasons.filter(({ code }) => code.endsWith('.unit_change'));
      if (decision.site !== 'cleveland') {
        expect(reasons, decision.site).toEqual([]);
        continue;
      }
      expect(decision.decision).toBe('hold');
      expect(reasons).toHaveLength(1);
      expect(reasons[0]).toMatchObject({ code: 'data.unit_change', column: 'chol' });
      // Both units stand in the hospital's own report; what leaves it names the column and the kind of change.
      expect(reasons[0]?.text).toMatch(/^The column chol looks like another unit/);
    }
  }, 600_000);

  it('give the same bytes again: summary, report and table of rounds', async () => {
    const loaded = withSeeds(loadScenario('unit-change'), [2]);
    const render = (simulation: Simulation): string[] => [
      JSON.stringify(summariseOutcome(simulation)),
      reportHtml(simulation),
      roundsCsv(simulation),
    ];
    const once = render(await runSimulation(loaded, needs()));
    const again = render(await runSimulation(loaded, needs()));
    expect(again.map((text, index) => text === once[index])).toEqual([true, true, true]);
    const other = render(await runSimulation(withSeeds(loaded, [3]), needs()));
    expect(other[2]).not.toBe(once[2]);
  }, 600_000);
});

describe('a simulation of a CSV file with a site column', () => {
  const plan = `wardround: plan/1
name: small
purpose: Shows that any table with a site column can be simulated.
task: { kind: binary }
data:
  columns:
    - { name: dose, kind: continuous, unit: mg, range: [-10, 10], edges: [-1, 0, 1] }
    - { name: ward, kind: categorical, levels: [a, b] }
  label: { name: outcome, levels: ["0", "1"] }
  patientKey: id
  time: null
  trainingCutoff: null
model: { family: logistic }
training: { optimiser: { kind: sgd, rate: 0.5 }, batch: full, work: { steps: 5 }, seed: 1 }
federation:
  strategy: { kind: fedavg }
  rounds: 3
  sites: { minimum: 2, target: 2 }
  roundDeadlineSeconds: 30
  weightCap: 1000
  maximumDeltaNorm: 50
  judgementDeadlineSeconds: 30
gate: { wardround: policy/1, acceptRetrospective: true, minimumEvents: 10, minimumNonEvents: 10 }
`;
  const scenario = `wardround: scenario/1
name: small
description: Two hospitals from one table.
plan: small.plan.yaml
seeds: [4]
cohort: { kind: csv, file: all.csv, siteColumn: hospital, holdoutColumn: judging }
`;

  it('trains over the sites in it and writes a line for every round and site', async () => {
    const rows = Array.from({ length: 400 }, (_, index) => {
      const dose = ((index * 37) % 200) / 50 - 2;
      const outcome = dose + (((index * 53) % 100) / 50 - 1) > 0 ? 1 : 0;
      const cells = [index % 2 === 0 ? 'north' : 'south', index, dose, index % 3 === 0 ? 'a' : 'b', outcome];
      return [...cells, index % 5 < 2 ? 1 : 0].join(',');
    });
    writeFileSync(join(folder, 'all.csv'), `hospital,id,dose,ward,outcome,judging\n${rows.join('\n')}\n`);
    writeFileSync(join(folder, 'small.plan.yaml'), plan);
    writeFileSync(join(folder, 'small.yaml'), scenario);
    const simulation = await runSimulation(loadScenario(join(folder, 'small.yaml')), needs());
    const [run] = simulation.runs;
    expect(run?.view.status).toBe('finished');
    expect(run?.plan.training.seed).toBe(4);
    const evidence = decisionsOf(simulation).map(({ judgement }) => judgement.evidence);
    // 400 rows, two of five judge, every second row is of one hospital: 80 each.
    expect(evidence.map(({ site, kind, rows }) => [site, kind, rows])).toEqual([
      ['north', 'retrospective', 80],
      ['south', 'retrospective', 80],
    ]);
    for (const { auroc } of evidence) expect(auroc.new.value).toBeGreaterThan(0.8);
    const lines = roundsCsv(simulation).trim().split('\n');
    expect(lines[0]).toMatch(/^seed,run,round,site,outcome,detail,examples/);
    // Round 0 and three rounds, two sites each.
    expect(lines.slice(1).map((line) => line.split(',').slice(0, 5).join())).toEqual(
      [0, 1, 2, 3].flatMap((round) =>
        ['north', 'south'].map((site) => ['4', 'small-1', String(round), site, 'folded'].join()),
      ),
    );
    // 240 of 400 rows train, 120 a hospital.
    expect(lines[3]?.split(',').slice(6, 8)).toEqual(['120', '120']);
  }, 600_000);

  it.each([
    ['seeds: [4]', 'seeds: [4]\ncolour: red', 'colour'],
    ['holdoutColumn: judging', 'sitecolumn: x', 'sitecolumn'],
    ['seeds: [4]', 'seeds: [-1]', 'seeds[0]'],
  ])('is refused with the place in the file: %j to %j', (from, to, place) => {
    const file = join(folder, 'broken.yaml');
    writeFileSync(file, scenario.replace(from, to));
    const attempt = (): unknown => loadScenario(file);
    expect(attempt).toThrow(expect.objectContaining({ subsystem: 'config' }));
    expect(attempt).toThrow(place);
  });

  it('is refused by name when it is not there, or a shift names a hospital that is not', async () => {
    expect(() => loadScenario('no-such-scenario')).toThrow(expect.objectContaining({ code: 'scenario_not_found' }));
    const loaded = loadScenario('unit-change');
    const [shift] = loaded.scenario.shifts;
    const elsewhere = [{ ...shift, site: 'nowhere' }] as typeof loaded.scenario.shifts;
    const attempt = runSimulation({ ...loaded, scenario: { ...loaded.scenario, shifts: elsewhere } }, needs());
    await expect(attempt).rejects.toMatchObject({ code: 'scenario_invalid' });
  });

  it('ends at once when it is told to, and leaves no directory', async () => {
    const controller = new AbortController();
    const temporary = mkdtempSync(join(folder, 'tmp-'));
    vi.stubEnv('TMPDIR', temporary);
    const attempt = runSimulation(withSeeds(loadScenario('unit-change'), [1]), {
      signal: controller.signal,
      log: silentLogger,
      onRound: (_, view) => {
        if (view.rounds.length > 3) controller.abort(new Error('enough'));
      },
    });
    await expect(attempt).rejects.toThrow('enough');
    vi.unstubAllEnvs();
    expect(readdirSync(temporary)).toEqual([]);
  });
});
