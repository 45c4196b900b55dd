import { exclusionText } from '../../shared/wire/exclusion-text.ts';
import type { RoundView, RunView } from '../../shared/wire/operator-port.ts';

function bytesText(bytes: number): string {
  if (bytes < 1024) return `${bytes} B`;
  const units = ['KiB', 'MiB', 'GiB', 'TiB'];
  let value = bytes / 1024;
  let unit = 0;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit++;
  }
  return `${value.toFixed(value < 10 ? 1 : 0)} ${units[unit]}`;
}

function durationText(ms: number | null): string {
  if (ms === null) return '-';
  if (ms < 1000) return `${ms} ms`;
  if (ms < 120_000) return `${(ms / 1000).toFixed(1)} s`;
  return `${Math.round(ms / 60_000)} min`;
}

function leftOut(round: RoundView): string {
  return round.excluded.map((one) => exclusionText(one)).join(', ');
}

/** One line about a round. */
export function roundText(round: RoundView, planned: number): string {
  const name = round.round === 0 ? 'summaries' : `round ${round.round} of ${planned}`;
  const sites = round.phase === 'published' || round.phase === 'folding' ? round.sites : round.received;
  const parts = [
    `${name}: ${round.phase}`,
    ...(round.attempt > 1 ? [`try ${round.attempt}`] : []),
    `${sites.length} of ${round.offered.length} sites`,
    durationText(round.durationMs),
    `up ${bytesText(round.bytesUp)}, down ${bytesText(round.bytesDown)}`,
    ...Object.entries(round.metrics).map(([metric, value]) => `${metric} ${Number(value.toPrecision(4))}`),
    ...(round.excluded.length > 0 ? [`left out: ${leftOut(round)}`] : []),
  ];
  return parts.join(', ');
}

/** One line about the run as a whole. */
export function runLine(view: RunView): string {
  const done = view.rounds.filter(({ round, phase }) => round > 0 && phase === 'published').length;
  const release = view.release === null ? '' : `, release ${view.release}`;
  const reason = view.reason === null ? '' : `: ${view.reason}`;
  return `${view.run}: ${view.status}, ${done} of ${view.roundsPlanned} rounds${release}${reason}`;
}

export function runText(view: RunView): string {
  return [
    runLine(view),
    `plan ${view.planName} ${view.plan}`,
    ...view.rounds.map((round) => `  ${roundText(round, view.roundsPlanned)}`),
  ].join('\n');
}

/** A bar for a terminal line: rounds done, and who has answered in the one under way. */
export function progressLine(view: RunView, width: number): string {
  const done = view.rounds.filter(({ round, phase }) => round > 0 && phase === 'published').length;
  const cells = 20;
  const filled = Math.round((cells * done) / Math.max(1, view.roundsPlanned));
  const current = view.rounds.at(-1);
  const at =
    current === undefined || current.phase === 'published'
      ? ''
      : ` ${current.round === 0 ? 'summaries' : `round ${current.round}`} ${current.phase} ${current.received.length}/${current.offered.length}`;
  const reason = view.reason === null ? '' : ` ${view.reason}`;
  const text = `[${'#'.repeat(filled)}${'.'.repeat(cells - filled)}] ${done}/${view.roundsPlanned} ${view.status}${at}${reason}`;
  return text.length > width ? `${text.slice(0, Math.max(0, width - 1))}…` : text;
}
