import { adapterNames } from '../graph/adapters.ts';
import { encodedFeatures } from '../graph/encoding.ts';
import { GraphError } from '../graph/graph-error.ts';
import { networkOf } from '../graph/network.ts';
import { OnnxError } from '../graph/onnx-read/onnx-error.ts';
import { trainableOf, trainableProblems } from '../graph/trainable.ts';
import { forwardWork, lessWork, tooMuchWork } from '../graph/work.ts';
import type { Finding } from './finding.ts';
import type { ModelSpec } from './model.ts';
import type { Plan } from './plan.ts';

/** Most values of a network: in float32 they fill the 2 GiB that one ONNX file may have. */
const mostValues = 2 ** 29 - 2 ** 20;

/** Most steps, over all layers, of a recurrent network. */
const mostRecurrentSteps = 512;

/** What a family reads of a row beside its columns. `any`: whatever the file asks for. */
const reads: Readonly<Record<ModelSpec['family'], 'columns' | 'series' | 'images' | 'any'>> = {
  logistic: 'columns',
  cox: 'columns',
  mlp: 'columns',
  tcn: 'series',
  gru: 'series',
  transformer: 'series',
  cnn: 'images',
  resnet: 'images',
  onnx: 'any',
};

/** Everything in the model that contradicts the data, the task or itself, and what to train of it. */
export function modelFindings(plan: Plan): Finding[] {
  const findings = [...inputFindings(plan), ...taskFindings(plan), ...shapeFindings(plan)];
  // A network is made only of what fits together, and one from a file only once the file is read.
  if (findings.length > 0 || (plan.model.family === 'onnx' && plan.model.network === undefined)) return findings;
  try {
    const tooLarge = sizeFindings(plan);
    return [...tooLarge, ...(tooLarge.length > 0 ? [] : workFindings(plan)), ...trainableFindings(plan)];
  } catch (cause) {
    if (cause instanceof GraphError || cause instanceof OnnxError) return [{ path: ['model'], message: cause.message }];
    throw cause;
  }
}

function inputFindings(plan: Plan): Finding[] {
  const { family } = plan.model;
  const { payload } = plan.data;
  const path = ['model', 'family'];
  const wanted = reads[family];
  if (wanted === 'any') return [];
  if (wanted === 'columns') {
    if (payload !== undefined) {
      const fitting = payload.kind === 'series' ? 'tcn, gru or transformer' : 'cnn or resnet';
      return [
        {
          path,
          message: `a model of the family ${family} reads columns only, and data.payload gives ${payload.kind}; choose ${fitting}, or leave the payload out`,
        },
      ];
    }
    return [];
  }
  if (payload?.kind === wanted) return [];
  const found = payload === undefined ? 'is not given' : `gives ${payload.kind}`;
  const fitting =
    payload === undefined
      ? 'describe them there, or choose logistic, cox or mlp'
      : payload.kind === 'series'
        ? 'choose tcn, gru or transformer'
        : 'choose cnn or resnet';
  return [{ path, message: `a model of the family ${family} reads ${wanted}, and data.payload ${found}; ${fitting}` }];
}

function taskFindings({ model, task }: Plan): Finding[] {
  const path = ['model', 'family'];
  if (model.family === 'cox' && task.kind !== 'survival') {
    return [
      {
        path,
        message: `cox is the model of a survival task, and the task is ${task.kind}; choose logistic, the generalised linear model of every other task`,
      },
    ];
  }
  if (model.family === 'logistic' && task.kind === 'survival') {
    return [{ path, message: 'the linear model of a survival task is cox, not logistic' }];
  }
  return [];
}

function shapeFindings(plan: Plan): Finding[] {
  const { model } = plan;
  switch (model.family) {
    case 'mlp':
      return embeddingFindings(plan, model);
    case 'transformer':
      return model.width % model.heads === 0
        ? []
        : [
            {
              path: ['model', 'heads'],
              message: `the width ${model.width} must be a multiple of the ${model.heads} heads; the nearest below is ${Math.floor(model.width / model.heads) * model.heads || model.heads}`,
            },
          ];
    case 'gru':
      return lengthFindings(plan, model);
    case 'cnn':
      return halvingFindings(plan, model.channels.length, 'each block halves it', false);
    case 'resnet':
      return halvingFindings(plan, model.channels.length - 1, 'each stage after the first halves it', true);
    default:
      return [];
  }
}

