import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { SiteName } from '../../shared/runtime/ids.ts';
import { silentLogger } from '../../shared/runtime/logger.ts';
import type { RunView } from '../../shared/wire/operator-port.ts';
import { simulateCohort } from '../../simulations/run-simulation.ts';
import { heartQuery } from '../../simulations/site-setup.ts';
import { firstAct, holdMidRound, killHard, openTheatre, type Theatre } from './theatre.ts';

const settings = { seed: 5, rows: 400, rounds: 12 };
const limitMs = 600_000;
const held = 'hungarian' as SiteName;

const isFinished = (view: RunView): boolean => view.status === 'finished';
const weightsOf = (view: RunView): string | null | undefined => view.rounds.at(-1)?.weights;

// An agent is held in a round by a signal that Windows does not have.
describe.skipIf(process.platform === 'win32')('a process that is killed in the middle of a round', () => {
  let uninterrupted: RunView;
  let theatre: Theatre | undefined;

  beforeAll(async () => {
    // The same plan, patients and seed in one process, undisturbed.
    const { plan, sites } = firstAct(settings);
    const run = await simulateCohort(
      { title: 'undisturbed', seed: settings.seed, plan },
      { sites, query: heartQuery, holdoutColumn: null },
      { signal: AbortSignal.timeout(limitMs), log: silentLogger },
    );
    uninterrupted = run.view;
  }, limitMs);

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
      const atKill = await holdMidRound(theatre, run, held, 3, signal);
      await killHard(theatre.coordinator);
      expect(atKill.rounds.length).toBeGreaterThan(3);
      process.kill(theatre.agents.get(held)?.pid as number, 'SIGCONT');
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
      await holdMidRound(theatre, run, held, 3, signal);
      await killHard(theatre.agents.get(held) as NonNullable<ReturnType<typeof theatre.agents.get>>);
      theatre.agents.set(held, await theatre.stage.startAgent(held));
      const view = await theatre.watchUntil(run, isFinished, signal);
      expect(view.rounds.flatMap((round) => round.excluded)).toEqual([]);
      expect(weightsOf(view)).toBe(weightsOf(uninterrupted));
    },
    limitMs,
  );
});
