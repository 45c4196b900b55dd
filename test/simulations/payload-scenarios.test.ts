import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import { silentLogger } from '../../shared/runtime/logger.ts';
import { aurocEstimate } from '../../shared/statistics/discrimination.ts';
import { generateIcuCohort } from '../../simulations/cohorts/icu-series.ts';
import { generateImageCohort } from '../../simulations/cohorts/shape-images.ts';
import { planWith } from '../../simulations/plan-text.ts';
import { runSimulation, type Simulation } from '../../simulations/run-simulation.ts';
import { loadScenario, scenarioPath } from '../../simulations/scenario.ts';

const folder = mkdtempSync(join(tmpdir(), 'wardround-payload-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const dates = { from: '2024-01-01', until: '2026-01-01' };
const rows = 240;

/** The ready plan on a smaller cohort. */
function scenario(kind: string, plan: string, more = ''): Promise<Simulation> {
  const file = join(folder, `${kind}.yaml`);
  const planFile = fileURLToPath(new URL(`../../simulations/scenarios/${plan}.plan.yaml`, import.meta.url));
  writeFileSync(
    file,
    `wardround: scenario/1
name: ${kind}
description: The ready scenario with fewer rows.
plan: ${planFile}
seeds: [3]
cohort: { kind: ${kind}, rows: ${rows}, from: ${dates.from}, until: ${dates.until} }
${more}`,
  );
  return runSimulation(loadScenario(file), { signal: AbortSignal.timeout(580_000), log: silentLogger });
}

/** AUROC on the judged rows, by hospital, of the model and of what truly made the outcomes. */
function against(simulation: Simulation, truth: ReadonlyMap<string, number>): (readonly [string, number, number])[] {
  const decisions = simulation.runs.flatMap((run) => run.releases.flatMap((release) => release.decisions));
  expect(decisions).toHaveLength(4);
  return decisions.map(({ site, judgement }) => {
    const { evidence } = judgement;
    expect(evidence.task).toBe('binary');
    return [site, evidence.auroc.new.value as number, truth.get(site) as number];
  });
}

function truthOf(
  tables: readonly { readonly site: string; readonly rows: readonly (readonly string[])[] }[],
  scores: (place: number) => readonly number[],
  admitted: number,
  label: number,
): ReadonlyMap<string, number> {
  return new Map(
    tables.map((table, place) => {
      const judged = table.rows.flatMap((row, index) => ((row[admitted] as string) >= '2025-01-01' ? [index] : []));
      const own = scores(place);
      return [
        table.site,
        aurocEstimate(
          Float64Array.from(judged, (index) => own[index] as number),
          Float64Array.from(judged, (index) => Number(table.rows[index]?.[label])),
        ).value as number,
      ];
    }),
  );
}

describe('the ready scenarios of series and images', () => {
  it('icu-series: a recurrent network finds most of what the course of a stay says', async () => {
    const cohort = generateIcuCohort({ rows, ...dates }, 3);
    const truth = truthOf(cohort, (place) => cohort[place]?.risks ?? [], 2, 4);
    for (const [site, model, oracle] of against(await scenario('icu-series', 'icu-mortality'), truth)) {
      expect(model, site).toBeGreaterThan(0.7);
      expect(model, site).toBeGreaterThan(oracle - 0.15);
    }
  }, 600_000);

  it('icu-unit-change: the hospital whose laboratory changed the unit of a channel holds, no other does for it', async () => {
    const ready = loadScenario('icu-unit-change');
    // One round of few steps: what is judged here is the rows, not the model.
    const plan = planWith(scenarioPath(ready, ready.scenario.plan), {
      'federation.rounds': 1,
      'training.work': { steps: 3 },
    });
    writeFileSync(join(folder, ready.scenario.plan), plan.text);
    const cohort = { ...ready.scenario.cohort, rows: 300 } as typeof ready.scenario.cohort;
    const simulation = await runSimulation(
      { scenario: { ...ready.scenario, cohort }, directory: folder },
      { signal: AbortSignal.timeout(580_000), log: silentLogger },
    );
    const decisions = simulation.runs.flatMap((run) => run.releases.flatMap((release) => release.decisions));
    expect(decisions).toHaveLength(4);
    for (const { site, decision, judgement } of decisions) {
      const reasons = judgement.decision.reasons.filter(({ code }) => code === 'data.unit_change');
      if (site === 'north') {
        expect(decision).toBe('hold');
        expect(reasons.map(({ column }) => column)).toEqual(['lactate_last']);
      } else expect(reasons, site).toEqual([]);
    }
  }, 600_000);

  it('shape-images: a convolutional network finds most of what the number of discs says', async () => {
    const cohort = generateImageCohort({ rows, ...dates }, 3);
    const truth = truthOf(cohort, (place) => cohort[place]?.shapes ?? [], 1, 3);
    const simulation = await scenario('shape-images', 'shape-images', 'baselines: [pooled]');
    for (const [site, model, oracle] of against(simulation, truth)) {
      expect(model, site).toBeGreaterThan(0.7);
      expect(model, site).toBeGreaterThan(oracle - 0.15);
    }
    // All images in one place train a model of the same kind.
    const pooled = simulation.runs[0]?.baselines ?? [];
    expect(pooled).toHaveLength(4);
    expect(pooled.reduce((sum, { auroc }) => sum + (auroc.value ?? 0), 0) / 4).toBeGreaterThan(0.7);
  }, 600_000);
});
