import { tableText } from '../../shared/runtime/table-text.ts';
import { estimateText } from './figures.ts';
import type { Outcome } from './outcome.ts';

const header = [
  'release',
  'hospital',
  'decision',
  'AUROC of the new model',
  'difference to the current one',
  'deciding reason',
];

/** The decisions of every release, a line each, for a terminal. */
export function decisionTable(outcome: Outcome): string {
  const rows = outcome.runs.flatMap((run) =>
    run.releases.flatMap((release) =>
      [...release.decisions]
        .sort((a, b) => (a.site < b.site ? -1 : 1))
        .map(({ site, decision, judgement }) => [
          run.seed === null ? release.version : `${release.version}, seed ${run.seed}`,
          site,
          decision.toUpperCase(),
          estimateText(judgement.evidence.auroc.new),
          estimateText(judgement.evidence.auroc.difference),
          judgement.decision.reasons[0]?.code ?? '–',
        ])
        .concat(
          release.notJudged.map(({ site, reason, detail }) => [
            run.seed === null ? release.version : `${release.version}, seed ${run.seed}`,
            site,
            'not judged',
            '–',
            '–',
            detail === null ? reason : `${reason}: ${detail}`,
          ]),
        ),
    ),
  );
  return tableText(header, rows);
}
