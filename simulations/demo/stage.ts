import { join } from 'node:path';
import type { Plan } from '../../shared/plan/plan.ts';
import type { Digest, SiteName } from '../../shared/runtime/ids.ts';
import type { SiteRows } from '../cohorts/site-rows.ts';
import { heartQuery, writePatients, writeSiteConfig } from '../site-setup.ts';
import type { Child, Children } from './children.ts';
import { freePort } from './free-port.ts';

/** Far more than it takes: five processes that start at once on a slow machine. One that has died is noticed at once. */
const readyTimeoutMs = 180_000;

/** A consortium and its hospitals as processes on this machine, through the commands that people type. */
export interface Stage {
  /** The consortium's directory. */
  readonly consortium: string;
  siteDirectory(site: SiteName): string;
  /** `consortium init`. Gives back the address it will listen on. */
  openConsortium(): Promise<string>;
  /** `coordinator start`; resolves when it listens. */
  startCoordinator(): Promise<Child>;
  /** `site invite` and `site enrol`, for all at once. */
  enrol(sites: readonly SiteName[]): Promise<void>;
  /** Writes the hospital's export and its `site.yaml`. */
  prepare(table: SiteRows, plan: Plan, holdoutColumn: string | null): Promise<void>;
  /** `site start`; resolves when it attends. */
  startAgent(site: SiteName): Promise<Child>;
  /** Waits until the plan has reached these agents, then `site approve`, for all at once. */
  approve(plan: Digest, agents: ReadonlyMap<SiteName, Child>): Promise<void>;
}

/** @param directory an empty one; consortium and hospitals get folders in it */
export function createStage(directory: string, children: Children): Stage {
  const consortium = join(directory, 'consortium');
  const siteDirectory = (site: SiteName): string => join(directory, site);
  return {
    consortium,
    siteDirectory,
    async openConsortium() {
      const address = `127.0.0.1:${await freePort()}`;
      const named = ['--name', 'Demo consortium', '--address', address];
      await children.run('consortium init', ['consortium', 'init', consortium, ...named]);
      return address;
    },
    async startCoordinator() {
      const coordinator = children.start('the coordinator', ['coordinator', 'start', consortium]);
      await coordinator.waitForLine(/coordinator listens/, readyTimeoutMs);
      return coordinator;
    },
    async enrol(sites) {
      await Promise.all(
        sites.map(async (site) => {
          const token = await children.run(`site invite ${site}`, ['site', 'invite', site, '--consortium', consortium]);
          const enrolment = ['site', 'enrol', token.trim(), '--dir', siteDirectory(site)];
          await children.run(`site enrol at ${site}`, enrolment);
        }),
      );
    },
    async prepare(table, plan, holdoutColumn) {
      const target = siteDirectory(table.site);
      await writePatients(target, table);
      await writeSiteConfig(target, plan, { query: heartQuery, holdoutColumn, approval: 'manual' });
    },
    async startAgent(site) {
      const agent = children.start(`the agent of ${site}`, ['site', 'start', '--dir', siteDirectory(site)]);
      await agent.waitForLine(/connected to the coordinator/, readyTimeoutMs);
      return agent;
    },
    async approve(plan, agents) {
      const arrived = new RegExp(`${plan}.*waits for approval`);
      await Promise.all(
        [...agents].map(async ([site, agent]) => {
          await agent.waitForLine(arrived, readyTimeoutMs);
          await children.run(`site approve at ${site}`, ['site', 'approve', plan, '--dir', siteDirectory(site)]);
        }),
      );
    },
  };
}
