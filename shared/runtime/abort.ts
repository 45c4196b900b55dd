import type { Clock } from './clock.ts';

/** The reason a signal was aborted with, always as an Error. */
export function abortReason(signal: AbortSignal): Error {
  const reason: unknown = signal.reason;
  if (reason instanceof Error) return reason;
  return new DOMException(typeof reason === 'string' ? reason : 'The operation was aborted', 'AbortError');
}

/** Whether an error means "stopped on request": the signal's own reason, or an AbortError. */
export function isAbort(error: unknown, signal?: AbortSignal): boolean {
  if (signal?.aborted === true && error === signal.reason) return true;
  return error instanceof Error && error.name === 'AbortError';
}

export interface LinkedSignal {
  readonly signal: AbortSignal;
  /** Aborts this signal alone. */
  abort(reason?: unknown): void;
  /** Lets go of the parents. A long-lived parent must not gather a listener a request. */
  release(): void;
}

/** A signal that aborts with the first of its parents, or on its own. Call `release` when the work is over. */
export function linkSignals(...parents: readonly (AbortSignal | undefined)[]): LinkedSignal {
  const controller = new AbortController();
  const links: { parent: AbortSignal; listener: () => void }[] = [];
  const release = (): void => {
    for (const { parent, listener } of links.splice(0)) parent.removeEventListener('abort', listener);
  };
  const abort = (reason?: unknown): void => {
    release();
    controller.abort(reason);
  };
  for (const parent of parents) {
    if (parent === undefined) continue;
    if (parent.aborted) {
      abort(parent.reason);
      break;
    }
    const listener = (): void => abort(parent.reason);
    parent.addEventListener('abort', listener, { once: true });
    links.push({ parent, listener });
  }
  return { signal: controller.signal, abort, release };
}

/**
 * Waits for `work`, but no longer than until the signal aborts; then rejects with its reason.
 * Abort does not undo the work: what still arrives is handed to `late`, so that it can be closed, and its failure is swallowed.
 */
export function raceAbort<T>(work: Promise<T>, signal: AbortSignal | undefined, late?: (value: T) => void): Promise<T> {
  if (signal === undefined) return work;
  return new Promise<T>((resolve, reject) => {
    let gone = false;
    const leave = (): void => {
      gone = true;
      signal.removeEventListener('abort', leave);
      reject(abortReason(signal));
    };
    work.then(
      (value) => {
        signal.removeEventListener('abort', leave);
        if (gone) late?.(value);
        else resolve(value);
      },
      (error: unknown) => {
        signal.removeEventListener('abort', leave);
        // After an abort the promise is settled already; this is then without effect.
        reject(error);
      },
    );
    if (signal.aborted) leave();
    else signal.addEventListener('abort', leave, { once: true });
  });
}

/**
 * Runs `work` with a signal that aborts with the caller's or after `timeoutMs`, with `reason()`.
 * Rejects as soon as that happens, even when the work does not heed its signal.
 */
export async function withTimeout<T>(
  work: (signal: AbortSignal) => Promise<T>,
  options: {
    readonly timeoutMs: number;
    readonly clock: Clock;
    readonly signal?: AbortSignal;
    readonly reason: () => Error;
  },
): Promise<T> {
  const link = linkSignals(options.signal);
  const timer = linkSignals(options.signal);
  options.clock.sleep(options.timeoutMs, timer.signal).then(
    () => link.abort(options.reason()),
    () => undefined,
  );
  try {
    link.signal.throwIfAborted();
    return await raceAbort(work(link.signal), link.signal);
  } finally {
    timer.abort();
    link.release();
  }
}
