import { describe, expect, it } from 'vitest';
import { gradients } from '../../../../shared/graph/reverse-mode.ts';
import { differentiableOperators } from '../../../../shared/graph/vector-jacobian.ts';
import { randomStream } from '../../../../shared/runtime/random.ts';
import { translatedOperators } from '../../../../site-agent/training/tfjs/interpreter.ts';
import { tfjsGradients, tfjsValues } from '../../../../site-agent/training/tfjs/oracle.ts';
import type { TfjsBackend } from '../../../../site-agent/training/tfjs-backends.ts';
import { builtCase, operatorCases } from '../../../support/operator-cases.ts';
import { byOnnxruntime, distance, weightedLoss } from '../../../support/operator-results.ts';
import { installedTfjsBackends } from '../../../support/tfjs.ts';

const backends = await installedTfjsBackends();

const names = operatorCases.map((one, index) => [`${one.operator}, ${one.what}`, index] as const);

/** WGSL lets sine and cosine be off by 2^-11 (section 15.7.4.1, accuracy of concrete floating-point expressions). */
function toleranceOf(operator: string, backend: string, usual: number): number {
  return backend === 'webgpu' && (operator === 'Sin' || operator === 'Cos') ? 2 ** -11 : usual;
}

describe.each(backends.map((backend) => [backend.name, backend] as const))('operators on %s', (on, backend) => {
  it.each(names)('%s: the values of onnxruntime', async (__, index) => {
    const one = operatorCases[index] as (typeof operatorCases)[number];
    const built = builtCase(one);
    const before = backend.library.memory().numTensors;
    const ours = await tfjsValues(
      backend,
      { nodes: built.builder.nodes, inputs: built.inputs },
      built.feeds,
      built.outputs,
    );
    expect(backend.library.memory().numTensors).toBe(before);
    for (const [at, output] of built.outputs.entries()) built.builder.output(`result${at}`, output);
    const theirs = await byOnnxruntime(built.builder.finish(), built.feeds);
    for (const [at, output] of built.outputs.entries()) {
      const mine = ours.get(output.name);
      expect(mine?.shape, `shape of output ${at}`).toEqual(theirs[at]?.dims);
      expect(distance(mine?.data ?? [], theirs[at]?.data ?? [])).toBeLessThan(toleranceOf(one.operator, on, 2e-6));
    }
  });

  const smooth = names.filter(([, index]) => operatorCases[index]?.smooth !== false);
  it.each(smooth)('%s: the gradient of central differences, and ours', async (__, index) => {
    const one = operatorCases[index] as (typeof operatorCases)[number];
    const built = builtCase(one);
    const { builder } = built;
    const scalar = weightedLoss(built, one);
    const varied = built.inputs.filter((value, at) => value.type === 'float' && one.inputs[at]?.varied !== false);
    const variables = varied.map(({ name }) => name);
    const nodes = [...builder.nodes];
    const before = backend.library.memory().numTensors;
    const found = await tfjsGradients(backend, { nodes, inputs: built.inputs }, built.feeds, scalar, variables);
    expect(backend.library.memory().numTensors).toBe(before);

    if (differentiableOperators().includes(one.operator)) {
      for (const [at, value] of gradients(builder, scalar, varied).entries()) builder.output(`gradient${at}`, value);
      const ours = await byOnnxruntime(builder.finish(), built.feeds);
      for (const [at, name] of variables.entries()) {
        expect(distance(found.gradients.get(name) ?? [], ours[at]?.data ?? []), `${name} against ours`).toBeLessThan(
          toleranceOf(one.operator, on, 1e-5),
        );
      }
    }
    // Differences of values that may be off by more than they differ say nothing: those of such an operator are taken on WebAssembly.
    const differing = toleranceOf(one.operator, on, 0) === 0 ? backend : (backends[0] as TfjsBackend);
    const step = 2e-2;
    for (const name of variables) {
      const fed = built.feeds.get(name) as { shape: readonly number[]; data: Float32Array };
      const stream = randomStream(12, name);
      const direction = Float32Array.from(fed.data, () => stream.normal() / Math.sqrt(fed.data.length));
      const at = async (times: number): Promise<number> => {
        const data = fed.data.map((value, place) => value + times * (direction[place] as number));
        const moved = new Map([...built.feeds, [name, { shape: fed.shape, data }]]);
        return (await tfjsGradients(differing, { nodes, inputs: built.inputs }, moved, scalar, [])).loss;
      };
      // Fourth order: (8 (f(h) - f(-h)) - (f(2h) - f(-2h))) / 12h.
      const slope =
        (8 * ((await at(step)) - (await at(-step))) - ((await at(2 * step)) - (await at(-2 * step)))) / (12 * step);
      const gradient = found.gradients.get(name) as Float32Array;
      const along = gradient.reduce((sum, value, place) => sum + value * (direction[place] as number), 0);
      const size = Math.hypot(...gradient) / Math.sqrt(gradient.length);
      expect(Math.abs(along - slope), `${name}: ${along} along the direction, ${slope} by differences`).toBeLessThan(
        3e-3 * (size + Math.abs(slope)) + 3e-4,
      );
    }
  });
});

it('every operator the interpreter knows is among the cases', () => {
  const tried = new Set(operatorCases.map(({ operator }) => operator));
  expect(translatedOperators().filter((operator) => !tried.has(operator))).toEqual([]);
});

it('every operator with a derivative of ours is one the interpreter knows', () => {
  const known = new Set(translatedOperators());
  expect(differentiableOperators().filter((operator) => !known.has(operator))).toEqual([]);
});
