import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { modelTensors } from '../../shared/graph/families.ts';
import { baseWeightsObject } from '../../shared/graph/onnx-read/base-weights.ts';
import { silentLogger } from '../../shared/runtime/logger.ts';
import { safetensorsHeader } from '../../shared/tensors/safetensors.ts';
import { runSimulation } from '../../simulations/run-simulation.ts';
import { loadScenario } from '../../simulations/scenario.ts';
import { attributes, node, onnxFile, tensor, value } from '../support/onnx-bytes.ts';
import { writeSmallScenario } from './small-scenario.ts';

const folder = mkdtempSync(join(tmpdir(), 'wardround-brought-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const wave = (count: number, scale: number): number[] =>
  Array.from({ length: count }, (_, at) => Math.sin(at * 1.7 + 1) * scale);

/** Two layers over the three encoded columns of the small scenario, as PyTorch would write them, with a sigmoid at the end. */
const network = onnxFile({
  nodes: [
    node('Gemm', ['x', 'body.weight', 'body.bias'], ['h'], attributes.int('transB', 1)),
    node('Tanh', ['h'], ['t']),
    node('Gemm', ['t', 'head.weight', 'head.bias'], ['z'], attributes.int('transB', 1)),
    node('Sigmoid', ['z'], ['p']),
  ],
  tensors: [
    tensor('body.weight', [12, 3], wave(36, 0.8)),
    tensor('body.bias', [12], wave(12, 0.2)),
    tensor('head.weight', [1, 12], wave(12, 0.4)),
    tensor('head.bias', [1], [0]),
  ],
  inputs: [value('x', ['rows', 3])],
  outputs: [value('p', ['rows', 1])],
});

function scenario(name: string, trainable: string): string {
  const file = writeSmallScenario(folder, ['east', 'north'], { steps: 30, rounds: 3 });
  const plan = readFileSync(join(folder, 'small.plan.yaml'), 'utf8')
    .replace('model: { family: logistic }', 'model: { family: onnx, file: brought.onnx }')
    .replace('seed: 1 }', `seed: 1, trainable: ${trainable} }`);
  writeFileSync(join(folder, 'brought.onnx'), network);
  writeFileSync(join(folder, 'small.plan.yaml'), plan);
  const own = join(folder, `${name}.yaml`);
  writeFileSync(own, readFileSync(file, 'utf8'));
  return own;
}

const cases = [
  ['all of it', 'all', ['body.bias', 'body.weight', 'head.bias', 'head.weight'], 61],
  ['its last layer', 'last-layer', ['head.bias', 'head.weight'], 13],
  // 1 · (3 + 12) of the adapter.
  [
    'an adapter and its last layer',
    '{ lora: { rank: 1, and: ["head.*"] } }',
    ['body.weight.lora_a', 'body.weight.lora_b', 'head.bias', 'head.weight'],
    28,
  ],
] as const;

describe('a network brought as an ONNX file, from plan to judgement', () => {
  it.each(cases)(
    'trains %s; nothing else travels, and the release is judged',
    async (name, trainable, tensors, values) => {
      const { runs } = await runSimulation(loadScenario(scenario(name, trainable)), {
        signal: AbortSignal.timeout(580_000),
        log: silentLogger,
      });
      const [run] = runs;
      if (run === undefined) throw new Error('there is no run');
      const { plan, view, releases, updates } = run;
      expect(view.status).toBe('finished');
      expect(modelTensors(plan).map((one) => one.name)).toEqual(tensors);

      const bytes = safetensorsHeader(modelTensors(plan)).byteLength + 4 * values;
      expect(updates.map(({ header }) => header.delta.bytes)).toEqual(Array.from({ length: 6 }, () => bytes));
      const rounds = view.rounds.filter(({ round }) => round > 0);
      for (const { bytesUp } of rounds) expect(bytesUp).toBe(2 * bytes);

      const [release] = releases;
      const base = baseWeightsObject(plan);
      expect(release?.files.find((file) => file.name === 'base.safetensors')).toEqual({
        name: 'base.safetensors',
        ...base,
      });
      const decisions = release?.decisions ?? [];
      expect(decisions.map(({ site }) => site).sort()).toEqual(['east', 'north']);
      for (const { judgement } of decisions) {
        expect(judgement.package.valid).toBe(true);
        expect(judgement.evidence.performance?.new.auroc.value).toBeGreaterThan(0.7);
      }
    },
    600_000,
  );
});
