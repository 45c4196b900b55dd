import type { Command } from 'commander';
import { commandGroup } from '../../shared/runtime/command-group.ts';
import { exitCodes } from '../../shared/runtime/exit-codes.ts';
import { startCoordinator } from '../main.ts';

/** Aborts on the first SIGINT or SIGTERM; the second ends the process at once. */
function stopSignal(): { readonly signal: AbortSignal; release(): void } {
  const stop = new AbortController();
  const onSignal = (): void => {
    if (stop.signal.aborted) process.exit(exitCodes.interrupted);
    console.error('Stopping: calls under way may end. Once more to stop at once.');
    stop.abort(new Error('stopped by a signal'));
  };
  const names = ['SIGINT', 'SIGTERM'] as const;
  for (const name of names) process.on(name, onSignal);
  return {
    signal: stop.signal,
    release() {
      for (const name of names) process.off(name, onSignal);
    },
  };
}

export function register(program: Command): void {
  commandGroup(program, 'coordinator', '(operator) the process that schedules rounds')
    .command('start')
    .argument('[dir]', "the consortium's directory", process.env.WARDROUND_CONSORTIUM ?? '.')
    .description('run the coordinator until Ctrl-C; runs that were under way go on where they stopped')
    .option('--json', 'print {listening, dial} as JSON when it listens')
    .action(async (directory: string, options: { readonly json?: boolean }) => {
      const stop = stopSignal();
      try {
        const running = await startCoordinator(directory, { signal: stop.signal });
        const { host, port } = running.address;
        const listening = `${host.includes(':') ? `[${host}]` : host}:${port}`;
        console.log(
          options.json === true
            ? JSON.stringify({ listening, dial: running.dial })
            : `Coordinator of ${directory} listens on ${listening}; sites dial ${running.dial}.`,
        );
        await running.ended;
      } finally {
        stop.release();
      }
    });
}
