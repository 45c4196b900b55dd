import { createHash, timingSafeEqual } from 'node:crypto';
import type { Kysely, Selectable } from 'kysely';
import type { Authority, IssuedCertificate } from '../../certs/authority.ts';
import { splitPem } from '../../certs/chain.ts';
import { type CertificateRequest, readCertificateRequest } from '../../certs/requests.ts';
import { formatToken, newTokenSecret } from '../../certs/tokens.ts';
import type { Clock } from '../../shared/runtime/clock.ts';
import { type Digest, isSiteName, type SiteName } from '../../shared/runtime/ids.ts';
import { errorFields, type Logger } from '../../shared/runtime/logger.ts';
import type { SiteIdentity } from '../../shared/wire/messages.ts';
import { WireError } from '../../shared/wire/wire-error.ts';
import type { Audit, EnrolmentDesk, Membership } from '../service/ports.ts';
import type { Database } from '../store/database.ts';
import { createMembershipList, type Member } from './membership.ts';
import { createRateLimit, type RateLimitSettings } from './rate-limit.ts';
import type { CertificateTable, InvitationTable, SiteTable } from './tables.ts';

const dayMs = 86_400_000;
/** A token lives this long unless the operator says otherwise. */
export const defaultTokenLifeMs = dayMs;
/** Certificates one certificate may ask for: answers get lost, but not this often. */
const maximumRenewals = 8;

export interface SiteRecord {
  readonly site: SiteName;
  readonly status: 'invited' | 'enrolled' | 'revoked';
  /** End of the newest certificate that opens doors; null when there is none. */
  readonly certificateExpiresMs: number | null;
  readonly revokedReason: string | null;
}

/** The sites of a consortium: who is invited, enrolled or revoked, and which certificates open doors. */
export interface SiteBook extends Membership, EnrolmentDesk {
  /**
   * Makes a token; earlier unused tokens of the site end with it. The secret is kept only as SHA-256.
   * @throws WireError `invalid_argument` for the name or time, `invalid_state` for a revoked site
   */
  invite(
    site: string,
    options: { readonly validForMs?: number },
    actor: string,
  ): Promise<{ readonly token: string; readonly expiresMs: number }>;
  list(): Promise<readonly SiteRecord[]>;
  /** @throws WireError `not_found` */
  show(site: string): Promise<SiteRecord>;
  /** Ends every certificate and invitation of the site, on open connections too. Repeating it changes nothing. */
  revoke(site: string, reason: string, actor: string): Promise<SiteRecord>;
  /** Lets a revoked site be invited again. Its old certificates stay revoked: whoever copied a key keeps nothing by it. */
  readmit(site: string, actor: string): Promise<SiteRecord>;
  /** A new certificate for a new key of the same site. The old one stays valid until shortly after the new one is first used. */
  renew(identity: SiteIdentity, request: Uint8Array): Promise<readonly string[]>;
  /** Puts an operator's certificate on the list. An earlier one of the same operator goes on to its end. */
  admitOperator(certificate: IssuedCertificate, publicKeySha256: Digest): Promise<void>;
  /** Waits for writes that follow a call. */
  settled(): Promise<void>;
}

export interface SiteBookSettings {
  /** `host:port` that tokens tell sites to dial. */
  readonly address: string;
  /** Tries to enrol from one remote address; 20 a minute when absent. */
  readonly perAddress?: RateLimitSettings;
  /** Tries to enrol from anywhere; 300 a minute when absent. */
  readonly overall?: RateLimitSettings;
  /** How long a renewed certificate's predecessor goes on, from the first use of the new one; 15 minutes when absent. */
  readonly successionGraceMs?: number;
}

type Invitation = Selectable<InvitationTable>;
type Certificate = Selectable<CertificateTable>;

function memberOf(row: Certificate): Member {
  return {
    serial: row.serial,
    sha256: row.sha256,
    role: row.role,
    name: row.name,
    notAfterMs: row.not_after_ms,
    renews: row.renews,
    retiresMs: row.retires_ms,
    revokedMs: row.revoked_ms,
  };
}

function certificateRow(
  issued: IssuedCertificate,
  publicKeySha256: Digest,
  issuedMs: number,
  renews: string | null,
): Certificate {
  return {
    serial: issued.serial,
    sha256: issued.sha256,
    role: issued.role as 'site' | 'operator',
    name: issued.name,
    public_key_sha256: publicKeySha256,
    chain: issued.chain.join(''),
    not_before_ms: issued.notBeforeMs,
    not_after_ms: issued.notAfterMs,
    issued_ms: issuedMs,
    renews,
    retires_ms: null,
    revoked_ms: null,
    revoked_reason: null,
  };
}