/** A recurrent network is laid out step by step: a graph of hundreds of steps takes runtimes minutes to prepare. */
function lengthFindings({ data: { payload } }: Plan, { layers }: Extract<ModelSpec, { family: 'gru' }>): Finding[] {
  if (payload?.kind !== 'series' || payload.steps * layers <= mostRecurrentSteps) return [];
  const most = Math.floor(mostRecurrentSteps / layers);
  return [
    {
      path: ['data', 'payload', 'steps'],
      message: `${payload.steps} steps are too many for a gru of ${layers === 1 ? 'one layer' : `${layers} layers`}, which takes at most ${most}; make the steps longer, or choose tcn or transformer`,
    },
  ];
}

/** An image that is halved away leaves nothing to read. */
function halvingFindings({ data: { payload } }: Plan, halvings: number, why: string, last: boolean): Finding[] {
  if (payload?.kind !== 'images') return [];
  const side = Math.min(payload.width, payload.height);
  if (side >= 2 ** halvings) return [];
  const most = Math.floor(Math.log2(side)) + (last ? 1 : 0);
  return [
    {
      path: ['model', 'channels'],
      message: `an image of ${payload.width} × ${payload.height} pixels is too small: ${why}, so that at most ${most} ${most === 1 ? 'entry fits' : 'entries fit'}, found ${halvings + (last ? 1 : 0)}`,
    },
  ];
}

function embeddingFindings({ data }: Plan, { embeddings = [] }: Extract<ModelSpec, { family: 'mlp' }>): Finding[] {
  return embeddings.flatMap(({ column: name }, at): Finding[] => {
    const path = ['model', 'embeddings', at, 'column'];
    const column = data.columns.find((one) => one.name === name);
    if (column === undefined) {
      const categorical = data.columns.flatMap((one) => (one.kind === 'categorical' ? [one.name] : []));
      return [
        {
          path,
          message: `there is no column ${name}; categorical are: ${categorical.join(', ') || 'none of data.columns'}`,
        },
      ];
    }
    if (column.kind !== 'categorical') {
      return [{ path, message: `column ${name} is continuous; only the levels of a categorical one have vectors` }];
    }
    const first = embeddings.findIndex((one) => one.column === name);
    return first === at
      ? []
      : [{ path, message: `the column ${name} is already number ${first + 1} of the list; each may stand once` }];
  });
}

function sizeFindings(plan: Plan): Finding[] {
  if (plan.data.payload === undefined && plan.model.family !== 'onnx' && encodedFeatures(plan).length === 0) {
    return [{ path: ['data', 'columns'], message: 'the model has no column to read' }];
  }
  const values = networkOf(plan).parameters.reduce(
    (sum, { shape }) => sum + shape.reduce((product, length) => product * length, 1),
    0,
  );
  if (values <= mostValues) return [];
  return [
    {
      path: ['model'],
      message: `the network would have ${values} values; an ONNX file, which has at most 2 GiB, holds ${mostValues}`,
    },
  ];
}

/** A network of few values can still ask for hours: a site would find out in the middle of a round. */
function workFindings(plan: Plan): Finding[] {
  const tooMuch = tooMuchWork(forwardWork(plan));
  return tooMuch === null ? [] : [{ path: ['model'], message: `the network takes ${tooMuch}; ${lessWork}` }];
}

function trainableFindings(plan: Plan): Finding[] {
  const path = ['training', 'trainable'];
  const problems = trainableProblems(plan);
  if (problems.length > 0) return problems.map((problem) => ({ ...problem, path: [...path, ...problem.path] }));
  const { whole, adapted } = trainableOf(plan);
  const { parameters } = networkOf(plan);
  const adapters = new Set([...adapted.keys()].flatMap((matrix) => Object.values(adapterNames(matrix))));
  const taken = parameters.find(({ name }) => adapters.has(name));
  if (taken !== undefined) {
    return [{ path, message: `the network has a tensor ${taken.name} already, which is the name of an adapter` }];
  }
  const moves = adapted.size > 0 || parameters.some(({ name, role }) => role !== 'buffer' && whole.has(name));
  return moves ? [] : [{ path, message: 'no tensor would train: the last layer has none' }];
}
