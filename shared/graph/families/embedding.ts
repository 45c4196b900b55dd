import type { Plan } from '../../plan/plan.ts';
import { codesOf, encodedLayout } from '../encoding.ts';
import type { Value } from '../graph.ts';
import type { GraphBuilder } from '../graph-builder.ts';
import { type Layer, weight, weightOf } from './layer.ts';

type MultilayerSpec = Extract<Plan['model'], { family: 'mlp' }>;

/** Index of each code, and a mark where there is none: the row breaks the contract. */
function indexOf(builder: GraphBuilder, code: Value): { readonly index: Value; readonly unknown: Value } {
  const unknown = builder.op('IsNaN', [code]);
  return { index: builder.cast(builder.op('Where', [unknown, builder.scalar(0), code]), 'int64'), unknown };
}

/**
 * Replaces the codes among the encoded features by a trained vector a level (Guo and Berkhahn 2016, Entity Embeddings of Categorical
 * Variables): [N, features] becomes [N, width], the other features first, then the vectors in the contract's order.
 *
 * `embedding.COLUMN` [levels, width], with one more row for missing where the column allows it. It starts normal with a deviation of
 * 1 / sqrt(width), so that a vector is about as long as the 0/1 columns it stands for.
 */
export function embeddings(plan: Plan, model: MultilayerSpec): { readonly layer: Layer; readonly width: number } {
  const layout = encodedLayout(plan);
  const kept = layout.flatMap((feature, position) => (feature.kind === 'code' ? [] : [position]));
  const tables = layout.flatMap((feature, position) => {
    const column = plan.data.columns[feature.column];
    if (feature.kind !== 'code' || column?.kind !== 'categorical') return [];
    const width = model.embeddings?.find((one) => one.column === column.name)?.width ?? 1;
    const deviation = 1 / Math.sqrt(width);
    const table = weight(`embedding.${column.name}`, [codesOf(column), width], { kind: 'normal', deviation });
    return [{ position, width, table }];
  });
  const width = kept.length + tables.reduce((sum, table) => sum + table.width, 0);
  if (tables.length === 0) return { width, layer: { parameters: [], apply: (_, value) => value } };
  return {
    width,
    layer: {
      parameters: tables.map(({ table }) => table),
      apply(use, features) {
        const { builder } = use;
        const vectors = tables.map(({ position, table }) => {
          const code = builder.op('Gather', [features, builder.integers('code', [position])], { axis: { int: 1 } });
          const { index, unknown } = indexOf(builder, builder.squeeze(code, 1));
          const vector = builder.op('Gather', [weightOf(use, table.name), index], { axis: { int: 0 } });
          // Rows that train were checked before.
          if (use.random !== null) return vector;
          return builder.op('Where', [builder.unsqueeze(unknown, 1), builder.scalar(Number.NaN), vector]);
        });
        const rest =
          kept.length === 0
            ? []
            : [builder.op('Gather', [features, builder.integers('kept', kept)], { axis: { int: 1 } })];
        return builder.op('Concat', [...rest, ...vectors], { axis: { int: 1 } });
      },
    },
  };
}
