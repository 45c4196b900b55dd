import type { Value } from '../../graph.ts';
import type { GraphBuilder } from '../../graph-builder.ts';

interface SortedRows {
  /** All [rows], in ascending order of time. */
  readonly scores: Value;
  readonly time: Value;
  readonly event: Value;
  readonly ties: 'breslow' | 'efron';
}

/** Work on vectors of one length by parts: what a row is combined with stands a fixed number of places away. */
class Neighbours {
  readonly #b: GraphBuilder;
  readonly #rows: number;
  readonly #same = new Map<number, Value>();

  constructor(b: GraphBuilder, rows: number) {
    this.#b = b;
    this.#rows = rows;
  }

  /** 1, 2, 4, ... below the number of rows. */
  get distances(): number[] {
    const distances: number[] = [];
    for (let distance = 1; distance < this.#rows; distance *= 2) distances.push(distance);
    return distances;
  }

  slice(value: Value, from: number, to: number): Value {
    const b = this.#b;
    return b.op('Slice', [value, b.integers('from', [from]), b.integers('to', [to]), b.integers('axes', [0])]);
  }

  /** Rows that have one `distance` places on. */
  early = (value: Value, distance: number): Value => this.slice(value, 0, this.#rows - distance);
  /** Rows that have one `distance` places before. */
  late = (value: Value, distance: number): Value => this.slice(value, distance, this.#rows);

  join = (first: Value, second: Value): Value => this.#b.op('Concat', [first, second], { axis: { int: 0 } });

  /** [rows - distance] bool: the row `distance` places on has the same time; equal times stand together. */
  same(time: Value, distance: number): Value {
    const known = this.#same.get(distance);
    if (known !== undefined) return known;
    const same = this.#b.op('Equal', [this.early(time, distance), this.late(time, distance)]);
    this.#same.set(distance, same);
    return same;
  }
}

/**
 * The losses of `coxLosses` in n log n steps for rows in ascending order of time. Running log-sum-exps and sums over ties are made by combining
 * each row with the one 1, 2, 4, ... places away (Hillis and Steele 1986), each pair stably: log(exp a + exp c) = a + softplus(c - a).
 *
 * With r the log-sum-exp over the risk set and x the share of it that the tied events hold, Efron's denominator is r + log(1 - (l / d) x), in which
 * 1 - (l / d) x is at least 1 / d.
 */
export function coxSortedLosses(b: GraphBuilder, { scores, time, event, ties }: SortedRows): Value {
  const rows = time.shape[0] as number;
  const near = new Neighbours(b, rows);

  let risk = scores;
  for (const distance of near.distances) {
    const own = near.early(risk, distance);
    const later = near.late(risk, distance);
    const both = b.add(own, b.op('Softplus', [b.sub(later, own)]));
    risk = near.join(both, near.slice(risk, rows - distance, rows));
  }
  // The first row of each time has its whole risk set; the others of that time take it over.
  for (const distance of near.distances) {
    const kept = b.op('Where', [near.same(time, distance), near.early(risk, distance), near.late(risk, distance)]);
    risk = near.join(near.slice(risk, 0, distance), kept);
  }

  const unordered = b.cast(b.op('Less', [near.late(time, 1), near.early(time, 1)]), 'float');
  // The logarithm of -1 is NaN: rows out of order give no plausible number.
  const disorder = b.op('Log', [b.sub(b.scalar(1), b.mul(b.op('ReduceMax', [unordered]), b.scalar(2)))]);
  const counted = b.mul(event, b.add(b.op('Reshape', [disorder, b.integers('shape', [1])]), b.scalar(1)));

  const losses = b.sub(risk, scores);
  if (ties === 'breslow') return b.mul(counted, losses);

  const place = tiedSums(b, near, time, event);
  const held = tiedSums(b, near, time, b.mul(event, b.op('Exp', [b.sub(scores, risk)])));
  const share = b.div(b.sub(place.upTo, event), b.op('Max', [place.all, b.scalar(1)]));
  const left = b.op('Log', [b.sub(b.scalar(1), b.mul(b.mul(share, event), held.all))]);
  return b.mul(counted, b.add(losses, left));
}

/** Sums over the rows of a row's own time: up to it, and all of them. @param values [rows] */
function tiedSums(
  b: GraphBuilder,
  near: Neighbours,
  time: Value,
  values: Value,
): { readonly upTo: Value; readonly all: Value } {
  const rows = time.shape[0] as number;
  let upTo = values;
  let from = values;
  for (const distance of near.distances) {
    const same = b.cast(near.same(time, distance), 'float');
    const added = b.add(near.late(upTo, distance), b.mul(same, near.early(upTo, distance)));
    upTo = near.join(near.slice(upTo, 0, distance), added);
    const begun = b.add(near.early(from, distance), b.mul(same, near.late(from, distance)));
    from = near.join(begun, near.slice(from, rows - distance, rows));
  }
  return { upTo, all: b.sub(b.add(upTo, from), values) };
}
