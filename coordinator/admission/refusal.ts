import type { AdmissionCode } from '../../shared/wire/messages.ts';

/** Why something a site sent is not taken; told to the site, stored and counted. */
export interface Refusal {
  readonly code: AdmissionCode;
  readonly reason: string;
}

export function refusal(code: AdmissionCode, reason: string): Refusal {
  return { code, reason };
}
