import { shapeText } from '../graph.ts';
import { intAttribute } from './attributes.ts';
import { inputOf, misfit, type OperatorRules, severalOutputs } from './rule.ts';

/** A body run once for each element of the first axis of its scanned inputs, carrying its states along. */
export const scan: OperatorRules = {
  Scan: severalOutputs(1, Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY, (use) => {
    const body = use.attributes.body;
    if (body === undefined || !('graph' in body)) throw misfit('the attribute body is not there');
    const { inputs, outputs } = body.graph;
    const scanned = intAttribute(use.attributes, 'num_scan_inputs', 0);
    const states = use.inputs.length - scanned;
    if (scanned < 1 || states < 0 || inputs.length !== use.inputs.length || outputs.length < states) {
      throw misfit(`${use.inputs.length} inputs, ${scanned} of them scanned, do not fit the body's ${inputs.length}`);
    }
    for (const [index, inside] of inputs.entries()) {
      const { type, shape } = inputOf(use, index);
      const own = index < states ? shape : shape.slice(1);
      if (inside.type !== type || shapeText(inside.shape) !== shapeText(own)) {
        throw misfit(
          `input ${index} gives ${type} ${shapeText(own)}, the body takes ${inside.type} ${shapeText(inside.shape)}`,
        );
      }
    }
    const steps = inputOf(use, states).shape[0] ?? 1;
    return outputs.map(({ type, shape }, index) => ({ type, shape: index < states ? shape : [steps, ...shape] }));
  }),
};
