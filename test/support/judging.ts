import { poolSummaries } from '../../shared/algorithms/federated-scaling.ts';
import { encodedFeatures } from '../../shared/graph/encoding.ts';
import { initialWeights } from '../../shared/graph/families.ts';
import { buildInferenceModel } from '../../shared/graph/inference-model.ts';
import type { Plan } from '../../shared/plan/plan.ts';
import type { Preprocessing } from '../../shared/plan/preprocessing.ts';
import { canonicalDigest, canonicalJson } from '../../shared/runtime/canonical.ts';
import { digestOf } from '../../shared/runtime/digest.ts';
import type { Digest, ReleaseVersion, SiteName } from '../../shared/runtime/ids.ts';
import { type RandomStream, randomStream } from '../../shared/runtime/random.ts';
import type { NamedTensors } from '../../shared/tensors/tensor.ts';
import { summarise } from '../../site-agent/data/site-summary.ts';
import type { SiteTable } from '../../site-agent/data/site-table.ts';
import type { ReleasePackage } from '../../site-agent/judging/release-package.ts';
import { heartPlan } from './plans.ts';

/** The heart plan cut to three columns, so that a model can be written by hand. */
export function smallPlan(): Plan {
  const heart = heartPlan();
  return {
    ...heart,
    data: {
      ...heart.data,
      columns: [
        {
          name: 'age',
          kind: 'continuous',
          unit: 'years',
          range: [18, 110],
          missing: 'impute',
          edges: [40, 50, 60, 70],
        },
        {
          name: 'cholesterol',
          kind: 'continuous',
          unit: 'mg/dL',
          range: [0, 700],
          missing: 'impute',
          edges: [150, 180, 210, 240, 270],
        },
        { name: 'sex', kind: 'categorical', levels: ['female', 'male'], missing: 'indicator' },
      ],
      subgroups: [],
    },
    model: { family: 'logistic' },
  };
}

const cutoffMs = Date.parse('2024-01-01T00:00:00Z');
const dayMs = 86_400_000;

export interface Cohort {
  readonly seed: number;
  readonly training: number;
  readonly judged: number;
  /** Added to the log odds of judged rows: a change of prevalence. */
  readonly judgedLogOdds?: number;
  /** What becomes of a judged cholesterol value. */
  readonly cholesterol?: (value: number, stream: RandomStream) => number;
  readonly age?: (value: number) => number;
  readonly missingShare?: number;
}

/** Patients whose outcome follows age and sex by log odds 0.08·(age - 58) + 1·male - 0.7. */
export function cohort(options: Cohort): SiteTable {
  const stream = randomStream(options.seed, 'cohort');
  const rows = options.training + options.judged;
  const age = new Float64Array(rows);
  const cholesterol = new Float64Array(rows);
  const sex = new Float64Array(rows);
  const labels = new Float64Array(rows);
  const times = new Float64Array(rows);
  for (let row = 0; row < rows; row++) {
    const judged = row >= options.training;
    const years = Math.min(95, Math.max(25, Math.round(58 + 10 * stream.normal())));
    const level = Math.round(Math.min(500, Math.max(90, 220 + 40 * stream.normal())));
    sex[row] = stream.uniform() < 0.6 ? 1 : 0;
    const odds = 0.08 * (years - 58) + (sex[row] as number) - 0.7 + (judged ? (options.judgedLogOdds ?? 0) : 0);
    labels[row] = stream.uniform() < 1 / (1 + Math.exp(-odds)) ? 1 : 0;
    age[row] = judged && options.age !== undefined ? options.age(years) : years;
    cholesterol[row] = judged && options.cholesterol !== undefined ? options.cholesterol(level, stream) : level;
    if (judged && stream.uniform() < (options.missingShare ?? 0)) cholesterol[row] = Number.NaN;
    times[row] = cutoffMs + (judged ? 1 : -1) * (1 + (row % 300)) * dayMs;
  }
  return {
    rows,
    columns: [
      { name: 'age', kind: 'continuous', values: age },
      { name: 'cholesterol', kind: 'continuous', values: cholesterol },
      { name: 'sex', kind: 'categorical', values: sex },
    ],
    labels,
    patientKeys: Array.from({ length: rows }, (_, row) => `patient-${String(row).padStart(5, '0')}`),
    times,
    holdout: new Uint8Array(rows),
  };
}

/** The consortium's reference from cohorts like the given one, at three sites. */
export function consortiumReference(plan: Plan, seeds: readonly number[] = [101, 102, 103]): Preprocessing {
  const digest = canonicalDigest(plan);
  return poolSummaries(
    plan,
    digest,
    new Map(
      seeds.map((seed) => {
        const table = cohort({ seed, training: 500, judged: 0 });
        const rows = Uint32Array.from({ length: table.rows }, (_, row) => row);
        return [`site-${seed}` as SiteName, summarise(table, rows, plan, digest)];
      }),
    ),
  );
}

/** A logistic model by hand: log odds a year of age, for male sex, and at the mean. */
export function logisticWeights(
  plan: Plan,
  preprocessing: Preprocessing,
  perYear: number,
  male: number,
  constant: number,
): NamedTensors {
  const features = encodedFeatures(plan);
  const age = preprocessing.columns[0];
  return new Map(
    [...initialWeights(plan)].map(([name, { shape, data }]) => {
      const values = new Float32Array(data.length);
      if (name.endsWith('bias')) values[0] = constant + perYear * ((age?.mean ?? 0) - 58);
      else {
        values[features.indexOf('age')] = perYear * (age?.scale ?? 1);
        values[features.indexOf('sex=male')] = male;
      }
      return [name, { shape, data: values }];
    }),
  );
}

/** A release as a site receives it: manifest, files, digests. */
export function packageOf(
  plan: Plan,
  preprocessing: Preprocessing,
  weights: NamedTensors,
  version: string,
  change: (files: Map<string, Uint8Array>) => void = () => undefined,
): ReleasePackage {
  const bytes = (value: unknown): Uint8Array => Buffer.from(canonicalJson(value));
  const planDigest = canonicalDigest(plan);
  const files = new Map<string, Uint8Array>([
    ['card.json', bytes({ wardround: 'card/1', version, plan: planDigest })],
    ['model.onnx', buildInferenceModel(plan, preprocessing, weights)],
    ['plan.json', bytes(plan)],
    ['preprocessing.json', bytes(preprocessing)],
  ]);
  change(files);
  const manifest = bytes({
    wardround: 'release/1',
    version,
    plan: planDigest,
    files: [...files].map(([name, content]) => ({ name, digest: digestOf(content), bytes: content.length })),
  });
  return {
    ref: { version: version as ReleaseVersion, digest: digestOf(manifest) as Digest },
    manifest,
    files,
    problems: [],
    trainingCutoff: plan.data.trainingCutoff,
  };
}
