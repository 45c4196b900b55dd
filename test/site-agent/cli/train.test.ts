import { writeFileSync } from 'node:fs';
import { Socket } from 'node:net';
import { join } from 'node:path';
import { Command } from 'commander';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { stringify } from 'yaml';
import type { Plan } from '../../../shared/plan/plan.ts';
import { canonicalJson } from '../../../shared/runtime/canonical.ts';
import type { Digest, RunId, TaskId } from '../../../shared/runtime/ids.ts';
import { lockDirectory } from '../../../site-agent/agent/lock.ts';
import { createTaskStore } from '../../../site-agent/agent/task-store.ts';
import { withStore } from '../../../site-agent/cli/open-site.ts';
import { register } from '../../../site-agent/cli/site.ts';
import { heartRows, heartUnits, temporaryDirectory, writeHeartSite } from '../../support/heart-site.ts';
import { heartPlan } from '../../support/plans.ts';

let folder: ReturnType<typeof temporaryDirectory>;
let printed: string[];
let connected: ReturnType<typeof vi.spyOn>;
beforeEach(() => {
  folder = temporaryDirectory();
  printed = [];
  vi.spyOn(console, 'log').mockImplementation((text: string) => void printed.push(text));
  vi.spyOn(console, 'error').mockImplementation((text: string) => void printed.push(text));
  connected = vi.spyOn(Socket.prototype, 'connect');
});
afterEach(() => {
  vi.restoreAllMocks();
  process.exitCode = undefined;
  folder.remove();
});

function writeSite(training: Partial<Plan['training']> = {}, rows = 400): void {
  writeHeartSite(folder.path, heartRows(rows));
  const data = { query: "SELECT * FROM 'data/patients.csv'", units: { ...heartUnits } };
  writeFileSync(join(folder.path, 'site.yaml'), stringify({ wardround: 'site/1', engine: 'onnx', data }));
  const base = heartPlan({ model: { family: 'mlp', hidden: [8], activation: 'tanh' } });
  const plan = { ...base, training: { ...base.training, batch: 16, work: { epochs: 10 }, ...training } };
  writeFileSync(join(folder.path, 'plan.json'), canonicalJson(plan));
}

async function site(...words: string[]): Promise<void> {
  const program = new Command().exitOverride();
  register(program);
  await program.parseAsync(['node', 'wardround', 'site', ...words, '--dir', folder.path]);
}
const dry = (...words: string[]) => site('train', '--dry-run', '--plan', join(folder.path, 'plan.json'), ...words);

describe('site train --dry-run', () => {
  it('trains one local epoch before enrolment, says what it takes, and opens no connection', async () => {
    writeSite();
    await dry('--json');
    const result = JSON.parse(printed.join('\n'));
    const steps = Math.ceil(result.rows / 16);
    expect(result).toMatchObject({
      validationRows: 0,
      precision: 'float32',
      steps,
      rowsAtOnce: 16,
      validationLoss: null,
      round: { steps: 10 * steps },
      sent: false,
      engine: { because: 'site.yaml names onnx' },
    });
    expect(result.engine.runsOn).toMatch(/^onnxruntime-node .* cpu/);
    // 8 x 18 and 8 x 1 forward; as many for the gradients of the weights, and 8 for that of the hidden values. Some sums are products as well.
    const forward = 8 * 18 + 8;
    expect(result.workPerRow.multiplyAdds).toBe(forward);
    const ofRow = result.round.multiplyAdds / (10 * steps * 16);
    expect(ofRow).toBeGreaterThanOrEqual(2 * forward + 8);
    expect(ofRow).toBeLessThanOrEqual(2 * forward + 8 + 9);
    // Two layers of float32, 18 columns in, 8 wide: 8 · 18 + 8 + 8 + 1 numbers, and a header.
    expect(result.updateBytes).toBeGreaterThan(4 * 161);
    expect(result.lossFirst).toBeGreaterThan(0);
    expect(result.peakMemoryBytes).toBeGreaterThan(2 ** 20);
    expect(result.notes).toEqual([expect.stringContaining("this site's own rows")]);
    expect(connected).not.toHaveBeenCalled();
  });

  it('validates on patients set aside where the plan stops early, with the engine of --engine', async () => {
    writeSite({ earlyStopping: { share: 0.25, patience: 3, minimumDelta: 0 } });
    await dry('--engine', 'tfjs-wasm');
    const text = printed.join('\n');
    expect(text).toMatch(/rows +\d+, and \d+ set aside to validate on/);
    expect(text).toMatch(/engine +tensorflow\.js .* wasm/);
    expect(text).toMatch(/why +--engine names tfjs-wasm/);
    expect(text).toMatch(/validation +0\.\d+ after it/);
    expect(text).toMatch(/a row +152 multiply-adds, without training/);
    expect(text).toMatch(/a round +\d+ steps, [\d.]+ (thousand|million) multiply-adds, about [\d.]+ (s|min)/);
    expect(text).toContain('No connection was opened, nothing was sent');
    expect(connected).not.toHaveBeenCalled();
  });

  it('says what share of the rows was clipped, where rows are clipped one by one', async () => {
    writeSite({ perExampleClip: 1e-6 });
    await dry();
    expect(printed.join('\n')).toMatch(/clipped +100% of the rows, by perExampleClip/);
    printed.length = 0;
    await dry('--json');
    const every = JSON.parse(printed.join('\n'));
    expect(every.clipping).toEqual({ rows: every.rows, clipped: every.rows });
    printed.length = 0;
    writeSite();
    await dry('--json');
    expect(JSON.parse(printed.join('\n')).clipping).toBeNull();
  });

  it('stops within a step when it is interrupted', async () => {
    writeSite({ batch: 'full', work: { steps: 1_000_000 } });
    const controller = setInterval(() => {
      if (process.listenerCount('SIGINT') > 0) process.emit('SIGINT');
    }, 20);
    try {
      await dry();
    } finally {
      clearInterval(controller);
    }
    expect(printed).toEqual(['Stopped. Nothing was sent.']);
    expect(process.exitCode).toBe(130);
    expect(process.listenerCount('SIGINT')).toBe(0);
  });

  it.each([
    ['without --dry-run', ['train', '--plan', 'plan.json'], 'dry_run_only'],
    ['of a plan that is not there', ['train', '--dry-run', '--plan', 'nothing here'], 'unknown_plan'],
  ])('refuses to train %s', async (_, words, code) => {
    writeSite();
    if (code === 'unknown_plan') {
      // A look at the plans of this site needs its identity, which comes with enrolment.
      await expect(site(...words)).rejects.toMatchObject({ subsystem: expect.stringMatching(/agent|certificate/) });
    } else {
      await expect(site(...words)).rejects.toMatchObject({ code });
    }
  });

  it('refuses an engine that is none, and rows that are too few', async () => {
    writeSite({}, 12);
    await expect(dry()).rejects.toMatchObject({ code: 'too_few_rows' });
    await expect(dry('--engine', 'abacus')).rejects.toMatchObject({ code: 'commander.invalidArgument' });
  });
});

