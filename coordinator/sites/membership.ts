import type { Clock } from '../../shared/runtime/clock.ts';
import type { SiteName } from '../../shared/runtime/ids.ts';
import type { OperatorIdentity, SiteIdentity } from '../../shared/wire/messages.ts';
import type { Membership, MembershipVerdict } from '../service/ports.ts';

/** What the list keeps of a certificate; the whole of it is in the database. */
export interface Member {
  readonly serial: string;
  readonly sha256: string;
  readonly role: 'site' | 'operator';
  readonly name: string;
  readonly notAfterMs: number;
  readonly renews: string | null;
  readonly retiresMs: number | null;
  readonly revokedMs: number | null;
}

interface Listed {
  readonly identity: SiteIdentity | OperatorIdentity;
  readonly member: Member;
  retiresMs: number | null;
  revoked: boolean;
  used: boolean;
}

/** The membership list in memory: read on every call, changed only after the database was. */
export interface MembershipList extends Membership {
  add(member: Member): void;
  /** Marks the serials as revoked and tells the listeners, before it returns. */
  revoke(serials: readonly string[]): void;
  /** Serials of a member that still open doors. */
  activeSerials(role: 'site' | 'operator', name: string): readonly string[];
  /** Latest end of validity of a member's certificates that still open doors; null when there is none. */
  expiresMs(role: 'site' | 'operator', name: string): number | null;
}

/**
 * @param onSucceeded called once, when a renewed certificate is used for the first time, with the serials it takes the place
 * of. They stay valid for `graceMs` so that calls under way on them end well; `retiresMs` is that moment.
 */
export function createMembershipList(
  clock: Clock,
  graceMs: number,
  onSucceeded: (serials: readonly string[], retiresMs: number) => void,
): MembershipList {
  const listed = new Map<string, Listed>();
  const listeners = new Set<(serials: readonly string[]) => void>();

  const ended = (entry: Listed, nowMs: number): 'revoked' | 'expired' | null => {
    if (entry.revoked || (entry.retiresMs !== null && nowMs >= entry.retiresMs)) return 'revoked';
    return nowMs > entry.member.notAfterMs ? 'expired' : null;
  };
  const ofMember = (role: string, name: string): Listed[] =>
    [...listed.values()].filter((entry) => entry.member.role === role && entry.member.name === name);

  const retirePredecessors = (entry: Listed, nowMs: number): void => {
    const retiresMs = nowMs + graceMs;
    const serials: string[] = [];
    for (let serial = entry.member.renews; serial !== null; ) {
      const older = listed.get(serial);
      if (older === undefined) break;
      if (!older.revoked && older.retiresMs === null) {
        older.retiresMs = retiresMs;
        serials.push(serial);
      }
      serial = older.member.renews;
    }
    if (serials.length > 0) onSucceeded(serials, retiresMs);
  };

  return {
    check(serial): MembershipVerdict {
      const entry = listed.get(serial);
      if (entry === undefined) return { status: 'unknown' };
      const nowMs = clock.now();
      const end = ended(entry, nowMs);
      if (end !== null) return { status: end, identity: entry.identity };
      if (!entry.used) {
        entry.used = true;
        retirePredecessors(entry, nowMs);
      }
      return { status: 'active', identity: entry.identity, certificateSha256: entry.member.sha256 };
    },
    onRevoked(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    add(member) {
      const { role, name, serial } = member;
      listed.set(serial, {
        identity: role === 'site' ? { role, site: name as SiteName, serial } : { role, name, serial },
        member,
        retiresMs: member.retiresMs,
        revoked: member.revokedMs !== null,
        used: false,
      });
    },
    revoke(serials) {
      const fresh = serials.filter((serial) => listed.get(serial)?.revoked === false);
      for (const serial of fresh) {
        const entry = listed.get(serial);
        if (entry !== undefined) entry.revoked = true;
      }
      if (fresh.length > 0) for (const listener of [...listeners]) listener(fresh);
    },
    activeSerials: (role, name) =>
      ofMember(role, name)
        .filter((entry) => ended(entry, clock.now()) === null)
        .map((entry) => entry.member.serial),
    expiresMs(role, name) {
      const ends = ofMember(role, name)
        .filter((entry) => ended(entry, clock.now()) === null)
        .map((entry) => entry.member.notAfterMs);
      return ends.length === 0 ? null : Math.max(...ends);
    },
  };
}
