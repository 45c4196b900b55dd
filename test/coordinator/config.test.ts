import { expect, test } from 'vitest';
import { coordinatorConfigText } from '../../coordinator/cli/coordinator-config-text.ts';
import { coordinatorConfigSchema, splitListen } from '../../coordinator/config.ts';
import { ConfigError } from '../../shared/runtime/config-error.ts';
import { parseYamlText } from '../../shared/runtime/config-file.ts';

const written = coordinatorConfigText({
  address: 'coordinator.example.org:7443',
  listen: '[::1]:7443',
  certificateDays: 30,
});
const parse = (text: string, env: Record<string, string> = {}) =>
  parseYamlText(text, 'coordinator.yaml', coordinatorConfigSchema, { env, prefix: 'WARDROUND_COORDINATOR' });

test('the file that consortium init writes is read, with a default for every other setting', () => {
  expect(parse(written)).toEqual({
    wardround: 'coordinator/1',
    address: 'coordinator.example.org:7443',
    listen: '[::1]:7443',
    hosts: [],
    certificateDays: 30,
    logLevel: 'info',
    heartbeatMs: 5_000,
    settleMs: 10_000,
    retryDelayMs: 2_000,
    drainMs: 5_000,
  });
});

test('the environment takes the place of the file', () => {
  expect(parse(written, { WARDROUND_COORDINATOR__SETTLE_MS: '0' }).settleMs).toBe(0);
});

test.each([
  ['an unknown key', `${written}\nsettleMilliseconds: 5`, 'settleMilliseconds'],
  ['an address without a port', written.replace('[::1]:7443', 'localhost'), 'listen'],
  ['a port too large', written.replace('[::1]:7443', 'localhost:70000'), 'listen'],
  ['a heartbeat too short', `${written}\nheartbeatMs: 10`, 'heartbeatMs'],
])('%s is refused by name', (_, text, path) => {
  expect(() => parse(text)).toThrow(ConfigError);
  expect(() => parse(text)).toThrow(path);
});

test('host and port are split, brackets off', () => {
  expect(splitListen('[::1]:7443')).toEqual({ host: '::1', port: 7443 });
  expect(splitListen('0.0.0.0:0')).toEqual({ host: '0.0.0.0', port: 0 });
});
