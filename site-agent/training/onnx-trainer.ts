import { EngineTrainer } from './engine-trainer.ts';
import type { LoopNeeds } from './loop.ts';
import { OnnxEngine, type OnnxEngineNeeds } from './onnx/onnx-engine.ts';

/** Trains in onnxruntime-node, on the CPU when no other provider is given. */
export class OnnxTrainer extends EngineTrainer {
  constructor(needs: OnnxEngineNeeds & Partial<LoopNeeds> = {}) {
    super(new OnnxEngine(needs), needs);
  }
}
