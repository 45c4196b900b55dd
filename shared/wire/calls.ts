import { randomUUID } from 'node:crypto';
import { abortReason } from '../runtime/abort.ts';
import { metadataKeys, protocolVersion } from './definitions.ts';
import { errorOfStatus } from './status.ts';
import { WireError } from './wire-error.ts';

// The client side of a call, for both clients. It names no transport: what it needs of one is written out here.

interface CallMetadata {
  set(key: string, value: string): void;
}

interface StatusError {
  readonly code?: number;
  readonly details?: string;
  readonly metadata?: { get(key: string): readonly unknown[] };
}

interface RunningCall {
  cancel(): void;
}

interface ReadingCall<Response> extends RunningCall, AsyncIterable<Response> {}

interface WritingCall<Request> extends RunningCall {
  write(message: Request, done: (error?: Error | null) => void): boolean;
  end(): unknown;
}

type Answer<Response> = (error: StatusError | null, response?: Response) => void;
type Serialise<T> = (value: T) => Buffer;
type Parse<T> = (bytes: Buffer) => T;
interface CallOptions {
  readonly deadline?: number;
}

export interface CallTransport<Meta extends CallMetadata> {
  makeUnaryRequest<Request, Response>(
    path: string,
    serialise: Serialise<Request>,
    parse: Parse<Response>,
    request: Request,
    metadata: Meta,
    options: CallOptions,
    answer: Answer<Response>,
  ): RunningCall;
  makeServerStreamRequest<Request, Response>(
    path: string,
    serialise: Serialise<Request>,
    parse: Parse<Response>,
    request: Request,
    metadata: Meta,
    options: CallOptions,
  ): ReadingCall<Response>;
  makeClientStreamRequest<Request, Response>(
    path: string,
    serialise: Serialise<Request>,
    parse: Parse<Response>,
    metadata: Meta,
    options: CallOptions,
    answer: Answer<Response>,
  ): WritingCall<Request>;
  makeBidiStreamRequest<Request, Response>(
    path: string,
    serialise: Serialise<Request>,
    parse: Parse<Response>,
    metadata: Meta,
    options: CallOptions,
  ): WritingCall<Request> & ReadingCall<Response>;
}

interface Method<Request, Response> {
  readonly path: string;
  readonly requestSerialize: Serialise<Request>;
  readonly responseDeserialize: Parse<Response>;
}

export interface DuplexCall<Request, Response> {
  /** Resolves when the message has left. */
  send(message: Request): Promise<void>;
  /** Says that nothing more comes from this side. */
  end(): void;
  readonly messages: AsyncIterable<Response>;
  cancel(): void;
}

/** Calls as the ports make them: promises and async iterables, signals, and `WireError` for everything that goes wrong. */
export interface Calls {
  unary<Request, Response>(
    method: Method<Request, Response>,
    request: Request,
    options: { readonly deadlineMs: number; readonly signal?: AbortSignal | undefined },
  ): Promise<Response>;
  /** `stallMs`: how long the stream may stand still; null where silence is its nature. */
  serverStream<Request, Response>(
    method: Method<Request, Response>,
    request: Request,
    options: { readonly stallMs: number | null; readonly signal?: AbortSignal | undefined },
  ): AsyncGenerator<Response, void, void>;
  clientStream<Request, Response>(
    method: Method<Request, Response>,
    requests: AsyncIterable<Request>,
    options: { readonly stallMs: number; readonly signal?: AbortSignal | undefined },
  ): Promise<Response>;
  duplex<Request, Response>(method: Method<Request, Response>): DuplexCall<Request, Response>;
}

function isStatusError(error: unknown): error is StatusError {
  return error instanceof Error && typeof (error as StatusError).code === 'number';
}

/** What a failed call means: the status's `WireError`; an error of our own passes through. */
function wireErrorOf(error: unknown): unknown {
  if (!isStatusError(error)) return error;
  const [named] = error.metadata?.get(metadataKeys.code) ?? [];
  return errorOfStatus(error.code ?? 2, error.details ?? '', typeof named === 'string' ? named : undefined, error);
}

/**
 * @param transport a gRPC client
 * @param newMetadata makes the transport's empty metadata
 */
