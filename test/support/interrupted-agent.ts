/**
 * An agent with a coordinator in memory that offers it one round, in a process of its own that a test may kill:
 * `node --import tsx ... DIRECTORY [CHECKPOINTS]`. Prints a line of JSON for each thing that happens: what the agent says of checkpoints, a
 * checkpoint on disk, the update at the end. With a number of checkpoints it trains on after the last of them and writes no other: however
 * late it is killed, that one is on disk.
 */
import { initialWeights } from '../../shared/graph/families.ts';
import { loadPlan } from '../../shared/plan/load-plan.ts';
import { canonicalJson } from '../../shared/runtime/canonical.ts';
import { digestOf } from '../../shared/runtime/digest.ts';
import type { RunId, SiteName, TaskId } from '../../shared/runtime/ids.ts';
import { createLogger } from '../../shared/runtime/logger.ts';
import { encodeSafetensors } from '../../shared/tensors/safetensors.ts';
import type { UpdateHeader } from '../../shared/wire/messages.ts';
import { cpuProvider } from '../../site-agent/training/onnx/provider.ts';
import { OnnxTrainer } from '../../site-agent/training/onnx-trainer.ts';
import type { Trainer, TrainingTask } from '../../site-agent/training/trainer.ts';
import { createFakeCoordinator } from './fake-coordinator.ts';
import { heartRows, writeHeartSite } from './heart-site.ts';
import { heartPlan } from './plans.ts';
import { preprocessingFor } from './preprocessing.ts';
import { agentOn, eventually, testSigner } from './site-agent.ts';

const directory = process.argv[2] as string;
const mostCheckpoints = Number(process.argv[3] ?? Number.POSITIVE_INFINITY);
const tell = (event: object): void => void process.stdout.write(`${JSON.stringify(event)}\n`);

const base = heartPlan({ model: { family: 'mlp', hidden: [12], activation: 'tanh' } });
const training = { ...base.training, batch: 16, work: { steps: 6_000 }, optimiser: { kind: 'adam', rate: 0.001 } };
const plan = loadPlan(canonicalJson({ ...base, training }), 'plan');
const north = 'north' as SiteName;
const run = 'heart-disease-1' as RunId;
const config = writeHeartSite(directory, heartRows(500), { config: { approval: 'automatic' } });

const coordinator = createFakeCoordinator();
coordinator.plans.set(plan.digest, Buffer.from(plan.canonical));
const put = (bytes: Uint8Array) => {
  const digest = digestOf(bytes);
  coordinator.objects.set(digest, bytes);
  return { digest, bytes: bytes.byteLength };
};
const log = createLogger({
  level: 'info',
  name: 'agent',
  destination: {
    write(line) {
      const { message, step } = JSON.parse(line) as { message: string; step?: number };
      if (message.includes('checkpoint')) tell({ said: message, step });
    },
  },
});
// A checkpoint every few hundred steps, which is a fraction of a second.
const onnx = new OnnxTrainer({ log, provider: { ...cpuProvider, workPerCheckpoint: 3e8 } });
let written = 0;
const trainer: Trainer = {
  engine: onnx.engine,
  description: onnx.description,
  train: (task: TrainingTask, signal: AbortSignal) =>
    onnx.train(
      {
        ...task,
        async onCheckpoint(checkpoint) {
          if (written === mostCheckpoints) await new Promise(() => {});
          await task.onCheckpoint?.(checkpoint);
          written += 1;
          tell({ checkpoint: checkpoint.step });
        },
      },
      signal,
    ),
  dispose: () => onnx.dispose(),
};
const agent = agentOn(
  coordinator.ports.federation({ role: 'site', site: north, serial: '1' }),
  { directory, config, signer: testSigner() },
  { log, openTrainer: async () => trainer },
);
await agent.start();
await eventually('the agent attends', () => coordinator.attending.has('north'));
coordinator.say('north', { kind: 'plan', run, plan: plan.digest });
await eventually('the plan is approved', () => agent.plans.isApproved(plan.digest));
const id = 'heart-disease-1/1/north' as TaskId;
coordinator.tasks.set(id, north);
coordinator.say('north', {
  kind: 'task',
  task: {
    id,
    run,
    round: 1,
    plan: plan.digest,
    deadlineMs: Date.now() + 600_000,
    kind: 'train',
    base: put(encodeSafetensors(initialWeights(plan.plan))),
    preprocessing: put(Buffer.from(canonicalJson({ ...preprocessingFor(plan.plan), plan: plan.digest }))),
  },
});
const sent = () =>
  coordinator.submissions.filter(({ kind }) => kind === 'update').map(({ value }) => value as UpdateHeader);
await eventually('the update', () => sent().length > 0, 120_000);
const [update] = sent() as [UpdateHeader];
tell({ update: { delta: update.delta.digest, metrics: update.metrics, examples: update.examples } });
await agent.stop();
process.exit(0);
