import { describe, expect, it } from 'vitest';
import { GraphBuilder } from '../../../../shared/graph/graph-builder.ts';
import { gradients } from '../../../../shared/graph/reverse-mode.ts';
import { huber } from '../../../../shared/graph/training/losses/regression.ts';
import { runOnnx } from '../../../support/run-onnx.ts';

async function huberAt(residuals: readonly number[], delta: number) {
  const rows = residuals.length;
  const builder = new GraphBuilder('huber');
  const outputs = builder.input('outputs', 'float', [rows]);
  const losses = huber(builder, outputs, builder.input('labels', 'float', [rows]), delta);
  builder.output('losses', losses);
  builder.output('slopes', gradients(builder, builder.sum(losses), [outputs])[0] as never);
  const { losses: found, slopes } = await runOnnx(builder.finish(), {
    outputs: { shape: [rows], data: Float32Array.from(residuals) },
    labels: { shape: [rows], data: new Float32Array(rows) },
  });
  return { losses: [...(found?.data ?? [])], slopes: [...(slopes?.data ?? [])] };
}

describe('Huber’s loss', () => {
  // By its definition, in float64: r² / 2 up to delta, delta (|r| - delta / 2) beyond; the slope is r, and delta with r's sign.
  it.each([1, 0.3, 50])(
    'and its slope are those of its definition for residuals of any size, delta %f',
    async (delta) => {
      const sizes = [0, 1e-3, 0.2, delta * 0.999, delta, delta * 1.001, 7, 1e3, 1e5, 1e8, 1e12, 1e18, 1e30];
      const residuals = sizes.flatMap((size) => [size, -size]).map(Math.fround);
      const { losses, slopes } = await huberAt(residuals, delta);
      for (const [at, residual] of residuals.entries()) {
        const size = Math.abs(residual);
        const loss = size <= delta ? size ** 2 / 2 : delta * (size - delta / 2);
        const slope = Math.max(-delta, Math.min(delta, residual));
        expect(Math.abs((losses[at] as number) - loss), `loss at ${residual}`).toBeLessThanOrEqual(1e-6 * loss);
        expect(Math.abs((slopes[at] as number) - slope), `slope at ${residual}`).toBeLessThanOrEqual(
          1e-6 * Math.abs(slope),
        );
      }
    },
  );
});
