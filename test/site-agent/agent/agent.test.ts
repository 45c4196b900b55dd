import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { signRelease } from '../../../certs/signing.ts';
import { poolSummaries } from '../../../shared/algorithms/federated-scaling.ts';
import { initialWeights } from '../../../shared/graph/families.ts';
import { GraphBuilder } from '../../../shared/graph/graph-builder.ts';
import { buildInferenceModel } from '../../../shared/graph/inference-model.ts';
import { encodeOnnx } from '../../../shared/graph/onnx-file.ts';
import { type LoadedPlan, loadPlan } from '../../../shared/plan/load-plan.ts';
import type { Plan } from '../../../shared/plan/plan.ts';
import type { SiteSummary } from '../../../shared/plan/preprocessing.ts';
import type { SharedJudgement } from '../../../shared/plan/shared-judgement.ts';
import { canonicalJson } from '../../../shared/runtime/canonical.ts';
import { digestOf } from '../../../shared/runtime/digest.ts';
import type { Digest, ReleaseVersion, RunId, SiteName, TaskId } from '../../../shared/runtime/ids.ts';
import { systemClock } from '../../../shared/runtime/system-clock.ts';
import { decodeSafetensors, encodeSafetensors } from '../../../shared/tensors/safetensors.ts';
import type { NamedTensors } from '../../../shared/tensors/tensor.ts';
import type { FederationPort } from '../../../shared/wire/federation-port.ts';
import type { ObjectRef, ReleaseManifest, TaskOffer, UpdateHeader } from '../../../shared/wire/messages.ts';
import { WireError } from '../../../shared/wire/wire-error.ts';
import type { SiteAgent } from '../../../site-agent/agent/agent.ts';
import { AgentError } from '../../../site-agent/agent/agent-error.ts';
import { createPlanBook } from '../../../site-agent/agent/plans.ts';
import type { SiteSigner } from '../../../site-agent/agent/signer.ts';
import { openAgentStore } from '../../../site-agent/agent/store.ts';
import { createTaskStore, type TaskAtWork } from '../../../site-agent/agent/task-store.ts';
import type { SiteConfig } from '../../../site-agent/config.ts';
import { createLedger } from '../../../site-agent/egress/ledger.ts';
import { createModelRegistry } from '../../../site-agent/models/registry.ts';
import type { Trainer } from '../../../site-agent/training/trainer.ts';
import { TrainingError } from '../../../site-agent/training/training-error.ts';
import { createTestAuthority, type TestAuthority, type TestCredentials } from '../../support/authority.ts';
import { movableClock } from '../../support/clock.ts';
import { createFakeCoordinator, type FakeCoordinator } from '../../support/fake-coordinator.ts';
import { type HeartRow, heartRows, heartUnits, temporaryDirectory, writeHeartSite } from '../../support/heart-site.ts';
import { heartPlan } from '../../support/plans.ts';
import { recordingLogger } from '../../support/recording-logger.ts';
import { agentOn, eventually, testSigner } from '../../support/site-agent.ts';

const north = 'north' as SiteName;
const run = 'heart-disease-1' as RunId;
const gate = { auroc: { floor: 0.6 }, calibration: { slope: [0.01, 50], intercept: [-5, 5] } } as const;
const trained = heartPlan({
  training: { optimiser: { kind: 'adam', rate: 0.05 }, work: { epochs: 4 } },
  gate: gate as never,
});

const endless: Plan = { ...trained, training: { ...trained.training, work: { steps: 1_000_000 }, batch: 8 } };

let folder: ReturnType<typeof temporaryDirectory>;
let coordinator: FakeCoordinator;
let plan: LoadedPlan;
let signer: SiteSigner;
let config: SiteConfig;
let agents: SiteAgent[];

function setUp(under: Plan, rows: readonly HeartRow[] = heartRows(600), overrides: object = {}): void {
  plan = loadPlan(canonicalJson(under), 'plan');
  coordinator.plans.set(plan.digest, Buffer.from(plan.canonical));
  config = writeHeartSite(folder.path, rows, overrides);
}

beforeEach(() => {
  folder = temporaryDirectory();
  coordinator = createFakeCoordinator();
  signer = testSigner();
  agents = [];
  setUp(trained);
});
afterEach(async () => {
  for (const agent of agents) await agent.stop();
  folder.remove();
});

const port = (changes: Partial<FederationPort> = {}): FederationPort => ({
  ...coordinator.ports.federation({ role: 'site', site: north, serial: '1' }),
  ...changes,
});

async function start(
  changes: Partial<FederationPort> = {},
  rootPem = '',
  overrides: Parameters<typeof agentOn>[2] = {},
): Promise<SiteAgent> {
  const needs = { directory: folder.path, config, signer, rootPem };
  const agent = agentOn(port(changes), needs, overrides);
  agents.push(agent);
  await agent.start();
  await eventually('the agent attends', () => coordinator.attending.has('north'));
  return agent;
}

