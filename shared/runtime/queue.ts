import { abortReason } from './abort.ts';

/** A queue between one or more writers and one reader, with a limit: a stream that nobody reads must not fill the memory. */
export interface Queue<T> extends AsyncIterable<T> {
  /** Items waiting to be read. */
  readonly size: number;
  /** Whether nothing more can be put in: it was ended, failed, or its reader left. */
  readonly closed: boolean;
  /** Puts an item in. False when the queue is full or closed; then the item was not taken. */
  push(item: T): boolean;
  /** Puts an item in as soon as there is room. False when the queue closes first. Rejects with the signal's reason. */
  send(item: T, signal?: AbortSignal): Promise<boolean>;
  /** No more items: the reader gets those that wait, then the end. */
  end(): void;
  /** The reader gets those that wait, then this error. */
  fail(error: unknown): void;
}

interface Waiter<T> {
  readonly resolve: (result: IteratorResult<T, undefined>) => void;
  readonly reject: (error: unknown) => void;
}

const ended: IteratorReturnResult<undefined> = { done: true, value: undefined };

/**
 * @param limit most items that may wait, at least 1
 * The first `for await` is the reader; leaving its loop closes the queue and drops what waits. A second reader is a defect and throws.
 */
export function createQueue<T>(limit: number): Queue<T> {
  if (!Number.isSafeInteger(limit) || limit < 1)
    throw new RangeError(`createQueue: limit must be 1 or more, found ${limit}`);
  const items: T[] = [];
  const readers: Waiter<T>[] = [];
  const writers = new Set<() => void>();
  let state:
    | { readonly kind: 'open' }
    | { readonly kind: 'ended' }
    | { readonly kind: 'failed'; readonly error: unknown } = {
    kind: 'open',
  };
  let hasReader = false;

  const wakeWriters = (): void => {
    for (const wake of [...writers]) wake();
  };
  const push = (item: T): boolean => {
    if (state.kind !== 'open') return false;
    const reader = readers.shift();
    if (reader !== undefined) {
      reader.resolve({ done: false, value: item });
      return true;
    }
    if (items.length >= limit) return false;
    items.push(item);
    return true;
  };
  const close = (next: typeof state): void => {
    if (state.kind !== 'open') return;
    state = next;
    for (const reader of readers.splice(0)) {
      if (next.kind === 'failed') reader.reject(next.error);
      else reader.resolve(ended);
    }
    wakeWriters();
  };

  return {
    get size() {
      return items.length;
    },
    get closed() {
      return state.kind !== 'open';
    },
    push,
    send(item, signal) {
      return new Promise<boolean>((resolve, reject) => {
        const leave = (): void => {
          writers.delete(attempt);
          signal?.removeEventListener('abort', onAbort);
        };
        const onAbort = (): void => {
          leave();
          reject(abortReason(signal as AbortSignal));
        };
        const attempt = (): void => {
          const taken = push(item);
          if (!taken && state.kind === 'open') return;
          leave();
          resolve(taken);
        };
        if (signal?.aborted === true) {
          reject(abortReason(signal));
          return;
        }
        // Writers that came earlier go first.
        if (writers.size === 0 || state.kind !== 'open') {
          const taken = push(item);
          if (taken || state.kind !== 'open') {
            resolve(taken);
            return;
          }
        }
        writers.add(attempt);
        signal?.addEventListener('abort', onAbort, { once: true });
      });
    },
    end: () => close({ kind: 'ended' }),
    fail: (error) => close({ kind: 'failed', error }),
    [Symbol.asyncIterator]() {
      if (hasReader) throw new Error('createQueue: a queue has one reader');
      hasReader = true;
      return {
        next() {
          const item = items.shift();
          if (item !== undefined || items.length > 0) {
            wakeWriters();
            return Promise.resolve({ done: false as const, value: item as T });
          }
          if (state.kind === 'ended') return Promise.resolve(ended);
          if (state.kind === 'failed') {
            const { error } = state;
            state = { kind: 'ended' };
            return Promise.reject(error);
          }
          return new Promise<IteratorResult<T, undefined>>((resolve, reject) => {
            readers.push({ resolve, reject });
            wakeWriters();
          });
        },
        return() {
          items.length = 0;
          close({ kind: 'ended' });
          return Promise.resolve(ended);
        },
      };
    },
  };
}
