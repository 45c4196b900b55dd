import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { parseAddress } from '../certs/address.ts';
import { createIdentityStore, type Identity } from '../certs/identity-store.ts';
import { keepIdentityFresh } from '../certs/renewal.ts';
import type { Clock } from '../shared/runtime/clock.ts';
import type { Logger } from '../shared/runtime/logger.ts';
import { randomStream } from '../shared/runtime/random.ts';
import { systemClock } from '../shared/runtime/system-clock.ts';
import { createSiteAgent } from './agent/agent.ts';
import { certificateSigner } from './agent/signer.ts';
import { connectSite } from './client/connect.ts';
import { proxyFor } from './client/proxy.ts';
import { readSiteConfig } from './config.ts';
import { siteSoftware } from './software.ts';
import type { Trainer } from './training/trainer.ts';

export interface StartSiteAgentOptions {
  /** Aborting it stops the agent. */
  readonly signal: AbortSignal;
  readonly log: Logger;
  /** For proxy settings and overrides of `site.yaml`; the process's own when absent. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** Says when the certificate is due for renewal; the system's clock when absent. */
  readonly renewalClock?: Clock;
  /** Opens what trains; what `site.yaml` names when absent. */
  readonly openTrainer?: () => Promise<Trainer>;
}

function credentials(identity: Identity): { key: string; certificateChain: string; root: string } {
  return {
    key: identity.keyPem,
    certificateChain: identity.certificateChainPem.join(''),
    root: identity.rootPem,
  };
}

/** A copy or a restored backup may have lost the mode the key was written with. */
async function warnOfOpenKey(directory: string, log: Logger): Promise<void> {
  if (process.platform === 'win32') return;
  const file = join(directory, 'identity', 'key.pem');
  const found = await stat(file).catch(() => null);
  if (found === null || (found.mode & 0o077) === 0) return;
  const mode = (found.mode & 0o777).toString(8);
  log.warn(
    { file, mode },
    'the private key is open to other users of this machine: chmod 600, and consider enrolling anew',
  );
}

/**
 * Runs the agent of a site directory until the signal aborts.
 * @throws ConfigError, CertificateError `identity_missing`, AgentError `agent_running`, `state_*`, TrainingError `engine_missing` of an engine
 *   that site.yaml names; nothing that the network does
 */
export async function startSiteAgent(directory: string, options: StartSiteAgentOptions): Promise<void> {
  const { signal } = options;
  const env = options.env ?? process.env;
  const config = await readSiteConfig(directory, env);
  const identities = createIdentityStore(join(directory, 'identity'));
  let identity = await identities.read();
  const { site, address, rootPem } = identity;
  const log = options.log.child({ site });
  const { host } = parseAddress(address);
  const { proxy } = proxyFor(host, env);
  const connection = connectSite({ address, site, identity: credentials(identity), proxy, log, clock: systemClock });
  await warnOfOpenKey(directory, log);
  const jitter = randomStream(Date.now() % 2 ** 32, 'jitter', site, process.pid);
  /** A new certificate has been put in place and no call has succeeded with it yet. */
  let unconfirmed = (await identities.previous()) !== null;
  const stopListening = identities.onChange((renewed) => {
    identity = renewed;
    unconfirmed = true;
    connection.replaceIdentity(credentials(renewed));
  });
  const agent = createSiteAgent({
    directory,
    site,
    config,
    recipient: address,
    inbound: connection,
    outbound: connection,
    rootPem,
    signer: certificateSigner(site, () => identity),
    clock: systemClock,
    log: options.log,
    random: () => jitter.uniform(),
    software: siteSoftware(),
    ...(options.openTrainer === undefined ? {} : { openTrainer: options.openTrainer }),
    onConnected() {
      if (!unconfirmed) return;
      unconfirmed = false;
      identities.confirm().catch(() => log.warn({}, 'the previous certificate could not be removed'));
    },
  });
  const renewing = new AbortController();
  // A device that does not answer is waited for a minute, and nobody who wants to stop should be.
  const stopEarly = (): void => void agent.stop();
  try {
    signal.addEventListener('abort', stopEarly, { once: true });
    try {
      await agent.start();
    } catch (error) {
      if (signal.aborted) return;
      throw error;
    } finally {
      signal.removeEventListener('abort', stopEarly);
    }
    const renewal = keepIdentityFresh(
      {
        store: identities,
        renew: (request, renewSignal) => connection.renewCertificate(request, renewSignal),
        clock: options.renewalClock ?? systemClock,
        log,
      },
      {},
      AbortSignal.any([signal, renewing.signal]),
    );
    if (!signal.aborted) {
      await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
    }
    renewing.abort();
    await renewal;
  } finally {
    renewing.abort();
    await agent.stop();
    stopListening();
    connection.close();
  }
}
