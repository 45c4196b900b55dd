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

/** Where an error was made, from its stack. The text of the error stands in the stack too, and may look like a frame. */
function framesOf(error: Error): string[] {
  const stack = error.stack ?? '';
  const start = stack.indexOf(error.message);
  // A message that was changed later is not in the stack; then nothing of it can be trusted.
  if (start < 0) return [];
  return stack
    .slice(start + error.message.length)
    .split('\n')
    .filter((line) => /^\s+at .*:\d+:\d+\)?$/.test(line))
    .slice(0, 8)
    .map((line) => line.trim());
}

/** What of an error may stand in a log: its kind, code and place. The text of a foreign error may quote a patient or the network. */
export function errorFields(error: unknown): LogFields {
  if (error instanceof WardroundError) {
    return {
      error: error.fullCode,
      reason: error.loggedReason,
      ...(error.cause === undefined ? {} : { cause: errorFields(error.cause) }),
    };
  }
  if (error instanceof Error) {
    const code = (error as { code?: unknown }).code;
    return {
      error: error.name,
      ...(typeof code === 'string' || typeof code === 'number' ? { code } : {}),
      at: framesOf(error),
    };
  }
  return { error: typeof error };
}

/** A field called `error` holds an error, one of our codes or the name of a class of errors: what `errorFields` gives may be spread into the fields. */
function errorField(value: unknown): unknown {
  if (typeof value === 'string' && /^(?:[a-z][a-z0-9_-]*(?:\.[a-z0-9_]+)?|\w*(?:Error|Exception))$/.test(value))
    return value;
  return errorFields(value);
}

/** Fields that must never be logged; hidden if they are all the same. */
const secrets = ['token', 'secret', 'password', 'passphrase', 'privateKey'];

/** JSON lines (pino): level as a word, time in ISO 8601 UTC, no host name or process id. */
export function createLogger(options: LoggerOptions): Logger {
  return pino(
    {
      level: options.level,
      base: { name: options.name },
      timestamp: pino.stdTimeFunctions.isoTime,
      messageKey: 'message',
      formatters: { level: (label) => ({ level: label }) },
      serializers: { error: errorField },
      redact: { paths: secrets.flatMap((field) => [field, `*.${field}`]), censor: '[hidden]' },
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
