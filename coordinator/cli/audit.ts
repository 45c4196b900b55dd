import { type Command, InvalidArgumentError } from 'commander';
import { commandGroup } from '../../shared/runtime/command-group.ts';
import { tableText } from '../../shared/runtime/table-text.ts';
import type { AuditEntry } from '../../shared/wire/operator-port.ts';
import { consortiumOption, withOperator } from './operator-directory.ts';

interface ListOptions {
  readonly consortium: string;
  readonly after: number;
  readonly limit: number;
  readonly json?: boolean;
}

/** Most entries the coordinator gives in one answer. */
const pageSize = 1_000;

function count(text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 0)
    throw new InvalidArgumentError('It must be a whole number, 0 or more.');
  return value;
}

function entriesText(entries: readonly AuditEntry[]): string {
  if (entries.length === 0) return 'No entry.';
  return tableText(
    ['no', 'time (UTC)', 'event', 'who', 'details'],
    entries.map(({ sequence, timeMs, event, actor, details }) => [
      sequence,
      new Date(timeMs).toISOString().slice(0, 19).replace('T', ' '),
      event,
      actor,
      Object.entries(details)
        .map(([name, value]) => `${name}=${typeof value === 'string' ? value : JSON.stringify(value)}`)
        .join(' '),
    ]),
  );
}

export function register(program: Command): void {
  commandGroup(program, 'audit', '(operator) what happened, who did it, and what was refused')
    .command('list')
    .description('entries of the audit, oldest first; the coordinator checks the chain of hashes whenever it starts')
    .addOption(consortiumOption())
    .option('--after <number>', 'only entries after this one', count, 0)
    .option('--limit <number>', 'at most so many entries', count, pageSize)
    .option('--json', 'print the entries as JSON')
    .action(async (options: ListOptions) => {
      const entries = await withOperator(options.consortium, async (coordinator) => {
        const all: AuditEntry[] = [];
        while (all.length < options.limit) {
          const limit = Math.min(pageSize, options.limit - all.length);
          const page = await coordinator.listAudit({ afterSequence: all.at(-1)?.sequence ?? options.after, limit });
          all.push(...page);
          if (page.length < limit) break;
        }
        return all;
      });
      console.log(options.json === true ? JSON.stringify(entries) : entriesText(entries));
    });
}
