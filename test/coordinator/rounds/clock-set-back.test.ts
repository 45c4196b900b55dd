import { expect, test } from 'vitest';
import { canonicalJson } from '../../../shared/runtime/canonical.ts';
import type { RunId } from '../../../shared/runtime/ids.ts';
import { manualClock } from '../../support/clock.ts';
import { fakeSite, inFolder, memorySiteBook, openCore, viewWhere } from '../../support/coordinator-core.ts';
import { heartPlan } from '../../support/plans.ts';

test('a clock set back while the coordinator was down does not hold an open round for the difference', async () => {
  await inFolder(async (folder) => {
    const book = memorySiteBook(['aachen', 'bern', 'cork']);
    const instead = async (offer: { kind: string }) => offer.kind === 'train';
    const run = 'heart-disease-1' as RunId;
    const federation = {
      rounds: 1,
      sites: { minimum: 2, target: 3 },
      roundDeadlineSeconds: 60,
      graceSeconds: 0,
    };
    const first = await openCore(folder, book);
    const before = ['aachen', 'bern', 'cork'].map((name) =>
      fakeSite(name, first.site(name), name === 'cork' ? { instead } : {}),
    );
    await first.operator.startRun(canonicalJson(heartPlan({ federation })), {});
    await viewWhere(first.operator, run, ({ rounds }) => rounds[1]?.received.length === 2);
    await first.stop();
    await Promise.all(before.map((site) => site.leave()));

    const clock = manualClock(Date.now() - 3_600_000);
    const second = await openCore(folder, book, { clock });
    try {
      // The open round waits for its deadline, the removal of old objects for its hour.
      await clock.waitForSleepers(2);
      await clock.advance(60_000);
      const view = await viewWhere(second.operator, run, ({ rounds }) => rounds[1]?.phase === 'published');
      expect(view.rounds[1]).toMatchObject({
        sites: ['aachen', 'bern'],
        excluded: [{ site: 'cork', reason: 'no_answer' }],
      });
    } finally {
      await second.stop();
    }
  });
});
