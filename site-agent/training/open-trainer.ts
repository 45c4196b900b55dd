import { availableParallelism, cpus } from 'node:os';
import { canonicalJson } from '../../shared/runtime/canonical.ts';
import { digestOf } from '../../shared/runtime/digest.ts';
import type { Logger } from '../../shared/runtime/logger.ts';
import { siteSoftware } from '../software.ts';
import { type ChoiceStore, rememberedChoices, storedChoices } from './choice-store.ts';
import type { DeviceChoice, EngineChoice } from './engine-choice.ts';
import { graphicsHardware } from './graphics-hardware.ts';
import { type Candidate, MeasuredTrainer } from './measured-trainer.ts';
import type { ProviderName } from './onnx/provider.ts';
import type { TfjsBackendName } from './tfjs-backends.ts';
import type { Trainer } from './trainer.ts';
import { TrainingError } from './training-error.ts';

export type { EngineChoice } from './engine-choice.ts';

export interface OpenTrainerOptions {
  /** File that keeps what `auto` has chosen; this process alone remembers it when absent. */
  readonly choicesFile?: string;
  /** A directory whose `node_modules` hold TensorFlow's native binding; the product's own are looked at when absent. */
  readonly engineDirectory?: string;
  readonly signal?: AbortSignal;
}

const never = new AbortController().signal;

/** Providers other than the CPU's may end the process they are loaded into, so each is tried in another first. */
async function openOnnx(name: ProviderName, log: Logger, signal: AbortSignal): Promise<Trainer> {
  const fail = (reason: string, cause?: unknown): TrainingError =>
    new TrainingError(
      'engine_missing',
      `onnxruntime-node on ${name}: ${reason}; docs/engines.md says what it needs. Name another engine, or auto`,
      { engine: `onnx-${name}` },
      cause,
    );
  try {
    // Loaded here, so that a site whose machine lacks the binary can still use the other engine.
    const { OnnxTrainer } = await import('./onnx-trainer.ts');
    const { cpuProvider, cudaProvider, webgpuProvider } = await import('./onnx/provider.ts');
    if (name === 'cpu') return new OnnxTrainer({ log, provider: cpuProvider });
    const { tryProvider } = await import('./onnx/try-provider.ts');
    const trial = await tryProvider(name, signal);
    if (!trial.works) throw fail(trial.reason);
    const provider = name === 'webgpu' ? webgpuProvider(trial.float16) : cudaProvider(trial.float16);
    return new OnnxTrainer({ log, provider });
  } catch (cause) {
    signal.throwIfAborted();
    if (cause instanceof TrainingError) throw cause;
    throw fail('the package does not load on this machine; install it again', cause);
  }
}

async function openTfjs(
  name: TfjsBackendName | undefined,
  log: Logger,
  options: OpenTrainerOptions,
): Promise<Candidate> {
  const { openTfjsBackend } = await import('./tfjs-backends.ts');
  const { TfjsTrainer } = await import('./tfjs-trainer.ts');
  const { engineDirectory } = options;
  const backend = await openTfjsBackend(log, name, engineDirectory === undefined ? {} : { engineDirectory });
  return { name: `tfjs-${backend.name}`, trainer: new TfjsTrainer(backend) };
}

async function openNamed(name: DeviceChoice, log: Logger, options: OpenTrainerOptions): Promise<Trainer> {
  const trainer = name.startsWith('onnx-')
    ? await openOnnx(name.slice('onnx-'.length) as ProviderName, log, options.signal ?? never)
    : (await openTfjs(name.slice('tfjs-'.length) as TfjsBackendName, log, options)).trainer;
  log.info({ engine: name, runsOn: trainer.description }, 'training engine found');
  return trainer;
}

/** What `auto` measures where it opens. Plain JavaScript is last, and only where WebAssembly does not start. */
const measuredChoices: readonly DeviceChoice[] = [
  'onnx-cpu',
  'onnx-webgpu',
  'onnx-cuda',
  'tfjs-node-gpu',
  'tfjs-node',
  'tfjs-webgpu',
  'tfjs-wasm',
];

async function openAll(log: Logger, options: OpenTrainerOptions): Promise<Candidate[]> {
  const found: Candidate[] = [];
  const open = async (name: DeviceChoice): Promise<void> => {
    try {
      found.push({ name, trainer: await openNamed(name, log, options) });
    } catch (cause) {
      options.signal?.throwIfAborted();
      if (!(cause instanceof TrainingError)) throw cause;
      // Of TensorFlow.js `openTfjsBackend` has said why.
      if (name.startsWith('onnx-')) log.info({ engine: name, reason: cause.message }, 'training engine passed over');
    }
  };
  for (const name of measuredChoices) await open(name);
  if (!found.some(({ name }) => name.startsWith('tfjs-'))) await open('tfjs-cpu');
  return found;
}

/** What a recorded choice holds for. */
function environmentOf(candidates: readonly Candidate[]): string {
  return digestOf(
    canonicalJson([
      siteSoftware(),
      process.version,
      process.platform,
      process.arch,
      cpus()[0]?.model ?? '',
      availableParallelism(),
      graphicsHardware(),
      candidates.map(({ name, trainer }) => [name, trainer.description]),
    ]),
  );
}

/**
 * Opens the engine a site names. `auto` opens every one that works here, times a few steps of each kind of task on each, and keeps
 * the fastest; the log and `choicesFile` say which and why.
 *
 * @throws TrainingError `engine_missing`; the signal's reason
 */
export async function openTrainer(
  engine: EngineChoice,
  log: Logger,
  options: OpenTrainerOptions = {},
): Promise<Trainer> {
  if (engine === 'tfjs') return (await openTfjs(undefined, log, options)).trainer;
  if (engine !== 'auto') return openNamed(engine === 'onnx' ? 'onnx-cpu' : engine, log, options);
  const candidates = await openAll(log, options);
  const [first, ...others] = candidates;
  if (first === undefined) throw new TrainingError('engine_missing', 'no training engine works on this machine');
  const choices: ChoiceStore =
    options.choicesFile === undefined
      ? rememberedChoices()
      : storedChoices(options.choicesFile, environmentOf(candidates), log);
  return others.length === 0 ? first.trainer : new MeasuredTrainer([first, ...others], { log, choices });
}
