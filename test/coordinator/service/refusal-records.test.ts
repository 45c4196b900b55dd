import { describe, expect, it } from 'vitest';
import { createRefusals } from '../../../coordinator/service/refusals.ts';
import { manualClock } from '../../support/clock.ts';

function open(burst = 3, everyMs = 1000) {
  const clock = manualClock();
  const entries: { event: string; actor: string | null; details: Readonly<Record<string, unknown>> }[] = [];
  const audit = {
    record: (event: string, actor: string | null, details: Readonly<Record<string, unknown>>) => {
      entries.push({ event, actor, details });
    },
  };
  return { clock, entries, refusals: createRefusals(audit, clock, { refusalBurst: burst, refusalEveryMs: everyMs }) };
}

describe('records of refusals', () => {
  it('writes a burst, then one an interval that says how many it left out', async () => {
    const { clock, entries, refusals } = open();
    for (let turn = 0; turn < 10; turn++) refusals.record('credentials.x', 'berlin', '10.0.0.1', { turn });
    expect(entries.map(({ details }) => details.turn)).toEqual([0, 1, 2]);
    await clock.advance(1000);
    refusals.record('credentials.x', 'berlin', '10.0.0.1', { turn: 10 });
    expect(entries.at(-1)).toEqual({
      event: 'credentials.x',
      actor: 'berlin',
      details: { address: '10.0.0.1', turn: 10, suppressed: 7 },
    });
    refusals.record('credentials.x', 'berlin', '10.0.0.1', { turn: 11 });
    refusals.flush();
    expect(entries.at(-1)).toEqual({
      event: 'credentials.x',
      actor: null,
      details: { address: '10.0.0.1', suppressed: 1 },
    });
    refusals.flush();
    expect(entries).toHaveLength(5);
  });

  it('keeps addresses and codes apart: a noisy one hides no other', () => {
    const { entries, refusals } = open();
    for (let turn = 0; turn < 10; turn++) refusals.record('credentials.x', null, '10.0.0.1', {});
    refusals.record('credentials.y', null, '10.0.0.1', {});
    refusals.record('credentials.x', null, '10.0.0.2', {});
    expect(entries).toHaveLength(5);
  });

  it('many addresses together fill no disk either, and every refusal is counted', () => {
    const { entries, refusals } = open();
    for (let turn = 0; turn < 10_000; turn++)
      refusals.record('credentials.x', null, `10.0.${turn >> 8}.${turn & 255}`, {});
    // 20 bursts for all addresses together.
    expect(entries).toHaveLength(60);
    refusals.flush();
    const counted = entries.slice(60).reduce((sum, { details }) => sum + Number(details.suppressed), 0);
    expect(counted + 60).toBe(10_000);
    expect(entries).toHaveLength(60 + 100 + 1);
  });
});
