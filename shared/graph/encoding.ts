import type { DataContract } from '../plan/contract.ts';
import type { Preprocessing } from '../plan/preprocessing.ts';
import { GraphError } from './graph-error.ts';

/**
 * The one layout of a network's inputs, used by `encodeRows` here and by the preprocessing inside a released ONNX file.
 *
 * In the contract's order, each column gives
 * - continuous: (value - mean) / scale in float32, a missing value 0, which is the mean; with `indicator` then a column that is 1 where missing;
 * - categorical: one 0/1 column a level but the first, which is the reference; with `indicator` then a column that is 1 where missing.
 *
 * A row that breaks the contract (missing where forbidden, a level index that is none) becomes NaN, never a plausible number.
 */
export type EncodedFeature =
  | { readonly kind: 'scaled'; readonly column: number }
  | { readonly kind: 'level'; readonly column: number; readonly level: number }
  | { readonly kind: 'missing'; readonly column: number };

/** The encoded features in order, by where they come from. */
export function encodedLayout(contract: DataContract): EncodedFeature[] {
  return contract.columns.flatMap((column, index): EncodedFeature[] => {
    const values: EncodedFeature[] =
      column.kind === 'continuous'
        ? [{ kind: 'scaled', column: index }]
        : column.levels.slice(1).map((_, level) => ({ kind: 'level', column: index, level: level + 1 }));
    return column.missing === 'indicator' ? [...values, { kind: 'missing', column: index }] : values;
  });
}

/** Names of the encoded features in order: `age`, `cp=atypical`, `chol:missing`. */
export function encodedFeatures(contract: DataContract): string[] {
  return encodedLayout(contract).map((feature) => {
    const column = contract.columns[feature.column];
    const name = column?.name ?? '';
    if (feature.kind === 'missing') return `${name}:missing`;
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
 * @returns row-major [rows, encodedFeatures(contract).length]
 * @throws GraphError `wrong_input` when the length does not fit, `wrong_preprocessing` as `columnScaling`
 */
export function encodeRows(
  raw: Float32Array,
  rows: number,
  contract: DataContract,
  preprocessing: Preprocessing,
): Float32Array {
  const width = contract.columns.length;
  if (raw.length !== rows * width) {
    throw new GraphError(
      'wrong_input',
      `${raw.length} values given for ${rows} rows of ${width} columns, which take ${rows * width}`,
    );
  }
  const { means, scales } = columnScaling(contract, preprocessing);
  const layout = encodedLayout(contract);
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
        result = missingAllowed ? 0 : Number.NaN;
      } else if (feature.kind === 'scaled') {
        // Each step is rounded to float32, as the graph's Sub and Div are.
        result = Math.fround(value - mean) / scale;
      } else if (Number.isInteger(value) && value >= 0 && value < levels) {
        result = value === feature.level ? 1 : 0;
      } else {
        result = Number.NaN;
      }
      encoded[row * layout.length + offset] = result;
    }
  }
  return encoded;
}
