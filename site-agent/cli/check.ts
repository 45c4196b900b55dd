import type { Command } from 'commander';
import { bytesText } from '../../shared/graph/model-size.ts';
import type { LoadedPlan } from '../../shared/plan/load-plan.ts';
import { plainLine } from '../../shared/plan/text.ts';
import { exitCodes } from '../../shared/runtime/exit-codes.ts';
import { systemClock } from '../../shared/runtime/system-clock.ts';
import { tableText } from '../../shared/runtime/table-text.ts';
import { checkEngine, type EngineCheck } from '../agent/named-engine.ts';
import { policyInForce } from '../agent/plans.ts';
import { readSiteConfig } from '../config.ts';
import { checkSiteData, type DataCheck } from '../data/check-report.ts';
import { DataError } from '../data/data-error.ts';
import { problemMeanings, problemRemedies } from '../data/problems.ts';
import { findPlan } from './find-plan.ts';
import { printJson, type SiteOptions, siteDirectory, siteOptions } from './options.ts';

interface CheckOptions extends SiteOptions {
  readonly plan: string;
  readonly limit: string;
}

const percent = (share: number): string => `${(share * 100).toFixed(1)}%`;
const figure = (value: number): string => String(Number(value.toPrecision(5)));

function counted(levels: Readonly<Record<string, number>>): string {
  return Object.entries(levels)
    .map(([level, count]) => `${level}: ${count}`)
    .join(', ');
}

function printPayload({ payload, rowsSound }: DataCheck): void {
  if (payload === null) return;
  const { kind, shape, bytes, channels } = payload;
  const named = kind === 'series' ? 'steps x channels' : 'channels x height x width';
  console.log(`\n${rowsSound} ${kind} of ${shape.join(' x ')} (${named}), ${bytesText(bytes)}.`);
  if (channels.length === 0) return;
  console.log(
    tableText(
      ['channel', 'unit', 'steps with a measurement', 'values'],
      channels.map(({ name, unit, measuredShare, range }) => [
        name,
        unit,
        percent(measuredShare),
        range === null ? null : `${figure(range.least)} to ${figure(range.largest)}, mean ${figure(range.mean)}`,
      ]),
    ),
  );
}

