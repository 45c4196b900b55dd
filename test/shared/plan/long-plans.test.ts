import { describe, expect, it } from 'vitest';
import { encodedFeatures } from '../../../shared/graph/encoding.ts';
import { GraphBuilder } from '../../../shared/graph/graph-builder.ts';
import { encodeOnnx } from '../../../shared/graph/onnx-file.ts';
import { loadPlan, parseCanonicalPlan } from '../../../shared/plan/load-plan.ts';
import { canonicalJson } from '../../../shared/runtime/canonical.ts';
import { planAround } from '../../support/brought-plans.ts';
import { longPlans } from '../../support/long-networks.ts';
import { refusal } from '../../support/plan-refusal.ts';

/** The number, the bound, and what to do. */
const sentence =
  /takes [\d.,e+]+( \w+)? (multiply-adds|element operations) for one row, and the most is (200|4) billion; choose fewer/;

describe('a plan that would compute without end for one row', () => {
  it.each(longPlans)('is refused as it is written and as it comes over the wire, for %s', (_, make) => {
    const text = canonicalJson(make());
    for (const error of [
      refusal(() => loadPlan(text, 'plan.yaml')),
      refusal(() => parseCanonicalPlan(Buffer.from(text))),
    ]) {
      expect(error.code).toBe('inconsistent');
      expect(error.problems).toMatchObject([{ code: 'inconsistent', path: 'model' }]);
      expect(error.message).toMatch(sentence);
    }
  });

  it('is refused with a network of any family', () => {
    const image = {
      kind: 'images',
      file: 'image',
      width: 1024,
      height: 1024,
      channels: 3,
      mean: [0, 0, 0],
      scale: [1, 1, 1],
    };
    const plan = planAround({
      payload: image,
      model: { family: 'resnet', channels: [512, 512], blocks: 8 },
    });
    const error = refusal(() => parseCanonicalPlan(Buffer.from(canonicalJson(plan))));
    expect(error.problems.map(({ message }) => message).join()).toMatch(sentence);
  });

  it('is refused with its file, before that is differentiated', () => {
    const builder = new GraphBuilder('file');
    const features = encodedFeatures(planAround({})).length;
    const x = builder.input('x', 'float', ['rows', features]);
    const sums = builder.op('MatMul', [x, builder.constant('w', [features, 1], new Float32Array(features).fill(0.5))]);
    const single = builder.op('Reshape', [sums, builder.integers('single', [-1, 1, 1, 1])]);
    const image = builder.op('Expand', [single, builder.integers('image', [1, 1, 500, 500])]);
    const pooled = builder.op('AveragePool', [image], {
      kernel_shape: { ints: [401, 401] },
      pads: { ints: [200, 200, 200, 200] },
    });
    builder.output('logits', builder.op('ReduceMean', [pooled], { axes: { ints: [2, 3] }, keepdims: { int: 0 } }));
    const file = encodeOnnx(builder.finish());
    const text = canonicalJson(planAround({ model: { family: 'onnx', file: 'net.onnx' } }));
    const error = refusal(() => loadPlan(text, 'plan.yaml', () => file));
    expect(error.code).toBe('model_refused');
    expect(error.details.onnx).toBe('over_limit');
    expect(error.message).toMatch(sentence);
  });
});