function requireSiteName(site: string): SiteName {
  if (!isSiteName(site)) {
    throw new WireError(
      'invalid_argument',
      `The site name ${JSON.stringify(site.slice(0, 80))} is not allowed: 1 to 63 characters of a-z, 0-9 and '-', beginning with a letter.`,
      { field: 'site' },
    );
  }
  return site;
}

/**
 * Opens the book on the tables `sites`, `invitations` and `certificates`. One process holds it at a time.
 * Whatever it answers has been stored before.
 */
export async function createSiteBook(
  needs: {
    readonly db: Kysely<Database>;
    readonly authority: Authority;
    readonly audit: Audit;
    readonly clock: Clock;
    readonly log: Logger;
  },
  settings: SiteBookSettings,
): Promise<SiteBook> {
  const { db, authority, audit, clock, log } = needs;
  const perAddress = createRateLimit(clock, settings.perAddress ?? { tries: 20, windowMs: 60_000 });
  const overall = createRateLimit(clock, settings.overall ?? { tries: 300, windowMs: 60_000 });
  const writes = new Set<Promise<void>>();

  const members = createMembershipList(clock, settings.successionGraceMs ?? 15 * 60_000, (serials, retiresMs) => {
    // Found on a call, which does not wait for the disk. Lost in a crash, it is found again at the next call.
    const write = db
      .updateTable('certificates')
      .set({ retires_ms: retiresMs })
      .where('serial', 'in', serials)
      .where('retires_ms', 'is', null)
      .execute()
      .then(
        () => undefined,
        (error: unknown) => log.warn({ ...errorFields(error), serials }, 'retirement of a certificate was not stored'),
      )
      .finally(() => writes.delete(write));
    writes.add(write);
  });
  for (const row of await db.selectFrom('certificates').selectAll().execute()) members.add(memberOf(row));

  const recordOf = (row: Selectable<SiteTable>): SiteRecord => ({
    site: row.name as SiteName,
    status: row.status,
    certificateExpiresMs: members.expiresMs('site', row.name),
    revokedReason: row.revoked_reason,
  });
  const show = async (site: string): Promise<SiteRecord> => {
    const row = await db.selectFrom('sites').selectAll().where('name', '=', site).executeTakeFirst();
    if (row === undefined) {
      throw new WireError('not_found', `There is no site named ${JSON.stringify(site.slice(0, 80))}.`, {
        field: 'site',
      });
    }
    return recordOf(row);
  };

  const findInvitation = async (secret: Uint8Array): Promise<Invitation> => {
    const hash = createHash('sha256').update(secret).digest();
    const invitation = await db
      .selectFrom('invitations')
      .selectAll()
      .where('secret_sha256', '=', hash.toString('hex'))
      .executeTakeFirst();
    // The look-up by hash tells a guesser nothing of any secret; the comparison is written so that it need not be argued.
    if (invitation === undefined || !timingSafeEqual(Buffer.from(invitation.secret_sha256, 'hex'), hash)) {
      throw new WireError('token_unknown');
    }
    return invitation;
  };

  /** The certificate already given for this token, if the caller shows that it holds the same key; a lost answer locks nobody out. */
  const answerAgain = async (
    invitation: Invitation,
    request: CertificateRequest,
  ): Promise<readonly string[] | undefined> => {
    if (invitation.used_ms === null || invitation.certificate === null) return undefined;
    if (clock.now() >= invitation.expires_ms) return undefined;
    const row = await db
      .selectFrom('certificates')
      .selectAll()
      .where('serial', '=', invitation.certificate)
      .executeTakeFirst();
    if (row === undefined || row.revoked_ms !== null || row.public_key_sha256 !== request.publicKeySha256) {
      return undefined;
    }
    return splitPem(row.chain);
  };

  const checkInvitation = (invitation: Invitation): void => {
    if (invitation.used_ms !== null) throw new WireError('token_used');
    if (invitation.withdrawn_ms !== null) {
      throw new WireError('token_expired', 'The token was taken back by a later invitation or a revocation.');
    }
    if (clock.now() >= invitation.expires_ms) throw new WireError('token_expired');
  };

  const enrol = async (request: {
    readonly secret: Uint8Array;
    readonly site: string;
    readonly certificateRequest: Uint8Array;
    readonly remoteAddress: string;
  }): Promise<{ chain: readonly string[]; serial: string | null }> => {
    const invitation = await findInvitation(request.secret);
    if (invitation.site !== request.site) throw new WireError('token_wrong_name');
    if (invitation.used_ms === null) checkInvitation(invitation);
    const wanted = await readCertificateRequest(request.certificateRequest, authority.profile);
    if (wanted.commonName !== invitation.site) throw new WireError('token_wrong_name');
    const again = await answerAgain(invitation, wanted);
    if (again !== undefined) return { chain: again, serial: null };
    checkInvitation(invitation);

    const issued = await authority.issueSite(invitation.site, wanted.publicKey);
    const nowMs = clock.now();
    const row = certificateRow(issued, wanted.publicKeySha256, nowMs, null);
    const superseded = members.activeSerials('site', invitation.site);
    const claimed = await db.transaction().execute(async (transaction) => {
      const current = await transaction
        .selectFrom('invitations')
        .selectAll()
        .where('id', '=', invitation.id)
        .executeTakeFirstOrThrow();
      if (current.used_ms !== null || current.withdrawn_ms !== null) return current;
      await transaction.insertInto('certificates').values(row).execute();
      // The condition decides between two tries at the same moment, in whatever order their statements run.
      const result = await transaction
        .updateTable('invitations')
        .set({ used_ms: nowMs, certificate: issued.serial })
        .where('id', '=', invitation.id)
        .where('used_ms', 'is', null)
        .where('withdrawn_ms', 'is', null)
        .executeTakeFirstOrThrow();
      if (result.numUpdatedRows !== 1n) throw new WireError('token_used');
      await transaction
        .updateTable('sites')
        .set({ status: 'enrolled', enrolled_ms: nowMs, revoked_ms: null, revoked_reason: null })
        .where('name', '=', invitation.site)
        .execute();
      if (superseded.length > 0) {
        await transaction
          .updateTable('certificates')
          .set({ revoked_ms: nowMs, revoked_reason: 'enrolled again' })
          .where('serial', 'in', superseded)
          .where('revoked_ms', 'is', null)
          .execute();
      }
      return null;
    });
    if (claimed !== null) {
      // Another try was first. The certificate just signed is on no list and leaves this function with no one.
      const same = await answerAgain(claimed, wanted);
      if (same !== undefined) return { chain: same, serial: null };
      checkInvitation(claimed);
      throw new WireError('token_used');
    }
    members.add(memberOf(row));
    members.revoke(superseded);
    return { chain: issued.chain, serial: issued.serial };
  };

  return {
    check: (serial) => members.check(serial),
    onRevoked: (listener) => members.onRevoked(listener),

    async enrol(request) {
      const details = {
        site: isSiteName(request.site) ? request.site : null,
        remoteAddress: request.remoteAddress.slice(0, 100),
      };
      const local = perAddress.take(request.remoteAddress);
      const limit = local.allowed ? overall.take('') : local;
      if (!limit.allowed) {
        // A flood must not fill the disk with its own record: tries 1, 2, 4, 8, ... of a row of refusals are written, with the count.
        if ((limit.refused & (limit.refused - 1)) === 0) {
          audit.record('enrolment.refused', null, { ...details, code: 'rate_limited', refusedInARow: limit.refused });
        }
        throw new WireError('rate_limited');
      }
      try {
        const { chain, serial } = await enrol(request);
        if (serial === null) audit.record('enrolment.answered_again', request.site, details);
        else audit.record('enrolment.accepted', request.site, { ...details, serial });
        return { certificateChain: chain, rootCertificate: authority.rootPem };
      } catch (error) {
        audit.record('enrolment.refused', null, {
          ...details,
          code: error instanceof WireError ? error.code : 'internal',
        });
        throw error;
      }
    },

    async invite(site, options, actor) {
      const name = requireSiteName(site);
      const validForMs = options.validForMs ?? defaultTokenLifeMs;
      if (!Number.isFinite(validForMs) || validForMs < 1_000 || validForMs > 30 * dayMs) {
        throw new WireError('invalid_argument', 'A token may be valid for 1 second to 30 days.', {
          field: 'validForMs',
          value: validForMs,
        });
      }
      const secret = newTokenSecret();
      const nowMs = clock.now();
      const expiresMs = Math.floor((nowMs + validForMs) / 1000) * 1000;
      await db.transaction().execute(async (transaction) => {
        const row = await transaction.selectFrom('sites').selectAll().where('name', '=', name).executeTakeFirst();
        if (row?.status === 'revoked') {
          throw new WireError('invalid_state', `The site ${name} is revoked; readmit it before inviting it again.`, {
            site: name,
          });
        }
        if (row === undefined) {
          await transaction
            .insertInto('sites')
            .values({
              name,
              status: 'invited',
              invited_ms: nowMs,
              enrolled_ms: null,
              revoked_ms: null,
              revoked_reason: null,
            })
            .execute();
        } else {
          await transaction.updateTable('sites').set({ invited_ms: nowMs }).where('name', '=', name).execute();
        }
        await transaction
          .updateTable('invitations')
          .set({ withdrawn_ms: nowMs })
          .where('site', '=', name)
          .where('used_ms', 'is', null)
          .where('withdrawn_ms', 'is', null)
          .execute();
        await transaction
          .insertInto('invitations')
          .values({
            site: name,
            secret_sha256: createHash('sha256').update(secret).digest('hex'),
            created_ms: nowMs,
            expires_ms: expiresMs,
            withdrawn_ms: null,
            used_ms: null,
            certificate: null,
          })
          .execute();
      });
      audit.record('enrolment.invited', actor, { site: name, expiresMs });
      const token = formatToken({
        site: name,
        address: settings.address,
        rootFingerprint: authority.rootFingerprint as Digest,
        secret,
        expiresMs,
        profile: authority.profile,
      });
      return { token, expiresMs };
    },

    async list() {
      const rows = await db.selectFrom('sites').selectAll().orderBy('name').execute();
      return rows.map(recordOf);
    },

    show,

    async revoke(site, reason, actor) {
      const { status } = await show(site);
      if (status === 'revoked') return await show(site);
      const nowMs = clock.now();
      try {
        await db.transaction().execute(async (transaction) => {
          await transaction
            .updateTable('sites')
            .set({ status: 'revoked', revoked_ms: nowMs, revoked_reason: reason })
            .where('name', '=', site)
            .execute();
          await transaction
            .updateTable('invitations')
            .set({ withdrawn_ms: nowMs })
            .where('site', '=', site)
            .where('used_ms', 'is', null)
            .where('withdrawn_ms', 'is', null)
            .execute();
          await transaction
            .updateTable('certificates')
            .set({ revoked_ms: nowMs, revoked_reason: reason })
            .where('role', '=', 'site')
            .where('name', '=', site)
            .where('revoked_ms', 'is', null)
            .execute();
        });
      } finally {
        // Also when the disk is full: the doors close now, and the operator sees that it was not stored.
        members.revoke(members.activeSerials('site', site));
      }
      audit.record('credentials.revoked', actor, { site, reason });
      return await show(site);
    },

    async readmit(site, actor) {
      const { status } = await show(site);
      if (status !== 'revoked') {
        throw new WireError('invalid_state', `The site ${site} is not revoked.`, { site, status });
      }
      await db
        .updateTable('sites')
        .set({ status: 'invited', revoked_ms: null, revoked_reason: null })
        .where('name', '=', site)
        .execute();
      audit.record('credentials.readmitted', actor, { site });
      return await show(site);
    },

    async renew(identity, request) {
      const wanted = await readCertificateRequest(request, authority.profile);
      if (wanted.commonName !== identity.site) {
        throw new WireError(
          'wrong_site',
          'The certificate request names another site than the certificate of the call.',
        );
      }
      const rows = await db
        .selectFrom('certificates')
        .selectAll()
        .where('role', '=', 'site')
        .where('name', '=', identity.site)
        .where('revoked_ms', 'is', null)
        .execute();
      const own = rows.find((row) => row.serial === identity.serial);
      if (own === undefined) throw new WireError('certificate_revoked');
      const known = rows.find((row) => row.public_key_sha256 === wanted.publicKeySha256);
      // The answer to the first request was lost: the same key gets the same certificate.
      if (known?.renews === identity.serial) return splitPem(known.chain);
      if (known !== undefined) {
        throw new WireError('request_invalid', 'A renewal needs a new key; this one has a certificate already.');
      }
      if (rows.filter((row) => row.renews === identity.serial).length >= maximumRenewals) {
        throw new WireError('rate_limited', 'This certificate was renewed too often; use the newest one.');
      }
      const issued = await authority.issueSite(identity.site, wanted.publicKey);
      const row = certificateRow(issued, wanted.publicKeySha256, clock.now(), identity.serial);
      const twin = await db.transaction().execute(async (transaction) => {
        const current = await transaction
          .selectFrom('certificates')
          .selectAll()
          .where('serial', '=', identity.serial)
          .where('revoked_ms', 'is', null)
          .executeTakeFirst();
        if (current === undefined) throw new WireError('certificate_revoked');
        const first = await transaction
          .selectFrom('certificates')
          .selectAll()
          .where('public_key_sha256', '=', wanted.publicKeySha256)
          .where('renews', '=', identity.serial)
          .executeTakeFirst();
        if (first === undefined) await transaction.insertInto('certificates').values(row).execute();
        return first;
      });
      if (twin !== undefined) return splitPem(twin.chain);
      members.add(memberOf(row));
      audit.record('credentials.renewed', identity.site, { serial: issued.serial, renews: identity.serial });
      return issued.chain;
    },

    async admitOperator(certificate, publicKeySha256) {
      const row = certificateRow(certificate, publicKeySha256, clock.now(), null);
      await db.insertInto('certificates').values(row).execute();
      members.add(memberOf(row));
      audit.record('credentials.operator_admitted', certificate.name, { serial: certificate.serial });
    },

    async settled() {
      while (writes.size > 0) await Promise.all(writes);
    },
  };
}
