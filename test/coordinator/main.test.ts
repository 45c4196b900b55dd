import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { withOperator } from '../../coordinator/cli/operator-directory.ts';
import { canonicalJson } from '../../shared/runtime/canonical.ts';
import type { ClientCredentials } from '../../shared/wire/client-tls.ts';
import { enrolled, makeConsortium, siteOverTls } from '../support/consortium.ts';
import { type FakeSite, viewWhere } from '../support/coordinator-core.ts';
import { heartPlan } from '../support/plans.ts';

/** The coordinator's own process, from its command line; resolves when it has said that it listens. */
async function startProcess(directory: string): Promise<ChildProcess> {
  const child = spawn(process.execPath, ['--import', 'tsx', 'cli/main.ts', 'coordinator', 'start', directory], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let errors = '';
  child.stderr?.on('data', (chunk) => {
    errors += chunk;
  });
  await new Promise<void>((resolve, reject) => {
    child.stdout?.once('data', () => resolve());
    child.once('exit', (code) => reject(new Error(`coordinator ended with ${code}: ${errors}`)));
  });
  return child;
}

function ended(child: ChildProcess): Promise<number | string | null> {
  return new Promise((resolve) => {
    child.once('exit', (code, signal) => resolve(code ?? signal));
  });
}

test('a coordinator killed in the middle of a round goes on when it is started again, over gRPC', {
  timeout: 600_000,
}, async () => {
  const base = mkdtempSync(join(tmpdir(), 'wardround-kill-'));
  const { directory, address } = await makeConsortium(base);
  const names = ['aachen', 'bern'];
  let child: ChildProcess | null = null;
  const sites: FakeSite[] = [];
  try {
    child = await startProcess(directory);
    const identities = new Map<string, ClientCredentials>();
    for (const name of names) identities.set(name, await enrolled(directory, name));
    const attend = (holdsBack: boolean): void => {
      for (const name of names) {
        const identity = identities.get(name);
        if (identity === undefined) throw new Error(name);
        // In the first life bern keeps its update, so that the kill comes while the round collects.
        const instead = async (offer: { kind: string }) => holdsBack && name === 'bern' && offer.kind === 'train';
        sites.push(siteOverTls(address, name, identity, { instead }));
      }
    };
    attend(true);
    const run = await withOperator(directory, async (operator) => {
      const started = await operator.startRun(
        canonicalJson(heartPlan({ federation: { rounds: 2, roundDeadlineSeconds: 600 } })),
        {},
      );
      await viewWhere(operator, started.run, ({ rounds }) => rounds[1]?.received.length === 1, 200_000);
      return started.run;
    });
    const killed = ended(child);
    child.kill('SIGKILL');
    expect(await killed).toBe('SIGKILL');
    await Promise.all(sites.splice(0).map((site) => site.leave()));

    child = await startProcess(directory);
    attend(false);
    const view = await withOperator(directory, (operator) =>
      viewWhere(operator, run, ({ status }) => status === 'finished' || status === 'failed', 200_000),
    );
    expect(view).toMatchObject({ status: 'finished', release: 'heart-disease/1' });
    expect(view.rounds.map(({ attempt, sites: took }) => [attempt, took])).toEqual([0, 1, 2].map(() => [1, names]));
    await Promise.all(sites.splice(0).map((site) => site.leave()));
    const stopped = ended(child);
    child.kill('SIGTERM');
    expect(await stopped).toBe(0);
    child = null;
  } finally {
    child?.kill('SIGKILL');
    await Promise.all(sites.map((site) => site.leave()));
    rmSync(base, { recursive: true, force: true });
  }
});
