import type { Preprocessing } from '../plan/preprocessing.ts';
import { columnScaling, type EncodedFeature, type EncodedPlan, encodedLayout } from './encoding.ts';
import type { Value } from './graph.ts';
import type { GraphBuilder } from './graph-builder.ts';

/**
 * Adds to the graph what `encodeRows` does in code, with the same float32 result.
 *
 * @param raw [N, contract.columns.length]: values in the contract's units, 0-based level indices, NaN for missing
 * @returns [N, encodedFeatures(plan).length], of which there must be one at least
 * @throws GraphError `wrong_preprocessing`
 */
export function encodeInGraph(
  builder: GraphBuilder,
  raw: Value,
  plan: EncodedPlan,
  preprocessing: Preprocessing,
): Value {
  const b = builder;
  const contract = plan.data;
  const { means, scales } = columnScaling(contract, preprocessing);
  const layout = encodedLayout(plan);
  const columns = contract.columns;
  const take = (value: Value, indices: readonly number[]): Value =>
    b.op('Gather', [value, b.integers('columns', indices)], { axis: { int: 1 } });
  const row = (hint: string, numbers: readonly number[]): Value =>
    b.constant(hint, [1, numbers.length], Float32Array.from(numbers));

  const absent = b.op('IsNaN', [raw]);
  // Where a missing value may be filled, NaN becomes `by`; elsewhere it stays, and the row's output is NaN.
  const fill = (value: Value, missing: Value, indices: readonly number[], by = b.scalar(0)): Value => {
    const allowed = row(
      'fillable',
      indices.map((index) => (columns[index]?.missing === 'forbid' ? 0 : 1)),
    );
    const filled = b.op('And', [missing, b.cast(allowed, 'bool')]);
    return b.op('Where', [filled, by, value]);
  };

  const parts: { readonly value: Value; readonly positions: readonly number[] }[] = [];
  const positionsOf = (kind: EncodedFeature['kind']): number[] =>
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

  const levelsOf = (index: number): number => {
    const column = columns[index];
    return column?.kind === 'categorical' ? column.levels.length : 0;
  };
  const knownOnly = (index: Value, from: readonly number[], value: Value): Value => {
    const last = row(
      'last',
      from.map((column) => levelsOf(column) - 1),
    );
    const whole = b.op('Equal', [b.op('Floor', [index]), index]);
    const within = b.op('And', [b.op('GreaterOrEqual', [index, b.scalar(0)]), b.op('LessOrEqual', [index, last])]);
    return b.op('Where', [b.op('And', [whole, within]), value, b.scalar(Number.NaN)]);
  };

  const levels = positionsOf('level');
  if (levels.length > 0) {
    const from = sources(levels);
    const index = take(raw, from);
    const wanted = levels.map((position) => {
      const feature = layout[position];
      return feature?.kind === 'level' ? feature.level : 0;
    });
    const hot = b.cast(b.op('Equal', [index, row('level', wanted)]), 'float');
    parts.push({ value: fill(knownOnly(index, from, hot), take(absent, from), from), positions: levels });
  }

  const codes = positionsOf('code');
  if (codes.length > 0) {
    const from = sources(codes);
    const index = take(raw, from);
    const beyond = row('beyond', from.map(levelsOf));
    parts.push({ value: fill(knownOnly(index, from, index), take(absent, from), from, beyond), positions: codes });
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
