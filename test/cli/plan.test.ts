import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Command } from 'commander';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { register } from '../../cli/plan.ts';
import { PlanError } from '../../shared/plan/plan-error.ts';
import { ConfigError } from '../../shared/runtime/config-error.ts';
import { digestOf } from '../../shared/runtime/digest.ts';
import { modelPlan, smallModels } from '../support/model-plans.ts';
import { linearFile, node, value } from '../support/onnx-bytes.ts';

const plan = fileURLToPath(new URL('../support/heart-plan.yaml', import.meta.url));
// python3 test/shared/plan/plan-digest.py
const digest = '40ead87f6c688af7ef4067b3973622998356642c6af0cb825566915d5ddb1937';

let directory: string;
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'wardround-plan-'));
});
afterAll(() => rmSync(directory, { recursive: true, force: true }));

let output = '';
let exitCodeBefore: typeof process.exitCode;
beforeEach(() => {
  output = '';
  exitCodeBefore = process.exitCode;
  vi.spyOn(process.stdout, 'write').mockImplementation((text) => {
    output += String(text);
    return true;
  });
});
afterEach(() => {
  vi.restoreAllMocks();
  process.exitCode = exitCodeBefore;
});

/** Runs one command; what it printed and the exit code it asked for. */
async function run(...words: string[]): Promise<{ readonly text: string; readonly exitCode: unknown }> {
  const program = new Command().exitOverride();
  register(program);
  process.exitCode = undefined;
  await program.parseAsync(words, { from: 'user' });
  return { text: output, exitCode: process.exitCode };
}

function write(name: string, text: string | Uint8Array): string {
  const file = join(directory, name);
  writeFileSync(file, text);
  return file;
}

describe('plan check', () => {
  it('prints what the plan asks for', async () => {
    const { text, exitCode } = await run('plan', 'check', plan);
    expect(text).toContain(digest);
    expect(text).toContain('columns       3: age, sex, st_depression');
    expect(text).toMatch(/^model +mlp: fully connected network, hidden layers of 16, 8, relu$/m);
    expect(text).toMatch(/^training +(?:adam|sgd).*, rate .*, batch /m);
    expect(text).toContain('rows with admitted from 2024-01-01 on; earlier rows train');
    expect(text.endsWith('The plan is valid.\n')).toBe(true);
    expect(exitCode).toBeUndefined();
  });

  it('prints what series a network reads, how it trains, and that other tasks than binary are held', async () => {
    const series = modelPlan(smallModels.gru, 'survival', {
      optimiser: { kind: 'adamw', rate: 0.01 },
      loss: { kind: 'cox', ties: 'efron' },
      earlyStopping: { share: 0.25 },
      precision: 'mixed',
    });
    const { text } = await run('plan', 'check', write('series.json', JSON.stringify(series)));
    for (const line of [
      /^task +survival: .* in .*, until .* or the end of observation$/m,
      /^model +gru: gated recurrent network, width \d+, \d layers?$/m,
      /^reads +.*payload \[7, \d+\]: series of 7 steps of 60 minutes: pulse \(1\/min\), lactate \(mmol\/L\)$/m,
      /^training +partial likelihood, ties after Efron; adamw, rate 0.01, .*weight decay 0.01, .*stopped early on 25 % of the patients, float16 where/m,
      /^gate +.*the performance of a survival model is not/m,
    ]) {
      expect(text).toMatch(line);
    }
  });

  it('prints one JSON value for a script', async () => {
    const { text } = await run('plan', 'check', plan, '--json');
    expect(JSON.parse(text)).toEqual({ file: plan, valid: true, name: 'heart-disease', digest });
  });

  it('refuses a broken plan: an error for people, data and exit code 2 for scripts', async () => {
    const file = write('broken.yaml', 'wardround: plan/1\nname: Heart\n');
    await expect(run('plan', 'check', file)).rejects.toThrow(PlanError);
    output = '';
    const { text, exitCode } = await run('plan', 'check', file, '--json');
    const answer = JSON.parse(text) as { valid: boolean; problems: { path: string; position: unknown }[] };
    expect(answer.valid).toBe(false);
    expect(answer.problems.find((problem) => problem.path === 'name')?.position).toEqual({ line: 2, column: 7 });
    expect(exitCode).toBe(2);
  });

  it('refuses a file that is not there or is a directory', async () => {
    const codeOf = async (file: string) => {
      try {
        await run('plan', 'check', file);
      } catch (error) {
        return error instanceof ConfigError ? error.fullCode : error;
      }
      return null;
    };
    expect(await codeOf(join(directory, 'none.yaml'))).toBe('config.not_found');
    expect(await codeOf(directory)).toBe('config.unreadable');
  });
});

