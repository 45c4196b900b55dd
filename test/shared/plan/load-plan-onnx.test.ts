import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { baseWeightsObject, readBaseWeights } from '../../../shared/graph/onnx-read/base-weights.ts';
import { OnnxError } from '../../../shared/graph/onnx-read/onnx-error.ts';
import { loadPlan, parseCanonicalPlan } from '../../../shared/plan/load-plan.ts';
import { filesBeside } from '../../../shared/plan/model-file.ts';
import { digestOf } from '../../../shared/runtime/digest.ts';
import { encodeSafetensors } from '../../../shared/tensors/safetensors.ts';
import { linearFile, node, tensor } from '../../support/onnx-bytes.ts';
import { refusal } from '../../support/plan-refusal.ts';

const text = readFileSync(new URL('../../support/heart-plan.yaml', import.meta.url), 'utf8');
const onnxText = text.replace(/^model:.*$/m, 'model: { family: onnx, file: net.onnx }');
const folder = mkdtempSync(join(tmpdir(), 'wardround-onnx-plan-'));
const file = join(folder, 'plan.yaml');
writeFileSync(join(folder, 'net.onnx'), linearFile(5));
afterAll(() => rmSync(folder, { recursive: true }));

describe('a plan that names an ONNX file', () => {
  it('holds the network and the digest of the weights instead of the name', () => {
    const { plan, canonical, digest, baseWeights } = loadPlan(onnxText, file, filesBeside(file));
    expect(plan.model).toMatchObject({
      family: 'onnx',
      network: {
        source: { sha256: digestOf(linearFile(5)), producer: 'hand', operatorSet: 17 },
        inputs: [{ name: 'features', shape: [5] }],
        parameters: [
          { name: 'bias', shape: [1], role: 'bias' },
          { name: 'weight', shape: [5, 1], role: 'weight' },
        ],
        nodes: [{ operator: 'Gemm', inputs: ['features', 'weight', 'bias'], outputs: ['%1'] }],
        output: '%1',
        lastLayer: ['bias', 'weight'],
      },
      weights: digestOf(baseWeights as Uint8Array),
    });
    expect(canonical).not.toContain('net.onnx');
    expect(digestOf(canonical)).toBe(digest);
  });

  it('goes over the wire as it is, without its file', () => {
    const loaded = loadPlan(onnxText, file, filesBeside(file));
    const received = parseCanonicalPlan(Buffer.from(loaded.canonical), loaded.digest);
    expect(received.plan).toEqual(loaded.plan);
    expect(loadPlan(loaded.canonical, 'plan').digest).toBe(loaded.digest);
  });

  it('has another digest with one other weight', () => {
    const before = loadPlan(onnxText, file, filesBeside(file)).digest;
    const other = linearFile(5, {
      tensors: [tensor('weight', [5, 1], [0.1, 0.2, 0.3, 0.4, 0.6]), tensor('bias', [1], [0.5])],
    });
    expect(loadPlan(onnxText, file, () => other).digest).not.toBe(before);
    expect(loadPlan(onnxText, file, () => linearFile(5)).digest).toBe(before);
  });

  it.each<[string, string, string]>([
    ['is not there', 'other.onnx', 'onnx.wrong_input'],
    ['lies above the plan', '../net.onnx', 'onnx.wrong_input'],
    ['lies anywhere', '/etc/hostname', 'onnx.wrong_input'],
    ['is no ONNX file', 'plan.txt', 'onnx.malformed'],
  ])('is refused when the file %s', (_, name, code) => {
    writeFileSync(join(folder, 'plan.txt'), 'no network');
    const error = refusal(() => loadPlan(onnxText.replace('net.onnx', name), file, filesBeside(file)));
    expect(error.code).toBe('model_refused');
    expect(error.message).toContain(code);
    expect(error.problems[0]).toMatchObject({ path: 'model.file', position: { line: 29 } });
  });

  it('is refused with the reason when its file is: a cycle, outputs, columns', () => {
    const error = refusal(() => loadPlan(onnxText, file, () => linearFile(6)));
    expect(error.details).toMatchObject({ onnx: 'wrong_input' });
    expect(error.message).toContain('features [rows, 5]');
  });

  it('is refused for an operator without a derivative on the way to what trains, by name', () => {
    const floored = linearFile(5, {
      nodes: [node('Gemm', ['x', 'weight', 'bias'], ['z']), node('Floor', ['z'], ['logits'])],
    });
    const error = refusal(() => loadPlan(onnxText, file, () => floored));
    expect(error.details).toMatchObject({ onnx: 'unsupported_operator' });
    expect(error.message).toContain('Floor');
  });

  it('is refused where no file is read: at the coordinator and at sites', () => {
    const error = refusal(() => loadPlan(onnxText, 'plan.yaml'));
    expect(error.problems[0]).toMatchObject({ code: 'inconsistent', path: 'model.file' });
  });

  it('is checked for what it trains, by the names in the file', () => {
    const asks = (names: string): string =>
      onnxText.replace(/^training:$/m, `training:\n  trainable: { names: [${names}] }`);
    expect(loadPlan(asks('we*'), file, filesBeside(file)).plan.training.trainable).toEqual({ names: ['we*'] });
    expect(refusal(() => loadPlan(asks('wight'), file, filesBeside(file))).message).toContain('the nearest is weight');
  });
});