export function createCalls<Meta extends CallMetadata>(
  transport: () => { readonly client: CallTransport<Meta>; readonly release: () => void },
  newMetadata: () => Meta,
): Calls {
  const metadata = (): Meta => {
    const values = newMetadata();
    values.set(metadataKeys.protocol, protocolVersion);
    values.set(metadataKeys.call, randomUUID());
    return values;
  };
  /** Cancels the call when the signal aborts or nothing moves for `stallMs`; says which when the call has failed. */
  const watch = (cancel: () => void, stallMs: number | null, signal: AbortSignal | undefined) => {
    let stalled = false;
    const timer =
      stallMs === null
        ? undefined
        : setTimeout(() => {
            stalled = true;
            cancel();
          }, stallMs);
    signal?.addEventListener('abort', cancel, { once: true });
    return {
      moved: () => timer?.refresh(),
      stop() {
        clearTimeout(timer);
        signal?.removeEventListener('abort', cancel);
      },
      reasonOf(error: unknown): unknown {
        if (signal?.aborted === true) return abortReason(signal);
        if (stalled) return new WireError('deadline_exceeded', `Nothing moved for ${stallMs} ms.`, {}, error);
        return wireErrorOf(error);
      },
    };
  };

  return {
    unary(method, request, { deadlineMs, signal }) {
      return new Promise((resolve, reject) => {
        if (signal?.aborted === true) {
          reject(abortReason(signal));
          return;
        }
        const { client, release } = transport();
        const call = client.makeUnaryRequest(
          method.path,
          method.requestSerialize,
          method.responseDeserialize,
          request,
          metadata(),
          { deadline: Date.now() + deadlineMs },
          (error, response) => {
            release();
            watched.stop();
            if (error !== null) reject(watched.reasonOf(error));
            else if (response === undefined) reject(new WireError('internal', 'The answer holds no message.'));
            else resolve(response);
          },
        );
        const watched = watch(() => call.cancel(), null, signal);
      });
    },

    async *serverStream(method, request, { stallMs, signal }) {
      signal?.throwIfAborted();
      const { client, release } = transport();
      const call = client.makeServerStreamRequest(
        method.path,
        method.requestSerialize,
        method.responseDeserialize,
        request,
        metadata(),
        {},
      );
      const watched = watch(() => call.cancel(), stallMs, signal);
      try {
        for await (const message of call) {
          watched.moved();
          yield message;
          watched.moved();
        }
      } catch (error) {
        throw watched.reasonOf(error);
      } finally {
        watched.stop();
        call.cancel();
        release();
      }
    },

    async clientStream(method, requests, { stallMs, signal }) {
      signal?.throwIfAborted();
      const { client, release } = transport();
      let call: WritingCall<Parameters<typeof method.requestSerialize>[0]> | undefined;
      const answered = new Promise<ReturnType<typeof method.responseDeserialize>>((resolve, reject) => {
        call = client.makeClientStreamRequest(
          method.path,
          method.requestSerialize,
          method.responseDeserialize,
          metadata(),
          {},
          (error, response) => {
            if (error !== null) reject(error);
            else if (response === undefined) reject(new WireError('internal', 'The answer holds no message.'));
            else resolve(response);
          },
        );
      });
      answered.catch(() => undefined);
      const running = call as NonNullable<typeof call>;
      const watched = watch(() => running.cancel(), stallMs, signal);
      // An answer that comes before the end is a refusal: nothing more is sent.
      let over = false;
      const finished = answered.then(
        () => {
          over = true;
        },
        () => {
          over = true;
        },
      );
      try {
        for await (const message of requests) {
          if (over) break;
          const sent = new Promise<void>((resolve) => {
            running.write(message, () => resolve());
          });
          await Promise.race([sent, finished]);
          watched.moved();
        }
        if (!over) running.end();
        return await answered;
      } catch (error) {
        throw watched.reasonOf(error);
      } finally {
        watched.stop();
        running.cancel();
        release();
      }
    },

    duplex(method) {
      const { client, release } = transport();
      const call = client.makeBidiStreamRequest(
        method.path,
        method.requestSerialize,
        method.responseDeserialize,
        metadata(),
        {},
      );
      async function* messages() {
        try {
          for await (const message of call) yield message;
        } catch (error) {
          throw wireErrorOf(error);
        } finally {
          call.cancel();
          release();
        }
      }
      return {
        send: (message) =>
          new Promise((resolve, reject) => {
            call.write(message, (error) => (error ? reject(wireErrorOf(error)) : resolve()));
          }),
        end: () => {
          call.end();
        },
        messages: messages(),
        cancel: () => call.cancel(),
      };
    },
  };
}