/** What `site approve` does, beside the running agent. */
function approve(): void {
  const store = openAgentStore(folder.path);
  createPlanBook({ store, directory: folder.path, site: north, config, signer }).approve(
    plan.digest,
    'manual',
    Date.now(),
  );
  store.close();
}

async function startApproved(
  changes: Partial<FederationPort> = {},
  rootPem = '',
  overrides: Parameters<typeof agentOn>[2] = {},
): Promise<SiteAgent> {
  const agent = await start(changes, rootPem, overrides);
  coordinator.say('north', { kind: 'plan', run, plan: plan.digest });
  await eventually('the plan is known', () => agent.plans.load(plan.digest) !== null);
  if (!agent.plans.isApproved(plan.digest)) approve();
  return agent;
}

const put = (bytes: Uint8Array): ObjectRef => {
  const digest = digestOf(bytes);
  coordinator.objects.set(digest, bytes);
  return { digest, bytes: bytes.byteLength };
};
function offer(task: TaskOffer): void {
  coordinator.tasks.set(task.id, north);
  coordinator.say('north', { kind: 'task', task });
}
const base = (id: string, round: number) => ({
  id: id as TaskId,
  run,
  round,
  plan: plan.digest,
  deadlineMs: Date.now() + 600_000,
});
const submitted = <Value>(kind: string): Value[] =>
  coordinator.submissions.filter((entry) => entry.kind === kind).map(({ value }) => value as Value);
const declines = () => submitted<{ task: TaskId; reason: string; text: string }>('decline');

async function summarised(): Promise<ObjectRef> {
  offer({ ...base('summary', 0), kind: 'summary' });
  await eventually('the summary', () => submitted('summary').length === 1);
  const summary = submitted<SiteSummary>('summary')[0] as SiteSummary;
  return put(Buffer.from(canonicalJson(poolSummaries(plan.plan, plan.digest, new Map([[north, summary]])))));
}

function trainOffer(
  id: string,
  preprocessing: ObjectRef,
  weights: NamedTensors = initialWeights(plan.plan),
  round = 1,
) {
  return { ...base(id, round), kind: 'train', base: put(encodeSafetensors(weights)), preprocessing } as const;
}
const updates = () => submitted<UpdateHeader>('update');

function atWork(): readonly TaskAtWork[] {
  const store = openAgentStore(folder.path);
  try {
    return createTaskStore(store).atWork();
  } finally {
    store.close();
  }
}
const trains = (task: string): boolean => atWork().some(({ id, progress }) => id === task && progress !== null);

describe('approval', () => {
  it('no plan runs before it is approved here, and the approval reaches the coordinator while the agent runs', async () => {
    const agent = await start();
    coordinator.say('north', { kind: 'plan', run, plan: plan.digest });
    await eventually('the plan is known', () => agent.plans.list().length === 1);
    offer({ ...base('early', 0), kind: 'summary' });
    await eventually('the decline', () => declines().length === 1);
    expect(declines()[0]).toMatchObject({ task: 'early', reason: 'plan_not_approved' });
    expect(coordinator.heard[0]?.message).toMatchObject({ kind: 'hello', approvedPlans: [] });
    expect(submitted('summary')).toEqual([]);
    approve();
    await eventually('the approval is told', () =>
      coordinator.heard.some(({ message }) => message.kind === 'approvals' && message.approvedPlans[0] === plan.digest),
    );
    offer({ ...base('early', 0), kind: 'summary' });
    await eventually('the summary', () => submitted('summary').length === 1);
  });

  it('automatic approval only where the configuration says so, and it is signed', async () => {
    setUp(trained, heartRows(100), { config: { approval: 'automatic' } });
    const agent = await start();
    coordinator.say('north', { kind: 'plan', run, plan: plan.digest });
    await eventually('the approval', () => agent.plans.isApproved(plan.digest));
    expect(agent.plans.list()[0]?.approval).toMatchObject({ mode: 'automatic', policySource: 'plan' });
    expect(agent.plans.signedPolicy(plan)).toEqual(plan.plan.gate);
  });

  it('a plan whose bytes do not have its digest is not kept', async () => {
    const agent = await start();
    const other = 'f'.repeat(64) as Digest;
    coordinator.plans.set(other, Buffer.from(plan.canonical));
    coordinator.say('north', { kind: 'plan', run, plan: other });
    coordinator.say('north', { kind: 'plan', run, plan: plan.digest });
    await eventually('the sound plan', () => agent.plans.list().length === 1);
    expect(agent.plans.list()[0]?.digest).toBe(plan.digest);
  });

  it('finds a plan by its first digits, and says what is wrong with others', async () => {
    const agent = await startApproved();
    expect(agent.plans.resolve(plan.digest.slice(0, 8).toUpperCase())).toBe(plan.digest);
    for (const [text, code] of [
      ['abc', 'digest_malformed'],
      ['../../etc', 'digest_malformed'],
      ['0123456789abcdef', 'unknown_plan'],
    ] as const) {
      expect(() => agent.plans.resolve(text)).toThrow(expect.objectContaining({ code }));
    }
  });
});

