import { expect, test } from 'vitest';
import { canonicalJson } from '../../../shared/runtime/canonical.ts';
import type { RunId } from '../../../shared/runtime/ids.ts';
import { systemClock } from '../../../shared/runtime/system-clock.ts';
import { fakeSite, inFolder, memorySiteBook, openCore, viewWhere } from '../../support/coordinator-core.ts';
import { heartPlan } from '../../support/plans.ts';

test('a clock set back while the coordinator was down does not hold an open round for the difference', {
  timeout: 30_000,
}, async () => {
  await inFolder(async (folder) => {
    const book = memorySiteBook(['aachen', 'bern', 'cork']);
    let offsetMs = 0;
    const clock = { ...systemClock, now: () => systemClock.now() + offsetMs };
    const instead = async (offer: { kind: string }) => offer.kind === 'train';
    const run = 'heart-disease-1' as RunId;
    const federation = {
      rounds: 1,
      sites: { minimum: 2, target: 3 },
      roundDeadlineSeconds: 2,
      graceSeconds: 0,
    };
    const first = await openCore(folder, book, { clock });
    const before = ['aachen', 'bern', 'cork'].map((name) =>
      fakeSite(name, first.site(name), name === 'cork' ? { instead } : {}),
    );
    await first.operator.startRun(canonicalJson(heartPlan({ federation })), {});
    await viewWhere(first.operator, run, ({ rounds }) => rounds[1]?.received.length === 2);
    await first.stop();
    await Promise.all(before.map((site) => site.leave()));

    offsetMs = -3_600_000;
    const second = await openCore(folder, book, { clock });
    try {
      const view = await viewWhere(second.operator, run, ({ rounds }) => rounds[1]?.phase === 'published', 10_000);
      expect(view.rounds[1]).toMatchObject({
        sites: ['aachen', 'bern'],
        excluded: [{ site: 'cork', reason: 'no_answer' }],
      });
    } finally {
      await second.stop();
    }
  });
});
