import { expect, test, vi } from 'vitest';
import { canonicalJson } from '../../../shared/runtime/canonical.ts';
import type { RunId } from '../../../shared/runtime/ids.ts';
import { inFolder, memorySiteBook, openCore } from '../../support/coordinator-core.ts';
import { heartPlan } from '../../support/plans.ts';

test('no operator command is answered before its audit entry is on disk; a revocation works even so', async () => {
  await inFolder(async (folder) => {
    const book = memorySiteBook(['aachen', 'bern']);
    const core = await openCore(folder, book);
    try {
      const { operator } = core;
      const flush = vi.spyOn(core.audit, 'flush');
      const run = 'heart-disease-1' as RunId;
      const commands: (() => Promise<unknown>)[] = [
        () => operator.startRun(canonicalJson(heartPlan()), {}),
        () => operator.pauseRun(run),
        () => operator.resumeRun(run),
        () => operator.stopRun(run),
        () => operator.inviteSite('chur', {}),
        () => operator.revokeSite('bern', 'a test'),
        () => operator.readmitSite('bern'),
      ];
      for (const [index, command] of commands.entries()) {
        let open: () => void = () => undefined;
        const opened = new Promise<void>((resolve) => {
          open = resolve;
        });
        const asked = new Promise<void>((resolve) => {
          flush.mockImplementationOnce(() => {
            resolve();
            return opened;
          });
        });
        let answered = false;
        const answer = command().then(() => {
          answered = true;
        });
        await asked;
        expect(flush).toHaveBeenCalledTimes(index + 1);
        expect(answered, `command ${index}`).toBe(false);
        if (index === 5) expect((await book.show('bern')).status).toBe('revoked');
        open();
        await answer;
      }
    } finally {
      await core.stop();
    }
  });
});
