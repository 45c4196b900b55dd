import { spawn } from 'node:child_process';
import { createRequire } from 'node:module';
import { GraphBuilder } from '../../../shared/graph/graph-builder.ts';
import { encodeOnnx } from '../../../shared/graph/onnx-file.ts';
import type { ProviderName } from './provider.ts';

/** What a provider did when it was tried. */
export type Trial =
  | { readonly works: true; readonly float16: boolean; readonly milliseconds: number }
  | { readonly works: false; readonly reason: string };

/** A driver that has to compile its shaders first is slow; one that has not answered by then does not answer. */
const trialTimeoutMs = 60_000;
const longestReason = 400;

/** What a native library says, on one line and without the place in its source that a failed check begins with. */
export function reasonOf(message: string): string {
  return message
    .replace(/^\/\S+:\d+ .* was false\. (?=\S)/s, '')
    .replaceAll(/\s+/g, ' ')
    .trim()
    .slice(0, longestReason);
}

/** x · w where w is given in the graph, so that four numbers show whether the device can multiply. */
function productGraph(half: boolean): Uint8Array {
  const builder = new GraphBuilder('trial');
  const x = builder.input('x', 'float', [2, 2]);
  const w = builder.constant('w', [2, 2], Float32Array.of(1, 2, 3, 4));
  const product = half
    ? builder.cast(builder.op('MatMul', [builder.cast(x, 'float16'), builder.cast(w, 'float16')]), 'float')
    : builder.op('MatMul', [x, w]);
  builder.output('y', builder.op('Tanh', [builder.op('Sub', [product, builder.scalar(8)])]));
  return encodeOnnx(builder.finish());
}

/** tanh([[1, 1], [0, 1]] · w - 8): tanh -4, -2, -5, -4. */
const expected = [-4, -2, -5, -4].map(Math.tanh);

/** Runs in a process of its own, as text, because a driver that is broken ends the process it is loaded into. Reads its task from standard input. */
const script = `
process.env.ORT_DISABLE_TELEMETRY = '1';
process.env.ORT_TELEMETRY_DISABLED = '1';
let text = '';
process.stdin.setEncoding('utf8').on('data', (piece) => { text += piece; }).on('end', async () => {
  const task = JSON.parse(text);
  const ort = require(task.library);
  const compute = async (model) => {
    const session = await ort.InferenceSession.create(Buffer.from(model, 'base64'), {
      executionProviders: [task.provider], logSeverityLevel: 4,
    });
    const feeds = { x: new ort.Tensor('float32', Float32Array.of(1, 1, 0, 1), [2, 2]) };
    return Array.from((await session.run(feeds)).y.data);
  };
  const answer = {};
  try {
    const begin = process.hrtime.bigint();
    answer.float32 = await compute(task.float32);
    answer.milliseconds = Number(process.hrtime.bigint() - begin) / 1e6;
    try { answer.float16 = await compute(task.float16); } catch (error) { answer.float16 = null; }
  } catch (error) {
    answer.reason = String(error && error.message || error);
  }
  process.stdout.write('\\n' + JSON.stringify(answer) + '\\n', () => process.exit(0));
});
`;

interface Answer {
  readonly float32?: readonly number[];
  readonly float16?: readonly number[] | null;
  readonly milliseconds?: number;
  readonly reason?: string;
}

const near = (found: readonly number[] | null | undefined, tolerance: number): boolean =>
  found?.length === expected.length &&
  found.every((value, index) => Math.abs(value - (expected[index] ?? 0)) < tolerance);

/**
 * Tries a provider with a tiny graph in a child process: whether it loads, finds a device and computes rightly, also in float16.
 * The child takes no rows and its own telemetry is off.
 */
export async function tryProvider(provider: ProviderName, signal: AbortSignal): Promise<Trial> {
  const library = createRequire(import.meta.url).resolve('onnxruntime-node');
  const child = spawn(process.execPath, ['-e', script], {
    stdio: ['pipe', 'pipe', 'pipe'],
    timeout: trialTimeoutMs,
    killSignal: 'SIGKILL',
    signal,
    windowsHide: true,
  });
  let output = '';
  let failure = '';
  child.stdout.setEncoding('utf8').on('data', (piece: string) => {
    output += piece;
  });
  child.stderr.setEncoding('utf8').on('data', (piece: string) => {
    failure = (failure + piece).slice(-longestReason);
  });
  // A child that ends at once leaves nobody to read this.
  child.stdin.on('error', () => {});
  child.stdin.end(
    JSON.stringify({
      library,
      provider,
      float32: Buffer.from(productGraph(false)).toString('base64'),
      float16: Buffer.from(productGraph(true)).toString('base64'),
    }),
  );
  const ended = await new Promise<string>((resolve) => {
    child.on('error', (cause) => resolve(cause.message));
    child.on('close', (code, by) => resolve(by === null ? `exit code ${code}` : `ended by ${by}`));
  });
  signal.throwIfAborted();
  let answer: Answer;
  try {
    answer = JSON.parse(output.trim().split('\n').at(-1) ?? '') as Answer;
  } catch {
    return { works: false, reason: reasonOf(`the process it was tried in: ${ended}; ${failure}`) };
  }
  if (answer.reason !== undefined) return { works: false, reason: reasonOf(answer.reason) };
  if (!near(answer.float32, 1e-4)) {
    return { works: false, reason: `it computes wrongly: ${answer.float32?.join(', ')} for ${expected.join(', ')}` };
  }
  return { works: true, float16: near(answer.float16, 5e-3), milliseconds: answer.milliseconds ?? Number.NaN };
}
