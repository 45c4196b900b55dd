import { randomUUID } from 'node:crypto';
import {
  type Metadata,
  ResponderBuilder,
  ServerInterceptingCall,
  type ServerInterceptor,
  ServerListenerBuilder,
} from '@grpc/grpc-js';
import type { Clock } from '../../shared/runtime/clock.ts';
import type { Logger } from '../../shared/runtime/logger.ts';
import { metadataKeys, protocolVersion, serviceNames } from '../../shared/wire/definitions.ts';
import type { ServiceLimits } from '../../shared/wire/limits.ts';
import { WireError, type WireErrorCode } from '../../shared/wire/wire-error.ts';
import { type Admission, admit, type Identity, nameOf, type Peer } from './peers.ts';
import type { Membership } from './ports.ts';
import type { Refusals } from './refusals.ts';
import { codeOfCall, toCallStatus, withCode } from './status.ts';

/** What a handler knows of the call it serves. */
export interface CallContext {
  /** Proven by the certificate; null in services that ask for none. */
  readonly identity: Identity | null;
  readonly address: string;
  readonly method: string;
  readonly callId: string;
  /** Aborts when the call is over, for whatever reason. */
  readonly signal: AbortSignal;
  /** Ends the call now. */
  end(error: WireError): void;
  /** Says that one message of a request stream has been dealt with; until then at most two more are read. */
  taken(): void;
}

export interface Guard {
  readonly interceptor: ServerInterceptor;
  /** The context of a call, by the metadata object its handler was given. */
  contextOf(metadata: Metadata): CallContext;
  /** Calls that are open now. */
  openCalls(): number;
}

export interface GuardOptions {
  readonly peer: (address: string | undefined, port: number | undefined) => Peer | undefined;
  readonly membership: Membership;
  readonly refusals: Refusals;
  readonly limits: ServiceLimits;
  readonly clock: Clock;
  readonly log: Logger;
}

/** Refusals an operator should be able to find later. Slips of an honest caller (a name that is not there) are not. */
const recorded: Readonly<Partial<Record<WireErrorCode, 'credentials' | 'wire'>>> = {
  no_certificate: 'credentials',
  wrong_authority: 'credentials',
  certificate_expired: 'credentials',
  certificate_not_yet_valid: 'credentials',
  certificate_unknown: 'credentials',
  certificate_revoked: 'credentials',
  wrong_role: 'credentials',
  wrong_site: 'credentials',
  protocol_version: 'wire',
  message_too_large: 'wire',
  too_many_streams: 'wire',
  digest_mismatch: 'wire',
};

/** Streams that are silent by nature: a watcher waits for changes, `attend` has heartbeats of its own. */
const mayBeSilent = new Set([
  `/${serviceNames.federation}/Attend`,
  `/${serviceNames.operator}/WatchRun`,
  '/grpc.health.v1.Health/Watch',
]);

function admissionOf(path: string): Admission {
  if (path.startsWith(`/${serviceNames.enrolment}/`)) return 'anyone';
  if (path.startsWith(`/${serviceNames.federation}/`)) return 'site';
  if (path.startsWith(`/${serviceNames.operator}/`)) return 'operator';
  return 'member';
}

const callIdPattern = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/**
 * Stands before every method of every service, health and reflection included, and there is no other way in: proves who
 * calls, bounds how much one caller may have open and for how long, and sees to it that every refusal has its code and
 * is recorded.
 */
