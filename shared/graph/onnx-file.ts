import type { Attribute, ElementType, Graph, Value } from './graph.ts';
import { modelProto } from './onnx-schema.ts';

/** IR version 8 is the one that came with operator set 17 (ONNX 1.12). */
const irVersion = 8;
export const operatorSet = 17;

/** Numbers of the element types in the format. */
export const elementTypes: Readonly<Record<ElementType, number>> = {
  float: 1,
  int32: 6,
  int64: 7,
  bool: 9,
  float16: 10,
  double: 11,
};

function attributeProto(name: string, attribute: Attribute): Record<string, unknown> {
  if ('int' in attribute) return { name, type: 2, i: attribute.int };
  if ('float' in attribute) return { name, type: 1, f: attribute.float };
  if ('string' in attribute) return { name, type: 3, s: Buffer.from(attribute.string) };
  if ('tensor' in attribute) return { name, type: 4, t: tensorProto(attribute.tensor) };
  if ('graph' in attribute) return { name, type: 5, g: graphProto(attribute.graph) };
  if ('floats' in attribute) return { name, type: 6, floats: [...attribute.floats] };
  return { name, type: 7, ints: [...attribute.ints] };
}

function valueInfo(value: Value): Record<string, unknown> {
  const dim = value.shape.map((length) => (typeof length === 'number' ? { dimValue: length } : { dimParam: length }));
  return { name: value.name, type: { tensorType: { elemType: elementTypes[value.type], shape: { dim } } } };
}

function tensorProto(value: Value): Record<string, unknown> {
  const data = value.constant ?? new Float32Array();
  // ONNX wants little-endian raw data, which is what every platform with a prebuilt runtime stores.
  const rawData = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  return { name: value.name, dataType: elementTypes[value.type], dims: [...value.shape], rawData };
}

/** The graph as the fields of a GraphProto. */
export function graphProto(graph: Graph): Record<string, unknown> {
  return {
    name: graph.name,
    input: graph.inputs.map(valueInfo),
    output: graph.outputs.map(valueInfo),
    initializer: graph.constants.map(tensorProto),
    node: graph.nodes.map((node, index) => ({
      name: `${index}.${node.operator}`,
      opType: node.operator,
      input: node.inputs.map((value) => value.name),
      output: node.outputs.map((value) => value.name),
      attribute: Object.entries(node.attributes).map(([name, attribute]) => attributeProto(name, attribute)),
    })),
  };
}

/**
 * The bytes of the graph as an ONNX model: IR version 8, default operator set 17, no other domain.
 * Equal graphs and metadata give equal bytes.
 */
export function encodeOnnx(graph: Graph, metadata: Readonly<Record<string, string>> = {}): Uint8Array {
  const model = {
    irVersion,
    producerName: 'wardround',
    opsetImport: [{ domain: '', version: operatorSet }],
    metadataProps: Object.entries(metadata).map(([key, value]) => ({ key, value })),
    graph: graphProto(graph),
  };
  return modelProto.encode(model).finish();
}
