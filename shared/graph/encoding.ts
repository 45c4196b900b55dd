import type { DataContract } from '../plan/contract.ts';
import type { Plan } from '../plan/plan.ts';
import type { Preprocessing } from '../plan/preprocessing.ts';
import { GraphError } from './graph-error.ts';

/** What the layout follows from: the columns, and which of them the model embeds. */
export type EncodedPlan = Pick<Plan, 'data' | 'model'>;

/**
 * The one layout of a network's inputs, used by `encodeRows` here and by the preprocessing inside a released ONNX file.
 *
 * In the contract's order, each column gives
 * - continuous: (value - mean) / scale in float32, a missing value 0, which is the mean; with `indicator` then a column that is 1 where missing;
 * - continuous with `summary`: nothing, the network reads the payload itself;
 * - categorical: one 0/1 column a level but the first, which is the reference; with `indicator` then a column that is 1 where missing;
 * - categorical and embedded by the model: one column, the 0-based index of the level; with `indicator` the number of levels where missing.
 *
 * A row that breaks the contract (missing where forbidden, a level index that is none) becomes NaN, never a plausible number.
 */
export type EncodedFeature =
  | { readonly kind: 'scaled'; readonly column: number }
  | { readonly kind: 'level'; readonly column: number; readonly level: number }
  | { readonly kind: 'code'; readonly column: number }
  | { readonly kind: 'missing'; readonly column: number };

/** The encoded features in order, by where they come from. */
export function encodedLayout({ data, model }: EncodedPlan): EncodedFeature[] {
  const embedded = new Set(model.family === 'mlp' ? model.embeddings?.map(({ column }) => column) : []);
  return data.columns.flatMap((column, index): EncodedFeature[] => {
    if (column.kind === 'continuous') {
      if (column.summary !== undefined) return [];
      const scaled: EncodedFeature = { kind: 'scaled', column: index };
      return column.missing === 'indicator' ? [scaled, { kind: 'missing', column: index }] : [scaled];
    }
    if (embedded.has(column.name)) return [{ kind: 'code', column: index }];
    const levels = column.levels
      .slice(1)
      .map((_, level): EncodedFeature => ({ kind: 'level', column: index, level: level + 1 }));
    return column.missing === 'indicator' ? [...levels, { kind: 'missing', column: index }] : levels;
  });
}

/** Codes a categorical column has: its levels, and one for missing where that is allowed. */
export function codesOf(column: { readonly levels: readonly string[]; readonly missing: string }): number {
  return column.levels.length + (column.missing === 'forbid' ? 0 : 1);
}

/** Names of the encoded features in order: `age`, `cp=atypical`, `chol:missing`, `ward:code`. */
export function encodedFeatures(plan: EncodedPlan): string[] {
  return encodedLayout(plan).map((feature) => {
    const column = plan.data.columns[feature.column];
    const name = column?.name ?? '';
    if (feature.kind === 'missing') return `${name}:missing`;
    if (feature.kind === 'code') return `${name}:code`;
    if (feature.kind === 'level' && column?.kind === 'categorical') return `${name}=${column.levels[feature.level]}`;
    return name;
  });
}

/**
 * Scaling of each contract column, rounded to float32 as the network sees it; 0 and 1 for categorical columns.
 * @throws GraphError `wrong_preprocessing` when columns differ from the contract's, or a figure is not finite or a scale not positive.
 */
export function columnScaling(
  contract: DataContract,
  preprocessing: Preprocessing,
): { readonly means: Float32Array; readonly scales: Float32Array } {
  const expected = contract.columns.map((column) => column.name);
  const found = preprocessing.columns.map((column) => column.name);
  if (expected.length !== found.length || expected.some((name, index) => name !== found[index])) {
    throw new GraphError(
      'wrong_preprocessing',
      `preprocessing has columns [${found.join(', ')}], the plan's contract has [${expected.join(', ')}]; use the preprocessing object of this plan's run`,
    );
  }
  const means = new Float32Array(expected.length);
  const scales = new Float32Array(expected.length).fill(1);
  for (const [index, column] of contract.columns.entries()) {
    const reference = preprocessing.columns[index];
    if (column.kind === 'categorical' || reference === undefined) continue;
    means[index] = reference.mean;
    scales[index] = reference.scale;
    const mean = means[index] as number;
    const scale = scales[index] as number;
    if (!Number.isFinite(mean) || !Number.isFinite(scale) || scale <= 0) {
      throw new GraphError(
        'wrong_preprocessing',
        `preprocessing column ${column.name}: mean ${reference.mean} and scale ${reference.scale} must be finite in float32, and the scale positive`,
        { column: column.name },
      );
    }
  }
  return { means, scales };
}

/**
 * Encodes raw rows for a network, bit for bit as the released ONNX file does.
 *
 * @param raw row-major [rows, contract.columns.length]: values in the contract's units, 0-based level indices, NaN for missing
 * @returns row-major [rows, encodedFeatures(plan).length]
 * @throws GraphError `wrong_input` when the length does not fit, `wrong_preprocessing` as `columnScaling`
 */
export function encodeRows(
  raw: Float32Array,
  rows: number,
  plan: EncodedPlan,
  preprocessing: Preprocessing,
): Float32Array {
  const contract = plan.data;
  const width = contract.columns.length;
  if (raw.length !== rows * width) {
    throw new GraphError(
      'wrong_input',
      `${raw.length} values given for ${rows} rows of ${width} columns, which take ${rows * width}`,
    );
  }
  const { means, scales } = columnScaling(contract, preprocessing);
  const layout = encodedLayout(plan);
  const encoded = new Float32Array(rows * layout.length);
  for (const [offset, feature] of layout.entries()) {
    const column = contract.columns[feature.column];
    if (column === undefined) continue;
    const mean = means[feature.column] as number;
    const scale = scales[feature.column] as number;
    const levels = column.kind === 'categorical' ? column.levels.length : 0;
    const missingAllowed = column.missing !== 'forbid';
    for (let row = 0; row < rows; row++) {
      const value = raw[row * width + feature.column] as number;
      const missing = Number.isNaN(value);
      let result: number;
      if (feature.kind === 'missing') {
        result = missing ? 1 : 0;
      } else if (missing) {
        result = missingAllowed ? (feature.kind === 'code' ? levels : 0) : Number.NaN;
      } else if (feature.kind === 'scaled') {
        // Each step is rounded to float32, as the graph's Sub and Div are.
        result = Math.fround(value - mean) / scale;
      } else if (Number.isInteger(value) && value >= 0 && value < levels) {
        result = feature.kind === 'code' ? value : value === feature.level ? 1 : 0;
      } else {
        result = Number.NaN;
      }
      encoded[row * layout.length + offset] = result;
    }
  }
  return encoded;
}
