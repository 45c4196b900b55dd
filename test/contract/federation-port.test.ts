import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { digestOf } from '../../shared/runtime/digest.ts';
import type { Digest, ReleaseVersion, RunId, SiteName, TaskId } from '../../shared/runtime/ids.ts';
import type { FederationPort } from '../../shared/wire/federation-port.ts';
import type { CoordinatorMessage, SiteMessage, UpdateHeader } from '../../shared/wire/messages.ts';
import { memoryFederation } from '../../simulations/memory-transport.ts';
import { openGrpcBench } from '../support/coordinator-over-grpc.ts';
import { createFakeCoordinator, type FakeCoordinator } from '../support/fake-coordinator.ts';
import { sampleJudgement, sampleNotice, sampleSummary } from '../support/wire-samples.ts';

/** For what happens in another turn of the loop; long, for a busy machine. */
const soon = { timeout: 20_000, interval: 10 };

interface Opened {
  readonly coordinator: FakeCoordinator;
  readonly port: FederationPort;
  readonly other: FederationPort;
  close(): Promise<void>;
}

const transports: Readonly<Record<string, () => Promise<Opened>>> = {
  'in memory': async () => {
    const coordinator = createFakeCoordinator(['leaf', 'issuing']);
    const portOf = (site: string, serial: string): FederationPort =>
      coordinator.ports.federation({ role: 'site', site: site as SiteName, serial });
    return { coordinator, port: portOf('berlin', 'A1'), other: portOf('lyon', 'B2'), close: async () => undefined };
  },
  'in memory, as simulations carry it': async () => {
    const coordinator = createFakeCoordinator(['leaf', 'issuing']);
    const portOf = (site: string, serial: string): FederationPort =>
      memoryFederation(coordinator.ports, { role: 'site', site: site as SiteName, serial });
    return { coordinator, port: portOf('berlin', 'A1'), other: portOf('lyon', 'B2'), close: async () => undefined };
  },
  'over gRPC with mutual TLS': async () => {
    const bench = await openGrpcBench();
    const berlin = await bench.newSite('berlin');
    const lyon = await bench.newSite('lyon');
    return { coordinator: bench.coordinator, port: berlin.connection, other: lyon.connection, close: bench.close };
  },
};

async function whole(chunks: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  for await (const chunk of chunks) {
    expect(chunk.byteLength).toBeLessThanOrEqual(1024 * 1024);
    parts.push(chunk);
  }
  return Buffer.concat(parts);
}

async function* pieces(bytes: Uint8Array, size = bytes.byteLength): AsyncGenerator<Uint8Array, void, void> {
  for (let begin = 0; begin < bytes.byteLength; begin += size) yield bytes.subarray(begin, begin + size);
}

async function refusal(work: Promise<unknown>): Promise<{ code: unknown; subsystem: unknown }> {
  try {
    await work;
  } catch (error) {
    return { code: (error as { code?: unknown }).code, subsystem: (error as { subsystem?: unknown }).subsystem };
  }
  return { code: 'nothing was thrown', subsystem: null };
}

const hello = (heartbeatMs: number): SiteMessage => ({
  kind: 'hello',
  software: 'wardround/test',
  heartbeatMs,
  approvedPlans: ['ab'.repeat(32) as Digest],
});

