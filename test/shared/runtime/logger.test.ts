import { describe, expect, it } from 'vitest';
import { createLogger, errorFields, type LogLevel, silentLogger } from '../../../shared/runtime/logger.ts';
import { WireError } from '../../../shared/wire/wire-error.ts';

function capture(level: LogLevel = 'debug') {
  const lines: string[] = [];
  const log = createLogger({ level, name: 'agent', destination: { write: (line: string) => lines.push(line) } });
  return { log, records: () => lines.map((line) => JSON.parse(line) as Record<string, unknown>), lines };
}

describe('createLogger', () => {
  it('writes one JSON line with a fixed message and fields', () => {
    const { log, records, lines } = capture();
    log.child({ run: 'heart-1' }).child({ round: 3 }).warn({ site: 'zurich', bytes: 12 }, 'update refused');
    const [record] = records();
    expect(record).toEqual({
      level: 'warn',
      time: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
      name: 'agent',
      run: 'heart-1',
      round: 3,
      site: 'zurich',
      bytes: 12,
      message: 'update refused',
    });
    expect(lines[0]?.endsWith('\n')).toBe(true);
  });

  it('keeps a value with line ends inside its line', () => {
    const { log, lines } = capture();
    log.info({ value: 'a\n{"level":"error","message":"forged"}' }, 'one');
    expect(lines).toHaveLength(1);
    expect(lines[0]?.trim().includes('\n')).toBe(false);
  });

  it('takes the fields of an error spread among others', () => {
    const { log, records } = capture();
    log.warn({ site: 'zurich', ...errorFields(new RangeError('7 patients')) }, 'failed');
    log.warn({ ...errorFields(new WireError('not_found')) }, 'failed');
    expect(records()).toMatchObject([
      { error: 'RangeError', site: 'zurich' },
      { error: 'wire.not_found', reason: expect.any(String) },
    ]);
  });

  it('hides secrets that should not have come this far', () => {
    const { log, lines } = capture();
    log.info({ token: 'wr1-abc', invitation: { secret: 'abc', site: 'zurich' } }, 'invited');
    expect(lines[0]).not.toContain('abc');
    expect(lines[0]).toContain('zurich');
  });

  it('leaves out what lies below its level', () => {
    const { log, records } = capture('warn');
    for (const level of ['debug', 'info', 'warn', 'error'] as const) log[level]({}, level);
    expect(records().map((record) => record.message)).toEqual(['warn', 'error']);
    const silent = capture('silent');
    silent.log.error({}, 'nothing');
    expect(silent.lines).toEqual([]);
  });

  it('writes of our errors the code and message, with the chain of causes', () => {
    const { log, records } = capture();
    const error = new WireError('unavailable', 'cannot reach localhost:7443', {}, new TypeError('from the network'));
    log.error({ error }, 'call failed');
    expect(records()[0]?.error).toEqual({
      error: 'wire.unavailable',
      reason: 'cannot reach localhost:7443',
      cause: { error: 'TypeError', at: expect.any(Array) },
    });
  });

  it('writes of foreign errors kind, code and place, not the text: it may quote a patient or an attacker', () => {
    const { log, records, lines } = capture();
    const foreign = Object.assign(new Error('could not convert "Mrs Miller"\n    at Mrs Miller'), { code: 'ERR_X' });
    log.error({ error: foreign }, 'query failed');
    expect(records()[0]?.error).toMatchObject({ error: 'Error', code: 'ERR_X' });
    expect(records()[0]).toMatchObject({
      error: { at: expect.arrayContaining([expect.stringMatching(/logger\.test\.ts/)]) },
    });
    expect(lines[0]).not.toContain('Miller');
    log.error({ error: 'Mrs Miller' }, 'thrown text');
    expect(lines[1]).not.toContain('Miller');
  });
});

it('silentLogger says nothing, and has children that say nothing', () => {
  expect(silentLogger.child({ site: 'x' })).toBe(silentLogger);
  expect(silentLogger.error({}, 'x')).toBeUndefined();
});
