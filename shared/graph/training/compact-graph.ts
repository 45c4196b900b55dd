import type { Attribute, Graph, GraphNode, Value } from '../graph.ts';

/** Constants above this are told apart by name alone. */
const mostComparedBytes = 65_536;

function contentKey({ type, shape, constant, name }: Value): string {
  if (constant === undefined || constant.byteLength > mostComparedBytes) return name;
  const bytes = Buffer.from(constant.buffer, constant.byteOffset, constant.byteLength);
  return `${type} ${shape.join()} ${bytes.toString('base64')}`;
}

function attributeKey(attribute: Attribute): string | null {
  if ('graph' in attribute) return null;
  return 'tensor' in attribute ? contentKey(attribute.tensor) : JSON.stringify(attribute);
}

/** Equal for nodes that give equal results; null where that is not looked into. */
function nodeKey({ operator, inputs, outputs, attributes }: GraphNode): string | null {
  const parts = Object.entries(attributes).map(([name, attribute]) => [name, attributeKey(attribute)] as const);
  if (parts.some(([, key]) => key === null)) return null;
  const sorted = parts.sort(([a], [b]) => (a < b ? -1 : 1));
  return JSON.stringify([operator, outputs.length, inputs.map(({ name }) => name), sorted]);
}

/** What stands for each value, by name. */
class Standing {
  readonly #by = new Map<string, Value>();
  of = (value: Value): Value => this.#by.get(value.name) ?? value;
  replace(value: Value, by: Value): void {
    this.#by.set(value.name, by);
  }
}

/** Equal constants and equal nodes once; nothing that only hands a value on. */
function merged({ inputs, outputs, constants, nodes }: Graph): {
  readonly constants: Value[];
  readonly nodes: GraphNode[];
} {
  const standing = new Standing();
  const kept: Value[] = [];
  const known = new Map<string, Value>();
  // Read by name from elsewhere: results, and what graphs inside take.
  const named = new Set([...outputs.map(({ name }) => name), ...nodes.flatMap(namesReadInside)]);
  for (const constant of constants) {
    const key = contentKey(constant);
    const same = known.get(key);
    if (same !== undefined && !named.has(constant.name)) standing.replace(constant, same);
    else {
      known.set(key, constant);
      kept.push(constant);
    }
  }
  const outside = new Set([...inputs, ...kept].map(({ name }) => name));
  const made: GraphNode[] = [];
  const byKey = new Map<string, GraphNode>();
  for (const node of nodes) {
    const taken = { ...node, inputs: node.inputs.map(standing.of) };
    const isNamed = node.outputs.some(({ name }) => named.has(name));
    if (node.operator === 'Identity' && !isNamed) {
      standing.replace(node.outputs[0] as Value, taken.inputs[0] as Value);
      continue;
    }
    const key = isNamed ? null : nodeKey(taken);
    const same = key === null ? undefined : byKey.get(key);
    if (same !== undefined) {
      for (const [index, output] of node.outputs.entries()) standing.replace(output, same.outputs[index] as Value);
      continue;
    }
    if (key !== null) byKey.set(key, taken);
    made.push(taken);
  }
  return { constants: kept, nodes: namedByResult(made, outside, named) };
}

/** A node whose value is only handed on to be a result of the graph gives that result itself. */
function namedByResult(
  nodes: readonly GraphNode[],
  outside: ReadonlySet<string>,
  named: ReadonlySet<string>,
): GraphNode[] {
  const renamed = new Map<string, Value>();
  const dropped = new Set<GraphNode>();
  for (const node of nodes) {
    const [from, to] = [node.inputs[0], node.outputs[0]];
    if (node.operator !== 'Identity' || from === undefined || to === undefined) continue;
    if (outside.has(from.name) || named.has(from.name) || renamed.has(from.name)) continue;
    renamed.set(from.name, to);
    dropped.add(node);
  }
  const by = (value: Value): Value => renamed.get(value.name) ?? value;
  return nodes.flatMap((node) =>
    dropped.has(node) ? [] : [{ ...node, inputs: node.inputs.map(by), outputs: node.outputs.map(by) }],
  );
}

/** The same graph without nodes that no output needs, without repeated ones, and without constants that nothing reads. Inputs and outputs stay. */
export function compactGraph(graph: Graph): Graph {
  const { constants, nodes } = merged(graph);
  const needed = new Set(graph.outputs.map(({ name }) => name));
  const kept = nodes
    .toReversed()
    .filter(({ inputs, outputs, attributes }) => {
      if (!outputs.some(({ name }) => needed.has(name))) return false;
      for (const { name } of inputs) needed.add(name);
      for (const name of namesReadInside({ attributes })) needed.add(name);
      return true;
    })
    .reverse();
  return { ...graph, constants: constants.filter(({ name }) => needed.has(name)), nodes: kept };
}

/** Every name that graphs inside a node read; those they do not make themselves are of the graph around them. */
function namesReadInside({ attributes }: Pick<GraphNode, 'attributes'>): string[] {
  return Object.values(attributes).flatMap((attribute) =>
    'graph' in attribute ? attribute.graph.nodes.flatMap(({ inputs }) => inputs.map(({ name }) => name)) : [],
  );
}
