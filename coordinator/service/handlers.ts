import type {
  handleUnaryCall,
  Metadata,
  ServerDuplexStream,
  ServerReadableStream,
  ServerWritableStream,
} from '@grpc/grpc-js';
import { abortReason } from '../../shared/runtime/abort.ts';
import { WardroundError } from '../../shared/runtime/errors.ts';
import { errorFields, type Logger } from '../../shared/runtime/logger.ts';
import type { WireError } from '../../shared/wire/wire-error.ts';
import type { CallContext } from './guard.ts';
import { toCallStatus } from './status.ts';

/** What every adapter of a gRPC method to an async function needs. */
export interface HandlerTools {
  readonly contextOf: (metadata: Metadata) => CallContext;
  readonly log: Logger;
}

/** Keeps the cause of a defect in the log; the caller is told its code alone. */
function explain(error: unknown, context: CallContext, log: Logger): unknown {
  const { method, callId, address } = context;
  const fields = { method, callId, address, ...errorFields(error) };
  if (error instanceof WardroundError && error.code !== 'internal') log.debug(fields, 'call refused');
  else log.error(fields, 'call failed');
  return error;
}

/** Writes one message; resolves when it has left, so that a slow reader slows the writer. */
export function writeMessage<Message>(
  call: { write(message: Message, done: (error?: Error | null) => void): boolean },
  message: Message,
  signal: AbortSignal,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const leave = (): void => reject(abortReason(signal));
    if (signal.aborted) {
      leave();
      return;
    }
    signal.addEventListener('abort', leave, { once: true });
    call.write(message, (error) => {
      signal.removeEventListener('abort', leave);
      if (error) reject(error);
      else resolve();
    });
  });
}

export function unary<Request, Response>(
  tools: HandlerTools,
  handle: (request: Request, context: CallContext) => Promise<Response>,
): handleUnaryCall<Request, Response> {
  return (call, respond) => {
    const context = tools.contextOf(call.metadata);
    const answer = async (): Promise<Response> => handle(call.request, context);
    answer().then(
      (response) => respond(null, response),
      (error: unknown) => respond(toCallStatus(explain(error, context, tools.log))),
    );
  };
}

export function serverStream<Request, Response>(
  tools: HandlerTools,
  handle: (request: Request, context: CallContext) => AsyncIterable<Response>,
): (call: ServerWritableStream<Request, Response>) => void {
  return (call) => {
    const context = tools.contextOf(call.metadata);
    const pump = async (): Promise<void> => {
      for await (const message of handle(call.request, context)) await writeMessage(call, message, context.signal);
    };
    pump().then(
      () => call.end(),
      (error: unknown) => {
        if (!context.signal.aborted) context.end(explain(error, context, tools.log) as WireError);
      },
    );
  };
}

export function clientStream<Request, Response>(
  tools: HandlerTools,
  handle: (requests: AsyncIterable<Request>, context: CallContext) => Promise<Response>,
): (call: ServerReadableStream<Request, Response>, respond: Parameters<handleUnaryCall<Request, Response>>[1]) => void {
  return (call, respond) => {
    const context = tools.contextOf(call.metadata);
    handle(requestsOf(call, context), context).then(
      (response) => respond(null, response),
      (error: unknown) => {
        if (!context.signal.aborted) respond(toCallStatus(explain(error, context, tools.log)));
      },
    );
  };
}

export function duplex<Request, Response>(
  tools: HandlerTools,
  handle: (
    requests: AsyncIterable<Request>,
    send: (response: Response) => Promise<void>,
    context: CallContext,
  ) => Promise<void>,
): (call: ServerDuplexStream<Request, Response>) => void {
  return (call) => {
    const context = tools.contextOf(call.metadata);
    const send = (response: Response): Promise<void> => writeMessage(call, response, context.signal);
    handle(requestsOf(call, context), send, context).then(
      () => call.end(),
      (error: unknown) => {
        if (!context.signal.aborted) context.end(explain(error, context, tools.log) as WireError);
      },
    );
  };
}

/** The messages of a request stream; throws when the connection is lost before the caller has said its end. */
async function* requestsOf<Request>(
  call: ServerReadableStream<Request, unknown> | ServerDuplexStream<Request, unknown>,
  context: CallContext,
): AsyncGenerator<Request, void, void> {
  // The stream stays open for the answer after the reader has left its loop.
  const messages = call.iterator({ destroyOnReturn: false }) as AsyncIterable<Request>;
  for await (const message of messages) {
    yield message;
    context.taken();
  }
}
