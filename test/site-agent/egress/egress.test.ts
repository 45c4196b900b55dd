import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { SiteSummary } from '../../../shared/plan/preprocessing.ts';
import type { SharedJudgement } from '../../../shared/plan/shared-judgement.ts';
import { canonicalJson } from '../../../shared/runtime/canonical.ts';
import { digestOf } from '../../../shared/runtime/digest.ts';
import type { RunId, SiteName, TaskId } from '../../../shared/runtime/ids.ts';
import { silentLogger } from '../../../shared/runtime/logger.ts';
import { systemClock } from '../../../shared/runtime/system-clock.ts';
import type { FederationOutbound } from '../../../shared/wire/federation-port.ts';
import type { DeclineReason, UpdateHeader } from '../../../shared/wire/messages.ts';
import { WireError } from '../../../shared/wire/wire-error.ts';
import { type AgentStore, openAgentStore } from '../../../site-agent/agent/store.ts';
import { declineText, declineTexts } from '../../../site-agent/egress/declines.ts';
import { createEgress, type Egress } from '../../../site-agent/egress/egress.ts';
import { createLedger, type Ledger } from '../../../site-agent/egress/ledger.ts';
import { createSharingRecord } from '../../../site-agent/egress/sharing-record.ts';
import { createFakeCoordinator, type FakeCoordinator } from '../../support/fake-coordinator.ts';
import { temporaryDirectory } from '../../support/heart-site.ts';
import { goodJudgement } from '../../support/judgements.ts';
import { heartPlan } from '../../support/plans.ts';
import { sampleNotice, sampleSummary } from '../../support/wire-samples.ts';

let folder: ReturnType<typeof temporaryDirectory>;
let store: AgentStore;
let ledger: Ledger;
let coordinator: FakeCoordinator;
beforeEach(() => {
  folder = temporaryDirectory();
  store = openAgentStore(folder.path);
  ledger = createLedger(store);
  coordinator = createFakeCoordinator();
  coordinator.tasks.set(task.id, 'north' as SiteName);
});
afterEach(() => {
  store.close();
  folder.remove();
});

const task = { id: 'task-1' as TaskId, run: 'heart-1' as RunId, round: 2 };
const never = new AbortController().signal;
const instantly = { now: systemClock.now, sleep: async () => {} };

function port(changes: Partial<FederationOutbound> = {}): FederationOutbound {
  const real = coordinator.ports.federation({ role: 'site', site: 'north' as SiteName, serial: '1' });
  return { ...real, ...changes };
}
const egressOver = (outbound: FederationOutbound): Egress =>
  createEgress({
    outbound,
    ledger,
    sharing: createSharingRecord(store),
    planOf: () => heartPlan(),
    recipient: 'localhost:7443',
    clock: instantly,
    random: () => 0,
    log: silentLogger,
  });

function deltaFile(bytes: number): { path: string; update: UpdateHeader; content: Buffer } {
  const content = Buffer.alloc(bytes, 'delta of a hospital, ');
  mkdirSync(join(folder.path, 'objects'), { recursive: true });
  const path = join(folder.path, 'objects', 'delta');
  writeFileSync(path, content);
  const update: UpdateHeader = {
    task: task.id,
    run: task.run,
    round: task.round,
    plan: digestOf('plan'),
    base: digestOf('base'),
    delta: { digest: digestOf(content), bytes },
    examples: 120,
    weight: 100,
    metrics: { lossFirst: 0.7, lossLast: 0.5 },
  };
  return { path, update, content };
}

describe('a notice', () => {
  it('is in the ledger under its release, and a repeat is harmless', async () => {
    const egress = egressOver(port());
    const notice = sampleNotice('north');
    expect(await egress.sendNotice(notice, never)).toEqual({ outcome: 'accepted' });
    expect(await egress.sendNotice(notice, never)).toEqual({ outcome: 'duplicate' });
    expect(ledger.entries().map(({ what, task: of, outcome, detail }) => [what, of, outcome, detail])).toEqual([
      ['notice', 'heart-disease/2', 'accepted', null],
      ['notice', 'heart-disease/2', 'duplicate', null],
    ]);
  });
});

