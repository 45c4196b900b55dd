import type { Attributes, Value } from './graph.ts';
import { GraphError } from './graph-error.ts';
import { followedContents } from './operators/contents.ts';
import { elementwise } from './operators/elementwise.ts';
import { indexing } from './operators/indexing.ts';
import { layouts } from './operators/layouts.ts';
import { normalisations } from './operators/normalisations.ts';
import { origins } from './operators/origins.ts';
import { products } from './operators/products.ts';
import { reductions } from './operators/reductions.ts';
import type { Inferred, OperatorRules } from './operators/rule.ts';
import { scan } from './operators/scan.ts';
import { spatial } from './operators/spatial.ts';

export { floatAttribute, intAttribute, intsAttribute, stringAttribute } from './operators/attributes.ts';
export { constantIntegers } from './operators/contents.ts';
export { broadcastShape } from './operators/dimensions.ts';
export type { Inferred } from './operators/rule.ts';

/** Every operator a graph may have (ONNX operator set 17), with its inputs and outputs. */
const rules: OperatorRules = {
  ...elementwise,
  ...indexing,
  ...layouts,
  ...normalisations,
  ...origins,
  ...products,
  ...reductions,
  ...scan,
  ...spatial,
};

/** Names of the operators, sorted. */
export function knownOperators(): string[] {
  return Object.keys(rules).sort();
}

/**
 * Types and shapes of an operator's first `count` outputs, and their contents where these follow from shapes.
 * @throws GraphError `unknown_operator`, `shape_mismatch`
 */
export function inferOutputs(
  operator: string,
  inputs: readonly Value[],
  attributes: Attributes,
  count: number,
): readonly Inferred[] {
  const rule = Object.hasOwn(rules, operator) ? rules[operator] : undefined;
  if (rule === undefined) {
    throw new GraphError('unknown_operator', `operator ${operator} is not on the list`, { operator });
  }
  const most = Math.max(rule.outputs, 1);
  if (count < 1 || count > most) {
    throw new GraphError('shape_mismatch', `${operator} has at most ${most} outputs, not ${count}`, { operator });
  }
  if (inputs.length < rule.least || inputs.length > rule.most) {
    const range = rule.least === rule.most ? `${rule.least}` : `${rule.least} to ${rule.most}`;
    throw new GraphError('shape_mismatch', `${operator} takes ${range} inputs, not ${inputs.length}`, { operator });
  }
  try {
    const outputs = rule.infer({ inputs, attributes, count }).slice(0, count);
    const [only] = outputs;
    if (only === undefined || outputs.length > 1 || only.constant !== undefined) return outputs;
    if (only.shape.length > 1 || (only.type !== 'int64' && only.type !== 'int32')) return outputs;
    const dimensions = followedContents(operator, inputs, attributes);
    return dimensions === undefined ? outputs : [{ ...only, dimensions }];
  } catch (cause) {
    if (!(cause instanceof GraphError)) throw cause;
    throw new GraphError(cause.code, `${operator}: ${cause.message}`, { operator }, cause);
  }
}
