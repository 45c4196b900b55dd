/**
 * What the receiver of an error should do about it.
 *
 * - `fix`: something a person wrote (a file, a flag, a query) is wrong; mend it and try again.
 * - `retry`: nothing is wrong with the request; the same call may succeed later.
 * - `reject`: this one message or update is refused; the rest of the round goes on.
 * - `abort`: the operation cannot go on; state on disk is as it was.
 */
export type Advice = 'fix' | 'retry' | 'reject' | 'abort';

/** What each code of a subsystem means, in one sentence, and what to do about it. */
export type ErrorCatalogue<Code extends string> = Readonly<
  Record<Code, { readonly meaning: string; readonly advice: Advice }>
>;

/** Facts that name where the problem is: file, path in it, value, column, row, site, round. Never patient values beyond the cell named. */
export type ErrorDetails = Readonly<Record<string, string | number | boolean | null | undefined>>;

/**
 * The base of every error Wardround raises on purpose. Each subsystem derives one class from it
 * with a closed set of codes; anything that is not a WardroundError is a defect.
 */
export abstract class WardroundError<Code extends string = string> extends Error {
  abstract readonly subsystem: string;
  readonly code: Code;
  readonly details: ErrorDetails;
  readonly advice: Advice;

  constructor(code: Code, message: string, advice: Advice, details: ErrorDetails = {}, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = new.target.name;
    this.code = code;
    this.details = details;
    this.advice = advice;
  }

  /** The message as logs may have it: without a word out of patient data. */
  get loggedReason(): string {
    return this.message;
  }

  /** `subsystem.code`, the form that logs, the audit and the wire use. */
  get fullCode(): string {
    return `${this.subsystem}.${this.code}`;
  }
}
