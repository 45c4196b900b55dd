import type { DataContract } from '../plan/contract.ts';
import type { Preprocessing } from '../plan/preprocessing.ts';
import { columnScaling, encodedLayout } from './encoding.ts';
import type { Value } from './graph.ts';
import type { GraphBuilder } from './graph-builder.ts';

/**
 * Adds to the graph what `encodeRows` does in code, with the same float32 result.
 *
 * @param raw [N, contract.columns.length]: values in the contract's units, 0-based level indices, NaN for missing
 * @returns [N, encodedFeatures(contract).length]
 * @throws GraphError `wrong_preprocessing`
 */
export function encodeInGraph(
  builder: GraphBuilder,
  raw: Value,
  contract: DataContract,
  preprocessing: Preprocessing,
): Value {
  const b = builder;
  const { means, scales } = columnScaling(contract, preprocessing);
  const layout = encodedLayout(contract);
  const columns = contract.columns;
  const take = (value: Value, indices: readonly number[]): Value =>
    b.op('Gather', [value, b.integers('columns', indices)], { axis: { int: 1 } });
  const row = (hint: string, numbers: readonly number[]): Value =>
    b.constant(hint, [1, numbers.length], Float32Array.from(numbers));

  const absent = b.op('IsNaN', [raw]);
  // Where a missing value may be filled, NaN becomes `filled`; elsewhere it stays, and the row's output is NaN.
  const fill = (value: Value, missing: Value, indices: readonly number[]): Value => {
    const allowed = row(
      'fillable',
      indices.map((index) => (columns[index]?.missing === 'forbid' ? 0 : 1)),
    );
    const filled = b.op('And', [missing, b.cast(allowed, 'bool')]);
    return b.op('Where', [filled, b.scalar(0), value]);
  };

  const parts: { readonly value: Value; readonly positions: readonly number[] }[] = [];
  const positionsOf = (kind: 'scaled' | 'level' | 'missing'): number[] =>
    layout.flatMap((feature, position) => (feature.kind === kind ? [position] : []));
  const sources = (positions: readonly number[]): number[] =>
    positions.map((position) => layout[position]?.column ?? 0);

  const scaled = positionsOf('scaled');
  if (scaled.length > 0) {
    const from = sources(scaled);
    const centred = b.sub(
      take(raw, from),
      row(
        'means',
        from.map((index) => means[index] ?? 0),
      ),
    );
    const divided = b.div(
      centred,
      row(
        'scales',
        from.map((index) => scales[index] ?? 1),
      ),
    );
    parts.push({ value: fill(divided, take(absent, from), from), positions: scaled });
  }

  const levels = positionsOf('level');
  if (levels.length > 0) {
    const from = sources(levels);
    const index = take(raw, from);
    const wanted = levels.map((position) => {
      const feature = layout[position];
      return feature?.kind === 'level' ? feature.level : 0;
    });
    const last = from.map((column) => {
      const source = columns[column];
      return source?.kind === 'categorical' ? source.levels.length - 1 : 0;
    });
    const whole = b.op('Equal', [b.op('Floor', [index]), index]);
    const within = b.op('And', [
      b.op('GreaterOrEqual', [index, b.scalar(0)]),
      b.op('LessOrEqual', [index, row('last', last)]),
    ]);
    const hot = b.cast(b.op('Equal', [index, row('level', wanted)]), 'float');
    const known = b.op('Where', [b.op('And', [whole, within]), hot, b.scalar(Number.NaN)]);
    parts.push({ value: fill(known, take(absent, from), from), positions: levels });
  }

  const missing = positionsOf('missing');
  if (missing.length > 0) {
    parts.push({ value: b.cast(take(absent, sources(missing)), 'float'), positions: missing });
  }

  const joined = b.op(
    'Concat',
    parts.map((part) => part.value),
    { axis: { int: 1 } },
  );
  const order = parts.flatMap((part) => part.positions);
  return take(
    joined,
    layout.map((_, position) => order.indexOf(position)),
  );
}
