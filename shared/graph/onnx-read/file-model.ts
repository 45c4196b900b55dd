import type { ConstantData, ElementType } from '../graph.ts';

/** A stored tensor of a file. */
export interface FileTensor {
  readonly name: string;
  readonly type: ElementType;
  readonly shape: readonly number[];
  readonly data: ConstantData;
}

export type FileAttribute =
  | { readonly int: bigint }
  | { readonly float: number }
  | { readonly ints: readonly bigint[] }
  | { readonly floats: readonly number[] }
  | { readonly string: string }
  | { readonly strings: readonly string[] }
  | { readonly tensor: FileTensor };

export interface FileNode {
  /** For messages. */
  readonly name: string;
  readonly operator: string;
  readonly domain: string;
  /** An empty name is an optional input that is not given. */
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes: ReadonlyMap<string, FileAttribute>;
}

/** A declared input or output. A dimension is a number, or a text for one that is free. */
export interface FileValue {
  readonly name: string;
  readonly type: ElementType;
  /** Null when the file does not say. */
  readonly shape: readonly (number | string)[] | null;
}

/** An ONNX file after reading: names are unique, every used value is made before, nothing is nested. Nothing is trusted beyond that. */
export interface FileModel {
  readonly producer: string;
  /** Version of the default operator set. */
  readonly operatorSet: number;
  /** Version of ai.onnx.ml, or null. */
  readonly classicalSet: number | null;
  readonly inputs: readonly FileValue[];
  readonly outputs: readonly FileValue[];
  readonly initializers: ReadonlyMap<string, FileTensor>;
  readonly nodes: readonly FileNode[];
}

/** The domain of scikit-learn's operators. */
export const classicalDomain = 'ai.onnx.ml';