describe('policy', () => {
  const policyFile = (change: object): void =>
    writeFileSync(join(folder.path, 'policy.yaml'), stringify({ ...structuredClone(plan.plan.gate), ...change }));

  it('a looser one refuses the approval, a stricter one is signed and in force', async () => {
    setUp(trained, heartRows(100), { config: { policyFile: 'policy.yaml' } });
    policyFile({ minimumEvents: 1 });
    const agent = await start();
    coordinator.say('north', { kind: 'plan', run, plan: plan.digest });
    await eventually('the plan', () => agent.plans.load(plan.digest) !== null);
    expect(approve).toThrow(expect.objectContaining({ code: 'policy_looser' }));
    policyFile({ minimumEvents: 500 });
    approve();
    expect(agent.plans.signedPolicy(plan).minimumEvents).toBe(500);
    expect(agent.plans.list()[0]?.approval?.policySource).toBe('site');
    // Stricter still, but not what was signed: it takes a new approval.
    policyFile({ minimumEvents: 600 });
    expect(() => agent.plans.signedPolicy(plan)).toThrow(expect.objectContaining({ code: 'policy_changed' }));
    approve();
    expect(agent.plans.signedPolicy(plan).minimumEvents).toBe(600);
  });

  it('an approval that was altered, or signed by another key, judges nothing', async () => {
    const agent = await startApproved();
    const store = openAgentStore(folder.path);
    const row = store.get<{ record: string }>('select record from approvals') as { record: string };
    store.run('update approvals set record = ?', row.record.replace('"manual"', '"automatic"'));
    expect(() => agent.plans.signedPolicy(plan)).toThrow(expect.objectContaining({ code: 'policy_signature' }));
    store.run(
      'update approvals set record = ?, signature = ?',
      row.record,
      JSON.stringify(testSigner().sign(row.record)),
    );
    expect(() => agent.plans.signedPolicy(plan)).toThrow(expect.objectContaining({ code: 'policy_signature' }));
    store.close();
  });
});

