import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { ConfigError } from '../../../shared/runtime/config-error.ts';
import { parseYamlText, readYamlFile } from '../../../shared/runtime/config-file.ts';

const schema = z.strictObject({
  listen: z
    .strictObject({ host: z.string().default('127.0.0.1'), port: z.int().min(0).max(65_535).default(7443) })
    .prefault({}),
  idleTimeoutMs: z.number().min(0).default(60_000),
  names: z.array(z.string()).default([]),
  verbose: z.boolean().default(false),
});

let directory: string;
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'wardround-config-'));
});
afterAll(() => rmSync(directory, { recursive: true, force: true }));

function refusal(action: () => unknown): ConfigError {
  try {
    action();
  } catch (error) {
    if (error instanceof ConfigError) return error;
    throw error;
  }
  throw new Error('was not refused');
}

describe('readYamlFile', () => {
  it('reads, fills in defaults and freezes', () => {
    const file = join(directory, 'good.yaml');
    writeFileSync(file, '# settings\nlisten: { port: 0 }\n');
    const config = readYamlFile(file, schema);
    expect(config).toEqual({
      listen: { host: '127.0.0.1', port: 0 },
      idleTimeoutMs: 60_000,
      names: [],
      verbose: false,
    });
    expect(Object.isFrozen(config.listen)).toBe(true);
  });

  it('names the file, every path, the value and what to do', () => {
    const file = join(directory, 'bad.yaml');
    writeFileSync(file, 'listen:\n  prot: 80\nidleTimeoutMs: -1\n');
    const error = refusal(() => readYamlFile(file, schema));
    expect(error.message).toBe(
      `${file}:2:3: listen.prot: unknown key; did you mean port?\n${file}:3:16: idleTimeoutMs: must be at least 0, found -1`,
    );
    expect(error.fullCode).toBe('config.unknown_key');
    expect(error.details).toEqual({ file, path: 'listen.prot', line: 2, problems: 2 });
  });

  it('refuses a file that is not there, a directory and a file far too large', () => {
    expect(refusal(() => readYamlFile(join(directory, 'none.yaml'), schema)).code).toBe('not_found');
    mkdirSync(join(directory, 'folder'));
    expect(refusal(() => readYamlFile(join(directory, 'folder'), schema)).code).toBe('unreadable');
    expect(refusal(() => readYamlFile(join(directory, 'folder', 'x', 'y.yaml'), schema)).code).toBe('not_found');
    const large = join(directory, 'large.yaml');
    writeFileSync(large, `# ${'x'.repeat(300_000)}\n`);
    expect(refusal(() => readYamlFile(large, schema)).code).toBe('too_large');
  });

  it.skipIf(process.platform === 'win32')('does not read a device, which may never end (Windows has none)', () => {
    expect(refusal(() => readYamlFile('/dev/zero', schema)).code).toBe('unreadable');
  });
});

describe('settings from the environment', () => {
  const parse = (text: string, env: Record<string, string>) =>
    parseYamlText(text, 'x.yaml', schema, {
      env,
      prefix: 'WARD',
      overrides: { WARD_LOUD: 'verbose', HOST: 'listen.host' },
    });

  it('take the place of the file', () => {
    expect(
      parse('listen: { port: 1 }\n', {
        WARD__LISTEN__PORT: '0',
        WARD__IDLE_TIMEOUT_MS: '1e3',
        WARD__NAMES: '[a, b]',
        WARD_LOUD: 'true',
        HOST: '::1',
        PATH: '/bin',
        WARDX__VERBOSE: 'no',
      }),
    ).toEqual({ listen: { host: '::1', port: 0 }, idleTimeoutMs: 1000, names: ['a', 'b'], verbose: true });
  });

  it('count as absent when they are empty, or when no environment is given', () => {
    expect(parse('verbose: true\n', { WARD_LOUD: '', WARD__LISTEN__PORT: '' })).toMatchObject({
      verbose: true,
      listen: { port: 7443 },
    });
    expect(parseYamlText('verbose: true\n', 'x.yaml', schema)).toMatchObject({ verbose: true });
  });

  it('are named in what is wrong with them', () => {
    expect(refusal(() => parse('verbose: true\n', { WARD__LISTEN__PORT: 'http' })).message).toBe(
      'environment variable WARD__LISTEN__PORT: listen.port: must be a number, found "http"',
    );
    const unknown = refusal(() => parse('verbose: true\n', { WARD__LISTEN__PROT: '1' }));
    expect(unknown.code).toBe('unknown_key');
    expect(unknown.message).toBe(
      'environment variable WARD__LISTEN__PROT: listen.prot: unknown key; did you mean port?',
    );
  });

  it('take text that is no YAML as text', () => {
    expect(parse('verbose: true\n', { HOST: '{a: [' }).listen.host).toBe('{a: [');
  });

  it('reach no prototype', () => {
    expect(refusal(() => parse('verbose: true\n', { WARD____PROTO____VERBOSE: 'true' })).code).toBe('unknown_key');
    expect(({} as Record<string, unknown>).verbose).toBeUndefined();
  });
});
