import type { Command } from 'commander';
import { createLogger } from '../../shared/runtime/logger.ts';
import { systemClock } from '../../shared/runtime/system-clock.ts';
import { tableText } from '../../shared/runtime/table-text.ts';
import { applyModelEvent, reconcileStates } from '../agent/monitor-states.ts';
import { createMonitorStore } from '../agent/monitor-store.ts';
import { type MonitorView, type ViewedSignal, viewMonitors } from '../agent/monitor-view.ts';
import { loadPlanFrom } from '../agent/plans.ts';
import type { SignalPart } from '../judging/monitor/signal.ts';
import { createModelRegistry } from '../models/registry.ts';
import { chooseModel } from './models.ts';
import { levelMeanings, reasonText, signalMeanings, stateMeanings } from './monitor-text.ts';
import { withSite, withStore } from './open-site.ts';
import { printJson, type SiteOptions, siteDirectory, siteOptions, timeText } from './options.ts';

interface LeaveOptions extends SiteOptions {
  readonly model?: string;
  readonly role?: string;
}

const figureText = (value: number | null): string => (value === null ? '-' : String(Number(value.toPrecision(4))));
const percent = (share: number): string => `${Number((100 * share).toPrecision(3))}%`;

/** Of a signal with very many parts: those that say something, and the largest of the rest. */
function shownParts(parts: readonly SignalPart[]): readonly SignalPart[] {
  const raised = parts.filter(({ level }) => level !== 'quiet');
  const quiet = parts.filter(({ level }) => level === 'quiet');
  const share = ({ figure, alarm, warn }: SignalPart): number => (figure ?? -1) / (alarm ?? warn ?? 1);
  return [...raised, ...[...quiet].sort((a, b) => share(b) - share(a)).slice(0, Math.max(0, 3 - raised.length))];
}

function printSignals(signals: readonly ViewedSignal[]): void {
  const rows = signals.flatMap(({ signal, level, sinceMs, parts }) => {
    const shown = shownParts(parts);
    const first = shown[0];
    return [
      [signal, level, timeText(sinceMs), ...partCells(first)],
      ...shown.slice(1).map((part) => ['', part.level === level ? '' : part.level, '', ...partCells(part)]),
    ];
  });
  console.log(tableText(['signal', 'level', 'since (UTC)', 'of', 'figure', 'warns', 'alarms', ''], rows));
}

function partCells(part: SignalPart | undefined): string[] {
  if (part === undefined) return ['', '-', '-', '-', 'no window is full yet'];
  return [part.name, figureText(part.figure), figureText(part.warn), figureText(part.alarm), reasonText(part.reason)];
}

function print(view: MonitorView): void {
  const { version, state, sinceMs, counts, watched } = view;
  console.log(`\n${version}: ${state} since ${timeText(sinceMs)} UTC (${stateMeanings[state]})`);
  if (view.reasons.length > 0) {
    console.log(`  Because of: ${view.reasons.map(({ signal, level }) => `${signal} (${level})`).join(', ')}`);
  }
  console.log(
    `  ${counts.new} new patients scored${counts.reference === 0 ? '' : `, besides ${counts.reference} from before`}; ${counts.withOutcome} of all with an outcome` +
      (counts.altered === 0
        ? ''
        : `; ${counts.altered} outcomes came after the prediction was shown, which may have altered them`),
  );
  for (const { wantedMs, finishedMs, heldMs, decision } of view.revalidations) {
    const held =
      heldMs === null
        ? 'not made yet; the running agent makes it within the hour'
        : `held on ${timeText(heldMs)}; made again as patients come, or by wardround site judge ${version}`;
    const outcome = finishedMs === null ? held : `${decision} on ${timeText(finishedMs)}`;
    console.log(`  A new judgement was asked for on ${timeText(wantedMs)}: ${outcome}`);
  }
  if (watched === null) return;
  const { budget, windows, reference, accepted } = watched;
  console.log(
    `  Measured against ${reference.rows} patients of before it was judged, ${reference.events} with the event; ` +
      `Brier score ${figureText(accepted.brier)}, AUROC ${figureText(accepted.auroc)}.`,
  );
  console.log(`  To be validated again by ${timeText(watched.revalidateByMs)} UTC.\n`);
  printSignals(watched.signals);
  for (const { signal, level, parts } of watched.signals) {
    const known = parts.some(({ figure }) => figure !== null);
    console.log(`  ${signal}: ${signalMeanings[signal]} Now: ${known ? levelMeanings[level] : 'not known yet'}.`);
  }
  console.log(
    `\n  If nothing changes, any of these asks for a new judgement with a chance of at most ${percent(watched.falseAlarmRate)} over ` +
      `${watched.lifetimePatients} patients (${windows} windows): ` +
      `${Object.entries(budget)
        .map(([line, alpha]) => `${line} ${percent(alpha)}`)
        .join(', ')}. Bounds are corrected for windows and columns; warnings are not part of that budget.`,
  );
}

