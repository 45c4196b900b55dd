import { join } from 'node:path';
import { generatePrivateKey } from '../../certs/keys.ts';
import { createCertificateRequest } from '../../certs/requests.ts';
import { parseToken } from '../../certs/tokens.ts';
import { coordinatorConfigText } from '../../coordinator/cli/coordinator-config-text.ts';
import { withOperator } from '../../coordinator/cli/operator-directory.ts';
import { createConsortium } from '../../coordinator/sites/create-consortium.ts';
import type { SiteName } from '../../shared/runtime/ids.ts';
import { silentLogger } from '../../shared/runtime/logger.ts';
import { systemClock } from '../../shared/runtime/system-clock.ts';
import type { ClientCredentials } from '../../shared/wire/client-tls.ts';
import { freePort } from '../../simulations/demo/free-port.ts';
import { connectSite } from '../../site-agent/client/connect.ts';
import { enrolAt } from '../../site-agent/client/enrol.ts';
import { type FakeSite, type FakeSiteOptions, fakeSite } from './coordinator-core.ts';

/** `consortium init` on a free port of loopback; `settings` are lines added to `coordinator.yaml`. */
export async function makeConsortium(base: string, settings = ''): Promise<{ directory: string; address: string }> {
  const directory = join(base, 'consortium');
  const address = `127.0.0.1:${await freePort()}`;
  await createConsortium(
    directory,
    {
      name: 'Test',
      address,
      profile: 'p256',
      lifetimes: {},
      config: `${coordinatorConfigText({ address, listen: address, certificateDays: 30 })}${settings}`,
    },
    { clock: systemClock, log: silentLogger },
  );
  return { directory, address };
}

/** Invites and enrols over TLS. The coordinator must be listening. */
export async function enrolled(directory: string, name: string): Promise<ClientCredentials> {
  const { token } = await withOperator(directory, (operator) => operator.inviteSite(name, {}));
  return enrolledWith(token, name);
}

/** Enrols with a token that `site invite` printed. */
export async function enrolledWith(text: string, name: string): Promise<ClientCredentials> {
  const token = parseToken(text);
  const key = await generatePrivateKey('p256');
  const given = await enrolAt({
    address: token.address,
    rootFingerprint: token.rootFingerprint,
    secret: token.secret,
    site: name,
    certificateRequest: await createCertificateRequest(name, key),
  });
  return { key, certificateChain: given.certificateChain.join(''), root: given.rootCertificate };
}

/** A fake site on a connection of its own with mutual TLS. */
export function siteOverTls(
  address: string,
  name: string,
  identity: ClientCredentials,
  options: FakeSiteOptions = {},
): FakeSite {
  const connection = connectSite({ address, site: name as SiteName, identity, log: silentLogger });
  const site = fakeSite(name, connection, options);
  return {
    ...site,
    async leave() {
      await site.leave();
      connection.close();
    },
  };
}
