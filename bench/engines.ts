import { mkdtemp, rm } from 'node:fs/promises';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { writeCase } from './engines/case-file.ts';
import { cases, type EngineCase, taskFor } from './engines/cases.ts';
import { type Participant, PassedOver, startEngine, startPytorch } from './engines/participant.ts';
import { rowsOf } from './engines/rows.ts';
import { type Measured, takeTurns } from './engines/turns.ts';
import { type BenchOptions, type BenchRow, NoSuchCase } from './support/bench.ts';

export const title = 'Training engines side by side: milliseconds an epoch and peak memory (SGD with momentum)';

/** As many as the onnx engine takes at most. */
const mostThreads = 4;
const allEngines = [
  'onnx-cpu',
  'onnx-webgpu',
  'onnx-cuda',
  'tfjs-node-gpu',
  'tfjs-node',
  'tfjs-webgpu',
  'tfjs-wasm',
  'tfjs-cpu',
];

/** The settings of this benchmark. */
const settings = {
  /** A Python with PyTorch. */
  python: process.env.WARDROUND_BENCH_PYTHON,
  /** The directory of the optional engines. */
  directory: process.env.WARDROUND_BENCH_ENGINE_DIRECTORY,
  /** Names of the product's engines that take part, with commas between; all that start when absent. */
  engines: process.env.WARDROUND_BENCH_ENGINES?.split(',') ?? allEngines,
};

async function startAll(one: EngineCase, file: string, passedOver: (text: string) => void): Promise<Participant[]> {
  const { python, directory, engines } = settings;
  const threads = Math.min(mostThreads, availableParallelism());
  const starts: (readonly [string, () => Promise<Participant>])[] = engines.map((name) => [
    name,
    () => startEngine(name, one.name, directory),
  ]);
  // On its own choice of threads a small network is slower than on one: the better of the two counts.
  for (const count of python === undefined ? [] : [...new Set([1, threads])]) {
    starts.push([`pytorch on ${count}`, () => startPytorch(python as string, file, count)]);
  }
  const found: Participant[] = [];
  for (const [name, start] of starts) {
    try {
      found.push(await start());
    } catch (cause) {
      if (!(cause instanceof PassedOver)) throw cause;
      passedOver(`${name}: ${cause.message}`);
    }
  }
  return found;
}

/**
 * Every engine that starts here, each in a process of its own, one round in turn, over and over, so that a busy machine is busy for all
 * of them; the median over the turns. Loading and compiling are done in a turn that is not counted. Rows, order of rows and starting
 * weights are the same for all; an engine whose loss or change of weights is not that of the others has no time.
 */
export async function run({ quick, only, progress }: BenchOptions): Promise<readonly BenchRow[]> {
  const chosen = cases.filter(({ name }) => only === undefined || name.includes(only));
  if (chosen.length === 0) {
    throw new NoSuchCase(`no case has ${only} in its name; there are: ${cases.map(({ name }) => name).join(', ')}`);
  }
  const directory = await mkdtemp(join(tmpdir(), 'wardround-bench-engines-'));
  const rows: BenchRow[] = [];
  if (settings.python === undefined) progress('PyTorch takes no part: WARDROUND_BENCH_PYTHON names no Python');
  try {
    for (const one of chosen) {
      const file = join(directory, 'case.safetensors');
      await writeCase(file, one, taskFor(one));
      const told = (text: string): void => progress(`${one.name}: ${text}`);
      const participants = await startAll(one, file, (text) => told(`passed over, ${text}`));
      let measured: readonly Measured[];
      try {
        measured = await takeTurns(participants, { turns: quick ? 3 : 9, limitMs: quick ? 30_000 : 120_000, told });
      } finally {
        for (const participant of participants) participant.kill();
      }
      rows.push(...rowsOf(one, measured));
    }
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
  return rows;
}
