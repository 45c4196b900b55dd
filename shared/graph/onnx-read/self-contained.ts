import { OnnxError } from './onnx-error.ts';
import { WireReader } from './wire-format.ts';

// Field numbers of onnx.proto, as in onnx-messages.ts.
const model = { graph: 7, trainingInfo: 20, functions: 25 };
const graph = { node: 1, initializer: 5, sparseInitializer: 15 };
const node = { attribute: 5, domain: 7 };
const attribute = { tensor: 5, graph: 6, tensors: 10, graphs: 11, sparseTensor: 22, sparseTensors: 23 };
const tensor = { externalData: 13, dataLocation: 14 };

type Visit = (field: number, part: Uint8Array) => void;

/** Visits the length-prefixed fields of a message; others are passed over. */
function visit(bytes: Uint8Array, each: Visit): void {
  const reader = new WireReader(bytes);
  while (!reader.done) {
    const { field, kind } = reader.tag();
    if (kind === 2) each(field, reader.part());
    else reader.skip(kind);
  }
}

function checkTensor(bytes: Uint8Array): void {
  const reader = new WireReader(bytes);
  while (!reader.done) {
    const { field, kind } = reader.tag();
    if (field === tensor.dataLocation && kind === 0 && reader.varint() === 0n) continue;
    if (field === tensor.externalData || field === tensor.dataLocation)
      throw new OnnxError('external_data', 'the model keeps values in another file, which is never opened');
    reader.skip(kind);
  }
}

function checkAttribute(bytes: Uint8Array): void {
  visit(bytes, (field, part) => {
    if (field === attribute.graph || field === attribute.graphs) {
      throw new OnnxError('subgraph', 'the model holds an operator with a graph inside, which may run without end');
    }
    if (field === attribute.tensor || field === attribute.tensors) checkTensor(part);
    if (field === attribute.sparseTensor || field === attribute.sparseTensors) {
      throw new OnnxError('unsupported_type', 'the model holds a sparse tensor');
    }
  });
}

function checkNode(bytes: Uint8Array): void {
  visit(bytes, (field, part) => {
    if (field === node.attribute) checkAttribute(part);
    const text = field === node.domain ? Buffer.from(part).toString('utf8') : '';
    if (text !== '' && text !== 'ai.onnx') {
      throw new OnnxError('unknown_domain', 'the model uses an operator that is not one of the default domain');
    }
  });
}

/**
 * Checks that a model means nothing but what is in its own bytes, before a runtime sees it: no values in other files of this machine, no
 * operators beside the default domain's, no functions, no graphs inside operators (a Loop may never end). In one pass, without decoding.
 * @throws OnnxError `external_data`, `unknown_domain`, `subgraph`, `local_function`, `training_info`, `unsupported_type`, `malformed`
 */
export function checkSelfContained(bytes: Uint8Array): void {
  visit(bytes, (field, part) => {
    if (field === model.functions) throw new OnnxError('local_function', 'the model brings functions of its own');
    if (field === model.trainingInfo) throw new OnnxError('training_info', 'the model brings a training algorithm');
    if (field !== model.graph) return;
    visit(part, (entry, content) => {
      if (entry === graph.initializer) checkTensor(content);
      if (entry === graph.sparseInitializer) throw new OnnxError('unsupported_type', 'the model holds a sparse tensor');
      if (entry === graph.node) checkNode(content);
    });
  });
}
