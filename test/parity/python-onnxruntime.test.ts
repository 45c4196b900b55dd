import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { buildInferenceModel } from '../../shared/graph/inference-model.ts';
import type { Plan } from '../../shared/plan/plan.ts';
import { randomStream } from '../../shared/runtime/random.ts';
import { multiclassPlan, regressionPlan } from '../support/families.ts';
import { heartPlan } from '../support/plans.ts';
import { preprocessingFor } from '../support/preprocessing.ts';
import { drawnWeights } from '../support/training.ts';

// Another interpreter than python3 may be named, such as that of a virtual environment with onnxruntime.
const python = process.env.WARDROUND_TEST_PYTHON ?? 'python3';
const probe = spawnSync(python, ['-c', 'import onnxruntime, numpy; print(onnxruntime.__version__)'], {
  encoding: 'utf8',
});
const missing = probe.status === 0 ? undefined : `${python} has no onnxruntime; pip install onnxruntime numpy`;

const script = `
import json, sys
import numpy, onnxruntime
model, rows, columns = sys.argv[1], sys.argv[2], int(sys.argv[3])
session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
features = numpy.fromfile(rows, dtype="<f4").reshape(-1, columns)
names = [output.name for output in session.get_outputs()]
values = session.run(names, {"features": features})
print(json.dumps({name: value.astype(float).flatten().tolist() for name, value in zip(names, values)}))
`;

const mlp = { family: 'mlp' as const, hidden: [16, 8], activation: 'relu' as const };
const plans: readonly (readonly [string, Plan])[] = [
  ['binary logistic', heartPlan()],
  ['binary mlp', heartPlan({ model: mlp })],
  ['multiclass logistic', multiclassPlan()],
  ['multiclass mlp', multiclassPlan({ model: mlp })],
  ['regression mlp', regressionPlan({ model: mlp })],
];

describe.skipIf(missing !== undefined)(
  `Python's onnxruntime${missing === undefined ? '' : ` (skipped: ${missing})`}`,
  () => {
    let folder = '';
    beforeAll(() => {
      folder = mkdtempSync(join(tmpdir(), 'wardround-python-'));
    });
    afterAll(() => rmSync(folder, { recursive: true, force: true }));

    it.each(plans)('gives the same predictions to 1e-5: %s', async (title, plan) => {
      const stream = randomStream(6, title);
      const rows = 50;
      const width = plan.data.columns.length;
      const raw = Float32Array.from({ length: rows * width }, (_, index) => {
        const column = plan.data.columns[index % width];
        if (column === undefined || stream.uniform() < 0.15) return Number.NaN;
        return column.kind === 'categorical' ? stream.integer(column.levels.length) : 100 + 20 * stream.normal();
      });
      const scaling = Object.fromEntries(plan.data.columns.map(({ name }) => [name, [100, 20] as const]));
      const model = buildInferenceModel(plan, preprocessingFor(plan, scaling), drawnWeights(plan));
      const modelFile = join(folder, 'model.onnx');
      const rowsFile = join(folder, 'rows.bin');
      writeFileSync(modelFile, model);
      writeFileSync(rowsFile, new Uint8Array(raw.buffer));

      const answer = spawnSync(python, ['-c', script, modelFile, rowsFile, String(width)], { encoding: 'utf8' });
      expect(answer.status, answer.stderr).toBe(0);
      const theirs = JSON.parse(answer.stdout) as Record<string, number[]>;

      const session = await InferenceSession.create(model);
      const ours = await session.run({ features: new Tensor('float32', raw, [rows, width]) });
      await session.release();
      expect(Object.keys(theirs)).toEqual(Object.keys(ours));
      for (const [name, values] of Object.entries(theirs)) {
        const own = ours[name]?.data as Float32Array;
        expect(values).toHaveLength(own.length);
        for (const [index, value] of values.entries()) {
          expect(Math.abs(value - (own[index] as number)), `${name}[${index}]`).toBeLessThan(
            1e-5 * (1 + Math.abs(value)),
          );
        }
      }
    });
  },
);
