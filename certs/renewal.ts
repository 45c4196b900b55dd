import { randomInt } from 'node:crypto';
import type { Clock } from '../shared/runtime/clock.ts';
import { errorFields, type Logger } from '../shared/runtime/logger.ts';
import { verifyChain } from './chain.ts';
import { readCertificate, validityOf } from './facts.ts';
import type { IdentityStore } from './identity-store.ts';
import { generatePrivateKey, readPrivateKey } from './keys.ts';
import { createCertificateRequest } from './requests.ts';

/**
 * When a certificate is renewed: at two thirds of its life, a little earlier or later so that the sites of a consortium,
 * enrolled on one afternoon, do not all come back in one minute.
 * @param jitter uniform on [0, 1); moves the moment by up to 1 % of the life either way
 * @returns milliseconds since the epoch
 */
export function renewAtMs(notBeforeMs: number, notAfterMs: number, jitter = 0.5): number {
  const lifeMs = notAfterMs - notBeforeMs;
  return notBeforeMs + (lifeMs * 2) / 3 + (jitter - 0.5) * 0.02 * lifeMs;
}

/** `FederationInbound.renewCertificate`: PKCS#10 DER in, PEM chain out. */
export type RenewCertificate = (request: Uint8Array, signal?: AbortSignal) => Promise<readonly string[]>;

/**
 * Renews a site's identity once: a new key, made here, and a certificate for it. The key is on disk before the request
 * leaves, so a process that dies in between asks again with the same key and is given the same certificate.
 * The old pair stays in place until the new one has been verified against the root.
 * @throws WireError from the call, CertificateError when the answer does not fit
 */
export async function renewIdentity(
  store: IdentityStore,
  renew: RenewCertificate,
  clock: Clock,
  signal?: AbortSignal,
): Promise<void> {
  const identity = await store.read();
  const { profile } = readPrivateKey(identity.keyPem);
  const keyPem = await store.pendingKey(() => generatePrivateKey(profile));
  const chain = await renew(await createCertificateRequest(identity.site, keyPem), signal);
  verifyChain(chain, identity.rootPem, clock.now(), { role: 'site', name: identity.site });
  await store.replace(keyPem, chain);
}

const longestWaitMs = 3_600_000;

export interface RenewalSettings {
  /** Between tries after a failure; 60 s when absent, growing to an hour. */
  readonly firstRetryMs?: number;
  readonly maximumRetryMs?: number;
}

/**
 * Keeps an identity fresh until the signal aborts. A failed try is logged and repeated; the old certificate has a third of
 * its life left for that.
 */
export async function keepIdentityFresh(
  needs: {
    readonly store: IdentityStore;
    readonly renew: RenewCertificate;
    readonly clock: Clock;
    readonly log: Logger;
  },
  settings: RenewalSettings,
  signal: AbortSignal,
): Promise<void> {
  const { store, renew, clock, log } = needs;
  const firstRetryMs = settings.firstRetryMs ?? 60_000;
  const maximumRetryMs = settings.maximumRetryMs ?? 3_600_000;
  let retryMs = firstRetryMs;
  // One draw for the process: drawn anew after every look, the moment would wander.
  const jitter = randomInt(2 ** 32) / 2 ** 32;
  while (!signal.aborted) {
    try {
      const identity = await store.read();
      const [notBeforeMs, notAfterMs] = validityOf(readCertificate(identity.certificateChainPem[0] ?? ''));
      const waitMs = renewAtMs(notBeforeMs, notAfterMs, jitter) - clock.now();
      if (waitMs > 0) {
        // Looks again now and then: a machine that sleeps stops its timers, and the files may be exchanged by a command.
        await clock.sleep(Math.min(waitMs, longestWaitMs), signal);
        continue;
      }
      await renewIdentity(store, renew, clock, signal);
      retryMs = firstRetryMs;
      log.info({ site: identity.site }, 'certificate renewed');
    } catch (error) {
      if (signal.aborted) return;
      log.warn({ ...errorFields(error), retryMs }, 'certificate was not renewed');
      await clock.sleep(retryMs, signal).catch(() => undefined);
      retryMs = Math.min(retryMs * 2, maximumRetryMs);
    }
  }
}
