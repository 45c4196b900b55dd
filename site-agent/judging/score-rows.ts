import type { PayloadSpec } from '../../shared/plan/payload.ts';
import type { Plan } from '../../shared/plan/plan.ts';
import { planSchema } from '../../shared/plan/plan.ts';
import { canonicalJson } from '../../shared/runtime/canonical.ts';
import type { SiteTable } from '../data/site-table.ts';
import { rawRows } from '../training/raw-rows.ts';
import { JudgingError } from './judging-error.ts';
import { modelFile, packageProblems, planFile, type ReleasePackage } from './release-package.ts';
import { interfaceProblem, openScorer, type Scorer, type ScorerOptions } from './scorer.ts';

/** Rows turned into the model's input at a time: a large table is never held twice. */
const rowsAtOnce = 32_768;

export interface Scores {
  readonly problems: readonly string[];
  /** Figures of each row in turn; null when there are problems. */
  readonly values: Float64Array | null;
}

/** What scoring may take: `ScorerOptions.memoryMegabytes`. */
type ScoringMeans = Pick<ScorerOptions, 'memoryMegabytes'>;

/** Rows that are scored once more by themselves: a model's figure for a patient may not depend on who else is scored, and must be the same again. */
const placesAlone = (rows: number): readonly number[] => (rows < 2 ? [] : [0, Math.floor(rows / 2), rows - 1]);

/** Products of one row and of many are summed in another order: a thousandth is far beyond what that changes. */
const isSame = (alone: number, beside: number): boolean =>
  Math.abs(alone - beside) <= 1e-3 * Math.max(1, Math.abs(beside));

/** Scores rows with the release's model. A model that cannot be run, or gives no probability, is a problem of the package. */
export async function scoreRelease(
  release: ReleasePackage,
  plan: Plan,
  table: SiteTable,
  rows: Uint32Array,
  means: ScoringMeans = {},
  signal?: AbortSignal,
): Promise<Scores> {
  const wrong = (problem: string): Scores => ({ problems: [problem], values: null });
  try {
    return await withScorer(release, means, async (scorer) => {
      const problem = interfaceProblem(scorer, plan);
      if (problem !== null) return wrong(problem);
      const values = await scored(scorer, table, rows, signal);
      const width = rows.length === 0 ? 1 : values.length / rows.length;
      const expected = plan.task.kind !== 'binary' && 'levels' in plan.data.label ? plan.data.label.levels.length : 1;
      if (rows.length > 0 && width !== expected) {
        return wrong(`the model gives ${width} figures a row, the task needs ${expected}`);
      }
      let bad = 0;
      for (const value of values) {
        if ('levels' in plan.data.label ? !(value >= 0 && value <= 1) : !Number.isFinite(value)) bad++;
      }
      if (bad > 0) return wrong(`the model gives no usable figure for ${bad} of ${values.length} outputs`);
      for (const at of placesAlone(rows.length)) {
        const alone = await scored(scorer, table, rows.subarray(at, at + 1), signal);
        const beside = values.subarray(at * width, (at + 1) * width);
        if (!alone.every((value, index) => isSame(value, beside[index] as number))) {
          return wrong('the model gives a patient another figure alone than beside other patients, or at another time');
        }
      }
      return { problems: [], values };
    });
  } catch (error) {
    if (error instanceof JudgingError) return wrong(error.message);
    if (signal?.aborted) throw error;
    // The runtime throws plain errors, and their text may come from the model: only that it failed is kept.
    return wrong('the model fails when it is run');
  }
}

/** Scores of the model in use, NaN where it gives none; null when it cannot be used at all. */
export async function scoreCurrent(
  current: ReleasePackage,
  plan: Plan,
  table: SiteTable,
  rows: Uint32Array,
  means: ScoringMeans = {},
  signal?: AbortSignal,
): Promise<Float64Array | null> {
  if (packageProblems(current, null).length > 0 || !takesSameRows(current, plan)) return null;
  try {
    return await withScorer(current, means, async (scorer) => {
      if (interfaceProblem(scorer, plan) !== null) return null;
      const values = await scored(scorer, table, rows, signal);
      if (values.length !== rows.length) return null;
      return values.map((value) => (value >= 0 && value <= 1 ? value : Number.NaN));
    });
  } catch (error) {
    if (signal?.aborted) throw error;
    return null;
  }
}

async function withScorer<Result>(
  release: ReleasePackage,
  { memoryMegabytes }: ScoringMeans,
  use: (scorer: Scorer) => Promise<Result>,
): Promise<Result> {
  const model = release.files.get(modelFile) as Uint8Array;
  const scorer = await openScorer(model, { model: release.ref.version, memoryMegabytes });
  try {
    return await use(scorer);
  } finally {
    await scorer.dispose();
  }
}

async function scored(
  scorer: Scorer,
  table: SiteTable,
  rows: Uint32Array,
  signal?: AbortSignal,
): Promise<Float64Array> {
  let values = new Float64Array(0);
  for (let from = 0; from < rows.length; from += rowsAtOnce) {
    const part = rows.subarray(from, from + rowsAtOnce);
    const figures = await scorer.score(rawRows(table, part), signal);
    // One or several figures a row: known after the first part.
    if (from === 0) values = new Float64Array((figures.length / part.length) * rows.length);
    values.set(figures, (figures.length / part.length) * from);
  }
  return values;
}

/** What of a payload decides which numbers a model is given; an image is scaled inside the model. */
function payloadOf(payload: PayloadSpec): unknown {
  if (payload.kind === 'images') return [payload.file, payload.channels, payload.height, payload.width];
  const { channels, key, minute, observed, stepMinutes, steps } = payload;
  const own = channels.map(({ name, unit, normal, scale }) => [name, unit, normal, scale]);
  return { key, minute, observed, stepMinutes, steps, channels: own };
}

/** Whether a model, perhaps of an earlier plan, takes the very columns of this one and predicts the same outcome. */
function takesSameRows(current: ReleasePackage, plan: Plan): boolean {
  const bytes = current.files.get(planFile);
  if (bytes === undefined) return false;
  try {
    const earlier = planSchema.parse(JSON.parse(Buffer.from(bytes).toString('utf8')));
    const shape = ({ task, data }: Plan): string =>
      canonicalJson({
        task: task.kind,
        label: 'levels' in data.label ? data.label.levels : data.label.unit,
        labelName: data.label.name,
        columns: data.columns.map((column) =>
          column.kind === 'continuous' ? [column.name, column.unit] : [column.name, column.levels],
        ),
        ...(data.payload === undefined ? {} : { payload: payloadOf(data.payload) }),
      });
    return shape(earlier) === shape(plan);
  } catch {
    return false;
  }
}