describe.each(Object.entries(transports))('FederationPort %s', (_, open) => {
  let opened: Opened;
  beforeAll(async () => {
    opened = await open();
  });
  afterAll(async () => {
    await opened.close();
  });
  const update = (task: string, over: Partial<UpdateHeader> = {}): UpdateHeader => ({
    task: task as TaskId,
    run: 'heart-1' as RunId,
    round: 3,
    plan: digestOf('plan'),
    base: digestOf('base'),
    delta: { digest: digestOf('delta'), bytes: 5 },
    examples: 303,
    weight: 250,
    metrics: { loss: 0.4931471805599453, 'loss-first': 1e-300 },
    ...over,
  });

  it('reads a plan byte for byte, and says when there is none', async () => {
    const text = new TextEncoder().encode('{"name":"Größe"}');
    opened.coordinator.plans.set(digestOf(text), text);
    expect(Buffer.from(await opened.port.readPlan(digestOf(text)))).toEqual(Buffer.from(text));
    expect(await refusal(opened.port.readPlan(digestOf('other')))).toEqual({ code: 'not_found', subsystem: 'wire' });
  });

  it('reads an object from any offset', async () => {
    const bytes = randomBytes(2_500_000);
    opened.coordinator.objects.set(digestOf(bytes), bytes);
    expect(digestOf(await whole(opened.port.readObject(digestOf(bytes), 0)))).toBe(digestOf(bytes));
    const tail = await whole(opened.port.readObject(digestOf(bytes), 1_048_577));
    expect(tail.equals(bytes.subarray(1_048_577))).toBe(true);
    expect((await whole(opened.port.readObject(digestOf(bytes), bytes.byteLength))).byteLength).toBe(0);
    expect((await refusal(whole(opened.port.readObject(digestOf(bytes), 2_500_001)))).code).toBe('offset_invalid');
    expect((await refusal(whole(opened.port.readObject(digestOf('x'), 0)))).code).toBe('not_found');
  });

  it('stores an upload, resumes one that stopped, and takes a repeat', async () => {
    const bytes = randomBytes(3_000_000);
    const object = { digest: digestOf(bytes), bytes: bytes.byteLength };
    expect(await opened.port.uploadOffset(object)).toBe(0);
    const cut = opened.port.writeObject(object, 0, pieces(bytes.subarray(0, 1_200_000), 100_000));
    expect((await refusal(cut)).code).toBe('truncated');
    const offset = await opened.port.uploadOffset(object);
    expect(offset).toBe(1_200_000);
    // Another site's upload of the same object is another upload.
    expect(await opened.other.uploadOffset(object)).toBe(0);
    expect((await refusal(opened.port.writeObject(object, 0, pieces(bytes)))).code).toBe('offset_invalid');
    await opened.port.writeObject(object, offset, pieces(bytes.subarray(offset)));
    expect(await opened.port.uploadOffset(object)).toBe(bytes.byteLength);
    expect(digestOf(opened.coordinator.objects.get(object.digest) ?? '')).toBe(object.digest);
  });

  it('refuses bytes that are not what they are named', async () => {
    const object = { digest: digestOf('something else'), bytes: 1000 };
    const wrong = opened.port.writeObject(object, 0, pieces(randomBytes(1000)));
    expect(await refusal(wrong)).toEqual({ code: 'digest_mismatch', subsystem: 'wire' });
  });

  it('takes an update once, and knows a repeat, a second one and a stranger', async () => {
    opened.coordinator.tasks.set('t-1' as TaskId, 'berlin' as SiteName);
    expect(await opened.port.submitUpdate(update('t-1'))).toEqual({ outcome: 'accepted' });
    expect(opened.coordinator.submissions.at(-1)?.value).toEqual(update('t-1'));
    expect(await opened.port.submitUpdate(update('t-1'))).toEqual({ outcome: 'duplicate' });
    expect(await opened.port.submitUpdate(update('t-1', { examples: 304 }))).toMatchObject({ code: 'second_update' });
    expect(await opened.other.submitUpdate(update('t-1'))).toMatchObject({ outcome: 'refused', code: 'wrong_site' });
    expect(await opened.port.submitUpdate(update('t-9'))).toEqual({
      outcome: 'refused',
      code: 'unknown_task',
      reason: 'There is no task t-9.',
    });
  });

  it('carries summaries and judgements unchanged', async () => {
    opened.coordinator.tasks.set('t-2' as TaskId, 'berlin' as SiteName);
    const summary = sampleSummary();
    const judgement = sampleJudgement('berlin');
    expect(await opened.port.submitSummary('t-2' as TaskId, summary)).toEqual({ outcome: 'accepted' });
    expect(opened.coordinator.submissions.at(-1)?.value).toEqual(summary);
    expect(await opened.port.submitJudgement('t-2' as TaskId, judgement)).toEqual({ outcome: 'accepted' });
    expect(opened.coordinator.submissions.at(-1)?.value).toEqual(judgement);
  });

  it('carries notices unchanged, a repeat harmlessly', async () => {
    const notice = sampleNotice('berlin');
    expect(await opened.port.submitNotice(notice)).toEqual({ outcome: 'accepted' });
    expect(opened.coordinator.submissions.at(-1)).toEqual({ site: 'berlin', kind: 'notice', value: notice });
    expect(await opened.port.submitNotice(notice)).toEqual({ outcome: 'duplicate' });
    const byPeople = { ...notice, to: 'withdrawn', signals: [], inUse: null, byRoles: ['Medical director'] } as const;
    expect(await opened.port.submitNotice(byPeople)).toEqual({ outcome: 'accepted' });
  });

  it('declines, reads a signature and renews a certificate', async () => {
    opened.coordinator.tasks.set('t-3' as TaskId, 'berlin' as SiteName);
    await opened.port.decline('t-3' as TaskId, 'too_few_rows', '12 rows, 20 are needed');
    expect(opened.coordinator.submissions.at(-1)?.value).toEqual({
      task: 't-3',
      reason: 'too_few_rows',
      text: '12 rows, 20 are needed',
    });
    expect((await refusal(opened.other.decline('t-3' as TaskId, 'busy', ''))).code).toBe('not_found');
    const signature = {
      algorithm: 'ecdsa-p256-sha256' as const,
      signature: Buffer.from([251, 255, 0, 1]).toString('base64'),
      certificates: ['leaf', 'issuing'],
    };
    opened.coordinator.signatures.set(digestOf('release'), signature);
    expect(await opened.port.readReleaseSignature(digestOf('release'))).toEqual(signature);
    expect((await opened.port.renewCertificate(new Uint8Array([1]))).length).toBe(2);
    expect((await refusal(opened.port.renewCertificate(new Uint8Array()))).code).toBe('request_invalid');
  });

  it('attends: hello and approvals arrive, every kind of offer comes back unchanged', async () => {
    const messages: CoordinatorMessage[] = [
      { kind: 'plan', run: 'heart-1' as RunId, plan: digestOf('plan') },
      {
        kind: 'task',
        task: {
          kind: 'summary',
          id: 's' as TaskId,
          run: 'heart-1' as RunId,
          round: 0,
          plan: digestOf('p'),
          deadlineMs: 7,
        },
      },
      {
        kind: 'task',
        task: {
          kind: 'train',
          id: 't' as TaskId,
          run: 'heart-1' as RunId,
          round: 4,
          plan: digestOf('p'),
          deadlineMs: 1_777_777_777_777,
          base: { digest: digestOf('b'), bytes: 2 ** 40 },
          preprocessing: { digest: digestOf('c'), bytes: 0 },
        },
      },
      {
        kind: 'task',
        task: {
          kind: 'judge',
          id: 'j' as TaskId,
          run: 'heart-1' as RunId,
          round: 5,
          plan: digestOf('p'),
          deadlineMs: 9,
          release: {
            version: 'heart/2' as ReleaseVersion,
            digest: digestOf('r'),
            manifest: { digest: digestOf('r'), bytes: 812 },
          },
        },
      },
      { kind: 'withdrawn', task: 't' as TaskId, reason: 'round closed' },
      { kind: 'drain' },
    ];
    const stop = new AbortController();
    async function* says(): AsyncGenerator<SiteMessage, void, void> {
      yield hello(20_000);
      yield { kind: 'approvals', approvedPlans: [digestOf('x'), digestOf('y')] };
      await new Promise((resolve) => stop.signal.addEventListener('abort', resolve, { once: true }));
    }
    const got: CoordinatorMessage[] = [];
    opened.coordinator.heard.length = 0;
    const reading = (async () => {
      for await (const message of opened.port.attend(says(), stop.signal)) {
        if (message.kind !== 'beat') got.push(message);
        if (got.length === messages.length) return;
      }
    })();
    await expect.poll(() => opened.coordinator.heard.length, soon).toBeGreaterThanOrEqual(2);
    for (const message of messages) opened.coordinator.say('berlin', message);
    await reading;
    stop.abort();
    expect(got).toEqual(messages);
    expect(opened.coordinator.heard.slice(0, 2)).toEqual([
      { site: 'berlin', message: hello(20_000) },
      { site: 'berlin', message: { kind: 'approvals', approvedPlans: [digestOf('x'), digestOf('y')] } },
    ]);
    await expect.poll(() => opened.coordinator.attending.size, soon).toBe(0);
  });

  it('lets go of a stream when the signal aborts', async () => {
    const stop = new AbortController();
    async function* says(): AsyncGenerator<SiteMessage, void, void> {
      yield hello(20_000);
      await new Promise((resolve) => stop.signal.addEventListener('abort', resolve, { once: true }));
    }
    const reading = (async () => {
      for await (const _ of opened.port.attend(says(), stop.signal));
    })();
    await expect.poll(() => opened.coordinator.attending.size, soon).toBe(1);
    const reason = new Error('enough');
    stop.abort(reason);
    await expect(reading).rejects.toBe(reason);
    await expect.poll(() => opened.coordinator.attending.size, soon).toBe(0);
  });
});
