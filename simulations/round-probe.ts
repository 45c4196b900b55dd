import type { SiteName } from '../shared/runtime/ids.ts';
import type { FederationPort } from '../shared/wire/federation-port.ts';
import type { UpdateHeader } from '../shared/wire/messages.ts';

/** What one site sent in one round, and what it was told. */
export interface SentUpdate {
  readonly site: SiteName;
  readonly header: UpdateHeader;
  /** `accepted`, `duplicate`, or the code of the refusal. */
  readonly answer: string;
}

/** Looks at the updates that pass through a port, and changes nothing. */
export function probeUpdates(site: SiteName, port: FederationPort, seen: (update: SentUpdate) => void): FederationPort {
  return {
    ...port,
    async submitUpdate(header, signal) {
      const receipt = await port.submitUpdate(header, signal);
      seen({ site, header, answer: receipt.outcome === 'refused' ? receipt.code : receipt.outcome });
      return receipt;
    },
  };
}