async function monitor(options: SiteOptions): Promise<void> {
  await withStore(siteDirectory(options), (store) => {
    const view = viewMonitors(store, { load: (digest) => loadPlanFrom(store, digest) }, systemClock.now());
    if (options.json === true) {
      printJson(view);
      return;
    }
    if (view.models.length === 0) {
      console.log('No model is in use or in shadow at this site, or none was scored yet: wardround site score');
      return;
    }
    for (const model of view.models) print(model);
    const waiting = view.notices.filter(({ sentMs }) => sentMs === null).length;
    if (waiting > 0) console.log(`\nNotices to the coordinator that wait until the agent can send them: ${waiting}`);
  });
}

/** Takes the model in use out of it, by a person; state, registry and notice are one transaction. */
async function leave(options: LeaveOptions, kind: 'returned' | 'withdrawn'): Promise<void> {
  const directory = siteDirectory(options);
  const model = await withStore(directory, (store) => chooseModel(createModelRegistry(store), options.model));
  await withStore(directory, (store) => createModelRegistry(store).requireActive(model, kind === 'returned'));
  await withSite(directory, ({ store, identity }) => {
    const registry = createModelRegistry(store);
    const parts = {
      site: identity.site,
      registry,
      monitors: createMonitorStore(store),
      log: createLogger({ level: 'warn', name: 'site-models' }),
    };
    const nowMs = systemClock.now();
    const { from, to } = store.transaction(() => {
      reconcileStates(parts, store, nowMs);
      const version = registry.requireActive(model, kind === 'returned');
      applyModelEvent(parts, version, { kind }, nowMs, options.role === undefined ? [] : [options.role]);
      return { from: version, to: registry.inSlot(model, 'active')?.version ?? null };
    });
    if (options.json === true) printJson({ from, to });
    else if (to === null) console.log(`${from} is not used any more, and no other version of ${model} is.`);
    else console.log(`${to} is active again; ${from} is not used any more.`);
  });
}

export function registerMonitor(site: Command): void {
  siteOptions(site.command('monitor'), { json: true })
    .description(
      'how the models in use and in shadow stand: state, every signal with figure and bounds, and what it means',
    )
    .action(monitor);
  siteOptions(site.command('rollback'), { json: true })
    .description('use the previous release again')
    .option('--model <name>', 'which model, where this site holds several')
    .option('--role <role>', 'your role; it is told to the consortium, your name is not')
    .action((options: LeaveOptions) => leave(options, 'returned'));
  siteOptions(site.command('withdraw'), { json: true })
    .description('take the model in use out of use, without another in its place')
    .option('--model <name>', 'which model, where this site holds several')
    .option('--role <role>', 'your role; it is told to the consortium, your name is not')
    .action((options: LeaveOptions) => leave(options, 'withdrawn'));
}
