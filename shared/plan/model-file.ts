import { readFileSync, statSync } from 'node:fs';
import { dirname, isAbsolute, join, normalize } from 'node:path';
import { checkDerivatives } from '../graph/onnx-read/check-derivatives.ts';
import { importNetwork } from '../graph/onnx-read/import-network.ts';
import { defaultLimits } from '../graph/onnx-read/limits.ts';
import { OnnxError } from '../graph/onnx-read/onnx-error.ts';
import { forwardWork, lessWork, tooMuchWork } from '../graph/work.ts';
import { digestOf } from '../runtime/digest.ts';
import { encodeSafetensors } from '../tensors/safetensors.ts';
import type { Plan } from './plan.ts';

/** Reads a file that a plan names, relative to the plan. @throws OnnxError */
export type ReadBeside = (name: string) => Uint8Array;

/**
 * Reads files beside a plan file, or below its folder.
 * @throws OnnxError `wrong_input` for a file that is not there or lies elsewhere, `over_limit`
 */
export function filesBeside(planFile: string): ReadBeside {
  return (name) => {
    const path = normalize(name);
    if (isAbsolute(path) || path.split(/[\\/]/).includes('..')) {
      throw new OnnxError('wrong_input', `${name} does not lie beside the plan; put it into the plan's folder`, {
        file: name,
      });
    }
    const full = join(dirname(planFile), path);
    try {
      const facts = statSync(full);
      if (!facts.isFile()) throw new OnnxError('wrong_input', `${full} is not a file`, { file: full });
      if (facts.size > defaultLimits.bytes) {
        throw new OnnxError('over_limit', `${full} has ${facts.size} bytes; the most is ${defaultLimits.bytes}`, {
          file: full,
        });
      }
      return readFileSync(full);
    } catch (cause) {
      if (cause instanceof OnnxError) throw cause;
      const code = (cause as NodeJS.ErrnoException).code ?? 'unknown error';
      const reason =
        code === 'ENOENT' ? 'is not there; the file is looked for beside the plan' : `cannot be read (${code})`;
      throw new OnnxError('wrong_input', `${full} ${reason}`, { file: full }, cause);
    }
  };
}

/** Before anything is made of the network that takes as long as there is to compute. */
function checkWork(plan: Plan): void {
  const tooMuch = tooMuchWork(forwardWork(plan));
  if (tooMuch === null) return;
  throw new OnnxError('over_limit', `the network takes ${tooMuch}; ${lessWork}`, { ...forwardWork(plan) });
}

/**
 * The plan with the network of its ONNX file in place of the file's name, and the file's weights as safetensors.
 * @throws OnnxError
 */
export function withModelFile(plan: Plan, file: string, read: ReadBeside): { plan: Plan; baseWeights: Uint8Array } {
  const { network, weights } = importNetwork(read(file), plan);
  const baseWeights = encodeSafetensors(weights);
  const whole: Plan = { ...plan, model: { family: 'onnx', network, weights: digestOf(baseWeights) } };
  checkWork(whole);
  checkDerivatives(whole);
  return { plan: whole, baseWeights };
}
