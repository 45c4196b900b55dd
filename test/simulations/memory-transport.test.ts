import { describe, expect, it } from 'vitest';
import type { SiteName, TaskId } from '../../shared/runtime/ids.ts';
import { memoryFederation } from '../../simulations/memory-transport.ts';
import { createFakeCoordinator } from '../support/fake-coordinator.ts';
import { sampleJudgement } from '../support/wire-samples.ts';

const judgement = sampleJudgement('berlin' as SiteName);
const task = 'heart-1.judge.berlin' as TaskId;

function port() {
  const coordinator = createFakeCoordinator(['leaf', 'issuing']);
  return memoryFederation(coordinator.ports, { role: 'site', site: 'berlin' as SiteName, serial: 'A1' });
}

describe('the in-memory transport, beyond what it shares with gRPC', () => {
  it('refuses what the wire cannot carry: NaN and infinities', async () => {
    for (const value of [Number.NaN, Number.POSITIVE_INFINITY]) {
      const broken = { ...judgement, evidence: { ...judgement.evidence, resolvableMargin: value } };
      await expect(port().submitJudgement(task, broken)).rejects.toMatchObject({
        subsystem: 'wire',
        code: 'invalid_argument',
      });
    }
  });

  it('shares no bytes and no object between the two sides', async () => {
    const kept: unknown[] = [];
    const bytes = new Uint8Array([1, 2, 3]);
    const coordinator = createFakeCoordinator(['leaf', 'issuing']);
    const sender = memoryFederation(
      {
        ...coordinator.ports,
        federation: (identity) => ({
          ...coordinator.ports.federation(identity),
          readPlan: async () => bytes,
          submitJudgement: async (_task, received) => {
            kept.push(received);
            return { outcome: 'accepted' };
          },
        }),
      },
      { role: 'site', site: 'berlin' as SiteName, serial: 'A1' },
    );
    await sender.submitJudgement(task, judgement);
    expect(kept[0]).toEqual(judgement);
    expect(kept[0]).not.toBe(judgement);
    const read = await sender.readPlan('0'.repeat(64) as never);
    read[0] = 9;
    expect(bytes[0]).toBe(1);
  });
});
