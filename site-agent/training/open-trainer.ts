import type { Logger } from '../../shared/runtime/logger.ts';
import { MeasuredTrainer } from './measured-trainer.ts';
import { TfjsTrainer } from './tfjs-trainer.ts';
import type { EngineName, Trainer } from './trainer.ts';
import { TrainingError } from './training-error.ts';

export type EngineChoice = EngineName | 'auto';

async function openOnnx(log: Logger): Promise<Trainer> {
  try {
    // Loaded here, so that a site whose machine lacks the binary can still use the other engine.
    const { OnnxTrainer } = await import('./onnx-trainer.ts');
    const trainer = new OnnxTrainer();
    log.info({ engine: 'onnx', runsOn: trainer.description }, 'training engine found');
    return trainer;
  } catch (cause) {
    throw new TrainingError(
      'engine_missing',
      'onnxruntime-node does not load on this machine; install the package again, or name the engine tfjs',
      { engine: 'onnx' },
      cause,
    );
  }
}

async function openTfjs(log: Logger): Promise<Trainer> {
  const { openTfjsBackend } = await import('./tfjs-backends.ts');
  return new TfjsTrainer(await openTfjsBackend(log));
}

/**
 * Opens the engine a site names. `auto` opens every one that works here, times a few steps of the first task on each, and keeps
 * the fastest; the log says which and why.
 *
 * @throws TrainingError `engine_missing`
 */
export async function openTrainer(engine: EngineChoice, log: Logger): Promise<Trainer> {
  if (engine === 'onnx') return openOnnx(log);
  if (engine === 'tfjs') return openTfjs(log);
  const candidates: Trainer[] = [];
  for (const open of [openOnnx, openTfjs]) {
    try {
      candidates.push(await open(log));
    } catch (cause) {
      if (!(cause instanceof TrainingError)) throw cause;
      log.warn({ error: cause }, 'training engine passed over');
    }
  }
  const [first, ...others] = candidates;
  if (first === undefined) throw new TrainingError('engine_missing', 'no training engine works on this machine');
  return others.length === 0 ? first : new MeasuredTrainer([first, ...others], log);
}
