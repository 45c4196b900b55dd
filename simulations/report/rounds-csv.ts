import { formatCsv } from '../cohorts/csv.ts';
import type { Simulation } from '../run-simulation.ts';

const header = [
  'seed',
  'run',
  'round',
  'site',
  'outcome',
  'detail',
  'examples',
  'weight',
  'loss_first',
  'loss_last',
  'delta_bytes',
  'round_bytes_up',
  'round_bytes_down',
  'weights',
] as const;

/** `rounds.csv`: a line for every seed, round and site. Round 0 is the summaries of the data, before any training. */
export function roundsCsv(simulation: Simulation): string {
  const rows = simulation.runs.flatMap((run) =>
    run.view.rounds.flatMap((round) => {
      const shared = [round.bytesUp, round.bytesDown, round.weights ?? ''].map(String);
      const folded = round.sites.map((site) => {
        const sent = run.updates.findLast((one) => one.site === site && one.header.round === round.round)?.header;
        const figures = [
          sent?.examples,
          sent?.weight,
          sent?.metrics.lossFirst,
          sent?.metrics.lossLast,
          sent?.delta.bytes,
        ];
        return { site, cells: ['folded', '', ...figures.map((value) => (value === undefined ? '' : String(value)))] };
      });
      const excluded = round.excluded.map(({ site, reason, detail }) => ({
        site,
        cells: [reason, detail ?? '', '', '', '', '', ''],
      }));
      return [...folded, ...excluded]
        .sort((a, b) => (a.site < b.site ? -1 : 1))
        .map(({ site, cells }) => [String(run.seed), run.view.run, String(round.round), site, ...cells, ...shared]);
    }),
  );
  return formatCsv(header, rows);
}
