import { payloadShape } from '../../plan/payload.ts';
import type { Plan } from '../../plan/plan.ts';
import { encodedFeatures } from '../encoding.ts';
import { GraphError } from '../graph-error.ts';
import type { Network } from '../network-types.ts';
import { assemble } from './assemble.ts';
import { dropout } from './dropout.ts';
import { glorotUniform } from './initial-values.ts';
import { lastLayer } from './last-layer.ts';
import type { Layer } from './layer.ts';
import { outputWidth } from './output-width.ts';

/** What a family makes of a payload. */
export interface Representation {
  /** From [N, ...payload] to [N, width]. */
  readonly layer: Layer;
  readonly width: number;
  readonly mixesRows?: string | null;
  /** Share of the representation dropped in training. */
  readonly dropout?: number | undefined;
}

/** Shape of one row's payload. @throws GraphError `wrong_input` when the plan has none of this kind */
export function payloadOf(plan: Plan, kind: 'series' | 'images'): readonly number[] {
  const { payload } = plan.data;
  if (payload?.kind !== kind) {
    throw new GraphError('wrong_input', `a network of the family ${plan.model.family} reads ${kind}`);
  }
  return payloadShape(payload);
}

/**
 * A network that reads series or images: its representation of the payload, joined by the encoded columns where the plan has any
 * the network reads, then the last layer `last`.
 */
export function payloadNetwork(plan: Plan, kind: 'series' | 'images', representation: Representation): Network {
  const features = encodedFeatures(plan).length;
  const width = representation.width + features;
  const outputs = outputWidth(plan);
  const dropped = dropout(representation.dropout);
  const inputs = [
    ...(features === 0 ? [] : [{ name: 'features', shape: [features] } as const]),
    { name: 'payload', shape: payloadOf(plan, kind) } as const,
  ];
  return assemble(
    plan,
    {
      inputs,
      layers: [representation.layer],
      mixesRows: representation.mixesRows ?? null,
      represent(use, input) {
        const seen = dropped.apply(use, representation.layer.apply(use, input('payload')));
        return features === 0 ? seen : use.builder.op('Concat', [seen, input('features')], { axis: { int: 1 } });
      },
    },
    lastLayer(plan, 'last', width, glorotUniform(width, outputs)),
    outputs,
  );
}
