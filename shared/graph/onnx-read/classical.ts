import { floatsOf, intOf, intsOf, textOf } from './file-attributes.ts';
import { type Form, type FormUse, givenInput, unsupportedForm } from './form-use.ts';
import { OnnxError } from './onnx-error.ts';
import type { Traced } from './traced.ts';

function numbersOf(use: FormUse, name: string): readonly number[] {
  const values = floatsOf(use.node, name);
  if (values === null || values.length === 0) throw unsupportedForm(use, `the attribute ${name} is not there`);
  if (!values.every(Number.isFinite)) {
    throw new OnnxError('not_finite', `${use.node.operator}: ${name} holds a value that is not a finite number`);
  }
  return values;
}

/** x · weightᵀ + bias, weights stored as [outputs, inputs]. */
function affine(use: FormUse, weight: readonly number[], bias: readonly number[] | null, outputs: number): Traced {
  const { draft } = use;
  const x = givenInput(use, 0);
  const inputs = x.sides[0].shape[1] ?? 0;
  if (weight.length !== inputs * outputs || (bias !== null && bias.length !== outputs)) {
    throw unsupportedForm(
      use,
      `${weight.length} coefficients and ${bias?.length ?? 0} intercepts do not make ${outputs} outputs of ${inputs} inputs`,
    );
  }
  const w = draft.stored('linear.weight', [outputs, inputs], Float32Array.from(weight));
  const b = bias === null ? [] : [draft.stored('linear.bias', [outputs], Float32Array.from(bias))];
  return draft.op('Gemm', [x, w, ...b], { transB: { int: 1 } });
}

/**
 * LinearClassifier, as skl2onnx writes logistic regression: the scores of two classes are z and -z with LOGISTIC, so that only the
 * second is kept; several classes have SOFTMAX.
 */
const linearClassifier: Form = (use) => {
  const { draft, node } = use;
  const coefficients = numbersOf(use, 'coefficients');
  const intercepts = floatsOf(node, 'intercepts');
  const classes = intsOf(node, 'classlabels_ints')?.length ?? stringsOf(use, 'classlabels_strings');
  const transform = textOf(node, 'post_transform', 'NONE');
  const x = givenInput(use, 0);
  const inputs = x.sides[0].shape[1] ?? 0;
  const scores = inputs === 0 ? 0 : coefficients.length / inputs;
  if (use.used(0)) throw unsupportedForm(use, 'its label is used; use the probabilities alone');
  if (transform === 'LOGISTIC' && classes === 2) {
    const second = scores === 2 ? coefficients.slice(inputs) : coefficients;
    const bias = intercepts === null || intercepts.length < 2 ? intercepts : intercepts.slice(1);
    const opposed =
      scores !== 2 || coefficients.slice(0, inputs).every((value, at) => value === -(second[at] as number));
    if (!opposed) throw unsupportedForm(use, 'two classes with LOGISTIC must have opposite scores');
    return [x, draft.op('Sigmoid', [affine(use, second, bias, 1)])];
  }
  if (scores !== classes || (transform !== 'SOFTMAX' && transform !== 'NONE')) {
    throw unsupportedForm(
      use,
      `${classes} classes with ${transform} are not supported; several classes need a softmax (multinomial), not one against the rest`,
    );
  }
  const logits = affine(use, coefficients, intercepts, classes);
  return [x, transform === 'NONE' ? logits : draft.op('Softmax', [logits], { axis: { int: -1 } })];
};

function stringsOf(use: FormUse, name: string): number {
  const attribute = use.node.attributes.get(name);
  return attribute !== undefined && 'strings' in attribute ? attribute.strings.length : 0;
}

const linearRegressor: Form = (use) => {
  if (textOf(use.node, 'post_transform', 'NONE') !== 'NONE')
    throw unsupportedForm(use, 'its post_transform is not NONE');
  const targets = intOf(use.node, 'targets', 1);
  return [affine(use, numbersOf(use, 'coefficients'), floatsOf(use.node, 'intercepts'), targets)];
};

/** Probabilities that add up to one already are not changed by dividing by their sum. */
const normalizer: Form = (use) => {
  const x = givenInput(use, 0);
  const operator = x.origin.kind === 'made' ? x.origin.node.operator : '';
  if (textOf(use.node, 'norm', 'MAX') === 'L1' && (operator === 'Softmax' || operator === 'Sigmoid')) return [x];
  throw unsupportedForm(use, 'only the division of a classifier’s probabilities by their sum is supported');
};

const scaler: Form = (use) => {
  const { draft } = use;
  const x = givenInput(use, 0);
  const offset = numbersOf(use, 'offset');
  const scale = numbersOf(use, 'scale');
  const row = (values: readonly number[]): Traced => draft.known('float', [values.length], values);
  return [draft.op('Mul', [draft.op('Sub', [x, row(offset)]), row(scale)])];
};

const forms: Readonly<Record<string, Form>> = {
  LinearClassifier: linearClassifier,
  LinearRegressor: linearRegressor,
  Normalizer: normalizer,
  Scaler: scaler,
};

/** A node of ai.onnx.ml in standard operators. @throws OnnxError `unsupported_operator` for all that are not linear models */
export function classicalForm(use: FormUse): readonly Traced[] {
  const { operator } = use.node;
  const form = Object.hasOwn(forms, operator) ? forms[operator] : undefined;
  if (form === undefined) {
    throw new OnnxError(
      'unsupported_operator',
      `${operator} of ai.onnx.ml cannot be trained; of scikit-learn's operators ${Object.keys(forms).join(', ')} are read. Export with options={"zipmap": False}.`,
      { operator },
    );
  }
  return form(use);
}