describe('training', () => {
  it('sends a summary, trains, uploads and submits; every submission is in the ledger', async () => {
    await startApproved();
    const preprocessing = await summarised();
    offer(trainOffer('train-1', preprocessing));
    await eventually('the update', () => updates().length === 1);
    const update = updates()[0] as UpdateHeader;
    const early = heartRows(600).filter(({ admitted }) => (admitted as string) < '2024-01-01').length;
    expect(update).toMatchObject({ task: 'train-1', round: 1, plan: plan.digest, examples: early, weight: early });
    const delta = decodeSafetensors(coordinator.objects.get(update.delta.digest) as Uint8Array);
    expect([...delta.keys()]).toEqual([...initialWeights(plan.plan).keys()]);
    expect(update.metrics.lossLast).toBeLessThan(update.metrics.lossFirst as number);
    const store = openAgentStore(folder.path);
    const entries = createLedger(store).entries();
    store.close();
    expect(entries.map(({ what, outcome }) => `${what} ${outcome}`)).toEqual([
      'summary accepted',
      'delta sent',
      'update accepted',
    ]);
    expect(entries[1]).toMatchObject({
      digest: update.delta.digest,
      bytes: update.delta.bytes,
      bytesSent: update.delta.bytes,
    });
  });

  it('tells in its own log how many rows were clipped, and in nothing that leaves', async () => {
    const { log, lines } = recordingLogger();
    setUp({ ...trained, training: { ...trained.training, perExampleClip: 0.3 } });
    await startApproved({}, '', { log });
    offer(trainOffer('train-1', await summarised()));
    await eventually('the update', () => updates().length === 1);
    const update = updates()[0] as UpdateHeader;
    const told = lines
      .filter(({ message }) => message === 'rows clipped to perExampleClip')
      .map(({ fields }) => fields);
    expect(told).toHaveLength(1);
    expect(told[0]).toMatchObject({ task: 'train-1', run, round: 1, rowsTaken: 4 * update.examples });
    const { rowsClipped, shareClipped } = told[0] as { rowsClipped: number; shareClipped: number };
    expect(rowsClipped).toBeGreaterThan(0);
    expect(rowsClipped).toBeLessThan(4 * update.examples);
    expect(shareClipped).toBeCloseTo(rowsClipped / (4 * update.examples), 3);
    expect(Object.keys(update).sort()).toEqual([
      'base',
      'delta',
      'examples',
      'metrics',
      'plan',
      'round',
      'run',
      'task',
      'weight',
    ]);
    expect(Object.keys(update.metrics).sort()).toEqual(['lossFirst', 'lossLast']);
    // What `site status` shows lies in the site's own store.
    const store = openAgentStore(folder.path);
    const { progress } = store.get<{ progress: string }>("select progress from tasks where id = 'train-1'") as {
      progress: string;
    };
    store.close();
    expect(JSON.parse(progress).clipping.rows).toBeGreaterThan(0);
  });

  it('declines a round of which half precision cannot take a step, and says why', async () => {
    const train = async () => {
      throw new TrainingError('gradient_overflow');
    };
    const trainer: Trainer = { engine: 'onnx', description: 'overflows', train, dispose: async () => {} };
    await startApproved({}, '', { openTrainer: async () => trainer });
    offer(trainOffer('train-1', await summarised()));
    await eventually('the decline', () => declines().length === 1);
    expect(declines()[0]).toMatchObject({ task: 'train-1', reason: 'training_failed' });
    expect(declines()[0]?.text).toContain('gradient_overflow');
    expect(updates()).toEqual([]);
  });

  it('counts a schedule by rounds from the first round that trains, which is round 1 of the run', async () => {
    const schedule = { kind: 'steps', per: 'round', every: 2, factor: 0.5 } as const;
    const optimiser = { kind: 'sgd', rate: 0.25, momentum: 0 } as const;
    setUp(heartPlan({ training: { schedule, optimiser, batch: 'full', work: { epochs: 1 }, l2: 0 } }));
    await startApproved();
    const preprocessing = await summarised();
    const deltas: number[][] = [];
    for (const round of [1, 2, 3]) {
      offer(trainOffer(`train-${round}`, preprocessing, initialWeights(plan.plan), round));
      await eventually(`update ${round}`, () => updates().length === round);
      const { digest } = (updates()[round - 1] as UpdateHeader).delta;
      const delta = decodeSafetensors(coordinator.objects.get(digest) as Uint8Array);
      deltas.push([...delta.values()].flatMap(({ data }) => [...data]));
    }
    const [first = [], second, third] = deltas;
    expect(first.some((value) => value !== 0)).toBe(true);
    // Two rounds at the whole rate, then at half of it, from weights of zero: to the bit.
    expect(second).toEqual(first);
    expect(third).toEqual(first.map((value) => value / 2));
  });

  it('caps the weight as the plan says', async () => {
    setUp(heartPlan({ federation: { weightCap: 50 } }));
    await startApproved();
    offer(trainOffer('train-1', await summarised()));
    await eventually('the update', () => updates().length === 1);
    expect(updates()[0]?.weight).toBe(50);
  });

  it('a repeated offer gets the stored bits, across a restart and changed data', async () => {
    const agent = await startApproved();
    const preprocessing = await summarised();
    const task = trainOffer('train-1', preprocessing);
    offer(task);
    await eventually('the update', () => updates().length === 1);
    await agent.stop();
    writeHeartSite(folder.path, heartRows(600, 99));
    coordinator.received.clear();
    coordinator.objects.delete(updates()[0]?.delta.digest as Digest);
    const submissions: UpdateHeader[] = [];
    const real = port();
    await startApproved({
      submitUpdate: (update, signal) => {
        submissions.push(update);
        return real.submitUpdate(update, signal);
      },
    });
    offer(task);
    await eventually('the update again', () => submissions.length === 1);
    expect(submissions[0]).toEqual(updates()[0]);
    expect(coordinator.objects.has(updates()[0]?.delta.digest as Digest)).toBe(true);
  });

  it('two agents given the same task make the same bits', async () => {
    const first = await startApproved();
    const preprocessing = await summarised();
    offer(trainOffer('train-1', preprocessing));
    await eventually('the update', () => updates().length === 1);
    await first.stop();
    const other = temporaryDirectory();
    const old = folder;
    folder = other;
    config = writeHeartSite(folder.path, heartRows(600));
    await startApproved();
    offer(trainOffer('train-2', preprocessing));
    await eventually('the other update', () => updates().length === 2);
    expect(updates()[1]?.delta).toEqual(updates()[0]?.delta);
    old.remove();
  });

  it('resumes a download that broke off, and takes no byte that does not fit its digest', async () => {
    const real = port();
    const offsets: number[] = [];
    let lies = 0;
    const weights = initialWeights(plan.plan);
    const wanted = put(encodeSafetensors(weights));
    await startApproved({
      async *readObject(digest, offset) {
        if (digest !== wanted.digest) {
          yield* real.readObject(digest, offset);
          return;
        }
        offsets.push(offset);
        const bytes = coordinator.objects.get(digest) as Uint8Array;
        if (offset === 0 && lies++ === 0) yield bytes.map((byte) => byte ^ 1);
        else yield bytes.subarray(offset, Math.min(bytes.byteLength, offset + 150));
      },
    });
    const preprocessing = await summarised();
    offer(trainOffer('train-1', preprocessing));
    await eventually('the update', () => updates().length === 1);
    // First whole but wrong, so from 0 again; then in pieces of 150 bytes, each from where the last ended.
    const pieces = Math.ceil(wanted.bytes / 150);
    expect(offsets).toEqual([0, ...Array.from({ length: pieces }, (_, index) => 150 * index)]);
  });

  it('fetches no weights that are larger than those of the plan, and starts no plan that takes more memory than it gives', async () => {
    const weights = initialWeights(plan.plan);
    const wanted = put(encodeSafetensors(weights));
    const real = port();
    let fetched = 0;
    await startApproved({
      async *readObject(digest, offset) {
        if (digest === wanted.digest) fetched++;
        yield* real.readObject(digest, offset);
      },
    });
    const preprocessing = await summarised();
    const task = trainOffer('too-much', preprocessing);
    offer({ ...task, base: { ...task.base, bytes: 2 ** 32 } });
    await eventually('the decline', () => declines().length === 1);
    expect(declines()[0]?.task).toBe('too-much');
    expect(fetched).toBe(0);
    offer(trainOffer('right', preprocessing));
    await eventually('the update', () => updates().length === 1);
  });

  it('declines a plan that takes more memory than site.yaml gives to training, before it fetches anything for it', async () => {
    setUp({ ...trained, model: { family: 'mlp', hidden: [8192, 8192], activation: 'relu' } } as Plan);
    config = { ...config, trainingMemoryMegabytes: 256 };
    let fetched = 0;
    const real = port();
    await startApproved({
      async *readObject(digest, offset) {
        fetched++;
        yield* real.readObject(digest, offset);
      },
    });
    const preprocessing = await summarised();
    offer({ ...base('large', 1), kind: 'train', base: put(new Uint8Array(16)), preprocessing });
    await eventually('the decline', () => declines().length === 1);
    expect(declines()[0]?.text).toContain('training.plan_too_large');
    expect(fetched).toBe(0);
  });

  it('stops within a step when the task is withdrawn, and takes the next', async () => {
    setUp(endless);
    await startApproved();
    const preprocessing = await summarised();
    offer(trainOffer('endless', preprocessing));
    await eventually('the training', () => trains('endless'));
    coordinator.say('north', { kind: 'withdrawn', task: 'endless' as TaskId, reason: 'round closed' });
    offer({ ...base('summary-2', 0), kind: 'summary' });
    await eventually('the next task', () => submitted('summary').length === 2);
    expect(updates()).toEqual([]);
    expect(declines()).toEqual([]);
    // It is not done, and nobody is at it: site status is not to say that it has so many seconds left.
    expect(atWork().map(({ id }) => id)).not.toContain('endless');
  });

  it('lets a task go at its deadline', async () => {
    setUp(endless);
    const clock = movableClock();
    await startApproved({}, '', { clock });
    const preprocessing = await summarised();
    const late = trainOffer('late', preprocessing);
    offer(late);
    await eventually('the training', () => trains('late'));
    clock.move(late.deadlineMs - clock.now());
    offer({ ...base('summary-2', 0), kind: 'summary', deadlineMs: clock.now() + 600_000 });
    await eventually('the next task', () => submitted('summary').length === 2);
    expect(updates()).toEqual([]);
  });

  it.each([
    [
      'a wrong unit',
      { data: { units: { ...heartUnits, age: 'months' } } },
      heartRows(100),
      'data_problem',
      '(data.wrong_unit)',
    ],
    ['bad rows', {}, heartRows(100).map((row) => ({ ...row, sex: 'M' })), 'data_problem', '(data.too_many_problems)'],
    ['few rows', { config: { minimumRows: 90 } }, heartRows(100), 'too_few_rows', '(data.too_few_rows)'],
  ] as const)('declines with a fixed sentence: %s', async (_, overrides, rows, reason, code) => {
    setUp(trained, rows, overrides);
    await startApproved();
    offer({ ...base('summary', 0), kind: 'summary' });
    await eventually('the decline', () => declines().length === 1);
    expect(declines()[0]?.reason).toBe(reason);
    expect(declines()[0]?.text).toMatch(/^This hospital[^0-9]*$/);
    expect(declines()[0]?.text).toContain(code);
    expect(submitted('summary')).toEqual([]);
  });

  it('forgets weights and deltas of earlier rounds', async () => {
    const { readdirSync } = await import('node:fs');
    await startApproved();
    const preprocessing = await summarised();
    for (const round of [1, 2, 3]) {
      const weights = initialWeights(loadPlan(canonicalJson(heartPlan({ training: { seed: round } })), 'p').plan);
      offer(trainOffer(`train-${round}`, preprocessing, weights, round));
      await eventually(`update ${round}`, () => updates().length === round);
    }
    const kept = readdirSync(join(folder.path, 'state', 'objects'));
    expect(kept).not.toContain(updates()[0]?.delta.digest);
    expect(kept).toContain(updates()[2]?.delta.digest);
    expect(kept).toContain(preprocessing.digest);
  });
});

