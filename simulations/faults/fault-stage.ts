import type { SiteName } from '../../shared/runtime/ids.ts';
import type { FederationPort } from '../../shared/wire/federation-port.ts';
import type { RunView } from '../../shared/wire/operator-port.ts';
import type { FaultCalendar } from './fault-calendar.ts';
import { createFaultyLine, type FaultyLine } from './faulty-line.ts';
import type { SteppedClock } from './stepped-clock.ts';

/** Carries a calendar of faults out on the lines of all sites, and moves the time when nothing but time can go on. */
export interface FaultStage {
  /** The port with its faults. Every site of the run must have one. */
  wrap(site: SiteName, port: FederationPort): FederationPort;
  /** To be called with every view of the run. */
  onView(view: RunView): void;
}

/** A site that does not approve the plan in so many turns does not take part; the round says so. */
const turnsToApprove = 10_000;

/**
 * Lines are cut and mended just before the last answer of a round reaches the coordinator: at that moment nobody waits for the next
 * round yet, so who takes part in it does not depend on how fast the machine is.
 */
export function createFaultStage(calendar: FaultCalendar, clock: SteppedClock, signal: AbortSignal): FaultStage {
  const lines = new Map<SiteName, FaultyLine>();
  const offered = new Map<number, Set<SiteName>>();
  const answering = new Map<number, Set<SiteName>>();
  const answered = new Map<number, Set<SiteName>>();
  const held = new Map<number, Set<SiteName>>();
  const approving = new Set<SiteName>();
  let allApprove: () => void = () => undefined;
  const approval = new Promise<void>((resolve) => {
    allApprove = resolve;
  });
  let view: RunView | null = null;
  /** The round whose faults are on the lines. */
  let scene = 0;
  let stepping = false;

  const add = (to: Map<number, Set<SiteName>>, round: number, site: SiteName): void => {
    to.set(round, (to.get(round) ?? new Set()).add(site));
  };
  const every = (round: number, holds: (site: SiteName) => boolean): boolean =>
    [...(offered.get(round) ?? [])].every(holds);

  const approves = (line: FaultyLine): boolean => view !== null && line.approvedPlans.includes(view.plan);

  const changeTo = async (next: number): Promise<void> => {
    scene = next;
    const isAway = ({ site }: FaultyLine): boolean => calendar.of(site, next) === 'offline';
    const all = [...lines.values()];
    for (const line of all) if (isAway(line) && !line.isCut) line.cut();
    const back = all.filter((line) => !isAway(line) && line.isCut);
    for (const line of back) line.mend();
    await clock.settled();
    // An agent dials again after a moment.
    while (back.some((line) => !line.isHeard)) {
      signal.throwIfAborted();
      await clock.step();
    }
    // Whoever was away at the start reads the plan now; that takes a file, and no simulated time.
    for (let turn = 0; turn < turnsToApprove && !back.every(approves); turn++) {
      signal.throwIfAborted();
      await clock.settled();
    }
  };

  const waitsForSites = (run: RunView): boolean =>
    run.status === 'waiting' && [...lines.values()].every((line) => line.isCut || (line.isHeard && approves(line)));

  const waitsForSlow = (run: RunView): boolean => {
    const round = run.rounds.at(-1);
    return (
      round !== undefined &&
      (round.phase === 'open' || round.phase === 'collecting') &&
      held.has(round.round) &&
      every(round.round, (site) => [answered, held].some((sites) => sites.get(round.round)?.has(site) === true))
    );
  };

  const stepWhileWaiting = async (): Promise<void> => {
    if (stepping) return;
    stepping = true;
    try {
      await clock.settled();
      while (!signal.aborted && view !== null && (waitsForSites(view) || waitsForSlow(view))) await clock.step();
    } finally {
      stepping = false;
    }
  };

  return {
    wrap(site, port) {
      const line = createFaultyLine(site, port, calendar.of(site, 0) === 'offline', {
        faultIn: (round) => calendar.of(site, round),
        async approving() {
          // All at once: else the first round could open without the slowest reader of the plan, where the target is less than all.
          approving.add(site);
          if ([...lines.values()].every((other) => other.isCut || approving.has(other.site))) allApprove();
          await approval;
        },
        offered: (round) => add(offered, round, site),
        async answering(round) {
          add(answering, round, site);
          const isLast = every(
            round,
            (other) => answering.get(round)?.has(other) === true || calendar.of(other, round) === 'slow',
          );
          if (isLast && scene === round) await changeTo(round + 1);
        },
        answered(round) {
          add(answered, round, site);
          void stepWhileWaiting();
        },
        holding(round) {
          add(held, round, site);
          void stepWhileWaiting();
        },
      });
      lines.set(site, line);
      return line.port;
    },
    onView(latest) {
      view = latest;
      void stepWhileWaiting();
    },
  };
}