describe('what would tell a small count', () => {
  it('is blocked, sent to nobody, and named in the ledger without the count', async () => {
    // A summary that was made without suppression: 200 rows in one bin, 3 in the other, and the total.
    const careless: SiteSummary = {
      ...sampleSummary(),
      rows: 203,
      labelCounts: [103, 100],
      columns: [{ name: 'age', sums: null, counts: [200, null] }],
    };
    await expect(egressOver(port()).sendSummary(task, careless, never)).rejects.toMatchObject({
      fullCode: 'egress.small_cell',
    });
    expect(coordinator.submissions).toEqual([]);
    const [entry] = ledger.entries();
    expect(entry).toMatchObject({ what: 'summary', outcome: 'blocked', code: 'egress.small_cell', bytesSent: 0 });
    expect(JSON.parse(entry?.detail ?? '')).toEqual({ blocked: [{ table: 'column age', cell: '1' }] });
  });

  it('is withheld from a summary under another plan that differs from one before by a handful of patients', async () => {
    const egress = egressOver(port());
    await egress.sendSummary(task, sampleSummary(), never);
    coordinator.tasks.set('task-2' as TaskId, 'north' as SiteName);
    const renamed = {
      ...sampleSummary(),
      plan: digestOf('the plan with another title'),
      rows: 305,
      labelCounts: [164, 141],
    };
    await egress.sendSummary({ ...task, id: 'task-2' as TaskId }, renamed, never);
    expect(coordinator.submissions.at(-1)?.value).toMatchObject({ rows: null, labelCounts: null });
  });

  it('is withheld from a second summary whose difference to the first is a handful of patients', async () => {
    const egress = egressOver(port());
    const first = sampleSummary();
    await egress.sendSummary(task, first, never);
    coordinator.tasks.set('task-2' as TaskId, 'north' as SiteName);
    // Two rows more: nothing of them may be told, and the number of rows is the first thing that would.
    const second = { ...first, rows: 305, labelCounts: [164, 141] };
    await egress.sendSummary({ ...task, id: 'task-2' as TaskId }, second, never);
    expect(coordinator.submissions.at(-1)?.value).toMatchObject({ rows: null, labelCounts: null });
    // The first again is the same bits, and no difference to itself.
    await egress.sendSummary(task, first, never);
    expect(ledger.entries().map(({ digest }) => digest)[2]).toBe(ledger.entries()[0]?.digest);
  });
});

describe('the ledger', () => {
  it('holds every message with its bytes and digest, and the answer', async () => {
    const egress = egressOver(port());
    const summary = sampleSummary();
    const judgement = goodJudgement();
    expect(await egress.sendSummary(task, summary, never)).toEqual({ outcome: 'accepted' });
    await egress.sendSummary(task, summary, never);
    await egress.sendJudgement(task, judgement, never);
    await egress.decline(task, 'data_problem', 'data.wrong_unit', never);
    const entries = ledger.entries();
    expect(entries.map(({ what, outcome }) => [what, outcome])).toEqual([
      ['summary', 'accepted'],
      ['summary', 'duplicate'],
      ['judgement', 'accepted'],
      ['decline', 'sent'],
    ]);
    const text = canonicalJson(summary);
    expect(entries[0]).toMatchObject({
      digest: digestOf(text),
      bytes: Buffer.byteLength(text),
      bytesSent: Buffer.byteLength(text),
      recipient: 'localhost:7443',
      task: 'task-1',
      run: 'heart-1',
      round: 2,
      code: null,
    });
    // What was sent of the judgement, and not the judgement, is what the digest is of.
    const sent = coordinator.submissions.find(({ kind }) => kind === 'judgement')?.value as SharedJudgement;
    expect(entries[2]?.digest).toBe(digestOf(canonicalJson(sent)));
    expect(sent.wardround).toBe('shared-judgement/1');
    expect(JSON.parse(entries[2]?.detail ?? '{}')).toEqual({ withheld: sent.withheld });
  });

  it('is written before anything is sent', async () => {
    let during: unknown[] = [];
    const outbound = port({
      submitSummary: async () => {
        during = ledger.entries().map(({ what, outcome, bytesSent }) => ({ what, outcome, bytesSent }));
        return { outcome: 'accepted' };
      },
    });
    await egressOver(outbound).sendSummary(task, sampleSummary(), never);
    expect(during).toEqual([{ what: 'summary', outcome: 'sending', bytesSent: null }]);
  });

  it('accounts for every byte of a delta, across broken uploads that resume', async () => {
    const { path, update, content } = deltaFile(5_000_000);
    const real = port();
    let passed = 0;
    let breaks = 2;
    const outbound = port({
      async writeObject(object, offset, chunks, signal) {
        async function* counted(): AsyncGenerator<Uint8Array> {
          let here = 0;
          for await (const chunk of chunks) {
            // The line breaks after a chunk that arrived: the coordinator keeps what it has.
            if (breaks > 0 && here > 0) {
              breaks--;
              return;
            }
            here += chunk.byteLength;
            passed += chunk.byteLength;
            yield chunk;
          }
        }
        await real.writeObject(object, offset, counted(), signal);
      },
    });
    expect(await egressOver(outbound).sendUpdate(update, path, never)).toEqual({ outcome: 'accepted' });
    expect(Buffer.from(coordinator.objects.get(update.delta.digest) ?? []).equals(content)).toBe(true);
    const deltas = ledger.entries().filter(({ what }) => what === 'delta');
    expect(deltas.map(({ outcome, code }) => [outcome, code])).toEqual([
      ['failed', 'wire.truncated'],
      ['failed', 'wire.truncated'],
      ['sent', null],
    ]);
    // What the ledger says was handed over is at least what passed; a chunk read ahead counts as sent.
    const recorded = deltas.reduce((sum, { bytesSent }) => sum + (bytesSent ?? 0), 0);
    expect(recorded).toBeGreaterThanOrEqual(passed);
    expect(recorded - passed).toBeLessThanOrEqual(2 * 1024 * 1024);
    expect(passed).toBe(5_000_000);
    // Each try resumed: it had less to send than the one before.
    expect(deltas.map(({ bytes }) => bytes)).toEqual([5_000_000, 5_000_000 - 1_048_576, 5_000_000 - 2 * 1_048_576]);
    expect(ledger.entries().at(-1)).toMatchObject({ what: 'update', outcome: 'accepted' });
  });

  it('sends no byte of a delta the coordinator holds already', async () => {
    const { path, update } = deltaFile(3000);
    const egress = egressOver(port());
    await egress.sendUpdate(update, path, never);
    expect(await egress.sendUpdate(update, path, never)).toEqual({ outcome: 'duplicate' });
    expect(ledger.entries().map(({ what }) => what)).toEqual(['delta', 'update', 'update']);
  });

  it('notes what was under way when the agent ended', () => {
    ledger.open({
      startedMs: 1,
      what: 'update',
      recipient: 'localhost:7443',
      task: 't',
      run: 'r',
      round: 1,
      digest: 'd',
      bytes: 9,
    });
    expect(ledger.markInterrupted()).toBe(1);
    expect(ledger.entries()).toMatchObject([{ outcome: 'interrupted', bytesSent: null }]);
    ledger.close(1, 2, 9, 'sent', null);
    expect(ledger.entries()[0]?.outcome).toBe('interrupted');
  });
});

