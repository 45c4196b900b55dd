import type { Plan } from '../plan/plan.ts';
import type { SharedJudgement, SharingHistory } from '../plan/shared-judgement.ts';
import { sharingRules } from '../plan/sharing.ts';
import { strataOf } from './column-strata.ts';
import type { PublishedFigure, PublishedTable } from './published-table.ts';
import type { Exposure } from './release-checker.ts';
import { scoreFigures } from './score-groups.ts';
import { columnTable, publishedColumn } from './subgroup-table.ts';
import { derivableCounts } from './table-suppression.ts';

/**
 * Every small count that can be derived from what a site is about to share of a judgement, alone or with what it shared before under the
 * plan: the last look before anything leaves. It starts from the message itself and not from the rows, so that it also finds what the
 * suppression overlooked. Empty when the judgement may leave.
 */
export function derivableFromJudgement(
  shared: SharedJudgement,
  plan: Plan,
  history: SharingHistory,
): readonly Exposure[] {
  const minimum = plan.federation.minimumCount;
  const tables: (PublishedTable & { readonly publications: readonly (readonly PublishedFigure[])[] })[] = [];
  const all = [...history.judgements, shared];
  const add = (
    name: string,
    figuresOf: (judgement: SharedJudgement) => readonly (readonly PublishedFigure[])[],
    alsoProtected: PublishedTable['alsoProtected'] = [],
  ): void => {
    if (figuresOf(shared).length === 0) return;
    const publications = all.flatMap(figuresOf);
    tables.push({
      name,
      publications,
      alsoProtected,
    });
  };
  const one = (name: string, value: number | null | undefined): PublishedFigure => ({
    name,
    cells: [name],
    value: value ?? null,
  });

  add('rows', ({ evidence }) => [[one('rows', evidence.rows)]]);
  add('classes', ({ cells }) => {
    if (cells.classes === null || cells.rows === null) return [];
    const names = cells.classes.map((_, at) => String(at));
    return [
      [...cells.classes.map((count, at) => one(String(at), count)), { name: 'rows', cells: names, value: cells.rows }],
    ];
  });
  const strata = new Map(strataOf(plan).map((given) => [given.column, given]));
  for (const [index, column] of plan.data.columns.entries()) {
    const given = strata.get(column.name);
    if (given === undefined) {
      add(`column ${column.name}`, ({ cells }) => {
        const counts = cells.columns[index]?.counts;
        if (counts === undefined || cells.rows === null) return [];
        const names = counts.map((_, at) => String(at));
        return [
          [...counts.map((count, at) => one(String(at), count)), { name: 'rows', cells: names, value: cells.rows }],
        ];
      });
      continue;
    }
    const cells = given.cells.map((cell) => ({ ...cell, events: 0, nonEvents: 0 }));
    const bins = Math.max(...cells.map(({ bin }) => bin)) + 1;
    const shape = columnTable({ column: column.name, cells }, new Array<number>(bins).fill(0), {
      rows: 0,
      classes: plan.task.kind === 'binary' ? [0, 0] : null,
    });
    add(
      `column ${column.name}`,
      (judgement) => publishedColumn(shape, judgement, column.name, index) ?? [],
      shape.alsoProtected,
    );
  }
  const { scoreEdges } = sharingRules(plan);
  for (const which of ['new', 'current'] as const) {
    const model = which === 'new' ? shared.evidence.release.digest : shared.evidence.current?.digest;
    if (model === undefined || shared.cells.scores[which] === null) continue;
    add(`scores of ${model.slice(0, 12)}`, ({ evidence, cells }) =>
      [
        evidence.release.digest === model ? cells.scores.new : null,
        evidence.current?.digest === model ? cells.scores.current : null,
      ].flatMap((told) => {
        const figures = told === null ? null : scoreFigures(told, scoreEdges);
        return figures === null ? [] : [figures];
      }),
    );
  }
  for (const reason of Object.keys(shared.evidence.excluded)) {
    add(`excluded ${reason}`, ({ evidence }) => [[one(reason, evidence.excluded[reason])]]);
  }
  return tables.flatMap((table) => derivableCounts(table, minimum));
}
