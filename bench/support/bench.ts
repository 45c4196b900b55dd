/** One figure of a benchmark. */
export interface BenchRow {
  /** What was run, such as `mlp 16-16-16-1, onnx`. */
  readonly case: string;
  /** What was measured, such as `epoch, median`. */
  readonly figure: string;
  readonly value: number;
  readonly unit: string;
  /** The case it is compared with, measured in the same run. */
  readonly against?: string;
  /** value / value of `against`. */
  readonly ratio?: number;
  /** What the project wants it to be, in words. */
  readonly goal?: string;
  readonly ok?: boolean;
}

export interface BenchOptions {
  /** Fewer repetitions, for a look. */
  readonly quick: boolean;
  /** Only cases whose name holds this text, for a benchmark that has several. */
  readonly only?: string;
  /** Says on standard error what is under way. */
  readonly progress: (text: string) => void;
}

/** What a file of this folder exports. */
export interface Bench {
  /** One line for the list. */
  readonly title: string;
  run(options: BenchOptions): Promise<readonly BenchRow[]>;
}

/** Middle value; mean of the two middle ones for an even count. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? Number.NaN) + upper) / 2;
}

/** No case is what `--only` asked for. */
export class NoSuchCase extends Error {}
