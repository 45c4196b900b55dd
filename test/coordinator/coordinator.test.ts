import { expect, test } from 'vitest';
import { canonicalJson } from '../../shared/runtime/canonical.ts';
import { fakeSite, inFolder, memorySiteBook, openCore, viewWhere } from '../support/coordinator-core.ts';
import { heartPlan } from '../support/plans.ts';

test('four sites train, the model is released and judged', async () => {
  await inFolder(async (folder) => {
    const names = ['aachen', 'bern', 'cork', 'delft'];
    const core = await openCore(folder, memorySiteBook(names));
    const sites = names.map((name, index) => fakeSite(name, core.site(name), { rows: 100 + 50 * index }));
    const started = await core.operator.startRun(canonicalJson(heartPlan()), {});
    const view = await viewWhere(
      core.operator,
      started.run,
      ({ status }) => status === 'finished' || status === 'failed',
    );
    expect(view).toMatchObject({ status: 'finished', reason: null, release: 'heart-disease/1' });
    expect(view.rounds.map(({ round, sites: took, excluded }) => ({ round, took, excluded }))).toEqual(
      [0, 1, 2, 3].map((round) => ({ round, took: names, excluded: [] })),
    );
    const release = await core.operator.showRelease('heart-disease/1');
    expect(release.decisions.map(({ site, decision }) => [site, decision])).toEqual(
      names.map((name) => [name, 'accept']),
    );
    await Promise.all(sites.map((site) => site.leave()));
    await core.stop();
  });
});
