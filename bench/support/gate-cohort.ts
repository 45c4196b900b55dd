import { encodedFeatures } from '../../shared/graph/encoding.ts';
import { initialWeights } from '../../shared/graph/families.ts';
import { buildInferenceModel } from '../../shared/graph/inference-model.ts';
import { type Plan, planSchema } from '../../shared/plan/plan.ts';
import type { Preprocessing } from '../../shared/plan/preprocessing.ts';
import { canonicalDigest, canonicalJson } from '../../shared/runtime/canonical.ts';
import { digestOf } from '../../shared/runtime/digest.ts';
import type { ReleaseVersion } from '../../shared/runtime/ids.ts';
import { randomStream } from '../../shared/runtime/random.ts';
import { binsOf } from '../../shared/statistics/binning.ts';
import type { SiteTable } from '../../site-agent/data/site-table.ts';
import type { ReleasePackage } from '../../site-agent/judging/release-package.ts';

export const numeric = 40;
export const categorical = 10;
const levels = ['a', 'b', 'c'];
export const levelShares = [0.6, 0.3, 0.1];
export const cutoff = '2024-01-01';
export const daysBefore = 300;
export const daysAfter = 700;
export const nowMs: number = Date.parse('2026-06-01T00:00:00Z');
/** Log odds a standard deviation of the first columns, and at the mean. */
export const slopes = [0.9, -0.7, 0.5, 0.4, -0.3];
export const base = -1.2;
export const missingShare = 0.03;

/** 40 laboratory values of which some are missing, 10 findings of three levels, subgroups, a threshold to act on. */
export function gatePlan(): Plan {
  return planSchema.parse({
    wardround: 'plan/1',
    name: 'bench-gate',
    purpose: 'Timing of the gate.',
    task: { kind: 'binary' },
    data: {
      columns: [
        ...Array.from({ length: numeric }, (_, index) => ({
          name: `x${index}`,
          kind: 'continuous',
          unit: 'SD',
          range: [-100, 100],
          missing: 'impute',
          edges: [-1.5, -1, -0.5, 0, 0.5, 1, 1.5],
        })),
        ...Array.from({ length: categorical }, (_, index) => ({ name: `k${index}`, kind: 'categorical', levels })),
      ],
      label: { name: 'outcome', levels: ['0', '1'] },
      patientKey: 'patient',
      time: 'at',
      trainingCutoff: cutoff,
      subgroups: [
        { name: 'level a', column: 'k0', level: 'a' },
        { name: 'level c', column: 'k0', level: 'c' },
        { name: 'high x0', column: 'x0', atLeast: 1 },
      ],
    },
    model: { family: 'logistic' },
    training: { optimiser: { kind: 'sgd', rate: 0.1 }, batch: 'full', work: { steps: 1 }, seed: 1 },
    federation: {
      strategy: { kind: 'fedavg' },
      rounds: 1,
      sites: { minimum: 3, target: 4 },
      roundDeadlineSeconds: 60,
      graceSeconds: 5,
      weightCap: 5000,
      maximumDeltaNorm: 25,
      minimumCount: 11,
      judgementDeadlineSeconds: 60,
    },
    gate: { wardround: 'policy/1', netBenefit: { threshold: 0.3 } },
  });
}

/** The table as `data/` would deliver it. */
export function gateTable(rows: number, seed: number): SiteTable {
  const stream = randomStream(seed, 'gate table');
  const values = Array.from({ length: numeric + categorical }, () => new Float64Array(rows));
  const labels = new Float64Array(rows);
  const times = new Float64Array(rows);
  const cutoffMs = Date.parse(`${cutoff}T00:00:00Z`);
  for (let row = 0; row < rows; row++) {
    let odds = base;
    for (let column = 0; column < numeric; column++) {
      const value = stream.normal();
      odds += (slopes[column] ?? 0) * value;
      (values[column] as Float64Array)[row] = stream.uniform() < missingShare ? Number.NaN : value;
    }
    for (let column = 0; column < categorical; column++) {
      const u = stream.uniform();
      (values[numeric + column] as Float64Array)[row] = u < 0.6 ? 0 : u < 0.9 ? 1 : 2;
    }
    labels[row] = stream.uniform() < 1 / (1 + Math.exp(-odds)) ? 1 : 0;
    times[row] = cutoffMs + (Math.floor(stream.uniform() * (daysBefore + daysAfter)) - daysBefore) * 86_400_000;
  }
  return {
    rows,
    columns: values.map((column, index) => ({
      name: index < numeric ? `x${index}` : `k${index - numeric}`,
      kind: index < numeric ? 'continuous' : 'categorical',
      values: column,
    })),
    labels,
    patientKeys: Array.from({ length: rows }, (_, row) => `patient-${(row * 7_919) % rows}`),
    times,
    holdout: new Uint8Array(rows),
  };
}

/** What the consortium would know of such patients. */
function reference(plan: Plan): Preprocessing {
  const ofBins = [668, 919, 1499, 1915, 1915, 1499, 919, 668, 300].map((count) => 10 * count);
  return {
    wardround: 'preprocessing/1',
    plan: canonicalDigest(plan),
    rows: 100_000,
    sites: ['north', 'south', 'west'],
    labelCounts: [70_000, 30_000],
    columns: plan.data.columns.map((column) => {
      const continuous = column.kind === 'continuous';
      const counts = continuous ? ofBins : [...levelShares.map((share) => share * 100_000), 0];
      if (counts.length !== binsOf(column)) throw new Error('the reference does not fit the plan');
      return { name: column.name, count: continuous ? 97_000 : 0, mean: 0, scale: 1, referenceCounts: counts };
    }),
  };
}

/** A release as a site receives it; `share` of the true slopes. */
export function gatePackage(plan: Plan, version: string, share: number): ReleasePackage {
  const preprocessing = reference(plan);
  const features = encodedFeatures(plan);
  const weights = new Map(
    [...initialWeights(plan)].map(([name, { shape, data }]) => {
      const values = new Float32Array(data.length);
      if (name.endsWith('bias')) values[0] = base;
      else for (const [column, slope] of slopes.entries()) values[features.indexOf(`x${column}`)] = share * slope;
      return [name, { shape, data: values }] as const;
    }),
  );
  const bytes = (value: unknown): Uint8Array => Buffer.from(canonicalJson(value));
  const planDigest = canonicalDigest(plan);
  const files = new Map<string, Uint8Array>([
    ['card.json', bytes({ wardround: 'card/1', version, plan: planDigest, parent: null })],
    ['model.onnx', buildInferenceModel(plan, preprocessing, weights)],
    ['plan.json', bytes(plan)],
    ['preprocessing.json', bytes(preprocessing)],
  ]);
  const manifest = bytes({
    wardround: 'release/1',
    version,
    plan: planDigest,
    files: [...files].map(([name, content]) => ({ name, digest: digestOf(content), bytes: content.length })),
  });
  return {
    ref: { version: version as ReleaseVersion, digest: digestOf(manifest) },
    manifest,
    files,
    problems: [],
    trainingCutoff: plan.data.trainingCutoff,
  };
}
