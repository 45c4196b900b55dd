import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { withOperator } from '../../coordinator/cli/operator-directory.ts';
import type { SiteName } from '../../shared/runtime/ids.ts';
import { defaultHeartbeatMs } from '../../shared/wire/messages.ts';
import { openTheatre, type Theatre } from './theatre.ts';

const revoked = 'switzerland' as SiteName;

describe('a site that is revoked while it is connected', () => {
  let theatre: Theatre;

  beforeAll(async () => {
    theatre = await openTheatre({ seed: 3, rows: 300, rounds: 2 });
  }, 600_000);
  afterAll(() => theatre?.close());

  it('is shown out within a heartbeat, is refused when it dials again, and the others go on', async () => {
    const { stage, children } = theatre;
    const agent = theatre.agents.get(revoked);
    const output = await children.run('sites revoke', [
      ...['sites', 'revoke', revoked, '--reason', 'key was copied', '--consortium', stage.consortium, '--json'],
    ]);
    const revokedAtMs = performance.now();
    expect(JSON.parse(output)).toMatchObject({ site: revoked, status: 'revoked' });
    const line = await agent?.waitForLine(/refuses this site/, 3 * defaultHeartbeatMs);
    expect(performance.now() - revokedAtMs).toBeLessThan(defaultHeartbeatMs);
    expect(line).toContain('wire.certificate_revoked');

    theatre.agents.delete(revoked);
    const run = await theatre.startRun();
    const view = await theatre.watchUntil(run, (one) => one.status === 'finished', AbortSignal.timeout(300_000));
    expect(view.rounds.filter((round) => round.round > 0).map((round) => round.sites)).toEqual([
      ['cleveland', 'hungarian', 'long-beach'],
      ['cleveland', 'hungarian', 'long-beach'],
    ]);
    const audit = await withOperator(stage.consortium, (operator) => operator.listAudit({ limit: 500 }));
    expect(audit.some((entry) => entry.event === 'credentials.revoked' && entry.details.site === revoked)).toBe(true);
  }, 600_000);
});
