import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { SiteName } from '../../shared/runtime/ids.ts';
import { silentLogger } from '../../shared/runtime/logger.ts';
import { systemClock } from '../../shared/runtime/system-clock.ts';
import type { RunView } from '../../shared/wire/operator-port.ts';
import { writeStory } from '../../simulations/demo/story.ts';
import { simulateCohort } from '../../simulations/run-simulation.ts';
import { heartQuery } from '../../simulations/site-setup.ts';
import { killHard, openTheatre, type Theatre } from './theatre.ts';

const settings = { seed: 5, rows: 400, rounds: 6 };
const limitMs = 150_000;

const isMidRound = (view: RunView): boolean =>
  view.rounds.some((round) => round.round === 3 && round.phase === 'collecting') ||
  view.rounds.some((round) => round.round > 3);
const isFinished = (view: RunView): boolean => view.status === 'finished';
const weightsOf = (view: RunView): string | null | undefined => view.rounds.at(-1)?.weights;

describe('a process that is killed in the middle of a round', () => {
  let uninterrupted: RunView;
  let theatre: Theatre | undefined;

  beforeAll(async () => {
    // The same plan, patients and seed in one process, undisturbed.
    const [{ plan, sites }] = writeStory({ ...settings, data: null }).acts;
    const run = await simulateCohort(
      { title: 'undisturbed', seed: settings.seed, plan },
      { sites, query: heartQuery, holdoutColumn: null },
      { signal: AbortSignal.timeout(60_000), log: silentLogger },
    );
    uninterrupted = run.view;
  });

  afterEach(async () => {
    await theatre?.close();
    theatre = undefined;
  });

  it(
    'costs nothing when it is the coordinator: started again, the run ends in the same bits',
    async () => {
      const signal = AbortSignal.timeout(limitMs - 10_000);
      theatre = await openTheatre(settings);
      const run = await theatre.startRun();
      const atKill = await theatre.watchUntil(run, isMidRound, signal);
      await killHard(theatre.coordinator);
      expect(atKill.rounds.length).toBeLessThan(settings.rounds + 1);
      theatre.coordinator = await theatre.stage.startCoordinator();
      const view = await theatre.watchUntil(run, isFinished, signal);
      expect(view.rounds.filter((round) => round.round > 0).map((round) => round.sites.length)).toEqual(
        Array.from({ length: settings.rounds }, () => 4),
      );
      expect(weightsOf(view)).toBe(weightsOf(uninterrupted));
    },
    limitMs,
  );

  it(
    'costs nothing when it is an agent: started again, its update is in the round, once',
    async () => {
      const signal = AbortSignal.timeout(limitMs - 10_000);
      theatre = await openTheatre(settings);
      const run = await theatre.startRun();
      await theatre.watchUntil(run, isMidRound, signal);
      const site = 'hungarian' as SiteName;
      await killHard(theatre.agents.get(site) as NonNullable<ReturnType<typeof theatre.agents.get>>);
      // Long enough for the round to wait for it.
      await systemClock.sleep(500, signal);
      theatre.agents.set(site, await theatre.stage.startAgent(site));
      const view = await theatre.watchUntil(run, isFinished, signal);
      expect(view.rounds.flatMap((round) => round.excluded)).toEqual([]);
      expect(weightsOf(view)).toBe(weightsOf(uninterrupted));
    },
    limitMs,
  );
});
