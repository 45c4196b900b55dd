import type { Value } from '../graph.ts';
import { shapeText } from '../graph.ts';
import { intAttribute } from './attributes.ts';
import { axisOf, broadcastShape } from './dimensions.ts';
import { inputOf, misfit, type OperatorRules, type OperatorUse, rule, sameType, severalOutputs } from './rule.ts';

function checkChannels(x: Value, values: readonly Value[]): void {
  for (const value of values) {
    if (x.shape.length < 2 || value.shape.length !== 1 || value.shape[0] !== x.shape[1]) {
      throw misfit(`${value.name} ${shapeText(value.shape)} must have a number a channel of ${shapeText(x.shape)}`);
    }
  }
}

export const normalisations: OperatorRules = {
  BatchNormalization: severalOutputs(5, 5, 3, (use: OperatorUse) => {
    const x = inputOf(use, 0);
    checkChannels(x, use.inputs.slice(1));
    if (use.count > 1 && intAttribute(use.attributes, 'training_mode', 0) !== 1) {
      throw misfit('running means and variances are outputs in training_mode only');
    }
    const running = (index: number) => ({ type: inputOf(use, index).type, shape: inputOf(use, index).shape });
    return [{ type: x.type, shape: x.shape }, running(3), running(4)];
  }),
  InstanceNormalization: rule(3, 3, (use) => {
    const x = inputOf(use, 0);
    checkChannels(x, use.inputs.slice(1));
    return { type: sameType(use.inputs), shape: x.shape };
  }),
  LayerNormalization: severalOutputs(2, 3, 3, (use) => {
    const x = inputOf(use, 0);
    const axis = axisOf(intAttribute(use.attributes, 'axis', -1), x.shape.length);
    for (const value of use.inputs.slice(1)) {
      if (shapeText(broadcastShape(value.shape, x.shape)) !== shapeText(x.shape)) {
        throw misfit(`${value.name} ${shapeText(value.shape)} does not broadcast to ${shapeText(x.shape)}`);
      }
    }
    const statistics = {
      type: 'float' as const,
      shape: x.shape.map((length, index) => (index < axis ? length : 1)),
    };
    return [{ type: sameType(use.inputs), shape: x.shape }, statistics, statistics];
  }),
  Dropout: severalOutputs(1, 3, 2, (use) => {
    const x = inputOf(use, 0);
    return [
      { type: x.type, shape: x.shape },
      { type: 'bool', shape: x.shape },
    ];
  }),
};
