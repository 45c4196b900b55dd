import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { poolSummaries } from '../../../shared/algorithms/federated-scaling.ts';
import { initialWeights } from '../../../shared/graph/families.ts';
import { loadPlan } from '../../../shared/plan/load-plan.ts';
import type { SiteSummary } from '../../../shared/plan/preprocessing.ts';
import { canonicalJson } from '../../../shared/runtime/canonical.ts';
import { digestOf } from '../../../shared/runtime/digest.ts';
import type { RunId, SiteName, TaskId } from '../../../shared/runtime/ids.ts';
import { createLogger } from '../../../shared/runtime/logger.ts';
import { encodeSafetensors } from '../../../shared/tensors/safetensors.ts';
import type { TaskOffer, UpdateHeader } from '../../../shared/wire/messages.ts';
import type { SiteAgent } from '../../../site-agent/agent/agent.ts';
import { createFakeCoordinator } from '../../support/fake-coordinator.ts';
import { heartRows, writeHeartSite } from '../../support/heart-site.ts';
import { heartPlan } from '../../support/plans.ts';
import { agentOn, eventually, testSigner } from '../../support/site-agent.ts';
import { removeSmallDisk, smallDisk } from '../../support/small-disk.ts';

test('a full disk at a site loses nothing: the task waits, and is done when there is room', async ({ skip }) => {
  const folder = smallDisk();
  if (folder === null) {
    skip('this user may not mount a small file system');
    return;
  }
  const filler = join(folder, 'filler');
  const fill = (): void => {
    for (let size = 3 * 1024 * 1024; size > 0; size -= 4096) {
      try {
        writeFileSync(filler, new Uint8Array(size));
        return;
      } catch {
        rmSync(filler, { force: true });
      }
    }
  };
  const lines: { message: string; error?: string; task?: string }[] = [];
  const log = createLogger({
    level: 'info',
    name: 'agent',
    destination: { write: (line) => lines.push(JSON.parse(line)) },
  });
  let agent: SiteAgent | null = null;
  try {
    const coordinator = createFakeCoordinator();
    const north = 'north' as SiteName;
    const run = 'heart-disease-1' as RunId;
    // A model whose weights are larger than what will be left free.
    const plan = loadPlan(
      canonicalJson(heartPlan({ model: { family: 'mlp', hidden: [256, 64], activation: 'relu' } })),
      'plan',
    );
    coordinator.plans.set(plan.digest, Buffer.from(plan.canonical));
    const config = writeHeartSite(folder, heartRows(300), { config: { approval: 'automatic' } });
    const port = coordinator.ports.federation({ role: 'site', site: north, serial: '1' });
    agent = agentOn(port, { directory: folder, config, signer: testSigner() }, { log, fullDiskRetryMs: 200 });
    await agent.start();
    await eventually('the agent attends', () => coordinator.attending.has('north'));
    const { plans, registry } = agent;
    coordinator.say('north', { kind: 'plan', run, plan: plan.digest });
    await eventually('the approval', () => plans.isApproved(plan.digest));
    const offer = (task: TaskOffer): void => {
      coordinator.tasks.set(task.id, north);
      coordinator.say('north', { kind: 'task', task });
    };
    const base = (id: string, round: number) => ({
      id: id as TaskId,
      run,
      round,
      plan: plan.digest,
      deadlineMs: Date.now() + 600_000,
    });
    const sent = (kind: string) => coordinator.submissions.filter((entry) => entry.kind === kind);
    offer({ ...base('summary', 0), kind: 'summary' });
    await eventually('the summary', () => sent('summary').length === 1);
    const summary = sent('summary')[0]?.value as SiteSummary;
    const put = (bytes: Uint8Array) => {
      const digest = digestOf(bytes);
      coordinator.objects.set(digest, bytes);
      return { digest, bytes: bytes.byteLength };
    };
    const preprocessing = put(
      Buffer.from(canonicalJson(poolSummaries(plan.plan, plan.digest, new Map([[north, summary]])))),
    );
    const task = {
      ...base('train-1', 1),
      kind: 'train',
      base: put(encodeSafetensors(initialWeights(plan.plan))),
      preprocessing,
    } as const;

    fill();
    const before = sent('decline').length;
    offer(task);
    await eventually('the task is not done', () => lines.some(({ message }) => message === 'task not done'));
    expect(lines.find(({ message }) => message === 'task not done')).toMatchObject({ error: 'agent.storage_full' });
    expect(sent('update')).toEqual([]);
    expect(sent('decline').length).toBe(before);
    // What was there is still there, and can be read: the state, and what was approved.
    expect(plans.isApproved(plan.digest)).toBe(true);
    expect(registry.releases()).toEqual([]);

    // Nobody offers it anew: the agent takes it up again by itself.
    rmSync(filler);
    await eventually('the update', () => sent('update').length === 1);
    expect(sent('update').map(({ value }) => (value as UpdateHeader).task)).toEqual(['train-1']);
  } finally {
    await agent?.stop();
    removeSmallDisk(folder);
  }
});
