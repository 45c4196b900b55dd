import { WardroundError } from '../runtime/errors.ts';
import { WireError, type WireErrorCode, wireErrors } from './wire-error.ts';

/** gRPC status numbers (https://grpc.github.io/grpc/core/md_doc_statuscodes.html), named here so that no grpc type is. */
const grpc = {
  cancelled: 1,
  unknown: 2,
  invalidArgument: 3,
  deadlineExceeded: 4,
  notFound: 5,
  permissionDenied: 7,
  resourceExhausted: 8,
  failedPrecondition: 9,
  aborted: 10,
  outOfRange: 11,
  unimplemented: 12,
  internal: 13,
  unavailable: 14,
  dataLoss: 15,
  unauthenticated: 16,
} as const;

const statusOfCode: Readonly<Record<WireErrorCode, number>> = {
  no_certificate: grpc.unauthenticated,
  wrong_authority: grpc.unauthenticated,
  certificate_expired: grpc.unauthenticated,
  certificate_not_yet_valid: grpc.unauthenticated,
  certificate_unknown: grpc.unauthenticated,
  certificate_revoked: grpc.permissionDenied,
  wrong_role: grpc.permissionDenied,
  wrong_site: grpc.permissionDenied,
  token_malformed: grpc.invalidArgument,
  token_unknown: grpc.permissionDenied,
  token_used: grpc.permissionDenied,
  token_expired: grpc.permissionDenied,
  token_wrong_name: grpc.permissionDenied,
  fingerprint_mismatch: grpc.unauthenticated,
  request_invalid: grpc.invalidArgument,
  rate_limited: grpc.resourceExhausted,
  protocol_version: grpc.failedPrecondition,
  message_too_large: grpc.resourceExhausted,
  too_many_streams: grpc.resourceExhausted,
  digest_mismatch: grpc.dataLoss,
  truncated: grpc.aborted,
  offset_invalid: grpc.outOfRange,
  not_found: grpc.notFound,
  invalid_argument: grpc.invalidArgument,
  invalid_state: grpc.failedPrecondition,
  deadline_exceeded: grpc.deadlineExceeded,
  cancelled: grpc.cancelled,
  unavailable: grpc.unavailable,
  storage_full: grpc.resourceExhausted,
  internal: grpc.internal,
};

/** What a call ends with: status number, message for people, and the exact code, which travels as `wardround-code`. */
export interface WireStatus {
  readonly status: number;
  readonly message: string;
  readonly code: WireErrorCode;
}

/**
 * The status a call ends with because of `error`. Only a `WireError` speaks over the wire; of anything else the other
 * side learns that there was a defect, and the log keeps the cause.
 */
export function statusOf(error: unknown): WireStatus {
  if (error instanceof WireError) {
    return { status: statusOfCode[error.code], message: error.message.slice(0, 1000), code: error.code };
  }
  // A full disk is the one failure of a store that the caller should act on: wait, then resume.
  if (error instanceof WardroundError && error.code === 'storage_full') return statusOf(new WireError('storage_full'));
  return { status: grpc.internal, message: wireErrors.internal.meaning, code: 'internal' };
}

/** The code for a status that the other side's library, or our own, made without naming one. */
export function codeOfStatus(status: number, message: string): WireErrorCode {
  switch (status) {
    case grpc.cancelled:
      return 'cancelled';
    case grpc.invalidArgument:
    case grpc.outOfRange:
      return 'invalid_argument';
    case grpc.deadlineExceeded:
      return 'deadline_exceeded';
    case grpc.notFound:
      return 'not_found';
    case grpc.internal:
      // grpc-js gives bytes that are no protobuf this number.
      return message === 'Error deserializing request' ? 'invalid_argument' : 'internal';
    case grpc.resourceExhausted:
      // grpc-js says a message's size in words alone.
      return /larger than/i.test(message) ? 'message_too_large' : 'rate_limited';
    case grpc.unimplemented:
      return 'protocol_version';
    case grpc.unavailable:
      // No connection: what OpenSSL and our name check had against the coordinator's certificate is in the words alone.
      if (/certificate has expired/.test(message)) return 'certificate_expired';
      if (/certificate is not yet valid/.test(message)) return 'certificate_not_yet_valid';
      if (/self[- ]signed certificate|unable to (get|verify)|certificate signature|does not name/.test(message)) {
        return 'wrong_authority';
      }
      return 'unavailable';
    default:
      return 'internal';
  }
}

/** The error at the calling side for a call that ended with this status. */
export function errorOfStatus(status: number, message: string, named: string | undefined, cause?: unknown): WireError {
  const code =
    named !== undefined && Object.hasOwn(wireErrors, named) ? (named as WireErrorCode) : codeOfStatus(status, message);
  return new WireError(code, message === '' ? undefined : message, { status }, cause);
}
