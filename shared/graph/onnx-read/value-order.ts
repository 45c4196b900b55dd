import type { FileModel } from './file-model.ts';
import { OnnxError, shown } from './onnx-error.ts';

/**
 * Checks that every value is made once, and before it is used.
 * @throws OnnxError `duplicate_name`, `undefined_value`, `used_before_made`, `cycle`
 */
export function checkOrder(model: Pick<FileModel, 'inputs' | 'outputs' | 'initializers' | 'nodes'>): void {
  const makers = new Map<string, number>();
  const given = new Set([...model.inputs.map(({ name }) => name), ...model.initializers.keys()]);
  for (const [index, node] of model.nodes.entries()) {
    for (const output of node.outputs) {
      if (output === '') continue;
      if (given.has(output) || makers.has(output)) {
        throw new OnnxError('duplicate_name', `two values are named ${shown(output)}`, { node: index });
      }
      makers.set(output, index);
    }
  }
  let late: { readonly node: number; readonly value: string } | null = null;
  for (const [index, node] of model.nodes.entries()) {
    for (const input of node.inputs) {
      if (input === '' || given.has(input)) continue;
      const maker = makers.get(input);
      if (maker === undefined) {
        throw new OnnxError(
          'undefined_value',
          `node ${index} (${node.operator}) uses ${shown(input)}, which nothing makes`,
          {
            node: index,
          },
        );
      }
      if (maker >= index) late ??= { node: index, value: input };
    }
  }
  for (const { name } of model.outputs) {
    if (!given.has(name) && !makers.has(name)) {
      throw new OnnxError('undefined_value', `the output ${shown(name)} is not made by any node`);
    }
  }
  if (late === null) return;
  if (hasCycle(model, makers)) {
    throw new OnnxError('cycle', `the value ${shown(late.value)} depends on itself`, { node: late.node });
  }
  throw new OnnxError(
    'used_before_made',
    `node ${late.node} uses ${shown(late.value)}, which a later node makes; the nodes of an ONNX file are in order`,
    { node: late.node },
  );
}

/** Takes away nodes whose inputs are all there, until none is left or the rest wait for each other (Kahn 1962). */
function hasCycle(model: Pick<FileModel, 'nodes'>, makers: ReadonlyMap<string, number>): boolean {
  const waiting = model.nodes.map((node) => node.inputs.filter((input) => makers.has(input)).length);
  const users = new Map<number, number[]>();
  for (const [index, node] of model.nodes.entries()) {
    for (const input of node.inputs) {
      const maker = makers.get(input);
      if (maker === undefined) continue;
      const list = users.get(maker);
      if (list === undefined) users.set(maker, [index]);
      else list.push(index);
    }
  }
  const ready = waiting.flatMap((count, index) => (count === 0 ? [index] : []));
  let done = 0;
  for (let next = ready.pop(); next !== undefined; next = ready.pop()) {
    done++;
    for (const user of users.get(next) ?? []) {
      waiting[user] = (waiting[user] as number) - 1;
      if (waiting[user] === 0) ready.push(user);
    }
  }
  return done < model.nodes.length;
}