function print(plan: LoadedPlan, check: DataCheck, limit: number): void {
  const { split, label, problems } = check;
  console.log(`Plan ${plan.plan.name} (${plan.digest.slice(0, 12)}): ${plainLine(plan.plan.purpose)}`);
  console.log(
    `\n${check.rowsRead} rows read, ${check.rowsSound} sound, of ${check.patients} patients` +
      (check.times === null ? '.' : `, from ${check.times.first.slice(0, 10)} to ${check.times.last.slice(0, 10)}.`),
  );
  console.log(
    tableText(
      ['column', 'unit', 'missing', 'values'],
      check.columns.map((column) => [
        column.name,
        column.unit,
        `${column.missing} (${percent(column.missingShare)})`,
        column.levels !== null
          ? counted(column.levels)
          : column.range === null
            ? null
            : `${figure(column.range.least)} to ${figure(column.range.largest)}, mean ${figure(column.range.mean)}`,
      ]),
    ),
  );
  printPayload(check);
  const outcome =
    label.levels !== null
      ? counted(label.levels)
      : label.range === null
        ? 'none'
        : `${figure(label.range.least)} to ${figure(label.range.largest)}, mean ${figure(label.range.mean)}`;
  const seen =
    label.event === null
      ? ''
      : `; ${label.event.name} seen in ${label.event.seen} of ${check.rowsSound - label.unknown}, observation ended before it in the others`;
  console.log(`\nOutcome ${label.name}: ${outcome}${seen}; not known: ${label.unknown}`);
  console.log(
    `Would train on ${split.training} rows` +
      (split.trainingWithoutOutcome === 0 ? '' : ` (${split.trainingWithoutOutcome} more have no outcome yet)`) +
      (split.trainingWindowOpen === 0
        ? ''
        : ` (${split.trainingWindowOpen} more wait for their outcome window to close)`) +
      `; would judge on ${split.judgingWithOutcome} of ${split.judging} ` +
      (split.kind === 'prospective' ? 'later rows' : 'held-out rows (retrospective)') +
      (split.judgingEvents === null ? '.' : `: ${split.judgingEvents} events, ${split.judgingNonEvents} others.`),
  );
  if (check.ignoredColumns.length > 0)
    console.log(`Columns the plan does not ask for: ${check.ignoredColumns.join(', ')}`);
  if (problems.rows > 0) {
    console.log(
      `\n${problems.rows} rows have problems (${percent(problems.share)}; the plan allows ${percent(problems.allowedShare)}):`,
    );
    console.log(
      tableText(
        ['column', 'problem', 'rows', 'what to do'],
        problems.counts.map(({ column, rule, rows }) => [column, problemMeanings[rule], rows, problemRemedies[rule]]),
      ),
    );
    const shown = problems.listed.slice(0, limit);
    if (shown.length > 0) {
      console.log('');
      console.log(
        tableText(
          ['row', 'column', 'problem', 'value', 'where'],
          shown.map(({ row, column, rule, value, where }) => [
            row,
            column,
            problemMeanings[rule],
            value,
            where ?? null,
          ]),
        ),
      );
      const more = problems.listed.length - shown.length + problems.unlisted;
      if (more > 0) console.log(`... and ${more} more (--limit N shows more)`);
    }
  }
  for (const note of check.notes) console.log(`\nNote: ${note}`);
  console.log(
    check.refusal === null
      ? '\nThis plan could run here. Nothing was sent.'
      : `\nThis plan would be refused here: ${check.refusal.message}\nNothing was sent.`,
  );
}

function engineText({ name, runsOn, refusal }: EngineCheck): string {
  return refusal === null
    ? `Engine ${name} starts: ${runsOn}.`
    : `The engine that site.yaml names, ${name}, does not start, and rounds would be declined (${refusal.code}): ${refusal.message}`;
}

async function run(options: CheckOptions): Promise<void> {
  const directory = siteDirectory(options);
  const plan = await findPlan(directory, options.plan);
  const config = await readSiteConfig(directory);
  // A policy that could not be signed keeps the plan from being approved, whatever the rows are.
  policyInForce(directory, config, plan);
  const limit = Math.max(0, Number.parseInt(options.limit, 10) || 0);
  const engine = await checkEngine(directory, config);
  if (engine !== null && engine.refusal !== null) process.exitCode = exitCodes.badInput;
  const engineJson = engine === null ? {} : { engine };
  if (engine !== null && options.json !== true) console.log(`${engineText(engine)}\n`);
  let check: DataCheck;
  try {
    check = await checkSiteData(directory, config.data, plan.plan.data, config.minimumRows, systemClock.now());
  } catch (error) {
    if (!(error instanceof DataError) || options.json !== true) throw error;
    printJson({ plan: plan.digest, ...engineJson, refusal: { code: error.fullCode, message: error.message } });
    process.exitCode = exitCodes.badInput;
    return;
  }
  if (options.json === true) {
    const listed = check.problems.listed.slice(0, limit);
    const unlisted = check.problems.unlisted + check.problems.listed.length - listed.length;
    printJson({ plan: plan.digest, ...engineJson, ...check, problems: { ...check.problems, listed, unlisted } });
  } else {
    print(plan, check, limit);
  }
  if (check.refusal !== null) process.exitCode = exitCodes.badInput;
}

export function registerCheck(site: Command): void {
  siteOptions(site.command('check'), { json: true })
    .description(
      "run this site's query against a plan, say what would be trained on and whether a named engine starts, send nothing",
    )
    .requiredOption('--plan <plan>', 'a plan file, the digest of a plan that has reached this site, or a run')
    .option('--limit <n>', 'problems shown row by row', '20')
    .action(run);
}
