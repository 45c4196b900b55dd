import { existsSync, readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { coordinatorConfigText } from '../../../coordinator/cli/coordinator-config-text.ts';
import { coordinatorConfigSchema } from '../../../coordinator/config.ts';
import { parseYamlText } from '../../../shared/runtime/config-file.ts';
import { freePort } from '../../../simulations/demo/free-port.ts';
import { demoEnvironment } from '../../../simulations/demo/run-demo.ts';
import { writeStory } from '../../../simulations/demo/story.ts';

afterEach(() => {
  vi.unstubAllEnvs();
});

describe("the demo's processes", () => {
  it('wait for every hospital up to the deadline of a round, whoever runs the demo with which settings', () => {
    vi.stubEnv('WARDROUND_COORDINATOR__SETTLE_MS', '0');
    vi.stubEnv('WARDROUND_SITE__ENGINE', 'tfjs');
    const env = demoEnvironment();
    expect(Object.keys(env)).not.toContain('WARDROUND_SITE__ENGINE');
    const address = '127.0.0.1:7443';
    const text = coordinatorConfigText({ address, listen: address, certificateDays: 30 });
    const { settleMs } = parseYamlText(text, 'coordinator.yaml', coordinatorConfigSchema, {
      env,
      prefix: 'WARDROUND_COORDINATOR',
    });
    const { acts } = writeStory({ data: null, seed: 1, rows: 20, rounds: 1 });
    for (const { plan } of acts) {
      expect(settleMs).toBeGreaterThanOrEqual(1000 * plan.loaded.plan.federation.roundDeadlineSeconds);
    }
  });

  it('get a port that can be listened on', async () => {
    const port = await freePort();
    const server = createServer();
    await new Promise<void>((resolve, reject) => server.once('error', reject).listen(port, '127.0.0.1', resolve));
    await new Promise((resolve) => server.close(resolve));
  });

  const range = '/proc/sys/net/ipv4/ip_local_port_range';
  const lowest = existsSync(range) ? Number(readFileSync(range, 'utf8').split(/\s+/)[0]) : 0;
  it.skipIf(lowest < 32_000)(
    'get none that the system gives to outgoing connections (needs /proc and its usual range)',
    async () => {
      for (let time = 0; time < 20; time++) expect(await freePort()).toBeLessThan(lowest);
    },
  );
});
