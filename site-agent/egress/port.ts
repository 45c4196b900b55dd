/** The coordinator as the agent is given it. Only egress may call what is outbound; other rooms pass it on. */
export type { FederationInbound, FederationOutbound } from '../../shared/wire/federation-port.ts';
