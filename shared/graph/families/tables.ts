import type { Plan } from '../../plan/plan.ts';
import { encodedFeatures } from '../encoding.ts';
import type { Network } from '../network-types.ts';
import { activation } from './activation.ts';
import { assemble } from './assemble.ts';
import { denseLayer } from './dense-layer.ts';
import { dropout } from './dropout.ts';
import { embeddings } from './embedding.ts';
import { beforeActivation, glorotUniform } from './initial-values.ts';
import { lastLayer } from './last-layer.ts';
import { inSequence } from './layer.ts';
import { outputWidth } from './output-width.ts';

type Spec<F extends Plan['model']['family']> = Extract<Plan['model'], { family: F }>;

/**
 * The generalised linear model of the task, one layer that starts at zero: `layer1.weight` [features, outputs] and `layer1.bias` [outputs]
 * (logistic, multinomial logistic, linear regression); without the bias for Cox (1972), whose output is the log hazard ratio; with
 * `layer1.threshold` and `layer1.gap` in its place for proportional odds.
 */
export function linearNetwork(plan: Plan): Network {
  const features = encodedFeatures(plan).length;
  const last = lastLayer(plan, 'layer1', features, { kind: 'zeros' });
  const inputs = [{ name: 'features', shape: [features] }] as const;
  return assemble(
    plan,
    { inputs, layers: [], mixesRows: null, represent: (_, input) => input('features') },
    last,
    outputWidth(plan),
  );
}

/** Fully connected layers `layer1`, `layer2`, ..., the last without activation; embedded columns become vectors first. */
export function multilayerNetwork(plan: Plan, model: Spec<'mlp'>): Network {
  const features = encodedFeatures(plan).length;
  const embedded = embeddings(plan, model);
  const widths = [embedded.width, ...model.hidden];
  const hidden = model.hidden.map((outputs, index) => {
    const inputs = widths[index] as number;
    const initial = beforeActivation(model.activation, inputs, outputs);
    return inSequence([
      denseLayer({ name: `layer${index + 1}`, inputs, outputs, initial }),
      activation(model.activation),
      dropout(model.dropout),
    ]);
  });
  const body = inSequence([embedded.layer, ...hidden]);
  const width = widths.at(-1) as number;
  const outputs = outputWidth(plan);
  return assemble(
    plan,
    {
      inputs: [{ name: 'features', shape: [features] }],
      layers: [body],
      mixesRows: null,
      represent: (use, input) => body.apply(use, input('features')),
    },
    lastLayer(plan, `layer${widths.length}`, width, glorotUniform(width, outputs)),
    outputs,
  );
}
