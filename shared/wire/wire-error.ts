import { type Advice, type ErrorCatalogue, type ErrorDetails, WardroundError } from '../runtime/errors.ts';

/** Every way a call between a site or an operator and the coordinator can be refused or fail. */
export type WireErrorCode =
  | 'no_certificate'
  | 'wrong_authority'
  | 'certificate_expired'
  | 'certificate_not_yet_valid'
  | 'certificate_unknown'
  | 'certificate_revoked'
  | 'wrong_role'
  | 'wrong_site'
  | 'token_malformed'
  | 'token_unknown'
  | 'token_used'
  | 'token_expired'
  | 'token_wrong_name'
  | 'fingerprint_mismatch'
  | 'request_invalid'
  | 'rate_limited'
  | 'protocol_version'
  | 'message_too_large'
  | 'too_many_streams'
  | 'digest_mismatch'
  | 'truncated'
  | 'offset_invalid'
  | 'not_found'
  | 'invalid_argument'
  | 'invalid_state'
  | 'deadline_exceeded'
  | 'cancelled'
  | 'unavailable'
  | 'storage_full'
  | 'internal';

export const wireErrors: ErrorCatalogue<WireErrorCode> = {
  no_certificate: { meaning: 'The caller showed no client certificate.', advice: 'fix' },
  wrong_authority: { meaning: "The certificate was not issued by this consortium's authority.", advice: 'fix' },
  certificate_expired: {
    meaning: 'The certificate is past its end of validity; enrol again with a new token.',
    advice: 'fix',
  },
  certificate_not_yet_valid: {
    meaning: 'The certificate is not valid yet; check the clocks of both machines.',
    advice: 'fix',
  },
  certificate_unknown: { meaning: 'The certificate is not on the membership list.', advice: 'fix' },
  certificate_revoked: { meaning: 'The certificate was revoked by an operator.', advice: 'fix' },
  wrong_role: {
    meaning: 'The certificate is for another role: a site may not act as operator, nor the other way.',
    advice: 'fix',
  },
  wrong_site: { meaning: "The message names another site than the caller's certificate.", advice: 'reject' },
  token_malformed: { meaning: 'The text is not an enrolment token; paste it whole.', advice: 'fix' },
  token_unknown: { meaning: 'No invitation has this secret; ask the operator for a new token.', advice: 'fix' },
  token_used: { meaning: 'The token was used before; ask the operator for a new one, and why.', advice: 'fix' },
  token_expired: { meaning: 'The token is past its time; ask the operator for a new one.', advice: 'fix' },
  token_wrong_name: { meaning: 'The request names another site than the token.', advice: 'fix' },
  fingerprint_mismatch: {
    meaning: "The coordinator's root certificate is not the one the token names; do not go on, call the operator.",
    advice: 'abort',
  },
  request_invalid: {
    meaning: 'The certificate request is malformed, badly signed or of a key type this consortium does not use.',
    advice: 'fix',
  },
  rate_limited: { meaning: 'Too many tries; wait before the next.', advice: 'retry' },
  protocol_version: { meaning: 'The other side speaks no common version of the protocol.', advice: 'fix' },
  message_too_large: { meaning: 'A message is larger than the limit.', advice: 'reject' },
  too_many_streams: { meaning: 'The caller has too many calls open at once.', advice: 'retry' },
  digest_mismatch: { meaning: 'The bytes do not have the digest they are named by.', advice: 'retry' },
  truncated: {
    meaning: 'The upload ended before all bytes came; it may resume from the offset held.',
    advice: 'retry',
  },
  offset_invalid: { meaning: 'The upload does not start where the stored bytes end.', advice: 'retry' },
  not_found: { meaning: 'There is no such run, site, release, plan or object.', advice: 'fix' },
  invalid_argument: { meaning: 'A field of the request is wrong; the message names it.', advice: 'fix' },
  invalid_state: { meaning: 'The run or site is in a state in which this cannot be done.', advice: 'fix' },
  deadline_exceeded: { meaning: 'No answer came within the time allowed.', advice: 'retry' },
  cancelled: { meaning: 'The call was cancelled by its caller.', advice: 'abort' },
  unavailable: { meaning: 'The coordinator cannot be reached.', advice: 'retry' },
  storage_full: {
    meaning: "The coordinator's disk is full; nothing was lost, try again when the operator has made room.",
    advice: 'retry',
  },
  internal: { meaning: 'A defect at the other side; its log has the cause.', advice: 'abort' },
};

export class WireError extends WardroundError<WireErrorCode> {
  readonly subsystem = 'wire';

  constructor(code: WireErrorCode, message?: string, details?: ErrorDetails, cause?: unknown) {
    const entry: { meaning: string; advice: Advice } = wireErrors[code];
    super(code, message ?? entry.meaning, entry.advice, details, cause);
  }
}
