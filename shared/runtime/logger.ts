import { type DestinationStream, pino } from 'pino';
import { WardroundError } from './errors.ts';

export type LogFields = Readonly<Record<string, unknown>>;

/**
 * Log with a fixed message and fields. Never patient values, keys, tokens or text that came from the network:
 * an attacker writes such text, and a log is read by tools that believe it.
 */
export interface Logger {
  debug(fields: LogFields, message: string): void;
  info(fields: LogFields, message: string): void;
  warn(fields: LogFields, message: string): void;
  error(fields: LogFields, message: string): void;
  /** A logger that adds these fields to every line. */
  child(fields: LogFields): Logger;
}

export type LogLevel = 'debug' | 'info' | 'warn' | 'error' | 'silent';

export interface LoggerOptions {
  readonly level: LogLevel;
  /** Name of the process in every line, such as `coordinator`. */
  readonly name: string;
  /** Where lines go; standard error when absent, so that standard output stays the command's own. */
  readonly destination?: { write(line: string): unknown };
}

/** What of an error may stand in a log: its kind, code and place. The message of a foreign error may quote the network. */
export function errorFields(error: unknown): LogFields {
  if (error instanceof WardroundError) {
    return {
      error: error.fullCode,
      reason: error.message,
      ...(error.cause === undefined ? {} : { cause: errorFields(error.cause) }),
    };
  }
  if (error instanceof Error) {
    const code = (error as { code?: unknown }).code;
    const frames = (error.stack ?? '').split('\n').filter((line) => /^\s+at /.test(line));
    return {
      error: error.name,
      ...(typeof code === 'string' || typeof code === 'number' ? { code } : {}),
      at: frames.slice(0, 8).map((line) => line.trim()),
    };
  }
  return { error: typeof error };
}

/** JSON lines (pino): level as a word, time in ISO 8601 UTC, no host name or process id. */
export function createLogger(options: LoggerOptions): Logger {
  return pino(
    {
      level: options.level,
      base: { name: options.name },
      timestamp: pino.stdTimeFunctions.isoTime,
      messageKey: 'message',
      formatters: { level: (label) => ({ level: label }) },
      serializers: { error: (value: unknown) => (value instanceof Error ? errorFields(value) : value) },
    },
    (options.destination as DestinationStream | undefined) ?? pino.destination({ fd: 2, sync: true }),
  );
}

export const silentLogger: Logger = {
  debug() {},
  info() {},
  warn() {},
  error() {},
  child: () => silentLogger,
};