describe('connection', () => {
  it('dials again after the stream ends, and offers work again', async () => {
    let dials = 0;
    const real = port();
    await start({
      async *attend(messages, signal) {
        dials++;
        if (dials < 3) return;
        yield* real.attend(messages, signal);
      },
    });
    expect(dials).toBe(3);
  });

  it('stops while nobody answers, and frees its directory', async () => {
    const agent = agentOn(
      port({
        async *attend(_, signal) {
          await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
          yield* [];
        },
      }),
      { directory: folder.path, config, signer },
    );
    await agent.start();
    const second = agentOn(port(), { directory: folder.path, config, signer });
    await expect(second.start()).rejects.toMatchObject({ code: 'agent_running' });
    await agent.stop();
    await agent.stopped;
    await (await start()).stop();
  });
});

describe('an engine that site.yaml names and that does not start', () => {
  // No package lies in an empty folder, wherever these tests run.
  const withoutLibrary = (): void => {
    config = { ...config, engine: 'tfjs-node', engineDirectory: 'engines' };
  };

  it('keeps the agent from attending, with its name and what to do, and frees the directory', async () => {
    withoutLibrary();
    const agent = agentOn(port(), { directory: folder.path, config, signer });
    const error = await agent.start().catch((cause: unknown) => cause);
    expect(error).toMatchObject({ subsystem: 'training', code: 'engine_missing', details: { backend: 'node' } });
    expect(String(error)).toMatch(
      /node: not installed in .*engines; docs\/engines-tensorflow\.md .* Name another engine, or auto/,
    );
    expect(coordinator.heard).toEqual([]);
    config = { ...config, engine: 'tfjs-cpu' };
    await start();
  });

  it('does not where a model is in use or held here: that is judged and watched, and rounds are declined', async () => {
    withoutLibrary();
    const store = openAgentStore(folder.path);
    createModelRegistry(store).receive(
      { version: 'heart-disease/1' as ReleaseVersion, digest: digestOf('release'), plan: plan.digest },
      1000,
    );
    store.close();
    const { log, lines } = recordingLogger();
    await startApproved({}, '', { log });
    const said = lines.find(({ level }) => level === 'error');
    expect(said?.message).toMatch(/^the engine that site.yaml names does not start/);
    expect(said?.fields).toMatchObject({ error: 'training.engine_missing', engine: 'tfjs-node' });
    expect(said?.fields.releases).toEqual(['heart-disease/1']);
    offer(trainOffer('train-1', await summarised()));
    await eventually('the decline', () => declines().length === 1);
    expect(declines()[0]).toMatchObject({ reason: 'engine_missing' });
  });

  it('keeps it from attending also then, where it is the one that judges', async () => {
    config = { ...config, engine: 'onnx' };
    const store = openAgentStore(folder.path);
    createModelRegistry(store).receive(
      { version: 'heart-disease/1' as ReleaseVersion, digest: digestOf('release'), plan: plan.digest },
      1000,
    );
    store.close();
    const missing = () => Promise.reject(new TrainingError('engine_missing', 'the package does not load'));
    const agent = agentOn(port(), { directory: folder.path, config, signer }, { openTrainer: missing });
    await expect(agent.start()).rejects.toMatchObject({ code: 'engine_missing' });
  });

  it('is waited for no longer than until the agent is stopped', async () => {
    config = { ...config, engine: 'onnx-webgpu' };
    let fail: (cause: Error) => void = () => {};
    const opening = new Promise<Trainer>((_, reject) => {
      fail = reject;
    });
    const agent = agentOn(port(), { directory: folder.path, config, signer }, { openTrainer: () => opening });
    const started = agent.start();
    const stopping = agent.stop();
    // What a device that is tried does when its signal aborts.
    fail(new AgentError('stopped'));
    await expect(started).rejects.toMatchObject({ code: 'stopped' });
    await stopping;
    config = { ...config, engine: 'auto' };
    await start();
  });
});

