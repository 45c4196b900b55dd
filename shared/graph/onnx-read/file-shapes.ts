import type { Attribute, ConstantData, Graph, GraphNode, Value } from '../graph.ts';
import { GraphError } from '../graph-error.ts';
import { operatorSet } from '../onnx-file.ts';
import { inferOutputs } from '../operators.ts';
import { mayEndProcess } from './check-node.ts';
import { constantNodeTensor } from './constant-node.ts';
import { plainAttributes } from './file-attributes.ts';
import type { FileModel, FileNode, FileTensor } from './file-model.ts';
import { OnnxError, shown } from './onnx-error.ts';

/** Most axes of a value; no operator here needs as many. */
const mostAxes = 16;

function constantValue({ name, type, shape, data }: FileTensor): Value {
  const count = shape.reduce((product, length) => product * length, 1);
  // Of a large tensor the contents were not read, and no shape follows from them.
  return { name, type, shape, ...(data.length === count ? { constant: data as ConstantData } : {}) };
}

function attributesOf(node: FileNode): Readonly<Record<string, Attribute>> {
  const tensors = [...node.attributes].flatMap(([name, attribute]) =>
    'tensor' in attribute ? [[name, { tensor: constantValue(attribute.tensor) }] as const] : [],
  );
  const names = tensors.map(([name]) => name);
  return { ...plainAttributes(node, names), ...Object.fromEntries(tensors) };
}

/** A node whose inputs that are left out stand at its end alone: others no shape is inferred with. */
function givenInputs(node: FileNode): readonly string[] {
  const inputs = [...node.inputs];
  while (inputs.at(-1) === '') inputs.pop();
  if (inputs.includes('')) {
    throw new OnnxError('unsupported_form', `${node.operator} leaves an input out that stands before others`, {
      operator: node.operator,
    });
  }
  return inputs;
}

/** A graph with the nodes that depend on no input apart: a runtime computes them once, when it opens the file, and keeps what they yield. */
export interface FileGraph extends Graph {
  /** None of them is among `nodes`; what they yield is among `constants`. */
  readonly folded: readonly GraphNode[];
}

interface Prepared {
  readonly node: FileNode;
  readonly inputs: readonly string[];
  readonly attributes: Readonly<Record<string, Attribute>>;
}

/** The integers of a divisor; of others they are not asked for. */
const heldBy = ({ type, constant, dimensions }: Value) => ({
  type,
  get numbers(): Iterable<number | bigint> | null {
    return constant ?? (dimensions as readonly number[] | undefined) ?? null;
  },
});

function inferred({ node, attributes }: Prepared, inputs: readonly Value[]): Value[] {
  const { operator, outputs } = node;
  if (mayEndProcess(operator, inputs[1] === undefined ? undefined : heldBy(inputs[1]))) {
    throw new OnnxError('unsupported_form', `${operator} divides integers by what is not a constant, or by 0 or -1`, {
      operator,
    });
  }
  let found: ReturnType<typeof inferOutputs>;
  try {
    found = inferOutputs(operator, inputs, attributes, outputs.length);
  } catch (cause) {
    if (!(cause instanceof GraphError)) throw cause;
    const code = cause.code === 'unknown_operator' ? 'unsupported_operator' : 'dynamic_shape';
    throw new OnnxError(code, `the shapes of its values cannot be told: ${cause.message}`, { operator }, cause);
  }
  return found.map((value, index) => {
    const { shape } = value;
    if (shape.length > mostAxes || !shape.every((length) => Number.isSafeInteger(length) && Number(length) >= 0)) {
      throw new OnnxError(
        'dynamic_shape',
        `${operator} yields a value of [${shape.slice(0, mostAxes).join(', ')}], of which nobody can say how large it is`,
        { operator },
      );
    }
    return { name: outputs[index] ?? '', ...value };
  });
}

/**
 * The graph of a model file with every shape worked out for a number of rows, from which follows what carrying it out takes.
 *
 * @returns the graph for so many rows
 * @throws OnnxError, at once or for a number of rows: `unsupported_version`, `unsupported_operator`, `unsupported_form`, `dynamic_shape`,
 *   `wrong_input`
 */
export function graphOfFile(file: FileModel): (rows: number) => FileGraph {
  // Another set gives operators other inputs, and their results other shapes.
  if (file.operatorSet !== operatorSet) {
    throw new OnnxError(
      'unsupported_version',
      `the model uses operator set ${file.operatorSet}, where Wardround writes models of set ${operatorSet}`,
    );
  }
  const prepared = file.nodes.map((node): Prepared | { readonly node: FileNode; readonly value: Value } =>
    node.operator === 'Constant'
      ? { node, value: constantValue(constantNodeTensor(node)) }
      : { node, inputs: givenInputs(node), attributes: attributesOf(node) },
  );
  const stored = [...file.initializers.values()].map(constantValue);
  return (rows) => {
    const values = new Map<string, Value>();
    const fixed = new Set<string>();
    const constants: Value[] = [];
    const nodes: GraphNode[] = [];
    const folded: GraphNode[] = [];
    const keep = (value: Value): void => {
      values.set(value.name, value);
      fixed.add(value.name);
      constants.push(value);
    };
    for (const value of stored) keep(value);
    const inputs = file.inputs.map(({ name, type, shape }): Value => {
      const [first, ...rest] = shape ?? [];
      if (first === undefined || !rest.every((length) => typeof length === 'number')) {
        throw new OnnxError('wrong_input', `of the input ${shown(name)} more than the number of rows is left open`);
      }
      return { name, type, shape: [rows, ...rest] };
    });
    for (const value of inputs) values.set(value.name, value);
    for (const entry of prepared) {
      if ('value' in entry) {
        keep(entry.value);
        continue;
      }
      const { node, attributes } = entry;
      // A file is read only when every value is made before it is used.
      const own = entry.inputs.map((name) => values.get(name) as Value);
      const outputs = inferred(entry, own);
      const used: GraphNode = { operator: node.operator, inputs: own, outputs, attributes };
      if (entry.inputs.every((name) => fixed.has(name))) {
        for (const value of outputs) keep(value);
        folded.push(used);
        continue;
      }
      for (const value of outputs) values.set(value.name, value);
      nodes.push(used);
    }
    return {
      name: '',
      inputs,
      outputs: file.outputs.flatMap(({ name }) => values.get(name) ?? []),
      constants,
      nodes,
      folded,
    };
  };
}
