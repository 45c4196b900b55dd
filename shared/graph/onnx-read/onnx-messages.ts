import type { OnnxLimits } from './limits.ts';
import type { FieldKind, MessageTable } from './message-table.ts';
import type { OnnxErrorCode } from './onnx-error.ts';

// Field numbers of onnx.proto (github.com/onnx/onnx, onnx/onnx.proto, release 1.23). They are the format.
const refuse = (code: OnnxErrorCode, why: string): FieldKind => ({ refuse: code, why });
const subgraph = refuse(
  'subgraph',
  'a graph inside an operator is refused; write the network without If, Loop and Scan',
);
const sparse = refuse('unsupported_type', 'sparse tensors are refused; store the weights densely');
const local = refuse(
  'local_function',
  'functions of the file’s own are refused; export with them inlined (onnx.inliner)',
);

/** The table of a whole file, with the bounds on how often things come. */
export function onnxTables(limits: OnnxLimits): MessageTable {
  const tensor: MessageTable = {
    name: 'TensorProto',
    fields: {
      1: ['dims', { numbers: 'int64', most: limits.rank }],
      2: ['dataType', 'int64'],
      3: ['segment', refuse('unsupported_type', 'tensors in segments are refused')],
      4: ['floatData', { numbers: 'float', most: limits.elements }],
      5: ['int32Data', { numbers: 'int64', most: limits.integers }],
      6: ['stringData', refuse('unsupported_type', 'texts are refused; encode them as numbers before the network')],
      7: ['int64Data', { numbers: 'int64', most: limits.integers }],
      8: ['name', 'string'],
      9: ['rawData', 'bytes'],
      10: ['doubleData', { numbers: 'double', most: limits.integers }],
      11: ['uint64Data', refuse('unsupported_type', 'unsigned integers are refused')],
      12: ['docString', 'skip'],
      13: [
        'externalData',
        refuse(
          'external_data',
          'values in another file are refused; export with external_data=False (torch.onnx.export), or save with save_as_external_data=False (onnx.save)',
        ),
      ],
      14: ['dataLocation', 'int64'],
      16: ['metadata', 'skip'],
    },
  };
  const dimension: MessageTable = {
    name: 'Dimension',
    fields: { 1: ['value', 'int64'], 2: ['parameter', 'string'], 3: ['denotation', 'skip'] },
  };
  const shape: MessageTable = {
    name: 'TensorShapeProto',
    fields: { 1: ['dim', { messages: dimension, most: limits.rank }] },
  };
  const tensorType: MessageTable = {
    name: 'TypeProto.Tensor',
    fields: { 1: ['elemType', 'int64'], 2: ['shape', { message: shape }] },
  };
  const notTensor = refuse('unsupported_type', 'only dense tensors are read, no sequences, maps or options');
  const type: MessageTable = {
    name: 'TypeProto',
    fields: {
      1: ['tensorType', { message: tensorType }],
      4: ['sequenceType', notTensor],
      5: ['mapType', notTensor],
      6: ['denotation', 'skip'],
      7: ['opaqueType', notTensor],
      8: ['sparseTensorType', notTensor],
      9: ['optionalType', notTensor],
    },
  };
  const value: MessageTable = {
    name: 'ValueInfoProto',
    fields: {
      1: ['name', 'string'],
      2: ['type', { message: type }],
      3: ['docString', 'skip'],
      4: ['metadata', 'skip'],
    },
  };
  const attribute: MessageTable = {
    name: 'AttributeProto',
    fields: {
      1: ['name', 'string'],
      2: ['f', 'float'],
      3: ['i', 'int64'],
      4: ['s', 'bytes'],
      5: ['t', { message: tensor }],
      6: ['g', subgraph],
      7: ['floats', { numbers: 'float', most: limits.elements }],
      8: ['ints', { numbers: 'int64', most: limits.attributeNumbers }],
      9: ['strings', { texts: limits.attributeNumbers }],
      10: ['tensors', refuse('unsupported_form', 'lists of tensors are refused')],
      11: ['graphs', subgraph],
      13: ['docString', 'skip'],
      14: ['typeProto', refuse('unsupported_type', 'types as attributes are refused')],
      15: ['typeProtos', refuse('unsupported_type', 'types as attributes are refused')],
      20: ['type', 'int64'],
      21: ['refAttrName', local],
      22: ['sparseTensor', sparse],
      23: ['sparseTensors', sparse],
    },
  };
  const node: MessageTable = {
    name: 'NodeProto',
    fields: {
      1: ['input', { texts: limits.ports }],
      2: ['output', { texts: limits.ports }],
      3: ['name', 'string'],
      4: ['opType', 'string'],
      5: ['attribute', { messages: attribute, most: limits.attributes }],
      6: ['docString', 'skip'],
      7: ['domain', 'string'],
      8: ['overload', 'string'],
      9: ['metadata', 'skip'],
      10: ['deviceConfigurations', 'skip'],
    },
  };
  const graph: MessageTable = {
    name: 'GraphProto',
    fields: {
      1: ['node', { messages: node, most: limits.nodes }],
      2: ['name', 'string'],
      5: ['initializer', { messages: tensor, most: limits.tensors }],
      10: ['docString', 'skip'],
      11: ['input', { messages: value, most: limits.tensors }],
      12: ['output', { messages: value, most: limits.ports }],
      // Shapes somebody else worked out: they are worked out anew.
      13: ['valueInfo', 'skip'],
      14: ['quantizationAnnotation', refuse('unsupported_type', 'quantised networks are refused; export in float32')],
      15: ['sparseInitializer', sparse],
      16: ['metadata', 'skip'],
    },
  };
  const operatorSet: MessageTable = {
    name: 'OperatorSetIdProto',
    fields: { 1: ['domain', 'string'], 2: ['version', 'int64'] },
  };
  const model: MessageTable = {
    name: 'ModelProto',
    fields: {
      1: ['irVersion', 'int64'],
      2: ['producerName', 'string'],
      3: ['producerVersion', 'string'],
      4: ['domain', 'skip'],
      5: ['modelVersion', 'skip'],
      6: ['docString', 'skip'],
      7: ['graph', { message: graph }],
      8: ['opsetImport', { messages: operatorSet, most: 16 }],
      14: ['metadata', 'skip'],
      20: [
        'trainingInfo',
        refuse('training_info', 'a training algorithm in the file is refused; the plan says how it trains'),
      ],
      25: ['functions', local],
      26: ['configuration', 'skip'],
    },
  };
  return model;
}
