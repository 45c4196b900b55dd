import { initialWeights } from '../../shared/graph/families.ts';
import { buildInferenceModel } from '../../shared/graph/inference-model.ts';
import { type Plan, planSchema } from '../../shared/plan/plan.ts';
import type { Preprocessing } from '../../shared/plan/preprocessing.ts';
import { canonicalDigest, canonicalJson } from '../../shared/runtime/canonical.ts';
import { digestOf } from '../../shared/runtime/digest.ts';
import type { ReleaseVersion, SiteName } from '../../shared/runtime/ids.ts';
import { randomStream } from '../../shared/runtime/random.ts';
import { singleLook } from '../../shared/statistics/estimate.ts';
import type { SiteTable } from '../../site-agent/data/site-table.ts';
import { runLadder } from '../../site-agent/judging/ladder/run-ladder.ts';
import { scoreModel } from '../../site-agent/judging/ladder/trained-steps.ts';
import { modelFile, type ReleasePackage } from '../../site-agent/judging/release-package.ts';
import { TrainingError } from '../../site-agent/training/training-error.ts';
import type { BenchRow } from '../support/bench.ts';

const trainingPrevalence = 0.3;
/** Each column is normal in each class with spread 1, so far apart: a changed prevalence then shifts the log odds and nothing else. */
const distance = [0.9, 0.7] as const;
const names = ['first', 'second'] as const;
const dayMs = 86_400_000;

function benchPlan(): Plan {
  return planSchema.parse({
    wardround: 'plan/1',
    name: 'ladder',
    purpose: 'Two columns of two classes, to see which update the ladder takes.',
    task: { kind: 'binary' },
    data: {
      columns: names.map((name) => ({
        name,
        kind: 'continuous',
        unit: 'units',
        range: [-100, 100],
        edges: [-1, 0, 1, 2],
      })),
      label: { name: 'event', levels: ['0', '1'] },
      patientKey: 'patient',
      time: 'seen',
      trainingCutoff: '2024-01-01',
    },
    model: { family: 'logistic' },
    training: { optimiser: { kind: 'sgd', rate: 1 }, batch: 'full', work: { steps: 1 }, seed: 1 },
    federation: {
      strategy: { kind: 'fedavg' },
      rounds: 1,
      sites: { minimum: 1, target: 1 },
      roundDeadlineSeconds: 60,
      weightCap: 1000,
      maximumDeltaNorm: 10,
      judgementDeadlineSeconds: 60,
    },
    gate: { wardround: 'policy/1', update: { allowed: ['intercept', 'prior', 'logistic', 'isotonic'] } },
  });
}

/** The model that is right at a prevalence of 30%, as a release. */
function releaseOf(plan: Plan): ReleasePackage {
  const digest = canonicalDigest(plan);
  const preprocessing: Preprocessing = {
    wardround: 'preprocessing/1',
    plan: digest,
    columns: names.map((name) => ({
      name,
      count: 1000,
      mean: 0,
      scale: 1,
      referenceCounts: [200, 200, 300, 200, 100, 0],
    })),
    rows: 1000,
    sites: ['drawn'],
    labelCounts: [700, 300],
  };
  const constant =
    Math.log(trainingPrevalence / (1 - trainingPrevalence)) - distance.reduce((sum, d) => sum + (d * d) / 2, 0);
  const weights = new Map(
    [...initialWeights(plan)].map(([name, { shape, data }]) => [
      name,
      {
        shape,
        data: name.endsWith('bias') ? Float32Array.of(constant) : Float32Array.from(data, (_, at) => distance[at] ?? 0),
      },
    ]),
  );
  const bytes = (value: unknown): Uint8Array => Buffer.from(canonicalJson(value));
  const version = 'ladder/1' as ReleaseVersion;
  const files = new Map<string, Uint8Array>([
    ['card.json', bytes({ wardround: 'card/1', version, plan: digest })],
    [modelFile, buildInferenceModel(plan, preprocessing, weights)],
    ['plan.json', bytes(plan)],
    ['preprocessing.json', bytes(preprocessing)],
  ]);
  const manifest = bytes({
    wardround: 'release/1',
    version,
    plan: digest,
    files: [...files].map(([name, content]) => ({ name, digest: digestOf(content), bytes: content.length })),
  });
  return { ref: { version, digest: digestOf(manifest) }, manifest, files, problems: [], trainingCutoff: '2024-01-01' };
}

/** Later patients at another prevalence, a day apart. */
function patients(seed: number, rows: number, prevalence: number): SiteTable {
  const stream = randomStream(seed, 'whole-ladder', rows, prevalence);
  const labels = Float64Array.from({ length: rows }, () => (stream.uniform() < prevalence ? 1 : 0));
  const columns = names.map((name, at) => ({
    name,
    kind: 'continuous' as const,
    values: labels.map((label) => Math.fround(stream.normal() + label * (distance[at] as number))),
  }));
  return {
    rows,
    columns,
    labels,
    patientKeys: Array.from({ length: rows }, (_, row) => `p${row}`),
    times: Float64Array.from({ length: rows }, (_, row) => Date.UTC(2024, 0, 2) + row * dayMs),
    holdout: new Uint8Array(rows),
  };
}

/** Which step the whole ladder takes for a pure label shift: fitted on the earlier half, judged by the default policy on the later one. */
export async function section({
  seeds,
  quick,
  progress,
}: {
  readonly seeds: number;
  readonly quick: boolean;
  readonly progress: (text: string) => void;
}): Promise<BenchRow[]> {
  const plan = benchPlan();
  const release = releaseOf(plan);
  const draws = quick ? Math.min(20, seeds) : seeds;
  const rows: BenchRow[] = [];
  for (const prevalence of [0.15, 0.5]) {
    for (const n of [1000, 4000]) {
      progress(`whole ladder: prevalence ${trainingPrevalence} to ${prevalence}, ${n} patients`);
      const chosen = new Map<string, number>();
      for (let seed = 1; seed <= draws; seed++) {
        const table = patients(seed, n, prevalence);
        const judged = Uint32Array.from({ length: n }, (_, row) => row);
        const { evidence } = await runLadder(
          {
            site: 'drawn' as SiteName,
            plan,
            planDigest: canonicalDigest(plan),
            policy: plan.gate,
            table,
            judged,
            training: new Uint32Array(0),
            kind: 'prospective',
            scores: await scoreModel(release.files.get(modelFile) as Uint8Array, table, judged),
            current: null,
            release,
            preprocessing: null,
            reading: 'label',
            levels: singleLook,
            means: {
              version: 'ladder/1+1' as ReleaseVersion,
              software: 'wardround/bench',
              openTrainer: () => Promise.reject(new TrainingError('engine_missing')),
            },
          },
          new AbortController().signal,
        );
        const step = evidence.chosen ?? 'no step';
        chosen.set(step, (chosen.get(step) ?? 0) + 1);
      }
      const right = (chosen.get('intercept') ?? 0) + (chosen.get('prior') ?? 0);
      rows.push({
        case: `label shift, prevalence ${trainingPrevalence} to ${prevalence}, ${n / 2} patients to update, ${n / 2} later`,
        figure: `the ladder takes intercept or prior (${[...chosen].map(([step, count]) => `${step} ${count}`).join(', ')})`,
        value: (100 * right) / draws,
        unit: `% of ${draws} seeds`,
        goal: 'at least 90',
        ok: right / draws >= 0.9,
      });
    }
  }
  return rows;
}
