import type { GraphNode, Value } from './graph.ts';
import type { GraphBuilder } from './graph-builder.ts';
import { floatAttribute, intAttribute } from './operators/attributes.ts';
import { isKnown } from './operators/dimensions.ts';

/** Products with one weight, and one bias where it moves too: the rows that went in, and the gradients of what came out. */
interface Group {
  readonly weight: string;
  readonly bias: string | null;
  readonly rows: Value[];
  readonly gradients: Value[];
  joined: Value | null;
}

/** Whether the node is rows times a weight, as they are, with at most a bias added. */
function isPlainProduct({ operator, inputs, attributes }: GraphNode): boolean {
  const [rows, weight] = inputs;
  if (rows?.shape.length !== 2 || weight?.shape.length !== 2 || !isKnown(rows.shape)) return false;
  if (operator === 'MatMul') return true;
  return (
    operator === 'Gemm' &&
    intAttribute(attributes, 'transA', 0) === 0 &&
    intAttribute(attributes, 'transB', 0) === 0 &&
    floatAttribute(attributes, 'alpha', 1) === 1 &&
    floatAttribute(attributes, 'beta', 1) === 1
  );
}

function joinRows(builder: GraphBuilder, values: readonly Value[]): Value {
  return values.length === 1 ? (values[0] as Value) : builder.op('Concat', values, { axis: { int: 0 } });
}

/**
 * Gradients by weights that several products share, as the steps of a recurrent network do: Σ aₜᵀ gₜ over the products is one product
 * [a₁; a₂; ...]ᵀ [g₁; g₂; ...] of all their rows, in place of one product and one sum a step.
 */
export class SharedProducts {
  readonly #shared = new Set<string>();
  readonly #groups = new Map<string, Group>();
  /** The groups that a weight or bias is in, by its name, in the order in which they were begun. */
  readonly #groupsOf = new Map<string, Group[]>();
  readonly #resolved = new Set<string>();

  /** @param nodes those to be differentiated */
  constructor(nodes: readonly GraphNode[]) {
    const seen = new Set<string>();
    for (const node of nodes) {
      const weight = node.inputs[1];
      if (weight === undefined || !isPlainProduct(node)) continue;
      if (seen.has(weight.name)) this.#shared.add(weight.name);
      seen.add(weight.name);
    }
  }

  /**
   * Takes the gradients by the node's weight and bias upon itself where the weight is shared.
   * @returns `needed` without those
   */
  defer(node: GraphNode, gradient: Value | null | undefined, needed: readonly boolean[]): readonly boolean[] {
    const [rows, weight, bias] = node.inputs;
    if (rows === undefined || weight === undefined || gradient === undefined || gradient === null) return needed;
    if (needed[1] !== true || !this.#shared.has(weight.name) || !isPlainProduct(node)) return needed;
    const withBias = needed[2] === true && bias?.shape.length === 1 && bias.shape[0] === weight.shape[1];
    const key = JSON.stringify([weight.name, withBias ? bias.name : null]);
    const known = this.#groups.get(key);
    const group = known ?? {
      weight: weight.name,
      bias: withBias ? bias.name : null,
      rows: [],
      gradients: [],
      joined: null,
    };
    if (known === undefined) this.#begin(key, group);
    group.rows.push(rows);
    group.gradients.push(gradient);
    return needed.map((asked, index) => asked && index !== 1 && !(index === 2 && withBias));
  }

  /** Gradients taken over for the value of this name, given once; to be asked for when all nodes that read it have been visited. */
  resolve(builder: GraphBuilder, name: string): Value[] {
    const parts: Value[] = [];
    if (this.#resolved.has(name)) return parts;
    this.#resolved.add(name);
    for (const group of this.#groupsOf.get(name) ?? []) {
      group.joined ??= joinRows(builder, group.gradients);
      if (group.weight === name) {
        parts.push(builder.gemm(joinRows(builder, group.rows), group.joined, undefined, { a: true }));
      }
      if (group.bias === name) parts.push(builder.sum(group.joined, [0]));
    }
    return parts;
  }

  #begin(key: string, group: Group): void {
    this.#groups.set(key, group);
    for (const name of new Set([group.weight, ...(group.bias === null ? [] : [group.bias])])) {
      const groups = this.#groupsOf.get(name);
      if (groups === undefined) this.#groupsOf.set(name, [group]);
      else groups.push(group);
    }
  }
}
