import type { UntypedServiceImplementation } from '@grpc/grpc-js';
import type { EnrolRequest, EnrolResponse } from '../../shared/wire/generated/federation.ts';
import { WireError } from '../../shared/wire/wire-error.ts';
import { type HandlerTools, unary } from './handlers.ts';
import type { EnrolmentDesk } from './ports.ts';

const secretBytes = 32;
const largestRequestBytes = 16_384;

export function enrolmentService(desk: EnrolmentDesk, tools: HandlerTools): UntypedServiceImplementation {
  return {
    Enrol: unary<EnrolRequest, EnrolResponse>(tools, async ({ secret, site, certificateRequest }, { address }) => {
      if (secret.byteLength !== secretBytes) throw new WireError('token_malformed');
      if (certificateRequest.byteLength > largestRequestBytes) {
        throw new WireError('request_invalid', `A certificate request has at most ${largestRequestBytes} bytes.`);
      }
      // The desk checks the name against the token, and refuses without telling which of the two was wrong.
      return desk.enrol({ secret, site: site.slice(0, 200), certificateRequest, remoteAddress: address });
    }),
  };
}