describe('judging', () => {
  let authority: TestAuthority;
  let releaseKey: TestCredentials;
  beforeEach(async () => {
    authority = await createTestAuthority();
    releaseKey = await authority.release();
  });

  function release(
    number: number,
    weights: NamedTensors,
    preprocessing: ObjectRef,
    change: { key?: TestCredentials; damage?: boolean; model?: Uint8Array } = {},
  ): TaskOffer {
    const version = `heart-disease/${number}` as ReleaseVersion;
    const stored = coordinator.objects.get(preprocessing.digest) as Uint8Array;
    const files: [string, Uint8Array][] = [
      ['card.json', Buffer.from(canonicalJson({ version, plan: plan.digest }))],
      [
        'model.onnx',
        change.model ?? buildInferenceModel(plan.plan, JSON.parse(Buffer.from(stored).toString()), weights),
      ],
      ['model.safetensors', encodeSafetensors(weights)],
      ['preprocessing.json', stored],
    ];
    const manifest: ReleaseManifest = {
      wardround: 'release/1',
      version,
      plan: plan.digest,
      files: files.map(([name, bytes]) => ({ name, ...put(bytes) })),
    };
    if (change.damage === true) {
      const { digest, bytes } = manifest.files[2] as ReleaseManifest['files'][number];
      coordinator.objects.set(digest, Buffer.alloc(bytes, 'damaged'));
    }
    const bytes = Buffer.from(canonicalJson(manifest));
    const object = put(bytes);
    const { keyPem, chain } = change.key ?? releaseKey;
    coordinator.signatures.set(object.digest, signRelease(bytes, keyPem, chain));
    return {
      ...base(`judge-${number}`, 0),
      kind: 'judge',
      release: { version, digest: object.digest, manifest: object },
    };
  }

  /** Starting weights plus the site's own delta: a model that has learnt something. */
  async function learnt(preprocessing: ObjectRef): Promise<NamedTensors> {
    const start = initialWeights(plan.plan);
    offer(trainOffer('train-1', preprocessing, start));
    await eventually('the update', () => updates().length === 1);
    const delta = decodeSafetensors(coordinator.objects.get(updates()[0]?.delta.digest as Digest) as Uint8Array);
    return new Map(
      [...start].map(([name, { shape, data }]) => [
        name,
        { shape, data: data.map((value, index) => value + (delta.get(name)?.data[index] ?? 0)) },
      ]),
    );
  }
  const judgements = () => submitted<SharedJudgement>('judgement');
  const negated = (weights: NamedTensors): NamedTensors =>
    new Map([...weights].map(([name, { shape, data }]) => [name, { shape, data: data.map((value) => -value) }]));

  it('accepts a good release, refuses a worse one, and keeps the good one in use', async () => {
    const agent = await startApproved({}, authority.rootPem);
    const preprocessing = await summarised();
    const weights = await learnt(preprocessing);
    offer(release(1, weights, preprocessing));
    await eventually('the first judgement', () => judgements().length === 1);
    expect(judgements()[0]?.evidence.kind).toBe('prospective');
    expect(judgements()[0]?.evidence.auroc.new.value).toBeGreaterThan(0.65);
    expect(judgements()[0]?.decision.reasons.map(({ code }) => code)).toContain('passed.all');
    expect(judgements()[0]?.decision.decision).toBe('accept');
    expect(agent.registry.inSlot('heart-disease', 'active')?.version).toBe('heart-disease/1');

    offer(release(2, negated(weights), preprocessing));
    await eventually('the second judgement', () => judgements().length === 2);
    expect(judgements()[1]?.decision.decision).toBe('reject');
    expect(judgements()[1]?.evidence.current?.version).toBe('heart-disease/1');
    expect(agent.registry.inSlot('heart-disease', 'active')?.version).toBe('heart-disease/1');
    expect(agent.registry.inSlot('heart-disease', 'candidate')).toBeNull();
    const text = canonicalJson(judgements());
    expect(text).not.toContain('"p1"');
  });

  it('keeps no weights and deltas of a run once its release is judged, and those another run still needs', async () => {
    const { readdirSync } = await import('node:fs');
    const agent = await startApproved({}, authority.rootPem);
    const preprocessing = await summarised();
    const weights = await learnt(preprocessing);
    const start = digestOf(encodeSafetensors(initialWeights(plan.plan)));
    const store = openAgentStore(folder.path);
    store.run(
      `insert into tasks (id, run, round, kind, plan, state, base, updated_ms)
       values ('other', 'heart-disease-2', 1, 'train', ?, 'working', ?, 0)`,
      plan.digest,
      start,
    );
    store.close();
    offer(release(1, weights, preprocessing));
    await eventually('the decision', () => agent.registry.inSlot('heart-disease', 'active') !== null);
    const delta = updates()[0]?.delta.digest;
    const kept = (): string[] => readdirSync(join(folder.path, 'state', 'objects'));
    await eventually('the delta is gone', () => !kept().includes(delta ?? ''));
    expect(kept()).toContain(start);
  });

  it.each([
    ['signed by another consortium', true, false],
    ['with a file that does not have its digest', false, true],
  ])('rejects a release %s, and installs nothing of it', async (_, foreign, damage) => {
    const agent = await startApproved({}, authority.rootPem);
    const preprocessing = await summarised();
    const key = foreign ? await (await createTestAuthority()).release() : releaseKey;
    offer(release(1, initialWeights(plan.plan), preprocessing, { key, damage }));
    await eventually('the judgement', () => judgements().length === 1);
    expect(judgements()[0]?.decision.decision).toBe('reject');
    expect(judgements()[0]?.decision.reasons[0]?.code).toBe('package.invalid');
    expect(agent.registry.inSlot('heart-disease', 'active')).toBeNull();
    expect(agent.registry.inSlot('heart-disease', 'candidate')).toBeNull();
  });

  it('rejects a signed release that takes more memory than the site gives, before any runtime sees it', async () => {
    // 2^26 numbers: 256 MB for one row.
    const builder = new GraphBuilder('large');
    const features = builder.input('features', 'float', ['N', plan.plan.data.columns.length]);
    const held = builder.op('Expand', [builder.sum(features), builder.integers('shape', [2 ** 26])]);
    const most = builder.op('ReduceMax', [held], { keepdims: { int: 0 } });
    builder.output('probability', builder.mul(builder.sum(features, [1]), most));
    config = { ...config, trainingMemoryMegabytes: 128 };
    const agent = await startApproved({}, authority.rootPem);
    const preprocessing = await summarised();
    const model = encodeOnnx(builder.finish());
    offer(release(1, initialWeights(plan.plan), preprocessing, { model }));
    await eventually('the judgement', () => judgements().length === 1);
    expect(judgements()[0]?.decision.decision).toBe('reject');
    expect(judgements()[0]?.decision.reasons[0]?.code).toBe('package.invalid');
    const [problem] = agent.registry.judgementOf('heart-disease/1' as ReleaseVersion)?.package.problems ?? [];
    expect(problem).toMatch(/^heart-disease\/1 takes about 257 MB of memory for one row, .* gives it 128 MB/);
  });

  it('judges nothing when the policy changed after the approval', async () => {
    setUp(trained, heartRows(600), { config: { policyFile: 'policy.yaml' } });
    const file = join(folder.path, 'policy.yaml');
    writeFileSync(file, stringify(structuredClone(plan.plan.gate)));
    await startApproved({}, authority.rootPem);
    const preprocessing = await summarised();
    writeFileSync(file, stringify({ ...structuredClone(plan.plan.gate), minimumEvents: 77 }));
    offer(release(1, initialWeights(plan.plan), preprocessing));
    await eventually('the decline', () => declines().length === 1);
    expect(declines()[0]).toMatchObject({ reason: 'policy_refuses' });
    expect(judgements()).toEqual([]);
  });

  it('a repeated offer reports the stored judgement', async () => {
    const first = await startApproved({}, authority.rootPem);
    const preprocessing = await summarised();
    const task = release(1, initialWeights(plan.plan), preprocessing);
    offer(task);
    await eventually('the judgement', () => judgements().length === 1);
    await first.stop();
    writeHeartSite(folder.path, heartRows(600, 3));
    const again: SharedJudgement[] = [];
    const real = port();
    await startApproved(
      {
        submitJudgement: (id, judgement, signal) => {
          again.push(judgement);
          return real.submitJudgement(id, judgement, signal);
        },
      },
      authority.rootPem,
    );
    offer(task);
    await eventually('the judgement again', () => again.length === 1);
    expect(again[0]).toEqual(judgements()[0]);
  });

  it('ends a hold by itself at the deadline of the policy, and reports it even when the first try fails', async () => {
    const asking = heartPlan({
      training: { optimiser: { kind: 'adam', rate: 0.05 }, work: { epochs: 4 } },
      gate: { ...gate, minimumEvents: 5000, holdDays: 30 } as never,
    });
    setUp(asking);
    const day = 86_400_000;
    // No other pause is as long.
    const holdPollMs = 23;
    /** Pauses between two looks at the holds. */
    let looks = 0;
    const later = async (days: number, changes: Partial<FederationPort> = {}): Promise<SiteAgent> => {
      looks = 0;
      const clock = {
        now: () => Date.now() + days * day,
        sleep: (delayMs: number, signal?: AbortSignal) => {
          if (delayMs === holdPollMs) looks += 1;
          return systemClock.sleep(delayMs, signal);
        },
      };
      const agent = agentOn(
        port(changes),
        { directory: folder.path, config, signer, rootPem: authority.rootPem },
        { clock, holdPollMs },
      );
      agents.push(agent);
      await agent.start();
      return agent;
    };
    const first = await startApproved({}, authority.rootPem);
    const preprocessing = await summarised();
    offer(release(1, await learnt(preprocessing), preprocessing));
    await eventually('the judgement', () => judgements().length === 1);
    expect(judgements()[0]?.decision).toMatchObject({ decision: 'hold' });
    await first.stop();

    const early = await later(29);
    await eventually('two looks at the holds', () => looks >= 2);
    expect(early.registry.inSlot('heart-disease', 'candidate')?.decision).toBe('hold');
    await early.stop();
    expect(judgements().length).toBe(1);

    let tries = 0;
    const cut = await later(31, {
      submitJudgement: () => {
        tries++;
        return Promise.reject(new WireError('certificate_revoked'));
      },
    });
    await eventually('a try to report', () => tries > 0);
    expect(cut.registry.find('heart-disease/1' as ReleaseVersion)).toMatchObject({ decision: 'reject', slot: null });
    await cut.stop();
    expect(judgements().length).toBe(1);

    const reports: SharedJudgement[] = [];
    const counting: Partial<FederationPort> = {
      submitJudgement: async (_, judgement) => {
        reports.push(judgement);
        return { outcome: 'accepted' };
      },
    };
    const agent = await later(31, counting);
    await eventually('the report', () => reports.length === 1);
    const { decision, evidence } = reports[0] as SharedJudgement;
    expect(decision.reasons.map(({ code }) => code).slice(0, 2)).toEqual(['hold.expired', 'evidence.too_few_events']);
    // The whole evidence stays at the site; its digest is that of the file kept there.
    expect(decision.evidence).toBe(agent.registry.judgementOf('heart-disease/1' as ReleaseVersion)?.decision.evidence);
    expect({ ...evidence, held: undefined }).toEqual({ ...judgements()[0]?.evidence, held: undefined });
    expect(agent.registry.events().map(({ event }) => event)).toEqual(['received', 'held', 'rejected']);
    await agent.stop();
    // Reported once: the next start has nothing to say.
    await later(32, counting);
    await eventually('two looks at the holds', () => looks >= 2);
    expect(reports.length).toBe(1);
  });
});
