import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Clock } from '../shared/runtime/clock.ts';
import { ConfigError } from '../shared/runtime/config-error.ts';
import { createLogger, errorFields, type Logger } from '../shared/runtime/logger.ts';
import { systemClock } from '../shared/runtime/system-clock.ts';
import { firstBrokenEntry, openAuditLog } from './audit/audit-log.ts';
import { readCoordinatorConfig, splitListen } from './config.ts';
import { createCoordinator } from './coordinator.ts';
import { serveCoordinator } from './service/serve.ts';
import { createCredentials, loadAuthority, serverHosts } from './sites/credentials.ts';
import { createSiteBook } from './sites/site-book.ts';
import { openObjectStore } from './store/object-store.ts';
import { openStore } from './store/open-store.ts';
import { StoreError } from './store/store-error.ts';

export interface RunningCoordinator {
  /** What it listens on. */
  readonly address: { readonly host: string; readonly port: number };
  /** What sites and operators dial. */
  readonly dial: string;
  /** Resolves when everything has been closed, after the signal aborted. */
  readonly ended: Promise<void>;
}

const listenProblems: Readonly<Record<string, string>> = {
  EADDRINUSE: 'another program listens there already (a coordinator that still runs?); stop it or name another port',
  EADDRNOTAVAIL: 'this machine has no such address; name one of its own, or 0.0.0.0 for all',
  EACCES: 'this user may not listen there; ports below 1024 need a privilege',
  ENOTFOUND: 'the name is not known here; write an IP address',
};

/** What the operating system says against `listen`, as a setting that is wrong. */
function asListenError(directory: string, listen: string, cause: unknown): unknown {
  const problem = listenProblems[(cause as NodeJS.ErrnoException).code ?? ''];
  if (problem === undefined) return cause;
  const file = join(directory, 'coordinator.yaml');
  return new ConfigError('invalid_value', `${file}: listen: ${listen}: ${problem}`, { file, path: 'listen' }, cause);
}

/**
 * Builds the coordinator of a consortium's directory and opens its port. When the signal aborts, it refuses new calls, lets
 * those under way end within the grace time, and closes everything in the reverse order of opening.
 * @throws ConfigError (also for an address that cannot be listened on), StoreError, CertificateError; then everything opened
 *   has been closed again
 */
export async function startCoordinator(
  directory: string,
  options: { readonly signal: AbortSignal; readonly log?: Logger; readonly clock?: Clock },
): Promise<RunningCoordinator> {
  const { signal } = options;
  const clock = options.clock ?? systemClock;
  const config = await readCoordinatorConfig(directory);
  const log = options.log ?? createLogger({ level: config.logLevel, name: 'coordinator' });
  const closing: (() => Promise<void>)[] = [];
  const close = async (): Promise<void> => {
    for (const step of closing.reverse()) {
      await step().catch((error: unknown) => log.error(errorFields(error), 'closing failed'));
    }
  };
  try {
    const path = join(directory, 'state', 'wardround.sqlite');
    if (!existsSync(path)) {
      throw new StoreError('missing', `${path} is not there; restore it from a backup, or begin a new consortium.`, {
        path,
      });
    }
    const store = await openStore(path, { now: () => clock.now() });
    closing.push(() => store.close());
    const { db } = store;
    const broken = await firstBrokenEntry(db);
    if (broken !== null) log.error({ sequence: broken }, 'the audit was changed from outside, from this entry on');
    const audit = await openAuditLog({ db, clock, log });
    closing.push(() => audit.flush());
    const lifetimes = { memberDays: config.certificateDays };
    const authority = await loadAuthority(directory, clock, { lifetimes });
    const siteBook = await createSiteBook({ db, authority, audit, clock, log }, { address: config.address });
    closing.push(() => siteBook.settled());
    const credentials = createCredentials(
      { directory, authority, book: siteBook, clock, log },
      { hosts: serverHosts(config.address, config.hosts) },
    );
    const tls = await credentials.server();
    const release = await credentials.release();
    const coordinator = createCoordinator({
      store,
      objects: openObjectStore(join(directory, 'state', 'objects')),
      siteBook,
      releaseKey: { privateKeyPem: release.keyPem, chain: release.chain },
      clock,
      log,
      audit,
      config,
    });
    await coordinator.start();
    closing.push(() => coordinator.stop());
    const service = await serveCoordinator({
      ports: coordinator,
      membership: siteBook,
      enrolment: siteBook,
      audit,
      tls,
      listen: splitListen(config.listen),
      log,
      clock,
    }).catch((cause: unknown) => {
      throw asListenError(directory, config.listen, cause);
    });
    closing.push(() => service.close(config.drainMs));
    const renewing = new AbortController();
    const renewal = credentials.keep((fresh) => service.setTls(fresh), renewing.signal);
    closing.push(async () => {
      renewing.abort();
      await renewal;
    });
    log.info({ ...service.address }, 'coordinator listens');
    audit.record('coordinator.started', null, { ...service.address });
    const ended = new Promise<void>((resolve) => {
      const end = (): void => {
        audit.record('coordinator.stopping', null, {});
        resolve(close());
      };
      if (signal.aborted) end();
      else signal.addEventListener('abort', end, { once: true });
    });
    return { address: service.address, dial: config.address, ended };
  } catch (error) {
    await close();
    throw error;
  }
}
