import type { LogFields, Logger } from '../../shared/runtime/logger.ts';

/** A logger that keeps what it is told. */
export function recordingLogger(): {
  readonly log: Logger;
  readonly lines: { readonly level: string; readonly fields: LogFields; readonly message: string }[];
} {
  const lines: { level: string; fields: LogFields; message: string }[] = [];
  const write =
    (level: string) =>
    (fields: LogFields, message: string): void =>
      void lines.push({ level, fields, message });
  const log: Logger = {
    debug: write('debug'),
    info: write('info'),
    warn: write('warn'),
    error: write('error'),
    child: () => log,
  };
  return { log, lines };
}
