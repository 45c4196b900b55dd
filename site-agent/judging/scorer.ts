// First: what follows would start the library's telemetry.
import '../../shared/runtime/no-telemetry.ts';

import { InferenceSession, Tensor } from 'onnxruntime-node';
import { OnnxError } from '../../shared/graph/onnx-read/onnx-error.ts';
import { checkSelfContained } from '../../shared/graph/onnx-read/self-contained.ts';
import { payloadShape } from '../../shared/plan/payload.ts';
import type { Plan } from '../../shared/plan/plan.ts';
import { gatherPayload, type RawRows } from '../training/raw-rows.ts';
import { JudgingError } from './judging-error.ts';

/** Rows of one call of the runtime: enough to be fast, little enough for any memory. Of series and images so many as have this many numbers. */
const rowsPerCall = 4096;
const payloadNumbersPerCall = 2 ** 22;

/** A released model, opened as the hospital would use it: the file itself, on onnxruntime. */
export interface Scorer {
  /** Columns of raw values the model takes; 0 where it takes none. */
  readonly columns: number;
  /** Shape of one row's series or image, as the model takes it; null where it takes none. */
  readonly payload: readonly number[] | null;
  /**
   * @returns probability of the event [rows] (binary), of each class [rows, classes] (multiclass, ordinal), the prediction [rows], or the log hazard ratio [rows] (survival).
   * @throws JudgingError `wrong_shape`, `model_interface`
   */
  score(rows: RawRows, signal?: AbortSignal): Promise<Float32Array>;
  dispose(): Promise<void>;
}

/**
 * Opens a model on onnxruntime's CPU provider, on one thread, so that the same rows give the same bits.
 * @throws JudgingError `model_unreadable` when the file reaches beyond itself or the runtime refuses it, `model_interface` when its inputs or outputs are not
 *   those of a Wardround model: a float input `features` [rows, columns], for series and images `payload` [rows, ...], and an output
 *   `probability`, `prediction` or `risk`.
 */
export async function openScorer(modelBytes: Uint8Array): Promise<Scorer> {
  let session: InferenceSession;
  try {
    checkSelfContained(modelBytes);
  } catch (cause) {
    const why = cause instanceof OnnxError ? `: ${cause.message}` : '';
    throw new JudgingError('model_unreadable', `the model is not given to a runtime${why}`, {}, cause);
  }
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
    const { columns, payload, output } = interfaceOf(session);
    const size = payload === null ? 1 : payload.reduce((product, length) => product * length, 1);
    const atOnce = Math.max(1, Math.min(rowsPerCall, Math.floor(payloadNumbersPerCall / size)));
    return {
      columns,
      payload,
      async score(raw, signal) {
        const { rows } = raw;
        checkRows(raw, columns, payload);
        const parts: Float32Array[] = [];
        for (let start = 0; start < rows; start += atOnce) {
          signal?.throwIfAborted();
          const end = Math.min(rows, start + atOnce);
          const feeds: Record<string, Tensor> = {};
          if (columns > 0) {
            const part = raw.features.slice(start * columns, end * columns);
            feeds.features = new Tensor('float32', part, [end - start, columns]);
          }
          if (payload !== null && raw.payload !== undefined) {
            const part = gatherPayload(raw.payload, start, end);
            feeds.payload = new Tensor('float32', part, [end - start, ...payload]);
          }
          const results = await session.run(feeds, [output]);
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

function checkRows({ rows, features, payload }: RawRows, columns: number, shape: readonly number[] | null): void {
  if (columns > 0 && features.length !== rows * columns) {
    throw new JudgingError(
      'wrong_shape',
      `the model takes [${rows}, ${columns}] values, that is ${rows * columns}; ${features.length} were given`,
    );
  }
  if (shape === null) return;
  const held = payload === undefined ? 0 : (payload.rows?.length ?? rows);
  if (payload === undefined || payload.shape.join() !== shape.join() || held !== rows) {
    throw new JudgingError(
      'wrong_shape',
      `the model takes a payload [${[rows, ...shape].join(', ')}]; ${payload === undefined ? 'none' : `[${[held, ...payload.shape].join(', ')}]`} was given`,
    );
  }
}

interface ModelInterface {
  readonly columns: number;
  readonly payload: readonly number[] | null;
  readonly output: string;
}

function interfaceOf(session: InferenceSession): ModelInterface {
  const shapes = new Map<string, readonly (number | string)[]>();
  for (const input of session.inputMetadata) {
    if ((input.name !== 'features' && input.name !== 'payload') || !input.isTensor || input.type !== 'float32') {
      throw new JudgingError(
        'model_interface',
        `the model's inputs are [${session.inputNames.join(', ')}], and must be float tensors: features, and payload for series or images`,
      );
    }
    shapes.set(input.name, input.shape.slice(1));
  }
  const features = shapes.get('features');
  const columns = features?.[0] ?? 0;
  if (features !== undefined && (features.length !== 1 || typeof columns !== 'number' || columns < 1)) {
    throw new JudgingError('model_interface', 'the input features of the model must have the shape [rows, columns]');
  }
  const payload = shapes.get('payload') ?? null;
  const isKnown = (length: number | string): length is number => typeof length === 'number' && length > 0;
  if (payload !== null && !(payload.length >= 2 && payload.length <= 3 && payload.every(isKnown))) {
    throw new JudgingError(
      'model_interface',
      'the input payload of the model must have the shape [rows, steps, channels] or [rows, channels, height, width]',
    );
  }
  const output = ['probability', 'prediction', 'risk'].find((name) => session.outputNames.includes(name));
  if (shapes.size === 0 || output === undefined) {
    throw new JudgingError(
      'model_interface',
      `the model's inputs are [${session.inputNames.join(', ')}], its outputs [${session.outputNames.join(', ')}]; features or payload, and probability, prediction or risk, must be among them`,
    );
  }
  return { columns: Number(columns), payload: payload as readonly number[] | null, output };
}

/** Whether the model takes this plan's columns and payload. One sentence, or null. */
export function interfaceProblem(scorer: Scorer, plan: Plan): string | null {
  const expected = plan.data.columns.length;
  const shape = plan.data.payload === undefined ? null : payloadShape(plan.data.payload);
  const shown = (of: readonly number[] | null): string => (of === null ? 'none' : `[${of.join(', ')}]`);
  if (shown(scorer.payload) !== shown(shape)) {
    return `the model takes a payload of ${shown(scorer.payload)}, the plan has ${shown(shape)}`;
  }
  // A network that reads nothing but the payload may leave the columns out.
  return scorer.columns === expected || (scorer.columns === 0 && shape !== null)
    ? null
    : `the model takes ${scorer.columns} columns, the plan has ${expected}`;
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
