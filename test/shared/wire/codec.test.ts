import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { digestOf } from '../../../shared/runtime/digest.ts';
import { wireDefinitions } from '../../../shared/wire/definitions.ts';
import {
  decodeCoordinatorMessage,
  decodeDecline,
  decodeJudgement,
  decodeNotice,
  decodeReceipt,
  decodeSiteMessage,
  decodeSummary,
  decodeUpdate,
} from '../../../shared/wire/federation-codec.ts';
import { decodeAudit, decodeFile, releaseDecoder, runViewDecoder } from '../../../shared/wire/operator-codec.ts';
import { codeOfStatus, errorOfStatus, statusOf } from '../../../shared/wire/status.ts';
import { WireError, type WireErrorCode, wireErrors } from '../../../shared/wire/wire-error.ts';
import { sampleJudgement, sampleNotice, sampleSummary } from '../../support/wire-samples.ts';

const digest = digestOf('x');
const toBytes = (value: unknown): Uint8Array => new TextEncoder().encode(JSON.stringify(value));
const update = {
  task: 't-1',
  site: 'berlin',
  run: 'heart-1',
  round: 1,
  plan: digest,
  base: digest,
  delta: { digest, bytes: 4 },
  examples: 10,
  weight: 10,
  metrics: { loss: 0.5 },
};

function codeOf(work: () => unknown): { code: string; message: string } {
  try {
    work();
  } catch (error) {
    if (error instanceof WireError) return { code: error.code, message: error.message };
    throw error;
  }
  return { code: 'nothing was thrown', message: '' };
}

describe('what does not fit is refused with the field that is wrong', () => {
  it.each([
    ['update.plan', { plan: digest.toUpperCase() }],
    ['update.plan', { plan: '' }],
    ['update.base', { base: `${digest}0` }],
    ['update.task', { task: '' }],
    ['update.task', { task: '../../etc/passwd' }],
    ['update.task', { task: 't\n1' }],
    ['update.task', { task: 't'.repeat(201) }],
    ['update.delta', { delta: null }],
    ['update.delta.bytes', { delta: { digest, bytes: -1 } }],
    // 2^53: the first whole number a double cannot tell from its neighbour.
    ['update.examples', { examples: 9_007_199_254_740_992 }],
    ['update.examples', { examples: 1.5 }],
    ['update.weight', { weight: Number.NaN }],
    ['update.weight', { weight: Number.POSITIVE_INFINITY }],
    ['update.metrics.loss', { metrics: { loss: Number.NaN } }],
    ['update.metrics', { metrics: { '<script>': 1 } }],
    ['update.metrics', { metrics: Object.fromEntries(Array.from({ length: 101 }, (_, i) => [`m${i}`, 1])) }],
  ])('%s', (field, over) => {
    const { code, message } = codeOf(() => decodeUpdate({ ...update, ...over }));
    expect(code).toBe('invalid_argument');
    expect(message.startsWith(`${field}`)).toBe(true);
  });

  it('an update that fits passes', () => {
    const { site: _, ...header } = update;
    expect(decodeUpdate(update)).toEqual(header);
  });

  it.each([
    ['an unknown kind', () => decodeSiteMessage({})],
    ['an unknown kind', () => decodeCoordinatorMessage({})],
    [
      'too many plans',
      () => decodeSiteMessage({ approvals: { approvedPlans: Array.from({ length: 1001 }, () => digest) } }),
    ],
    [
      'a long name',
      () => decodeSiteMessage({ hello: { software: 'x'.repeat(201), heartbeatMs: 1, approvedPlans: [] } }),
    ],
    ['an unknown outcome', () => decodeReceipt({ outcome: 7, code: '', reason: '' })],
    ['an unknown code', () => decodeReceipt({ outcome: 'REFUSED', code: 'toString', reason: '' })],
    ['an unknown reason', () => decodeDecline({ task: 't', site: 'berlin', reason: '__proto__', text: '' })],
    ['text that is no JSON', () => decodeSummary(new Uint8Array([0x7b]))],
    ['bytes that are no UTF-8', () => decodeSummary(new Uint8Array([0x22, 0xff, 0x22]))],
    ['an unknown key', () => decodeSummary(toBytes({ ...sampleSummary(), rowsOfPatients: [] }))],
    ['an unknown key', () => decodeJudgement(toBytes({ ...sampleJudgement('berlin'), rows: [] }))],
    ['a count that is none', () => decodeJudgement(toBytes({ ...sampleJudgement('berlin'), cells: { rows: -1 } }))],
    ['an unknown key', () => decodeNotice(toBytes({ ...sampleNotice('berlin'), patients: 3 }))],
    [
      'a role that rewrites a terminal',
      () => decodeNotice(toBytes({ ...sampleNotice('berlin'), byRoles: ['\u001b[2J'] })),
    ],
    ['no object', () => decodeAudit({ sequence: 1, timeMs: 1, event: 'e', details: '[]' })],
    ['a way out of a folder', () => decodeFile({ name: '../card.json', digest, bytes: 1 })],
    ['a hidden file', () => decodeFile({ name: '.bashrc', digest, bytes: 1 })],
    ['a part before its head', () => runViewDecoder()({ end: {} })],
    ['a part before its head', () => releaseDecoder()({ end: {} })],
  ])('%s', (_, work) => {
    expect(codeOf(work).code).toBe('invalid_argument');
  });

  it('a round that leaves a hole makes no huge list', () => {
    const decode = runViewDecoder();
    expect(codeOf(() => decode({ round: { index: 4_000_000_000, round: null } })).code).toBe('invalid_argument');
  });
});

