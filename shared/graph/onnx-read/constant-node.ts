import type { FileNode, FileTensor } from './file-model.ts';
import { OnnxError } from './onnx-error.ts';

export function fileTensorOfAttribute(node: FileNode, name: string): FileTensor | null {
  const attribute = node.attributes.get(name);
  return attribute !== undefined && 'tensor' in attribute ? attribute.tensor : null;
}

/** What a Constant node holds, in any of the forms the operator has. @throws OnnxError `unsupported_form` */
export function constantNodeTensor(node: FileNode): FileTensor {
  const name = node.outputs[0] ?? '';
  const tensor = fileTensorOfAttribute(node, 'value');
  if (tensor !== null) return { ...tensor, name };
  const [attribute] = node.attributes.values();
  if (attribute !== undefined && node.attributes.size === 1) {
    if ('float' in attribute) return { name, type: 'float', shape: [], data: Float32Array.of(attribute.float) };
    if ('int' in attribute) return { name, type: 'int64', shape: [], data: BigInt64Array.of(attribute.int) };
    if ('floats' in attribute) {
      return { name, type: 'float', shape: [attribute.floats.length], data: Float32Array.from(attribute.floats) };
    }
    if ('ints' in attribute) {
      return { name, type: 'int64', shape: [attribute.ints.length], data: BigInt64Array.from(attribute.ints) };
    }
  }
  throw new OnnxError('unsupported_form', 'a Constant node holds neither a dense tensor nor numbers', {
    operator: 'Constant',
  });
}
