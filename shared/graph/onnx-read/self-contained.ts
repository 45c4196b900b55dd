import { knownOperators } from '../operators.ts';
import { defaultLimits } from './limits.ts';
import { OnnxError, shown } from './onnx-error.ts';
import { type FieldBudget, WireReader } from './wire-format.ts';

// Field numbers of onnx.proto, as in onnx-messages.ts.
const model = { graph: 7, trainingInfo: 20, functions: 25 };
const graph = { node: 1, initializer: 5, sparseInitializer: 15 };
const node = { operator: 4, attribute: 5, domain: 7 };
const attribute = { tensor: 5, graph: 6, tensors: 10, graphs: 11, sparseTensor: 22, sparseTensors: 23 };
const tensor = { externalData: 13, dataLocation: 14 };

/** Operators that hold a graph. */
const nested = new Set(['If', 'Loop', 'Scan']);
/** What releases and exported networks are made of. A runtime knows many more: random numbers, texts, image files. */
const operators = new Set(['Constant', 'GRU', 'LSTM', ...knownOperators().filter((name) => !nested.has(name))]);

type Visit = (field: number, part: Uint8Array) => void;

/** Visits the length-prefixed fields of a message; others are passed over. */
function visit(bytes: Uint8Array, budget: FieldBudget, each: Visit): void {
  const reader = new WireReader(bytes, budget);
  while (!reader.done) {
    const { field, kind } = reader.tag();
    if (kind === 2) each(field, reader.part());
    else reader.skip(kind);
  }
}

function checkTensor(bytes: Uint8Array, budget: FieldBudget): void {
  const reader = new WireReader(bytes, budget);
  while (!reader.done) {
    const { field, kind } = reader.tag();
    if (field === tensor.dataLocation && kind === 0 && reader.varint() === 0n) continue;
    if (field === tensor.externalData || field === tensor.dataLocation)
      throw new OnnxError('external_data', 'the model keeps values in another file, which is never opened');
    reader.skip(kind);
  }
}

function checkAttribute(bytes: Uint8Array, budget: FieldBudget): void {
  visit(bytes, budget, (field, part) => {
    if (field === attribute.graph || field === attribute.graphs) {
      throw new OnnxError('subgraph', 'the model holds an operator with a graph inside, which may run without end');
    }
    if (field === attribute.tensor || field === attribute.tensors) checkTensor(part, budget);
    if (field === attribute.sparseTensor || field === attribute.sparseTensors) {
      throw new OnnxError('unsupported_type', 'the model holds a sparse tensor');
    }
  });
}

function checkNode(bytes: Uint8Array, budget: FieldBudget): void {
  visit(bytes, budget, (field, part) => {
    if (field === node.attribute) checkAttribute(part, budget);
    if (field !== node.operator && field !== node.domain) return;
    const text = Buffer.from(part.subarray(0, 100)).toString('utf8');
    if (field === node.operator && nested.has(text)) {
      throw new OnnxError(
        'subgraph',
        `the model holds an operator with a graph inside, ${text}, which may run without end`,
      );
    }
    if (field === node.operator && !operators.has(text)) {
      throw new OnnxError('unsupported_operator', `the model uses the operator ${shown(text)}, which no release has`);
    }
    if (field === node.domain && text !== '' && text !== 'ai.onnx') {
      throw new OnnxError('unknown_domain', 'the model uses an operator that is not one of the default domain');
    }
  });
}

/**
 * Checks that a model means nothing but what is in its own bytes, before a runtime sees it: no values in other files of this machine, no
 * operators beside the default domain's, no functions, no graphs inside operators (a Loop may never end), no operators that no network of a plan has. In one pass, without decoding.
 * @throws OnnxError `external_data`, `unknown_domain`, `unsupported_operator`, `over_limit`, `subgraph`, `local_function`, `training_info`, `unsupported_type`, `malformed`
 */
export function checkSelfContained(bytes: Uint8Array): void {
  const budget = { fields: defaultLimits.fields };
  visit(bytes, budget, (field, part) => {
    if (field === model.functions) throw new OnnxError('local_function', 'the model brings functions of its own');
    if (field === model.trainingInfo) throw new OnnxError('training_info', 'the model brings a training algorithm');
    if (field !== model.graph) return;
    visit(part, budget, (entry, content) => {
      if (entry === graph.initializer) checkTensor(content, budget);
      if (entry === graph.sparseInitializer) throw new OnnxError('unsupported_type', 'the model holds a sparse tensor');
      if (entry === graph.node) checkNode(content, budget);
    });
  });
}