describe('a plan that came over the wire', () => {
  const { plan, canonical } = loadPlan(onnxText, file, filesBeside(file));
  const tampered = (change: (model: Record<string, never>) => void): Uint8Array => {
    const value = JSON.parse(canonical) as { model: { network: Record<string, never> } };
    change(value.model as unknown as Record<string, never>);
    return Buffer.from(JSON.stringify(value));
  };

  it.each<[string, (model: { network: { nodes: { operator: string }[] }; file?: string }) => void]>([
    [
      'an operator that is none',
      (model) => {
        (model.network.nodes[0] as { operator: string }).operator = 'Eval';
      },
    ],
    [
      'a file beside the network',
      (model) => {
        model.file = 'net.onnx';
      },
    ],
  ])('is refused for %s', (_, change) => {
    const bytes = tampered(change as never);
    expect(refusal(() => parseCanonicalPlan(bytes)).code).toBe('inconsistent');
  });

  it('takes only the weights it names', () => {
    const object = baseWeightsObject(plan);
    const { baseWeights } = loadPlan(onnxText, file, filesBeside(file));
    expect(object).toEqual({ digest: digestOf(baseWeights as Uint8Array), bytes: baseWeights?.byteLength });
    expect(readBaseWeights(plan, baseWeights as Uint8Array).get('weight')?.shape).toEqual([5, 1]);
    const other = encodeSafetensors(new Map([['weight', { shape: [5, 1], data: new Float32Array(5) }]]));
    expect(() => readBaseWeights(plan, other)).toThrowError(OnnxError);
  });

  it('takes no weights of other names, shapes or without a value, even under the digest it names', () => {
    const named = (tensors: Parameters<typeof encodeSafetensors>[0]): (() => unknown) => {
      const bytes = encodeSafetensors(tensors);
      const { model } = plan;
      return () => readBaseWeights({ ...plan, model: { ...model, weights: digestOf(bytes) } as typeof model }, bytes);
    };
    const bias = { shape: [1], data: new Float32Array(1) };
    const weight = (data: Float32Array, shape = [5, 1]) =>
      new Map([
        ['bias', bias],
        ['weight', { shape, data }],
      ] as const);
    expect(named(new Map([['bias', bias]]))).toThrowError(/missing "weight"/);
    expect(named(weight(new Float32Array(5), [1, 5]))).toThrowError(/shape must be \[5, 1\]/);
    expect(named(weight(Float32Array.of(0, Number.NaN, 0, 0, 0)))).toThrowError(/not finite at 1/);
  });
});