it('site status says that nothing is under way', async () => {
  writeSite();
  await site('status', '--json');
  expect(JSON.parse(printed.join(''))).toEqual({ agentRunning: false, tasks: [] });
});

it('site status says how far training is, and what share of the rows it clipped', async () => {
  writeSite();
  await withStore(folder.path, async (store) => {
    const tasks = createTaskStore(store);
    for (const id of ['one', 'other'] as TaskId[]) {
      tasks.begin({ id, run: 'heart-1' as RunId, round: 0, kind: 'summary', plan: '' as Digest, deadlineMs: 0 }, 0);
      const progress = { step: 5, steps: 20, epoch: 1, loss: 0.5, secondsLeft: 61, runsOn: 'onnx', atMs: 0 };
      tasks.progressed(id, id === 'one' ? { ...progress, clipping: { rows: 80, clipped: 10 } } : progress);
    }
  });
  await site('status');
  const [heads = '', , one = '', other = ''] = printed.join('\n').split('\n');
  const at = heads.indexOf('clipped');
  expect([one, other].map((line) => line.slice(at).split(/ {2,}/)[0])).toEqual(['12.5%', '-']);
});

it('site status forgets what an agent before left, until it is worked on again', async () => {
  writeSite();
  const id = 'one' as TaskId;
  const offer = { id, run: 'heart-1' as RunId, round: 0, kind: 'summary', plan: '' as Digest, deadlineMs: 0 } as const;
  await withStore(folder.path, async (store) => {
    const tasks = createTaskStore(store);
    tasks.begin(offer, 0);
    tasks.progressed(id, { step: 5, steps: 20, epoch: 1, loss: 0.5, secondsLeft: 61, runsOn: 'onnx', atMs: 0 });
    tasks.leaveAll();
    expect(tasks.atWork()).toEqual([]);
    tasks.begin(offer, 9);
    expect(tasks.atWork()).toMatchObject([{ id, begunMs: 0, progress: null }]);
    tasks.leave(id);
    expect(tasks.atWork()).toEqual([]);
  });
});

it('site status tells no time left where no agent runs', async () => {
  writeSite();
  await withStore(folder.path, async (store) => {
    const tasks = createTaskStore(store);
    const id = 'one' as TaskId;
    tasks.begin({ id, run: 'heart-1' as RunId, round: 0, kind: 'summary', plan: '' as Digest, deadlineMs: 0 }, 0);
    tasks.progressed(id, { step: 5, steps: 20, epoch: 1, loss: 0.5, secondsLeft: 61, runsOn: 'onnx', atMs: 0 });
  });
  await site('status');
  const killed = printed.splice(0).join('\n');
  expect(killed).toContain('5 of 20');
  expect(killed).toContain('No agent runs here');
  expect(killed).not.toContain('2 min');
  const agent = lockDirectory(folder.path);
  await site('status');
  agent.release();
  expect(printed.join('\n')).toContain('2 min');
  expect(printed.join('\n')).not.toContain('No agent runs here');
});
