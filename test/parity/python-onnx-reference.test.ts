import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { buildInferenceModel } from '../../shared/graph/inference-model.ts';
import { drawnTensors, fits, modelKinds, modelPlan, smallModels, taskKinds } from '../support/model-plans.ts';
import { preprocessingFor } from '../support/preprocessing.ts';
import { rawInputs, scaling } from '../support/raw-inputs.ts';
import { runOnnx } from '../support/run-onnx.ts';

const python = process.env.WARDROUND_TEST_PYTHON ?? 'python3';
const probe = spawnSync(python, ['-c', 'import onnx.reference, numpy'], { encoding: 'utf8' });
const missing = probe.status === 0 ? undefined : `${python} has no onnx; pip install onnx numpy`;

// The format's own checker, with inference of shapes, and its own evaluator, which shares no code with a runtime.
const script = `
import json, sys, warnings
import numpy, onnx
from onnx.reference import ReferenceEvaluator
warnings.filterwarnings("ignore")
answers = {}
for case in json.load(open(sys.argv[1])):
    model = onnx.load(case["file"])
    onnx.checker.check_model(model, full_check=True)
    feeds = {name: numpy.fromfile(given["file"], dtype="<f4").reshape(given["shape"]) for name, given in case["inputs"].items()}
    names = [output.name for output in model.graph.output]
    values = ReferenceEvaluator(model).run(names, feeds)
    answers[case["title"]] = {name: value.astype(float).flatten().tolist() for name, value in zip(names, values)}
print(json.dumps(answers))
`;

const cases = modelKinds.flatMap((kind) =>
  taskKinds.filter((task) => fits(kind, task)).map((task) => ({ kind, task, title: `${kind}, ${task}` })),
);

describe.skipIf(missing !== undefined)(
  `ONNX's own checker and evaluator${missing === undefined ? '' : ` (skipped: ${missing})`}`,
  () => {
    let folder = '';
    let answers: Record<string, Record<string, number[]>> = {};
    const built = cases.map(({ kind, task, title }) => {
      const plan = modelPlan(smallModels[kind], task);
      return { title, file: buildInferenceModel(plan, preprocessingFor(plan, scaling), drawnTensors(plan)), plan };
    });

    beforeAll(() => {
      folder = mkdtempSync(join(tmpdir(), 'wardround-onnx-'));
      const listed = built.map(({ title, file, plan }, at) => {
        const path = join(folder, `${at}.onnx`);
        writeFileSync(path, file);
        const inputs = Object.entries(rawInputs(plan, 5)).map(([name, { shape, data }]) => {
          const values = join(folder, `${at}.${name}`);
          writeFileSync(values, new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
          return [name, { shape, file: values }];
        });
        return { title, file: path, inputs: Object.fromEntries(inputs) };
      });
      writeFileSync(join(folder, 'cases.json'), JSON.stringify(listed));
      const answer = spawnSync(python, ['-c', script, join(folder, 'cases.json')], { encoding: 'utf8' });
      expect(answer.status, answer.stderr).toBe(0);
      answers = JSON.parse(answer.stdout) as typeof answers;
    });
    afterAll(() => rmSync(folder, { recursive: true, force: true }));

    it.each(built)(
      'take the release and give what onnxruntime gives, to 1e-5: $title',
      async ({ title, file, plan }) => {
        const ours = await runOnnx(file, rawInputs(plan, 5));
        const theirs = answers[title] ?? {};
        expect(Object.keys(theirs)).toEqual(Object.keys(ours));
        for (const [name, values] of Object.entries(theirs)) {
          const own = ours[name]?.data as Float32Array;
          expect(values).toHaveLength(own.length);
          for (const [at, value] of values.entries()) {
            expect(Math.abs(value - (own[at] as number)), `${name}[${at}]`).toBeLessThan(1e-5 * (1 + Math.abs(value)));
          }
        }
      },
    );
  },
);
