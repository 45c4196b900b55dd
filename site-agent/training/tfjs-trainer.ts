import { EngineTrainer } from './engine-trainer.ts';
import type { LoopNeeds } from './loop.ts';
import { TfjsEngine } from './tfjs/tfjs-engine.ts';
import type { TfjsBackend } from './tfjs-backends.ts';

/** Trains with TensorFlow.js on a backend of it. */
export class TfjsTrainer extends EngineTrainer {
  constructor(backend: TfjsBackend, needs: Partial<LoopNeeds> = {}) {
    super(new TfjsEngine(backend), needs);
  }
}
