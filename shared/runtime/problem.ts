/** Where a value stands in a file; both count from 1. */
export interface Position {
  readonly line: number;
  readonly column: number;
}

export type ProblemCode =
  | 'too_large'
  | 'yaml_syntax'
  | 'duplicate_key'
  | 'unknown_key'
  | 'missing_key'
  | 'invalid_value'
  | 'inconsistent';

/** One thing wrong with a file a person wrote. */
export interface Problem {
  readonly code: ProblemCode;
  /** Path in the document, such as `data.columns[3].unit`; empty for the document itself. */
  readonly path: string;
  /** What is wrong, the value found, and what to do. */
  readonly message: string;
  /** Null for a value that did not come from the file, such as one from the environment. */
  readonly position: Position | null;
  /** Where the value came from instead of the file, such as an environment variable. */
  readonly origin?: string;
}

/** `data.columns[3].unit` of `['data', 'columns', 3, 'unit']`; a key that is no plain word is quoted. */
export function pathText(path: readonly PropertyKey[]): string {
  let text = '';
  for (const part of path) {
    if (typeof part === 'number') text += `[${part}]`;
    else {
      const key = String(part);
      const word = /^[A-Za-z_][A-Za-z0-9_-]*$/.test(key) ? key : JSON.stringify(key);
      text += text === '' ? word : `.${word}`;
    }
  }
  return text;
}

/** The value as a person would recognise it in the file, cut to a readable length. */
export function valueText(value: unknown): string {
  if (value === undefined) return 'nothing';
  let text: string;
  if (typeof value === 'number' || typeof value === 'bigint') text = String(value);
  else {
    try {
      text = JSON.stringify(value) ?? String(value);
    } catch {
      // Nested deeper than the stack.
      text = Array.isArray(value) ? '[...]' : '{...}';
    }
  }
  return text.length > 80 ? `${text.slice(0, 77)}...` : text;
}

/** Edit distance with transpositions of neighbours counted as one (optimal string alignment). */
function editDistance(left: string, right: string): number {
  let beforeLast: number[] = [];
  let last = Array.from({ length: right.length + 1 }, (_, index) => index);
  for (let row = 1; row <= left.length; row++) {
    const current = [row];
    for (let column = 1; column <= right.length; column++) {
      const same = left[row - 1] === right[column - 1];
      let cost = Math.min(
        (last[column] as number) + 1,
        (current[column - 1] as number) + 1,
        (last[column - 1] as number) + (same ? 0 : 1),
      );
      if (row > 1 && column > 1 && left[row - 1] === right[column - 2] && left[row - 2] === right[column - 1]) {
        cost = Math.min(cost, (beforeLast[column - 2] as number) + 1);
      }
      current.push(cost);
    }
    beforeLast = last;
    last = current;
  }
  return last[right.length] as number;
}

/** The word of `known` that `word` was probably meant to be, or null when none is near. */
export function nearestWord(word: string, known: readonly string[]): string | null {
  const plain = (text: string): string => text.toLowerCase().replaceAll(/[_-]/g, '');
  let best: string | null = null;
  let bestDistance = Number.POSITIVE_INFINITY;
  for (const candidate of known) {
    const distance = editDistance(plain(word.slice(0, 64)), plain(candidate));
    if (distance < bestDistance && distance <= Math.max(1, Math.floor(candidate.length / 3))) {
      best = candidate;
      bestDistance = distance;
    }
  }
  return best;
}

/** `file:line:column: path: message`, one line a problem; editors and terminals make the first part a link. */
export function problemText(file: string, problem: Problem): string {
  const place =
    problem.origin ??
    (problem.position === null ? file : `${file}:${problem.position.line}:${problem.position.column}`);
  return `${place}: ${problem.path === '' ? '' : `${problem.path}: `}${problem.message}`;
}

/** All problems under one another, in the order of the file, cut after `limit`. */
export function problemsText(file: string, problems: readonly Problem[], limit = 50): string {
  const lines = problems.slice(0, limit).map((problem) => problemText(file, problem));
  if (problems.length > limit) lines.push(`... and ${problems.length - limit} more`);
  return lines.join('\n');
}
