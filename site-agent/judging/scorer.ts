// First: what follows would start the library's telemetry.
import '../../shared/runtime/no-telemetry.ts';

import { InferenceSession, Tensor } from 'onnxruntime-node';
import type { Plan } from '../../shared/plan/plan.ts';
import { JudgingError } from './judging-error.ts';

/** Rows of one call of the runtime: enough to be fast, little enough for any memory. */
const rowsPerCall = 4096;

/** A released model, opened as the hospital would use it: the file itself, on onnxruntime. */
export interface Scorer {
  /** Columns of raw values the model takes. */
  readonly columns: number;
  /**
   * @param raw row-major [rows, columns]: values in the contract's units, level indices, NaN where missing.
   * @returns probability of the event [rows] (binary), of each class [rows, classes] (multiclass), or the prediction [rows].
   */
  score(raw: Float32Array, rows: number, signal?: AbortSignal): Promise<Float32Array>;
  dispose(): Promise<void>;
}

/**
 * Opens a model on onnxruntime's CPU provider, on one thread, so that the same rows give the same bits.
 * @throws JudgingError `model_unreadable` when the runtime refuses the file, `model_interface` when its inputs or outputs are not
 *   those of a Wardround model: one float input `features` [rows, columns], and an output `probability` or `prediction`.
 */
export async function openScorer(modelBytes: Uint8Array): Promise<Scorer> {
  let session: InferenceSession;
  try {
    session = await InferenceSession.create(modelBytes, {
      executionProviders: ['cpu'],
      intraOpNumThreads: 1,
      interOpNumThreads: 1,
      logSeverityLevel: 3,
    });
  } catch (cause) {
    throw new JudgingError('model_unreadable', 'onnxruntime cannot open the model', {}, cause);
  }
  try {
    const { columns, output } = interfaceOf(session);
    return {
      columns,
      async score(raw, rows, signal) {
        if (raw.length !== rows * columns) {
          throw new JudgingError(
            'wrong_shape',
            `the model takes [${rows}, ${columns}] values, that is ${rows * columns}; ${raw.length} were given`,
          );
        }
        const parts: Float32Array[] = [];
        for (let start = 0; start < rows; start += rowsPerCall) {
          signal?.throwIfAborted();
          const end = Math.min(rows, start + rowsPerCall);
          const features = new Tensor('float32', raw.slice(start * columns, end * columns), [end - start, columns]);
          const results = await session.run({ features }, [output]);
          const data = results[output]?.data;
          if (!(data instanceof Float32Array) || data.length % (end - start) !== 0) {
            throw new JudgingError('model_interface', `output ${output} of the model is not a float for each row`);
          }
          parts.push(data.slice());
        }
        return concatenate(parts);
      },
      async dispose() {
        await session.release();
      },
    };
  } catch (error) {
    await session.release();
    throw error;
  }
}

function interfaceOf(session: InferenceSession): { readonly columns: number; readonly output: string } {
  const [input, ...others] = session.inputMetadata;
  if (input?.name !== 'features' || others.length > 0 || !input.isTensor || input.type !== 'float32') {
    throw new JudgingError(
      'model_interface',
      `the model's inputs are [${session.inputNames.join(', ')}], and must be one float tensor, features`,
    );
  }
  const columns = input.shape[1];
  if (input.shape.length !== 2 || typeof columns !== 'number' || columns < 1) {
    throw new JudgingError('model_interface', 'the input features of the model must have the shape [rows, columns]');
  }
  const output = ['probability', 'prediction'].find((name) => session.outputNames.includes(name));
  if (output === undefined) {
    throw new JudgingError(
      'model_interface',
      `the model's outputs are [${session.outputNames.join(', ')}]; probability or prediction is not among them`,
    );
  }
  return { columns, output };
}

/** Whether the model takes this plan's columns. One sentence, or null. */
export function interfaceProblem(scorer: Scorer, plan: Plan): string | null {
  const expected = plan.data.columns.length;
  return scorer.columns === expected ? null : `the model takes ${scorer.columns} columns, the plan has ${expected}`;
}

function concatenate(parts: readonly Float32Array[]): Float32Array {
  const whole = new Float32Array(parts.reduce((total, part) => total + part.length, 0));
  let offset = 0;
  for (const part of parts) {
    whole.set(part, offset);
    offset += part.length;
  }
  return whole;
}
