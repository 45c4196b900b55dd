/** Element types Wardround's graphs use. */
export type ElementType = 'float' | 'float16' | 'double' | 'int32' | 'int64' | 'bool';

/** A length known when the graph is built, or a name for one known when it runs, such as `N`. */
export type Dimension = number | string;

/** A value of a graph: an input, a constant, or an operator's output. */
export interface Value {
  readonly name: string;
  readonly type: ElementType;
  readonly shape: readonly Dimension[];
  /** Contents, for a constant: shape inference and derivatives look at axes given this way. */
  readonly constant?: ConstantData;
  /** Contents of an integer value of at most one axis that is made from the lengths of other values, such as a Shape. */
  readonly dimensions?: readonly Dimension[];
}

/** Contents of a constant. `bool` is a byte a value; `float16` is the bits of each value. */
export type ConstantData = Float32Array | Float64Array | BigInt64Array | Int32Array | Uint16Array | Uint8Array;

/** Attributes are marked with their ONNX type, since 1 and 1.0 are different there. */
export type Attribute =
  | { readonly int: number }
  | { readonly float: number }
  | { readonly ints: readonly number[] }
  | { readonly floats: readonly number[] }
  | { readonly string: string }
  /** A constant, such as the value of ConstantOfShape. */
  | { readonly tensor: Value }
  /** A graph inside, such as the body of Scan. It may read values of the graph around it by their names, which none of its own has. */
  | { readonly graph: Graph };

export type Attributes = Readonly<Record<string, Attribute>>;

/** One use of an operator. */
export interface GraphNode {
  readonly operator: string;
  readonly inputs: readonly Value[];
  readonly outputs: readonly Value[];
  readonly attributes: Attributes;
}

/** A finished graph. Nodes are in an order in which each stands after those it depends on. */
export interface Graph {
  readonly name: string;
  readonly inputs: readonly Value[];
  readonly outputs: readonly Value[];
  readonly constants: readonly Value[];
  readonly nodes: readonly GraphNode[];
}

export function shapeText(shape: readonly Dimension[]): string {
  return `[${shape.join(', ')}]`;
}