describe('plan digest', () => {
  it('prints the digest alone', async () => {
    expect((await run('plan', 'digest', plan)).text).toBe(`${digest}\n`);
  });

  it('prints the canonical form whose SHA-256 it is', async () => {
    expect(digestOf((await run('plan', 'digest', plan, '--canonical')).text)).toBe(digest);
  });
});

describe('policy check', () => {
  it('passes a policy that is at least as strict as the plan', async () => {
    const file = write(
      'strict.yaml',
      'wardround: policy/1\nname: Ward 3\nauroc: { floor: 0.8 }\ncalibration: { slope: [0.9, 1.1] }\n',
    );
    const { text, exitCode } = await run('policy', 'check', file, '--against', plan);
    expect(text).toContain('at least as strict as plan heart-disease');
    expect(exitCode).toBeUndefined();
  });

  it('names what is looser, and exits with 3', async () => {
    const file = write('loose.yaml', 'wardround: policy/1\nauroc: { margin: 0.1 }\nholdDays: 365\n');
    const { text, exitCode } = await run('policy', 'check', file, '--against', plan, '--json');
    expect(JSON.parse(text)).toMatchObject({
      valid: true,
      strictEnough: false,
      against: digest,
      violations: [
        'auroc.margin: must be at most 0.02 (the plan), found 0.1',
        'holdDays: must be at most 90 (the plan), found 365',
      ],
    });
    expect(exitCode).toBe(3);
  });

  it('checks a policy by itself', async () => {
    const file = write('alone.yaml', 'wardround: policy/1\n');
    expect((await run('policy', 'check', file)).text).toContain('The policy is valid.\n');
    await expect(run('policy', 'check', plan)).rejects.toThrow(PlanError);
  });

  it('names the plan, not the policy, when the plan is broken', async () => {
    const file = write('ok.yaml', 'wardround: policy/1\n');
    const broken = write('broken-plan.yaml', 'wardround: plan/1\n');
    const { text, exitCode } = await run('policy', 'check', file, '--against', broken, '--json');
    expect((JSON.parse(text) as { file: string }).file).toBe(broken);
    expect(exitCode).toBe(2);
  });
});

describe('plan check of a plan that names an ONNX file', () => {
  const brought = async (file: Uint8Array) => {
    write('net.onnx', file);
    const text = readFileSync(plan, 'utf8').replace(/^model:.*$/m, 'model: { family: onnx, file: net.onnx }');
    return run('plan', 'check', write('brought.yaml', text));
  };

  it('says what was read of it, what trains and what travels', async () => {
    const nodes = [node('Gemm', ['x', 'weight', 'bias'], ['z']), node('Sigmoid', ['z'], ['y'])];
    const { text } = await brought(linearFile(5, { nodes, outputs: [value('y', ['rows', 1])] }));
    for (const line of [
      /^model +onnx$/m,
      /^size +6 parameters, all of which train; 24 bytes each way/m,
      /^network +from hand, operator set 17, SHA-256 [0-9a-f]{64}$/m,
      /^reads +features \[5\]: age, sex=/m,
      /^tensors +1 weights, 1 biases, 0 running statistics$/m,
      /^operators +Gemm 1$/m,
      /^changed +the final Sigmoid is left out/m,
    ]) {
      expect(text).toMatch(line);
    }
  });

  it('says where it looked for a file that is not there', async () => {
    const text = readFileSync(plan, 'utf8').replace(/^model:.*$/m, 'model: { family: onnx, file: other.onnx }');
    await expect(run('plan', 'check', write('other.yaml', text))).rejects.toThrowError(
      /other\.onnx is refused \(onnx\.wrong_input\): .*other\.onnx is not there; the file is looked for beside the plan/,
    );
  });

  it('refuses it with code and line', async () => {
    await expect(brought(linearFile(7))).rejects.toThrowError(/net\.onnx is refused \(onnx\.wrong_input\)/);
  });
});
