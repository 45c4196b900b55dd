import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { ModelNotice } from '../../../shared/plan/notice.ts';
import type { ReleaseVersion, SiteName } from '../../../shared/runtime/ids.ts';
import type { FederationPort } from '../../../shared/wire/federation-port.ts';
import { WireError } from '../../../shared/wire/wire-error.ts';
import type { SiteAgent } from '../../../site-agent/agent/agent.ts';
import { passIsDue, sendNotices } from '../../../site-agent/agent/monitor-loop.ts';
import { scoreAndWatch } from '../../../site-agent/agent/monitor-pass.ts';
import { createLedger } from '../../../site-agent/egress/ledger.ts';
import { createFakeCoordinator } from '../../support/fake-coordinator.ts';
import { agentOn, eventually } from '../../support/site-agent.ts';
import { acceptedMs, dayMs, type WatchedSite, watchedSite } from '../../support/watched-site.ts';

const one = 'heart-disease/1' as ReleaseVersion;
let site: WatchedSite;
let agent: SiteAgent | null = null;
let notices: ModelNotice[];
beforeEach(async () => {
  site = watchedSite();
  await site.install(one, 0.08, 1, -0.7);
  site.decide(one, 'accept');
  mkdirSync(join(site.path, 'state'), { recursive: true });
  notices = [];
});
afterEach(async () => {
  await agent?.stop();
  agent = null;
  site.remove();
});

const coordinator = createFakeCoordinator();
const port = (changes: Partial<FederationPort> = {}): FederationPort => ({
  ...coordinator.ports.federation({ role: 'site', site: 'north' as SiteName, serial: '1' }),
  submitNotice: async (notice) => {
    notices.push(notice);
    return { outcome: 'accepted' };
  },
  ...changes,
});
const approvalPollMs = 20;
/** Pauses between two looks for what commands have changed. */
let looks = 0;
const clock = {
  now: () => acceptedMs + dayMs,
  sleep(delayMs: number, signal?: AbortSignal) {
    if (delayMs === approvalPollMs) looks += 1;
    return realSleep(delayMs, signal);
  },
};
/** Minutes are milliseconds here. */
async function realSleep(delayMs: number, signal?: AbortSignal): Promise<void> {
  await new Promise<void>((resolve) => {
    const done = (): void => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, delayMs > 1000 ? delayMs / 1000 : delayMs);
    signal?.addEventListener('abort', done);
  });
}
async function start(
  scoring: { readonly everyMinutes: number } | undefined,
  changes: Partial<FederationPort> = {},
  overrides: { readonly holdPollMs?: number } = {},
) {
  const { config, signer } = site.parts();
  const started = agentOn(
    port(changes),
    { directory: site.path, config: { ...config, ...(scoring === undefined ? {} : { scoring }) }, signer },
    { clock, approvalPollMs, ...overrides },
  );
  agent = started;
  await started.start();
  return started;
}

describe('the agent', () => {
  it('scores by itself as often as site.yaml says, and tells the coordinator what has changed', async () => {
    await start({ everyMinutes: 60 });
    await eventually('the notice', () => notices.length === 1);
    expect(notices[0]).toMatchObject({ release: { version: one }, from: null, to: 'active', inUse: one, signals: [] });
    // What was said is in the ledger, like everything that leaves.
    await eventually('the entry', () =>
      createLedger(site.store)
        .entries()
        .some(({ what, outcome }) => what === 'notice' && outcome === 'accepted'),
    );
    expect(site.parts().monitors.unsentNotices()).toEqual([]);
    await eventually('the end of the pass', () => site.parts().monitors.lastRunMs() === clock.now());
  });

  it('scores nothing where site.yaml says nothing', async () => {
    await start(undefined);
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(site.store.all('select 1 from predictions limit 1')).toEqual([]);
    expect(site.parts().monitors.states()).toEqual([]);
  });

  it('sends a notice that a command has made while it runs, and one that could not be sent the next time', async () => {
    let refuse = true;
    let tries = 0;
    await start(undefined, {
      submitNotice: async (notice) => {
        tries += 1;
        if (refuse) throw new WireError('certificate_revoked');
        notices.push(notice);
        return { outcome: 'accepted' };
      },
    });
    await scoreAndWatch(site.parts(), {}, new AbortController().signal);
    await eventually('a try', () => tries > 0);
    expect(site.parts().monitors.unsentNotices().length).toBe(1);
    refuse = false;
    // Any change of the database has the agent look.
    site.store.run(`insert into plan_runs (run, plan, seen_ms) values ('another', 'p', 1)`);
    await eventually('the notice', () => notices.length === 1);
    await eventually('that it is noted', () => site.parts().monitors.unsentNotices().length === 0);
  });

  it('sends a notice that is made while another is being sent, as soon as that one is', async () => {
    let answer: () => void = () => {};
    const answered = new Promise<void>((resolve) => {
      answer = resolve;
    });
    await start(
      undefined,
      {
        submitNotice: async (notice) => {
          notices.push(notice);
          if (notices.length === 1) await answered;
          return { outcome: 'accepted' };
        },
      },
      // The look that comes every hour in any case is not to help.
      { holdPollMs: 1e9 },
    );
    await scoreAndWatch(site.parts(), {}, new AbortController().signal);
    await eventually('the first', () => notices.length === 1);
    site.store.transaction(() =>
      site.parts().monitors.addNotice({ ...(notices[0] as ModelNotice), from: 'active', to: 'watched' }, clock.now()),
    );
    // The first look may have begun before.
    const seen = looks;
    await eventually('two looks', () => looks >= seen + 2);
    answer();
    await eventually('the second', () => notices.length === 2);
    expect(notices[1]).toMatchObject({ from: 'active', to: 'watched' });
  });
});

describe('notices', () => {
  it('that the coordinator refuses are not sent for ever', async () => {
    await scoreAndWatch(site.parts(), {}, new AbortController().signal);
    let sent = 0;
    const egress = {
      sendNotice: async () => {
        sent++;
        return { outcome: 'refused', code: 'unknown_release', reason: 'no such release' } as const;
      },
    };
    const parts = { ...site.parts(), egress: egress as never };
    await sendNotices(parts, new AbortController().signal);
    await sendNotices(parts, new AbortController().signal);
    expect(sent).toBe(1);
  });
});

describe('a pass', () => {
  it('is due when none was made, and again after its time; a failed one is not repeated at once', async () => {
    const parts = site.parts();
    expect(passIsDue(parts, 60, null)).toBe(true);
    expect(passIsDue(parts, 60, site.clock.now())).toBe(false);
    await scoreAndWatch(parts, {}, new AbortController().signal);
    await site.clock.advance(59 * 60_000);
    expect(passIsDue(parts, 60, null)).toBe(false);
    await site.clock.advance(60_000);
    expect(passIsDue(parts, 60, null)).toBe(true);
  });
});
