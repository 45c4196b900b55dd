import type { ColumnType, Generated } from 'kysely';

/** A column that is written once and never changed. */
type Fixed<Type> = ColumnType<Type, Type, never>;

export interface SiteTable {
  name: Fixed<string>;
  status: 'invited' | 'enrolled' | 'revoked';
  invited_ms: number;
  enrolled_ms: number | null;
  revoked_ms: number | null;
  revoked_reason: string | null;
}

/** Invitations hold the SHA-256 of a token's secret, never the secret. */
export interface InvitationTable {
  id: Generated<number>;
  site: Fixed<string>;
  secret_sha256: Fixed<string>;
  created_ms: Fixed<number>;
  expires_ms: Fixed<number>;
  /** A later invitation of the same site, or its revocation, takes this one back. */
  withdrawn_ms: number | null;
  used_ms: number | null;
  /** Serial of the certificate it was exchanged for. */
  certificate: string | null;
}

/** Every certificate that may call: sites and operators. One that is not here is refused, whoever signed it. */
export interface CertificateTable {
  serial: Fixed<string>;
  sha256: Fixed<string>;
  role: Fixed<'site' | 'operator'>;
  name: Fixed<string>;
  public_key_sha256: Fixed<string>;
  /** PEM of the chain without the root, leaf first. */
  chain: Fixed<string>;
  not_before_ms: Fixed<number>;
  not_after_ms: Fixed<number>;
  issued_ms: Fixed<number>;
  /** Serial of the certificate that asked for this one; null after enrolment. */
  renews: Fixed<string | null>;
  /** From then on it is taken as revoked: set when its successor was first used. */
  retires_ms: number | null;
  revoked_ms: number | null;
  revoked_reason: string | null;
}

export interface SiteTables {
  sites: SiteTable;
  invitations: InvitationTable;
  certificates: CertificateTable;
}
