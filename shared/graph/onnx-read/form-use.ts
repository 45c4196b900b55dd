import type { Draft } from './draft.ts';
import type { FileNode } from './file-model.ts';
import { OnnxError } from './onnx-error.ts';
import type { Traced } from './traced.ts';

/** What the translation of one node sees. */
export interface FormUse {
  readonly draft: Draft;
  readonly node: FileNode;
  /** Null for an optional input that is not given; the list ends with the last one that is. */
  readonly inputs: readonly (Traced | null)[];
  readonly operatorSet: number;
  /** The number of rows written into the file's input, when it is written there. */
  readonly fixedRows: number | null;
  /** Whether anything uses output `index`. */
  readonly used: (index: number) => boolean;
}

/** One operator of a file in the terms of the network. */
export type Form = (use: FormUse) => readonly Traced[];

export function unsupportedForm(use: Pick<FormUse, 'node'>, why: string): OnnxError {
  return new OnnxError('unsupported_form', `${use.node.operator}: ${why}`, { operator: use.node.operator });
}

export function givenInput(use: FormUse, index: number): Traced {
  const value = use.inputs[index];
  if (value == null) throw unsupportedForm(use, `input ${index} is not there`);
  return value;
}
