import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { poolSummaries } from '../../../../shared/algorithms/federated-scaling.ts';
import { initialWeights } from '../../../../shared/graph/families.ts';
import { buildInferenceModel } from '../../../../shared/graph/inference-model.ts';
import { type LoadedPlan, loadPlan } from '../../../../shared/plan/load-plan.ts';
import type { SiteName } from '../../../../shared/runtime/ids.ts';
import { silentLogger } from '../../../../shared/runtime/logger.ts';
import { aurocEstimate } from '../../../../shared/statistics/discrimination.ts';
import { generateIcuCohort } from '../../../../simulations/cohorts/icu-series.ts';
import { generateImageCohort } from '../../../../simulations/cohorts/shape-images.ts';
import { plainQuery, writePatients, writeSiteConfig } from '../../../../simulations/site-setup.ts';
import { readSiteConfig } from '../../../../site-agent/config.ts';
import { readSiteData } from '../../../../site-agent/data/load-site-data.ts';
import { summarise } from '../../../../site-agent/data/site-summary.ts';
import {
  labelsOf,
  localReference,
  scoreModel,
  type TrainingGround,
  trainableOf,
  trainStep,
} from '../../../../site-agent/judging/ladder/trained-steps.ts';
import { openTrainer } from '../../../../site-agent/training/open-trainer.ts';
import { temporaryDirectory } from '../../../support/heart-site.ts';

const dates = { from: '2024-01-01', until: '2026-01-01' };
const cohorts = {
  // Patients who die are few: enough of both outcomes need more of them.
  'icu-mortality': () => generateIcuCohort({ rows: { north: 420 }, ...dates }, 5)[0],
  'shape-images': () => generateImageCohort({ rows: { north: 260 }, ...dates }, 5)[0],
};

let folder: ReturnType<typeof temporaryDirectory>;
beforeEach(() => {
  folder = temporaryDirectory();
});
afterEach(() => folder.remove());

function planOf(name: keyof typeof cohorts): LoadedPlan {
  const file = fileURLToPath(new URL(`../../../../simulations/scenarios/${name}.plan.yaml`, import.meta.url));
  const { plan } = loadPlan(readFileSync(file, 'utf8'), file);
  // The work of a whole run at one site is little, so that four strengths of the pull take no minute.
  return loadPlan(
    JSON.stringify({
      ...plan,
      training: { ...plan.training, work: { steps: 40 } },
      federation: { ...plan.federation, rounds: 1 },
    }),
    name,
  );
}

async function ground(name: keyof typeof cohorts): Promise<TrainingGround> {
  const { plan, digest } = planOf(name);
  const rows = cohorts[name]();
  if (rows === undefined) throw new Error('no cohort');
  await writePatients(folder.path, rows);
  await writeSiteConfig(folder.path, plan, { query: plainQuery, holdoutColumn: null, approval: 'manual' });
  const { data } = await readSiteConfig(folder.path, {});
  const { table } = await readSiteData(folder.path, data, plan.data, Date.UTC(2026, 0, 1));
  const all = Uint32Array.from({ length: table.rows }, (_, row) => row);
  const summary = summarise(table, all, plan, digest);
  return {
    plan,
    preprocessing: poolSummaries(plan, digest, new Map([['north' as SiteName, summary]])),
    table,
    trainer: await openTrainer('onnx', silentLogger),
    seed: 3,
    signal: new AbortController().signal,
  };
}

describe.each(Object.keys(cohorts) as (keyof typeof cohorts)[])('local training of %s', (name) => {
  it('trains the last layer alone, or all, on the series and images of the rows', async () => {
    const on = await ground(name);
    try {
      const rows = Uint32Array.from({ length: on.table.rows }, (_, row) => row);
      const start = initialWeights(on.plan);
      const auroc = async (model: Uint8Array): Promise<number> =>
        aurocEstimate(await scoreModel(model, on.table, rows), labelsOf(on.table, rows)).value as number;
      const untrained = await auroc(buildInferenceModel(on.plan, on.preprocessing, start));

      const last = trainableOf(on.plan, 'last_layer') as readonly string[];
      expect(last.length).toBeLessThan(start.size);
      const head = await trainStep(on, rows, start, last);
      if ('reason' in head) throw new Error(head.reason);
      for (const [tensor, { data }] of head.weights) {
        const same = data.every((value, at) => value === start.get(tensor)?.data[at]);
        expect(same, tensor).toBe(!last.includes(tensor));
      }

      const alone = await localReference(on, rows);
      if (!(alone instanceof Uint8Array)) throw new Error(alone.reason);
      expect(await auroc(alone)).toBeGreaterThan(Math.max(untrained, 0.6) + 0.05);
    } finally {
      await on.trainer.dispose();
    }
  });
});
