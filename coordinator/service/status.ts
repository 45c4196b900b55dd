import { Metadata, type ServerInterceptingCallInterface } from '@grpc/grpc-js';
import { metadataKeys } from '../../shared/wire/definitions.ts';
import { codeOfStatus, statusOf } from '../../shared/wire/status.ts';
import type { WireErrorCode } from '../../shared/wire/wire-error.ts';
import { wireErrors } from '../../shared/wire/wire-error.ts';

export type CallStatus = Parameters<ServerInterceptingCallInterface['sendStatus']>[0];

/** The gRPC status for an error: number and message, and the code as a trailer. The cause stays here. */
export function toCallStatus(error: unknown): CallStatus & { metadata: Metadata; code: number; details: string } {
  const { status, message, code } = statusOf(error);
  const metadata = new Metadata();
  metadata.set(metadataKeys.code, code);
  return { code: status, details: message, metadata };
}

/** The code a status carries, or the one its number stands for; null when the call succeeded. */
export function codeOfCall(status: CallStatus): WireErrorCode | null {
  if (status.code === 0 || status.code === undefined) return null;
  const [named] = status.metadata?.get(metadataKeys.code) ?? [];
  if (typeof named === 'string' && Object.hasOwn(wireErrors, named)) return named as WireErrorCode;
  return codeOfStatus(status.code, status.details ?? '');
}

/** The status with its code as a trailer, also where the library made it. */
export function withCode(status: CallStatus, code: WireErrorCode): CallStatus {
  const metadata = status.metadata?.clone() ?? new Metadata();
  metadata.set(metadataKeys.code, code);
  return { ...status, metadata };
}