export function createGuard(options: GuardOptions): Guard {
  const { membership, refusals, limits, clock, log } = options;
  const contexts = new WeakMap<Metadata, CallContext>();
  const openPerCaller = new Map<string, number>();
  let open = 0;

  const interceptor: ServerInterceptor = (method, call) => {
    const { remoteAddress, remotePort } = call.getConnectionInfo();
    const peer = options.peer(remoteAddress, remotePort);
    const address = remoteAddress ?? 'unknown';
    const ended = new AbortController();
    let actor: string | null = null;
    let callId: string = randomUUID();
    let statusSent = false;

    // Every way a call ends goes through here, the library's own refusals (message too large, deadline) included.
    const sendStatus = call.sendStatus.bind(call);
    call.sendStatus = (status) => {
      const code = codeOfCall(status);
      if (!statusSent) {
        statusSent = true;
        const kind = code === null ? undefined : recorded[code];
        if (kind !== undefined) {
          const serial = peer?.certificate?.serial;
          refusals.record(`${kind}.${code}`, actor, address, {
            method: method.path,
            ...(serial === undefined ? {} : { serial }),
          });
        }
        log.debug({ method: method.path, actor, callId, code: code ?? 'ok' }, 'call ended');
      }
      sendStatus(code === null ? status : withCode(status, code));
    };
    const end = (error: WireError): void => call.sendStatus(toCallStatus(error));

    // A request stream is read no faster than its handler takes it, or a fast sender would fill the memory.
    const startRead = call.startRead.bind(call);
    let unread = 0;
    let readWanted = false;
    call.startRead = () => {
      if (method.requestStream && unread >= 2) readWanted = true;
      else startRead();
    };

    const silent = mayBeSilent.has(method.path);
    let timer: NodeJS.Timeout | undefined;
    const touch = (): void => {
      timer?.refresh();
    };
    let leave = (): void => undefined;

    const enter = (metadata: Metadata): void => {
      if (peer === undefined) throw new WireError('unavailable', 'The connection is closing.');
      const identity = admit(admissionOf(method.path), peer, membership, clock.now());
      actor = identity === null ? null : nameOf(identity);
      const [version] = metadata.get(metadataKeys.protocol);
      if (version !== undefined && version !== protocolVersion) throw new WireError('protocol_version');
      const [id] = metadata.get(metadataKeys.call);
      if (typeof id === 'string' && callIdPattern.test(id)) callId = id;

      const caller = identity === null ? `stranger ${remoteAddress} ${remotePort}` : `${identity.role} ${actor}`;
      const most = identity === null ? 1 : limits.callsPerCaller;
      const count = openPerCaller.get(caller) ?? 0;
      if (count >= most) throw new WireError('too_many_streams');
      openPerCaller.set(caller, count + 1);
      open++;
      peer.calls.add(end);
      if (!silent) {
        const streaming = method.requestStream || method.responseStream;
        timer = setTimeout(() => end(new WireError('deadline_exceeded')), streaming ? limits.stallMs : limits.callMs);
      }
      leave = () => {
        leave = () => undefined;
        const left = (openPerCaller.get(caller) ?? 1) - 1;
        if (left === 0) openPerCaller.delete(caller);
        else openPerCaller.set(caller, left);
        open--;
        peer.calls.delete(end);
        clearTimeout(timer);
        ended.abort(new WireError('cancelled'));
      };
      contexts.set(metadata, {
        identity,
        address,
        method: method.path,
        callId,
        signal: ended.signal,
        end,
        taken() {
          if (unread > 0) unread--;
          if (readWanted && unread < 2) {
            readWanted = false;
            startRead();
          }
        },
      });
    };

    return new ServerInterceptingCall(
      call,
      new ResponderBuilder()
        .withStart((next) => {
          next(
            new ServerListenerBuilder()
              .withOnReceiveMetadata((metadata, forward) => {
                try {
                  enter(metadata);
                } catch (error) {
                  call.sendStatus(toCallStatus(error));
                  return;
                }
                forward(metadata);
              })
              .withOnReceiveMessage((message, forward) => {
                unread++;
                touch();
                forward(message);
              })
              .withOnCancel(() => leave())
              .build(),
          );
        })
        .withSendMessage((message, next) => {
          touch();
          next(message);
        })
        .build(),
    );
  };

  return {
    interceptor,
    contextOf(metadata) {
      const context = contexts.get(metadata);
      // Unreachable unless a service was added without the guard; then nothing may be served.
      if (context === undefined) throw new WireError('no_certificate', 'The call did not pass the guard.');
      return context;
    },
    openCalls: () => open,
  };
}
