import type { Plan } from '../plan/plan.ts';
import { nearestWord } from '../runtime/problem.ts';
import { networkOf } from './network.ts';
import { type ProductMatrix, productMatrices } from './product-matrices.ts';

/** Which tensors of a network train, worked out from `training.trainable`. */
export interface Trainable {
  /** Names of tensors trained as they are. */
  readonly whole: ReadonlySet<string>;
  /** Matrices that get a low-rank adapter, by name. */
  readonly adapted: ReadonlyMap<string, ProductMatrix>;
  readonly rank: number;
  /** What an adapter's product is multiplied by: alpha / rank. */
  readonly scale: number;
}

/** Something wrong with `training.trainable`: where in it, and what. */
export interface TrainableProblem {
  readonly path: readonly (string | number)[];
  readonly message: string;
}

/** Names that a pattern stands for, * being any characters. */
export function matching(pattern: string, names: readonly string[]): string[] {
  const parts = pattern.split('*');
  return names.filter((name) => isMade(name, parts));
}

/** Names that any of the patterns stands for. Those without * are looked up: a plan may list ten thousand. */
function matchingAny(patterns: readonly string[], names: readonly string[]): string[] {
  const plain = new Set(patterns.filter((pattern) => !pattern.includes('*')));
  const open = patterns.filter((pattern) => pattern.includes('*')).map((pattern) => pattern.split('*'));
  return names.filter((name) => plain.has(name) || open.some((parts) => isMade(name, parts)));
}

/**
 * Whether the name is the parts with anything between them. Each part but the last is found as early as it can be, which leaves the most to the others:
 * a regular expression could take forever over a pattern of many *.
 */
function isMade(name: string, [first = '', ...others]: readonly string[]): boolean {
  const last = others.pop();
  if (last === undefined) return name === first;
  if (!name.startsWith(first)) return false;
  let from = first.length;
  for (const part of others) {
    const at = name.indexOf(part, from);
    if (at === -1) return false;
    from = at + part.length;
  }
  return name.length - last.length >= from && name.endsWith(last);
}

/** An adapter that would not be smaller than the matrix is not worth having. */
function worthAdapting({ inputs, outputs }: ProductMatrix, rank: number): boolean {
  return rank * (inputs + outputs) < inputs * outputs;
}

const known = new WeakMap<Plan, Trainable>();

/** Buffers are in neither: they are carried whatever trains. */
export function trainableOf(plan: Plan): Trainable {
  const made = known.get(plan) ?? resolve(plan);
  known.set(plan, made);
  return made;
}

function trainedNames(plan: Plan): string[] {
  return networkOf(plan)
    .parameters.filter(({ role }) => role !== 'buffer')
    .map(({ name }) => name);
}

function resolve(plan: Plan): Trainable {
  const { trainable } = plan.training;
  const names = trainedNames(plan);
  const of = (whole: readonly string[]): Trainable => ({
    whole: new Set(whole),
    adapted: new Map(),
    rank: 0,
    scale: 0,
  });
  if (trainable === undefined || trainable === 'all') return of(names);
  if (trainable === 'last-layer') return of(networkOf(plan).lastLayer);
  if ('names' in trainable) return of(matchingAny(trainable.names, names));
  const { rank, alpha = rank, on, and } = trainable.lora;
  const whole = new Set(matchingAny(and, names));
  const matrices = productMatrices(plan);
  const chosen = new Set(matchingAny(on, [...matrices.keys()]));
  const adapted = new Map(
    [...matrices].filter(([name, matrix]) => chosen.has(name) && !whole.has(name) && worthAdapting(matrix, rank)),
  );
  return { whole, adapted, rank, scale: alpha / rank };
}

/** Unknown names for which the nearest known one is looked for: each is compared with every tensor, letter by letter. */
const mostAdvised = 5;

/** Patterns that stand for nothing, and adapters on nothing. */
export function trainableProblems(plan: Plan): TrainableProblem[] {
  const { trainable } = plan.training;
  if (typeof trainable !== 'object') return [];
  const names = trainedNames(plan);
  const unmatched = (
    patterns: readonly string[],
    path: TrainableProblem['path'],
    of: readonly string[],
    what: string,
  ): TrainableProblem[] => {
    const known = new Set(of);
    const isOne = (pattern: string): boolean =>
      pattern.includes('*') ? matching(pattern, of).length > 0 : known.has(pattern);
    return [...patterns.entries()]
      .filter(([, pattern]) => !isOne(pattern))
      .map(([at, pattern], count) => ({
        path: [...path, at],
        message: `${pattern} is no ${what} of this model${count < mostAdvised ? nearestText(pattern, of) : ''}`,
      }));
  };
  if ('names' in trainable) return unmatched(trainable.names, ['names'], names, 'tensor');
  const { rank, on, and } = trainable.lora;
  const matrices = [...productMatrices(plan).keys()];
  const problems = [
    ...unmatched(on, ['lora', 'on'], matrices, 'matrix'),
    ...unmatched(and, ['lora', 'and'], names, 'tensor'),
  ];
  if (problems.length === 0 && trainableOf(plan).adapted.size === 0) {
    problems.push({
      path: ['lora', 'rank'],
      message: `no matrix gets an adapter: adapters of rank ${rank} are put on matrices that MatMul or Gemm multiply by, are not trained as a whole, and have more values than the adapter`,
    });
  }
  return problems;
}

function nearestText(pattern: string, names: readonly string[]): string {
  if (names.length === 0) return ', which has none';
  const near = pattern.includes('*') ? null : nearestWord(pattern, names);
  if (near !== null) return `; the nearest is ${near}`;
  // Those that share most of their beginning with the pattern are the likeliest to have been meant.
  const start = pattern.split('*')[0] ?? '';
  const shared = (name: string): number => {
    let length = 0;
    while (length < start.length && start[length] === name[length]) length++;
    return length;
  };
  const likely = [...names].sort((a, b) => shared(b) - shared(a)).slice(0, 6);
  return `; ${names.length > likely.length ? 'among them are' : 'they are'} ${likely.join(', ')}`;
}
