import { payloadShape } from '../../plan/payload.ts';
import type { Plan } from '../../plan/plan.ts';
import { encodedFeatures } from '../encoding.ts';
import type { Draft } from './draft.ts';
import type { FileValue } from './file-model.ts';
import { OnnxError, shown } from './onnx-error.ts';
import type { Traced } from './traced.ts';

export interface MatchedInputs {
  /** By name in the file. */
  readonly values: ReadonlyMap<string, Traced>;
  readonly used: readonly { readonly name: 'features' | 'payload'; readonly shape: readonly number[] }[];
  /** The number of rows written into the file; null where it is free. */
  readonly fixedRows: number | null;
  readonly changes: readonly string[];
}

interface Layout {
  /** Order in which the file wants the axes of [rows, ...shape]. */
  readonly order: readonly number[];
  readonly change: string | null;
}

function layoutsOf(name: 'features' | 'payload', rank: number): readonly Layout[] {
  const plain = { order: Array.from({ length: rank + 1 }, (_, axis) => axis), change: null };
  if (name === 'features') return [plain];
  return rank === 2
    ? [
        plain,
        { order: [0, 2, 1], change: 'series are turned to [rows, channels, steps], as the file takes them' },
        { order: [1, 0, 2], change: 'series are turned to [steps, rows, channels], as the file takes them' },
      ]
    : [
        plain,
        { order: [0, 2, 3, 1], change: 'images are turned to [rows, height, width, channels], as the file takes them' },
      ];
}

/** Whether a declared shape can be that of rows of `shape` in this layout; the rows' length may be anything. */
function fits(declared: FileValue['shape'], shape: readonly number[], { order }: Layout): boolean {
  if (declared === null) return order.every((axis, at) => axis === at);
  if (declared.length !== order.length) return false;
  return order.every((axis, at) => {
    const length = declared[at];
    // Turned layouts must be plain from the file, not guessed from free lengths.
    if (axis === 0) return at === 0 || typeof length === 'string';
    if (typeof length === 'string') return axis === at;
    return length === shape[axis - 1];
  });
}

/**
 * Finds for each of the file's inputs what of the plan's data it reads, by shape.
 * @throws OnnxError `wrong_input`
 */
export function matchInputs(inputs: readonly FileValue[], plan: Plan, draft: Draft): MatchedInputs {
  const features = encodedFeatures(plan).length;
  const offered: { readonly name: 'features' | 'payload'; readonly shape: readonly number[] }[] = [
    ...(features > 0 ? [{ name: 'features' as const, shape: [features] }] : []),
    ...(plan.data.payload === undefined ? [] : [{ name: 'payload' as const, shape: payloadShape(plan.data.payload) }]),
  ];
  const offer = offered.map(({ name, shape }) => `${name} [rows, ${shape.join(', ')}]`).join(' and ');
  const values = new Map<string, Traced>();
  const used: { name: 'features' | 'payload'; shape: readonly number[] }[] = [];
  const changes: string[] = [];
  let fixedRows: number | null = null;
  if (inputs.length === 0) throw new OnnxError('wrong_input', 'the network takes no input');
  for (const input of inputs) {
    const where = `input ${shown(input.name)} [${input.shape?.map((length) => String(length).replace(/^\?/, '')).join(', ') ?? '?'}]`;
    if (input.type !== 'float' && input.type !== 'double') {
      throw new OnnxError('wrong_input', `${where} is of ${input.type}; the plan's data are floats: ${offer}`);
    }
    const match = offered
      .filter(({ name }) => !used.some((other) => other.name === name))
      .flatMap((one) =>
        layoutsOf(one.name, one.shape.length)
          .filter((layout) => fits(input.shape, one.shape, layout))
          .map((layout) => ({ ...one, layout })),
      )[0];
    if (match === undefined) {
      throw new OnnxError('wrong_input', `${where} fits none of what the plan's data give: ${offer}`, {
        input: input.name,
      });
    }
    used.push({ name: match.name, shape: match.shape });
    const value = draft.input(match.name, match.shape);
    const { order, change } = match.layout;
    const isPlain = order.every((axis, at) => axis === at);
    values.set(input.name, isPlain ? value : draft.op('Transpose', [value], { perm: { ints: [...order] } }));
    if (change !== null) changes.push(change);
    const first = input.shape?.[0];
    if (order[0] === 0 && typeof first === 'number') fixedRows = first;
  }
  if (fixedRows !== null)
    changes.push(`the file was written for ${fixedRows} row(s) at a time; it is taken for any number`);
  return { values, used, fixedRows, changes };
}
