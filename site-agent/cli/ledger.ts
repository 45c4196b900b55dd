import type { Command } from 'commander';
import type { TaskId } from '../../shared/runtime/ids.ts';
import { tableText } from '../../shared/runtime/table-text.ts';
import { AgentError } from '../agent/agent-error.ts';
import type { AgentStore } from '../agent/store.ts';
import { createTaskStore } from '../agent/task-store.ts';
import { createLedger, type LedgerEntry } from '../egress/ledger.ts';
import { createSharingRecord } from '../egress/sharing-record.ts';
import { withStore } from './open-site.ts';
import { printJson, type SiteOptions, siteDirectory, siteOptions, timeText } from './options.ts';

interface LedgerOptions extends SiteOptions {
  readonly task?: string;
}

/** The content itself, as it was stored before it was sent. */
function printContent(store: AgentStore, task: string): void {
  // Of a summary or a judgement that is what was shared; the judgement itself, with its exact counts, stayed here.
  const result = createSharingRecord(store).latest(task as TaskId) ?? createTaskStore(store).result(task as TaskId);
  if (result === null) throw new AgentError('unknown_task', `No result of a task ${task} is stored here.`, { task });
  printJson(result);
}

interface Kept {
  readonly withheld?: readonly { readonly what: string; readonly why: string }[];
  readonly blocked?: readonly { readonly table: string; readonly cell: string }[];
}

/** What stayed here of an entry, and why: one line each reason. */
function keptLines(entry: LedgerEntry): string[] {
  if (entry.detail === null) return [];
  const { withheld = [], blocked = [] } = JSON.parse(entry.detail) as Kept;
  const reasons = [...new Set(withheld.map(({ why }) => why))];
  return [
    ...reasons.map((reason) => {
      const things = withheld.filter(({ why }) => why === reason).map(({ what }) => what);
      return `  ${entry.sequence}: withheld (${reason}): ${things.join(', ')}`;
    }),
    ...(blocked.length === 0
      ? []
      : [
          `  ${entry.sequence}: blocked, nothing was sent; these would have told a small count: ${blocked
            .map(({ table, cell }) => `${table}, ${cell}`)
            .join('; ')}`,
        ]),
  ];
}

function printEntries(entries: readonly LedgerEntry[]): void {
  if (entries.length === 0) {
    console.log('Nothing has left this site.');
    return;
  }
  console.log(
    tableText(
      ['no', 'time (UTC)', 'what', 'task', 'round', 'bytes', 'digest', 'to', 'outcome'],
      entries.map((entry) => [
        entry.sequence,
        timeText(entry.startedMs),
        entry.what,
        entry.task,
        entry.round,
        entry.bytes,
        entry.digest.slice(0, 12),
        entry.recipient,
        entry.code === null ? entry.outcome : `${entry.outcome} (${entry.code})`,
      ]),
    ),
  );
  const kept = entries.flatMap(keptLines);
  if (kept.length > 0) console.log(`\nWhat stayed here of it:\n${kept.join('\n')}`);
  const bytes = entries.reduce((sum, entry) => sum + (entry.bytesSent ?? entry.bytes), 0);
  console.log(
    `\n${entries.length} entries, ${bytes} bytes in all. What a task sent: wardround site ledger --task TASK`,
  );
}

async function run(options: LedgerOptions): Promise<void> {
  await withStore(siteDirectory(options), (store) => {
    if (options.task !== undefined) {
      printContent(store, options.task);
      return;
    }
    const entries = createLedger(store).entries();
    if (options.json === true) printJson(entries);
    else printEntries(entries);
  });
}

export function registerLedger(site: Command): void {
  siteOptions(site.command('ledger'), { json: true })
    .description('everything that left this site: time, what, bytes, digest, to whom')
    .option('--task <task>', 'print the content that was sent for one task')
    .action(run);
}
