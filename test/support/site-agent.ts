import { generateKeyPairSync, sign, verify } from 'node:crypto';
import type { Clock } from '../../shared/runtime/clock.ts';
import type { SiteName } from '../../shared/runtime/ids.ts';
import { silentLogger } from '../../shared/runtime/logger.ts';
import { systemClock } from '../../shared/runtime/system-clock.ts';
import type { FederationPort } from '../../shared/wire/federation-port.ts';
import { defaultHeartbeatMs } from '../../shared/wire/messages.ts';
import { createSiteAgent, type SiteAgent, type SiteAgentParts } from '../../site-agent/agent/agent.ts';
import type { SiteSigner } from '../../site-agent/agent/signer.ts';
import type { SiteConfig } from '../../site-agent/config.ts';

/** Signs with a bare key that nobody else holds. */
export function testSigner(): SiteSigner {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'prime256v1' });
  return {
    sign: (text) => ({ signature: sign('sha256', Buffer.from(text), privateKey).toString('base64'), certificates: [] }),
    verify: (text, { signature }) => verify('sha256', Buffer.from(text), publicKey, Buffer.from(signature, 'base64')),
  };
}

/** A production agent on a port in memory; `clock` is the system's unless given. */
export function agentOn(
  port: FederationPort,
  needs: {
    readonly directory: string;
    readonly config: SiteConfig;
    readonly signer: SiteSigner;
    readonly rootPem?: string;
  },
  overrides: Partial<SiteAgentParts> & { readonly clock?: Clock } = {},
): SiteAgent {
  return createSiteAgent({
    site: 'north' as SiteName,
    recipient: 'localhost:7443',
    inbound: port,
    outbound: port,
    clock: systemClock,
    log: silentLogger,
    random: () => 0,
    software: 'wardround/test',
    heartbeatMs: defaultHeartbeatMs,
    approvalPollMs: 20,
    rootPem: '',
    ...needs,
    ...overrides,
  });
}

/** Waits until something is so; fails with its name when it does not come about. */
export async function eventually(what: string, holds: () => boolean, withinMs = 60_000): Promise<void> {
  const endMs = Date.now() + withinMs;
  while (!holds()) {
    if (Date.now() > endMs) throw new Error(`did not come about: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
