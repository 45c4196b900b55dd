import {
  at,
  broadcastAt,
  broadcastShape,
  type Float64Tensor,
  float,
  input,
  int,
  make,
  type Operations,
  positions,
  string,
  tensor,
  zip,
} from './tensor.ts';

function matrixProduct(a: Float64Tensor, b: Float64Tensor): Float64Tensor {
  const left = a.shape.length === 1 ? tensor([1, ...a.shape], a.data) : a;
  const right = b.shape.length === 1 ? tensor([...b.shape, 1], b.data) : b;
  const inner = left.shape.at(-1) as number;
  if (inner !== right.shape.at(-2)) throw new Error(`[${a.shape}] times [${b.shape}]`);
  const batch = broadcastShape(left.shape.slice(0, -2), right.shape.slice(0, -2));
  const full = make([...batch, left.shape.at(-2) as number, right.shape.at(-1) as number], (position) => {
    const leading = position.slice(0, -2);
    let sum = 0;
    for (let k = 0; k < inner; k++) {
      const own = broadcastAt(left, [...leading, position.at(-2) as number, k]);
      sum += own * broadcastAt(right, [...leading, k, position.at(-1) as number]);
    }
    return sum;
  });
  const shape = [
    ...batch,
    ...(a.shape.length === 1 ? [] : [full.shape.at(-2) as number]),
    ...(b.shape.length === 1 ? [] : [full.shape.at(-1) as number]),
  ];
  return tensor(shape, full.data);
}

function swapped(value: Float64Tensor, yes: boolean): Float64Tensor {
  return yes
    ? make([...value.shape].reverse(), ([row, column]) => at(value, [column as number, row as number]))
    : value;
}

/** Sums over every label that the result does not have; an ellipsis is spelt with digits, the last axis first. */
function einsum(equation: string, inputs: readonly Float64Tensor[]): Float64Tensor {
  const [left = '', right] = equation.replaceAll(' ', '').split('->');
  let widest = 0;
  const terms = left.split(',').map((term, index) => {
    const behind = input(inputs, index).shape.length - term.replace('...', '').length;
    if (term.includes('...')) widest = Math.max(widest, behind);
    return term.replace('...', [...'9876543210'].slice(10 - behind).join(''));
  });
  const all = terms.join('');
  const once = [...new Set(all)].filter((label) => /[a-z]/i.test(label) && all.split(label).length === 2);
  const ellipsis = [...'9876543210'].slice(10 - widest).join('');
  const output = right === undefined ? ellipsis + once.sort().join('') : right.replace('...', ellipsis);
  const lengths = new Map<string, number>();
  for (const [index, term] of terms.entries()) {
    for (const [axis, label] of [...term].entries()) {
      lengths.set(label, Math.max(lengths.get(label) ?? 1, input(inputs, index).shape[axis] as number));
    }
  }
  const summed = [...lengths.keys()].filter((label) => !output.includes(label));
  const inner = [...positions(summed.map((label) => lengths.get(label) as number))];
  return make(
    [...output].map((label) => lengths.get(label) as number),
    (position) => {
      const place = new Map([...output].map((label, axis) => [label, position[axis] as number]));
      let sum = 0;
      for (const rest of inner) {
        for (const [axis, label] of summed.entries()) place.set(label, rest[axis] as number);
        sum += terms.reduce((product, term, index) => {
          const value = input(inputs, index);
          const own = [...term].map((label, axis) => (value.shape[axis] === 1 ? 0 : (place.get(label) as number)));
          return product * at(value, own);
        }, 1);
      }
      return sum;
    },
  );
}

export const products: Operations = {
  MatMul: (inputs) => [matrixProduct(input(inputs, 0), input(inputs, 1))],
  Gemm: (inputs, attributes) => {
    const left = swapped(input(inputs, 0), int(attributes, 'transA', 0) === 1);
    const right = swapped(input(inputs, 1), int(attributes, 'transB', 0) === 1);
    const scaled = zip((x) => float(attributes, 'alpha', 1) * x, matrixProduct(left, right));
    const added = inputs[2];
    return [added === undefined ? scaled : zip((x, y) => x + float(attributes, 'beta', 1) * y, scaled, added)];
  },
  Einsum: (inputs, attributes) => [einsum(string(attributes, 'equation', ''), inputs)],
};
