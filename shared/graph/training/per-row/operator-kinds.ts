/** Operators of one input, each element of the output made from the element in its place. */
export const elementOperators: ReadonlySet<string> = new Set([
  ...[
    'Abs',
    'Ceil',
    'Cast',
    'Celu',
    'Cos',
    'Elu',
    'Erf',
    'Exp',
    'Floor',
    'HardSigmoid',
    'HardSwish',
    'Identity',
    'IsNaN',
  ],
  ...['LeakyRelu', 'Log', 'Neg', 'Not', 'Reciprocal', 'Relu', 'Round', 'Selu', 'Sigmoid', 'Sign', 'Sin', 'Softplus'],
  ...['Softsign', 'Sqrt', 'Tanh'],
]);

/** Operators of several inputs that are broadcast against one another. */
export const broadcastOperators: ReadonlySet<string> = new Set([
  ...[
    'Add',
    'And',
    'Clip',
    'Div',
    'Equal',
    'Greater',
    'GreaterOrEqual',
    'Less',
    'LessOrEqual',
    'Max',
    'Mean',
    'Min',
    'Mod',
  ],
  ...['Mul', 'Or', 'PRelu', 'Pow', 'Sub', 'Sum', 'Where', 'Xor'],
]);

export const reductionOperators: ReadonlySet<string> = new Set([
  ...['ReduceL1', 'ReduceL2', 'ReduceLogSumExp', 'ReduceMax', 'ReduceMean', 'ReduceMin', 'ReduceProd', 'ReduceSum'],
  'ReduceSumSquare',
]);
