// First: what follows would start the library's telemetry.
import '../../shared/runtime/no-telemetry.ts';

import { InferenceSession, Tensor } from 'onnxruntime-node';
import type { FileModel } from '../../shared/graph/onnx-read/file-model.ts';
import { modelLimits } from '../../shared/graph/onnx-read/limits.ts';
import { OnnxError } from '../../shared/graph/onnx-read/onnx-error.ts';
import { readOnnx } from '../../shared/graph/onnx-read/read-onnx.ts';
import { checkSelfContained } from '../../shared/graph/onnx-read/self-contained.ts';
import { payloadShape } from '../../shared/plan/payload.ts';
import type { Plan } from '../../shared/plan/plan.ts';
import { optimisationLevel } from '../training/onnx/optimisation-level.ts';
import { gatherPayload, type RawRows } from '../training/raw-rows.ts';
import { JudgingError } from './judging-error.ts';
import { type ScoringMemory, scoringMemory } from './scoring-memory.ts';

/**
 * Most rows of one call of the runtime: enough to be fast. Of series and images so many as have this many numbers. Fewer where the model's own
 * values ask for it.
 */
const mostRowsPerCall = 4096;
const payloadNumbersPerCall = 2 ** 22;

/** A released model, opened as the hospital would use it: the file itself, on onnxruntime. */
export interface Scorer {
  /** Columns of raw values the model takes; 0 where it takes none. */
  readonly columns: number;
  /** Shape of one row's series or image, as the model takes it; null where it takes none. */
  readonly payload: readonly number[] | null;
  /**
   * @returns probability of the event [rows] (binary), of each class [rows, classes] (multiclass, ordinal), the prediction [rows], or the log hazard ratio [rows] (survival).
   * @throws JudgingError `wrong_shape`, `model_interface`, `model_too_large`, `model_too_slow`
   */
  score(rows: RawRows, signal?: AbortSignal): Promise<Float32Array>;
  dispose(): Promise<void>;
}

export interface ScorerOptions {
  /** What the model is called in errors. */
  readonly model?: string;
  /** Megabytes the model and a call may take, `trainingMemoryMegabytes` of site.yaml; the usual when undefined. */
  readonly memoryMegabytes?: number | undefined;
}

/** What is known of a model before any runtime has seen it. */
function looked(
  modelBytes: Uint8Array,
  options: ScorerOptions,
): ModelInterface & { readonly memory: ScoringMemory; readonly operators: number } {
  try {
    checkSelfContained(modelBytes);
    const file = readOnnx(modelBytes, modelLimits);
    const found = interfaceOf(file);
    const size = found.payload?.reduce((product, length) => product * length, 1) ?? 1;
    const mostRows = Math.max(1, Math.min(mostRowsPerCall, Math.floor(payloadNumbersPerCall / size)));
    const { model = 'the model', memoryMegabytes } = options;
    return {
      ...found,
      operators: file.nodes.length,
      memory: scoringMemory(file, { model, memoryMegabytes, mostRows }),
    };
  } catch (cause) {
    if (!(cause instanceof OnnxError)) throw cause;
    throw new JudgingError('model_unreadable', `the model is not given to a runtime: ${cause.message}`, {}, cause);
  }
}

/**
 * Opens a model on onnxruntime's CPU provider, on one thread, so that the same rows give the same bits.
 * @throws JudgingError `model_unreadable` when the file reaches beyond itself, its shapes do not follow from it or the runtime refuses it,
 *   `model_interface` when its inputs or outputs are not those of a Wardround model: a float input `features` [rows, columns], for series and
 *   images `payload` [rows, ...], and an output `probability`, `prediction` or `risk`; `model_too_large` when one row takes more memory than
 *   the site gives, `model_too_slow` when it takes more work than a row may.
 */
export async function openScorer(modelBytes: Uint8Array, options: ScorerOptions = {}): Promise<Scorer> {
  const { columns, payload, output, memory, operators } = looked(modelBytes, options);
  let session: InferenceSession;
  try {
    session = await InferenceSession.create(modelBytes, {
      executionProviders: ['cpu'],
      intraOpNumThreads: 1,
      interOpNumThreads: 1,
      // Left as it is, a model's parts that depend on no input are computed at each call instead of once.
      graphOptimizationLevel: memory.opensLightly ? optimisationLevel(operators) : 'all',
      // A plan of what a call takes is made by the first and used by the second, in memory of its own beside the first's.
      enableMemPattern: false,
      logSeverityLevel: 3,
    });
  } catch (cause) {
    throw new JudgingError('model_unreadable', 'onnxruntime cannot open the model', {}, cause);
  }
  const atOnce = memory.rowsPerCall;
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
        memory.check(end - start);
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

function interfaceOf(file: FileModel): ModelInterface {
  const inputs = file.inputs.map(({ name }) => name);
  const outputs = file.outputs.map(({ name }) => name);
  const shapes = new Map<string, readonly (number | string)[]>();
  for (const { name, type, shape } of file.inputs) {
    if ((name !== 'features' && name !== 'payload') || type !== 'float' || shape === null) {
      throw new JudgingError(
        'model_interface',
        `the model's inputs are [${inputs.join(', ')}], and must be float tensors: features, and payload for series or images`,
      );
    }
    shapes.set(name, shape.slice(1));
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
  const output = ['probability', 'prediction', 'risk'].find((name) => outputs.includes(name));
  if (shapes.size === 0 || output === undefined) {
    throw new JudgingError(
      'model_interface',
      `the model's inputs are [${inputs.join(', ')}], its outputs [${outputs.join(', ')}]; features or payload, and probability, prediction or risk, must be among them`,
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
