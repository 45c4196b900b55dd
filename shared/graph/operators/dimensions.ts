import type { Dimension } from '../graph.ts';
import { shapeText } from '../graph.ts';
import { misfit } from './rule.ts';

/** Counts a negative axis from the end. @throws GraphError `shape_mismatch` when there is no such axis */
export function axisOf(axis: number, rank: number): number {
  const own = axis < 0 ? axis + rank : axis;
  if (!Number.isInteger(own) || own < 0 || own >= rank) throw misfit(`there is no axis ${axis} of ${rank}`);
  return own;
}

/** Several axes, each once. */
export function axesOf(axes: readonly number[], rank: number): number[] {
  const own = axes.map((axis) => axisOf(axis, rank));
  if (new Set(own).size !== own.length) throw misfit(`axes [${axes.join(', ')}] name one axis twice`);
  return own;
}

/** Shape of an element-wise result under ONNX (numpy) broadcasting; a named length fits itself and 1. */
export function broadcastShape(a: readonly Dimension[], b: readonly Dimension[]): Dimension[] {
  const rank = Math.max(a.length, b.length);
  return Array.from({ length: rank }, (_, axis) => {
    const left = a[axis - rank + a.length] ?? 1;
    const right = b[axis - rank + b.length] ?? 1;
    if (left === right || right === 1) return left;
    if (left === 1) return right;
    throw misfit(`shapes ${shapeText(a)} and ${shapeText(b)} do not broadcast`);
  });
}

/** The shape as numbers. @throws GraphError `shape_mismatch` when a length is a name */
export function knownShape(shape: readonly Dimension[], what = 'the shape'): number[] {
  return shape.map((length) => {
    if (typeof length === 'string') throw misfit(`${what} ${shapeText(shape)} must be known when the graph is built`);
    return length;
  });
}

export function isKnown(shape: readonly Dimension[]): shape is readonly number[] {
  return shape.every((length) => typeof length === 'number');
}

export function sizeOf(shape: readonly number[]): number {
  return shape.reduce((product, length) => product * length, 1);
}

interface Factors {
  readonly number: number;
  readonly names: readonly string[];
}

function factorsOf(shape: readonly Dimension[]): Factors {
  let number = 1;
  const names: string[] = [];
  for (const length of shape) {
    if (typeof length === 'number') {
      number *= length;
      continue;
    }
    for (const part of length.split('*')) {
      if (/^\d+$/.test(part)) number *= Number(part);
      else names.push(part);
    }
  }
  return { number, names };
}

function dimensionOf({ number, names }: Factors): Dimension {
  if (names.length === 0 || number === 0) return number;
  const product = [...names].sort().join('*');
  return number === 1 ? product : `${number}*${product}`;
}

/** Product of the lengths: a number, a name, or a product of names written `3*N`. */
export function productOf(shape: readonly Dimension[]): Dimension {
  return dimensionOf(factorsOf(shape));
}

/** Product of `whole` by product of `part`, null when it does not come out even. */
export function quotientOf(whole: readonly Dimension[], part: readonly Dimension[]): Dimension | null {
  const above = factorsOf(whole);
  const below = factorsOf(part);
  const names = [...above.names];
  for (const name of below.names) {
    const index = names.indexOf(name);
    if (index === -1) return null;
    names.splice(index, 1);
  }
  if (below.number === 0) return null;
  const number = above.number / below.number;
  return Number.isInteger(number) ? dimensionOf({ number, names }) : null;
}
