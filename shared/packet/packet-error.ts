import { type ErrorCatalogue, type ErrorDetails, WardroundError } from '../runtime/errors.ts';

export type PacketErrorCode = 'no_source' | 'no_release' | 'plan_mismatch' | 'not_empty' | 'not_writable';

export const packetErrors: ErrorCatalogue<PacketErrorCode> = {
  no_source: { meaning: 'A packet needs a consortium, a site, or both to be written from.', advice: 'fix' },
  no_release: { meaning: 'The release the packet should be about is not on record there.', advice: 'fix' },
  plan_mismatch: { meaning: 'Consortium and site do not hold the same release under this version.', advice: 'fix' },
  not_empty: { meaning: 'The directory to write the packet to holds files already.', advice: 'fix' },
  not_writable: {
    meaning: 'The directory to write the packet to cannot be made or written to, or is a file.',
    advice: 'fix',
  },
};

/** A packet cannot be written. */
export class PacketError extends WardroundError<PacketErrorCode> {
  readonly subsystem = 'packet';

  constructor(code: PacketErrorCode, message?: string, details?: ErrorDetails, cause?: unknown) {
    super(code, message ?? packetErrors[code].meaning, packetErrors[code].advice, details, cause);
  }
}
