import { WireError } from '../../shared/wire/wire-error.ts';

/** Messages waiting for one reader, in order. */
export interface Mailbox<Message> extends AsyncIterable<Message> {
  put(message: Message): void;
  /** After what is waiting, the reader is done. */
  end(): void;
  /** The reader fails at once. The first end or failure holds. */
  fail(error: unknown): void;
}

/** @param limit messages that may wait; a reader further behind is taken for dead */
export function createMailbox<Message>(limit = 10_000): Mailbox<Message> {
  const waiting: Message[] = [];
  let ending: { readonly error?: unknown } | null = null;
  let wake: () => void = () => undefined;
  const close = (how: { readonly error?: unknown }): void => {
    ending ??= how;
    wake();
  };
  return {
    put(message) {
      if (ending !== null) return;
      if (waiting.length >= limit) {
        close({ error: new WireError('deadline_exceeded', 'The other side does not read what is sent to it.') });
        return;
      }
      waiting.push(message);
      wake();
    },
    end: () => close({}),
    fail: (error) => close({ error }),
    async *[Symbol.asyncIterator]() {
      for (;;) {
        if (ending !== null && 'error' in ending) throw ending.error;
        const message = waiting.shift();
        if (message !== undefined) {
          yield message;
          continue;
        }
        if (ending !== null) return;
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
    },
  };
}
