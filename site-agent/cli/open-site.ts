import { join } from 'node:path';
import { createIdentityStore, type Identity } from '../../certs/identity-store.ts';
import { createPlanBook, type PlanBook } from '../agent/plans.ts';
import { certificateSigner, type SiteSigner } from '../agent/signer.ts';
import { type AgentStore, openAgentStore } from '../agent/store.ts';
import { readSiteConfig, type SiteConfig } from '../config.ts';

/** A site's state beside a running agent, for one command. */
export interface OpenSite {
  readonly directory: string;
  readonly store: AgentStore;
  readonly plans: PlanBook;
  readonly config: SiteConfig;
  readonly identity: Identity;
  readonly signer: SiteSigner;
}

/** Opens a site's database for one command. A directory without `site.yaml` is no site, and is left as it is. */
export async function withStore<Result>(
  directory: string,
  body: (store: AgentStore) => Result | Promise<Result>,
): Promise<Result> {
  await readSiteConfig(directory);
  const store = openAgentStore(directory);
  try {
    return await body(store);
  } finally {
    store.close();
  }
}

/** Opens what a command needs, and closes it whatever comes. */
export async function withSite<Result>(
  directory: string,
  body: (site: OpenSite) => Result | Promise<Result>,
): Promise<Result> {
  const config = await readSiteConfig(directory);
  const identity = await createIdentityStore(join(directory, 'identity')).read();
  const store = openAgentStore(directory);
  try {
    const signer = certificateSigner(identity.site, () => identity);
    const plans = createPlanBook({ store, directory, site: identity.site, config, signer });
    return await body({ directory, store, plans, config, identity, signer });
  } finally {
    store.close();
  }
}