describe('failures', () => {
  it('are tried again while they may pass, each try in the ledger', async () => {
    let failures = 3;
    const real = port();
    const outbound = port({
      submitSummary: async (...args) => {
        if (failures-- > 0) throw new WireError('unavailable');
        return real.submitSummary(...args);
      },
    });
    await egressOver(outbound).sendSummary(task, sampleSummary(), never);
    expect(ledger.entries().map(({ outcome }) => outcome)).toEqual(['failed', 'failed', 'failed', 'accepted']);
  });

  it('are bounded', async () => {
    const outbound = port({
      submitSummary: async () => {
        throw new WireError('unavailable');
      },
    });
    await expect(egressOver(outbound).sendSummary(task, sampleSummary(), never)).rejects.toMatchObject({
      code: 'unavailable',
    });
    expect(ledger.entries().length).toBe(6);
  });

  it('that will not pass are not tried again', async () => {
    const outbound = port({
      submitSummary: async () => {
        throw new WireError('certificate_revoked');
      },
    });
    await expect(egressOver(outbound).sendSummary(task, sampleSummary(), never)).rejects.toBeInstanceOf(WireError);
    expect(ledger.entries()).toMatchObject([{ outcome: 'failed', code: 'wire.certificate_revoked' }]);
  });

  it('a refusal is an answer', async () => {
    coordinator.tasks.clear();
    const receipt = await egressOver(port()).sendSummary(task, sampleSummary(), never);
    expect(receipt).toMatchObject({ outcome: 'refused', code: 'unknown_task' });
    expect(ledger.entries()).toMatchObject([{ outcome: 'refused', code: 'unknown_task' }]);
  });
});

describe('declining', () => {
  it('says fixed sentences, and adds nothing but a code of ours', () => {
    for (const reason of Object.keys(declineTexts) as DeclineReason[]) {
      expect(declineText(reason, null)).toBe(declineTexts[reason]);
      expect(declineText(reason, 'data.wrong_unit')).toBe(`${declineTexts[reason]} (data.wrong_unit)`);
      expect(declineText(reason, 'patient Smith, 63')).toBe(declineTexts[reason]);
    }
  });
});
