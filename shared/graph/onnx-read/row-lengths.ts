import { intOf } from './file-attributes.ts';
import { type FormUse, givenInput } from './form-use.ts';
import { OnnxError } from './onnx-error.ts';
import { fixedContents, type Traced } from './traced.ts';

/** What to do with a file that holds for one number of rows. */
export const freeRowsAdvice =
  'the file was exported for a fixed number of rows: export with dynamic_axes={"input": {0: "rows"}} (or dynamic_shapes), and let the network reshape with -1 for the rows';

const sizeOf = (shape: readonly number[]): number => shape.reduce((product, length) => product * length, 1);

/** A vector of lengths in which the first is as many times the rows as given. */
function withRows(use: FormUse, times: number, rest: readonly number[]): Traced {
  const { draft } = use;
  const [a, b] = draft.rows.map((rows) => ({
    type: 'int64' as const,
    shape: [rest.length + 1],
    values: Float64Array.of(times * rows, ...rest),
  }));
  if (a === undefined || b === undefined) throw new OnnxError('fixed_rows', freeRowsAdvice);
  return draft.knownSides('int64', [a, b]);
}

/**
 * Reshape. Files exported for one number of rows have it written into the target; where the first length can only mean the rows,
 * it is taken as that.
 */
export function reshapeForm(use: FormUse): readonly Traced[] {
  const { draft, node, fixedRows } = use;
  const x = givenInput(use, 0);
  const target = givenInput(use, 1);
  const attributes = { allowzero: { int: intOf(node, 'allowzero', 0) } };
  const fixed = fixedContents(target);
  const [a, b] = x.sides;
  const byRows = a.shape[0] !== b.shape[0];
  if (fixed === null || !byRows || fixedRows === null || fixedRows === 0) {
    return [draft.op('Reshape', [x, target], attributes)];
  }
  const [first, ...rest] = fixed;
  if (first === undefined || first <= 0) return [draft.op('Reshape', [x, target], attributes)];
  const open = rest.includes(-1);
  const times = first / fixedRows;
  // With -1 somewhere the first length is the rows only if it is exactly their number; else the counts must come out.
  const meant = open
    ? first === fixedRows && a.shape[0] === draft.rows[0]
    : Number.isInteger(times) && sizeOf(fixed) * draft.rows[0] === sizeOf(a.shape) * fixedRows;
  if (!meant) {
    if (!open && sizeOf(fixed) !== sizeOf(a.shape)) {
      throw new OnnxError('fixed_rows', `Reshape to [${fixed.join(', ')}]: ${freeRowsAdvice}`, { operator: 'Reshape' });
    }
    return [draft.op('Reshape', [x, target], attributes)];
  }
  return [draft.op('Reshape', [x, withRows(use, times, rest)], attributes)];
}

/** Expand to a shape into which the number of rows was written. */
export function expandForm(use: FormUse): readonly Traced[] {
  const { draft, fixedRows } = use;
  const x = givenInput(use, 0);
  const target = givenInput(use, 1);
  const fixed = fixedContents(target);
  const [first, ...rest] = fixed ?? [];
  const byRows = x.sides[0].shape[0] !== x.sides[1].shape[0] && x.sides[0].shape.length === fixed?.length;
  if (byRows && first !== undefined && first === fixedRows) {
    return [draft.op('Expand', [x, withRows(use, 1, rest)])];
  }
  return [draft.op('Expand', [x, target])];
}
