import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { silentLogger } from '../../../shared/runtime/logger.ts';
import { comparison } from '../../../simulations/baselines/baseline-site.ts';
import { baselinesCsv } from '../../../simulations/report/baselines-csv.ts';
import { reportHtml } from '../../../simulations/report/report-html.ts';
import { summariseOutcome } from '../../../simulations/report/summary.ts';
import { runSimulation, type Simulation } from '../../../simulations/run-simulation.ts';
import { loadScenario } from '../../../simulations/scenario.ts';
import { writeSmallScenario } from '../small-scenario.ts';

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'wardround-baselines-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const both = 'baselines: [pooled, alone]\n';
const needs = () => ({ signal: AbortSignal.timeout(580_000), log: silentLogger });
const simulate = (...scenario: Parameters<typeof writeSmallScenario> extends [string, ...infer Rest] ? Rest : never) =>
  runSimulation(loadScenario(writeSmallScenario(folder, ...scenario)), needs());

function finalWeights(simulation: Simulation): string | null | undefined {
  return simulation.runs[0]?.view.rounds.at(-1)?.weights;
}

describe('baselines of a simulation', () => {
  it.each([
    ['a full batch', {}],
    ['small batches', { batch: 16 }],
    [
      'a rate that falls from round to round',
      { training: ', schedule: { kind: exponential, per: round, factor: 0.5 }' },
    ],
    ['early stopping', { batch: 16, steps: 12, training: ', earlyStopping: { share: 0.25, patience: 1 }' }],
  ])(
    'are the federation itself where it has one site, with %s: the same weights, to the bit',
    async (_, changes) => {
      const simulation = await simulate(['north'], { minimum: 1, target: 1, ...changes }, both);
      const baselines = simulation.runs[0]?.baselines ?? [];
      expect(baselines.map(({ kind, site }) => [kind, site])).toEqual([
        ['pooled', 'north'],
        ['alone', 'north'],
      ]);
      for (const one of baselines) {
        expect(one.weights).toBe(finalWeights(simulation));
        expect(one.difference).toMatchObject({ value: 0 });
      }
    },
    600_000,
  );

  it('pooled: agrees with federated averaging of one full-batch step a round, which is gradient descent on all rows', async () => {
    const simulation = await simulate(['east', 'north', 'west'], { steps: 1, rounds: 8 }, both);
    const baselines = simulation.runs[0]?.baselines ?? [];
    for (const one of baselines.filter(({ kind }) => kind === 'pooled')) {
      // 120 rows a hospital, three of five train.
      expect(one).toMatchObject({ trainingRows: 216, judgedRows: 48 });
      expect(one.auroc.value).toBeCloseTo(one.federated.value ?? Number.NaN, 9);
    }
    const alone = baselines.filter(({ kind }) => kind === 'alone');
    expect(alone.map(({ trainingRows }) => trainingRows)).toEqual([72, 72, 72]);
    expect(new Set(alone.map(({ weights }) => weights)).size).toBe(3);
  }, 600_000);

  it("judge on the gate's rows: the federated figures are those of its evidence", async () => {
    const simulation = await simulate(['east', 'north', 'west'], {}, both);
    const [run] = simulation.runs;
    const decisions = run?.releases.flatMap((release) => release.decisions) ?? [];
    expect(decisions).toHaveLength(3);
    for (const { site, judgement } of decisions) {
      const { auroc, rows, events } = judgement.evidence;
      const own = run?.baselines?.filter((one) => one.site === site) ?? [];
      expect(own).toHaveLength(2);
      for (const one of own) {
        // What the hospital shares is rounded to four decimals.
        expect(one.federated.value).toBeCloseTo(auroc.new.value as number, 4);
        expect(one.federated.low).toBeCloseTo(auroc.new.low as number, 4);
        expect([one.judgedRows, one.events]).toEqual([rows, events]);
        expect(one.auroc.low).toBeLessThan(one.auroc.value ?? 0);
      }
    }
  }, 600_000);

  it('are in the summary, the report and a table where they are asked for, and nowhere else', async () => {
    const asked = await simulate(['east', 'north'], {}, 'baselines: [alone]\n');
    const [summary] = summariseOutcome(asked).runs;
    expect(Object.keys(summary?.baselines?.[0] ?? {})).toEqual([
      'kind',
      'site',
      'trainingRows',
      'judgedRows',
      'events',
      'auroc',
      'federated',
      'difference',
      'reason',
      'weights',
    ]);
    const lines = baselinesCsv(asked).trim().split('\n');
    expect(lines.map((line) => line.split(',').slice(0, 6).join())).toEqual([
      'seed,run,baseline,site,training_rows,judged_rows',
      '4,small-1,alone,east,72,48',
      '4,small-1,alone,north,72,48',
    ]);
    expect(reportHtml(asked)).toContain('Against baselines');
    const plain = await simulate(['east', 'north'], {});
    expect(finalWeights(plain)).toBe(finalWeights(asked));
    expect(summariseOutcome(plain).runs[0]).not.toHaveProperty('baselines');
    expect(reportHtml(plain)).not.toContain('Against baselines');
  }, 600_000);

  it('train on no rows its hospital would not train on: such a hospital has no baseline of its own, and is not in the pool', async () => {
    const file = writeSmallScenario(folder, ['east', 'north', 'west'], {}, both);
    const table = join(folder, 'all.csv');
    // 25 rows of the west, of which 15 train; its agent takes part with 20 or more.
    const kept = readFileSync(table, 'utf8')
      .split('\n')
      .filter((line) => !line.startsWith('west,') || Number(line.split(',')[1]) < 2025);
    writeFileSync(table, kept.join('\n'));
    const simulation = await runSimulation(loadScenario(file), needs());
    expect(simulation.runs[0]?.view.rounds[1]?.sites).toEqual(['east', 'north']);
    const figures = simulation.runs[0]?.baselines?.map(({ kind, site, trainingRows, judgedRows, auroc }) => [
      kind,
      site,
      trainingRows,
      judgedRows,
      auroc.reason ?? typeof auroc.value,
    ]);
    expect(figures).toEqual([
      ['pooled', 'east', 144, 48, 'number'],
      ['pooled', 'north', 144, 48, 'number'],
      ['pooled', 'west', 144, 10, 'number'],
      ['alone', 'east', 72, 48, 'number'],
      ['alone', 'north', 72, 48, 'number'],
      ['alone', 'west', 0, 10, 'data.too_few_rows'],
    ]);
    expect(baselinesCsv(simulation)).toMatch(/alone,west,0,10,.*,data\.too_few_rows,$/m);
  }, 600_000);

  it('follow the batch order of the run round by round, and give the same bits again', async () => {
    const inBatches = (file: string): string => {
      const planFile = join(folder, 'small.plan.yaml');
      const text = readFileSync(planFile, 'utf8').replace(
        'batch: full, work: { steps: 5 }',
        'batch: 16, work: { epochs: 2 }',
      );
      expect(text).toContain('epochs: 2');
      writeFileSync(planFile, text);
      return file;
    };
    const single = await runSimulation(
      loadScenario(inBatches(writeSmallScenario(folder, ['north'], { minimum: 1, target: 1 }, 'baselines: [alone]\n'))),
      needs(),
    );
    expect(single.runs[0]?.baselines?.[0]?.weights).toBe(finalWeights(single));
    const file = inBatches(writeSmallScenario(folder, ['east', 'north'], {}, both));
    const once = (await runSimulation(loadScenario(file), needs())).runs[0]?.baselines;
    const again = (await runSimulation(loadScenario(file), needs())).runs[0]?.baselines;
    expect(again).toEqual(once);
    expect(new Set(once?.map(({ weights }) => weights)).size).toBe(3);
  }, 600_000);

  it('have no figure, and a reason, where a model gives a score that is no number', () => {
    const labels = Float64Array.of(0, 1, 0, 1);
    const result = comparison(Float32Array.of(0.1, 0.9, 0.2, 0.8), Float32Array.of(0.1, Number.NaN, 0, 1), labels);
    expect(result.federated.value).toBe(1);
    expect(result.auroc).toMatchObject({ value: null, reason: 'score_undefined' });
    expect(result.difference).toMatchObject({ value: null, reason: 'score_undefined' });
  });

  it('may each be asked for once', () => {
    const file = writeSmallScenario(folder, ['north'], {}, 'baselines: [alone, alone]\n');
    expect(() => loadScenario(file)).toThrow(/baselines.*once/s);
  });
});
