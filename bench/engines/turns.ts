import { performance } from 'node:perf_hooks';
import { median } from '../support/bench.ts';
import { type Epoch, type Participant, PassedOver } from './participant.ts';

export interface Measured {
  readonly name: string;
  readonly turns: number;
  /** Medians over the turns. */
  readonly ms: number;
  readonly processorMs: number;
  readonly loss: number;
  readonly change: number;
  readonly peakMegabytes: number;
}

export interface TurnOptions {
  /**
   * At least so many, and up to five times as many of the engines whose rounds take less than five times the shortest, while these further turns
   * take less than five seconds together: short rounds vary most.
   */
  readonly turns: number;
  /** Longest round with which an engine takes part. */
  readonly limitMs: number;
  readonly told: (text: string) => void;
}

/** An engine with longer epochs is measured in the first turns only. */
const slowMs = 10_000;
const turnsWhenSlow = 3;
const steadyMs = 5000;
const mostTimes = 5;
/** Engines with longer rounds than so many times the shortest take no part in further turns: they would take their time. */
const farBehind = 5;

/** A round of each in turn; the first turn, in which graphs are compiled, is not counted. */
export async function takeTurns(
  participants: readonly Participant[],
  { turns, limitMs, told }: TurnOptions,
): Promise<readonly Measured[]> {
  const runs = participants.map((participant) => ({ participant, epochs: [] as Epoch[], dropped: false }));
  const shortest = (epochs: readonly Epoch[]): number => Math.min(...epochs.map(({ ms }) => ms));
  let furtherMs = 0;
  const wanted = (turn: number): boolean => turn < turns || (turn < mostTimes * turns && furtherMs < steadyMs);
  for (let turn = -1; wanted(turn); turn++) {
    const begunMs = performance.now();
    const mostMs = turn < turns ? Infinity : farBehind * Math.min(...runs.map(({ epochs }) => shortest(epochs)));
    if (turn < turns) told(turn < 0 ? 'first rounds, not counted' : `turn ${turn + 1} of ${turns}`);
    for (const run of runs) {
      const slow = (run.epochs[0]?.ms ?? 0) > slowMs;
      if (run.dropped || (slow && run.epochs.length >= turnsWhenSlow)) continue;
      if (shortest(run.epochs) > mostMs) continue;
      try {
        const epoch = await run.participant.epoch(limitMs);
        if (turn >= 0) run.epochs.push(epoch);
      } catch (cause) {
        if (!(cause instanceof PassedOver)) throw cause;
        run.dropped = true;
        told(`${run.participant.name} is left out: ${cause.message}`);
      }
    }
    if (turn >= turns) furtherMs += performance.now() - begunMs;
  }
  const found: Measured[] = [];
  for (const { participant, epochs, dropped } of runs) {
    const [first] = epochs;
    if (dropped || first === undefined) continue;
    const { loss, change } = first;
    const ms = median(epochs.map((epoch) => epoch.ms));
    const processorMs = median(epochs.map((epoch) => epoch.processorMs));
    const peakMegabytes = await participant.end();
    found.push({ name: participant.name, turns: epochs.length, ms, processorMs, loss, change, peakMegabytes });
    told(
      `${participant.name} (${participant.description}): ${ms.toFixed(1)} ms, ${processorMs.toFixed(1)} ms of processors, loss ${loss.toFixed(6)}, change ${change.toPrecision(6)}`,
    );
  }
  return found;
}