describe('any bytes at all', () => {
  const { federation } = wireDefinitions();
  it('make a message that is taken, or a WireError, or a parse error of the wire; never anything else', () => {
    const decoders: readonly [{ requestDeserialize: (bytes: Buffer) => unknown }, (wire: never) => unknown][] = [
      [federation.Attend, decodeSiteMessage],
      [federation.SubmitUpdate, decodeUpdate],
      [federation.Decline, decodeDecline],
      [federation.SubmitSummary, (wire: { summary: Uint8Array }) => decodeSummary(wire.summary)],
      [federation.SubmitJudgement, (wire: { judgement: Uint8Array }) => decodeJudgement(wire.judgement)],
      [federation.SubmitNotice, (wire: { notice: Uint8Array }) => decodeNotice(wire.notice)],
    ];
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), fc.nat(decoders.length - 1), (bytes, index) => {
        const [method, decode] = decoders[index] as (typeof decoders)[number];
        let wire: unknown;
        try {
          wire = method.requestDeserialize(Buffer.from(bytes));
        } catch {
          return;
        }
        codeOf(() => decode(wire as never));
      }),
      { numRuns: 2000, seed: 20261121 },
    );
  });
});

describe('codes and statuses', () => {
  it.each(Object.keys(wireErrors) as WireErrorCode[])('%s survives the way over the wire', (code) => {
    const { status, message, code: named } = statusOf(new WireError(code, 'why'));
    expect(status).toBeGreaterThan(0);
    const error = errorOfStatus(status, message, named);
    expect([error.code, error.message]).toEqual([code, 'why']);
  });

  it('a defect tells nothing of itself', () => {
    const { code, message } = statusOf(new Error('password is hunter2'));
    expect(code).toBe('internal');
    expect(message).not.toContain('hunter2');
  });

  it('a name that is no code is not believed', () => {
    expect(errorOfStatus(14, 'x', 'constructor').code).toBe('unavailable');
    expect(codeOfStatus(8, 'Received message larger than max (5 vs 4)')).toBe('message_too_large');
    expect(codeOfStatus(12, '')).toBe('protocol_version');
    expect(codeOfStatus(99, '')).toBe('internal');
  });
});
