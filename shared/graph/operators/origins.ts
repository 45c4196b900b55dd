import { intAttribute } from './attributes.ts';
import { constantIntegers, lengthsOf } from './contents.ts';
import { inputOf, misfit, type OperatorRules, rule, sameType } from './rule.ts';

/** Values made from nothing but numbers and shapes. */
export const origins: OperatorRules = {
  Constant: rule(0, 0, (use) => {
    const { value } = use.attributes;
    if (value === undefined || !('tensor' in value)) throw misfit('a constant is given as the attribute value');
    const { type, shape, constant } = value.tensor;
    return { type, shape, ...(constant === undefined ? {} : { constant }) };
  }),
  ConstantOfShape: rule(1, 1, (use) => {
    const { value } = use.attributes;
    return {
      type: value !== undefined && 'tensor' in value ? value.tensor.type : 'float',
      shape: lengthsOf(inputOf(use, 0)),
    };
  }),
  Range: rule(3, 3, (use) => {
    const type = sameType(use.inputs);
    const [start, limit, step] = use.inputs.map((value) => constantIntegers(value)[0]);
    if (start === undefined || limit === undefined || step === undefined || step === 0) {
      throw misfit('start, limit and step must be one number each, and the step not 0');
    }
    return { type, shape: [Math.max(0, Math.ceil((limit - start) / step))] };
  }),
  Shape: rule(1, 1, (use) => {
    const { shape } = inputOf(use, 0);
    const part = shape.slice(
      intAttribute(use.attributes, 'start', 0),
      intAttribute(use.attributes, 'end', shape.length),
    );
    return { type: 'int64', shape: [part.length] };
  }),
  Size: rule(1, 1, () => ({ type: 'int64', shape: [] })),
};
