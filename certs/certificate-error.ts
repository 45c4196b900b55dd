import { type Advice, type ErrorCatalogue, type ErrorDetails, WardroundError } from '../shared/runtime/errors.ts';

/** Every way keys, certificates and identities on this machine can be wrong. What crosses the network is a `WireError`. */
export type CertificateErrorCode =
  | 'name_invalid'
  | 'address_invalid'
  | 'lifetime_invalid'
  | 'key_unreadable'
  | 'key_mismatch'
  | 'certificate_unreadable'
  | 'chain_broken'
  | 'wrong_authority'
  | 'expired'
  | 'not_yet_valid'
  | 'wrong_role'
  | 'wrong_name'
  | 'signature_invalid'
  | 'pkcs12_unreadable'
  | 'pkcs12_incomplete'
  | 'password_wrong'
  | 'password_missing'
  | 'identity_missing'
  | 'identity_damaged'
  | 'identity_present'
  | 'directory_not_empty'
  | 'file_refused';

export const certificateErrors: ErrorCatalogue<CertificateErrorCode> = {
  name_invalid: { meaning: 'The name cannot be put into a certificate.', advice: 'fix' },
  address_invalid: { meaning: 'The address is not of the form host:port.', advice: 'fix' },
  lifetime_invalid: {
    meaning: 'The certificate would end before it begins, or outlive the authority that issues it.',
    advice: 'fix',
  },
  key_unreadable: { meaning: 'The private key cannot be read, or is of a type Wardround does not use.', advice: 'fix' },
  key_mismatch: { meaning: 'The private key does not belong to the certificate.', advice: 'fix' },
  certificate_unreadable: { meaning: 'The certificate cannot be read.', advice: 'fix' },
  chain_broken: { meaning: 'A certificate of the chain was not issued by the next one.', advice: 'reject' },
  wrong_authority: { meaning: "The chain does not lead to this consortium's root.", advice: 'reject' },
  expired: { meaning: 'A certificate of the chain is past its end of validity.', advice: 'reject' },
  not_yet_valid: {
    meaning: 'A certificate of the chain is not valid yet; check the clocks of both machines.',
    advice: 'reject',
  },
  wrong_role: { meaning: 'The certificate was issued for another role.', advice: 'reject' },
  wrong_name: { meaning: 'The certificate was issued for another name.', advice: 'reject' },
  signature_invalid: {
    meaning: 'The signature does not belong to these bytes and this certificate.',
    advice: 'reject',
  },
  pkcs12_unreadable: { meaning: 'The file is not a PKCS#12 file.', advice: 'fix' },
  pkcs12_incomplete: { meaning: 'The PKCS#12 file lacks the key or a certificate.', advice: 'fix' },
  password_wrong: { meaning: 'The password does not open the PKCS#12 file.', advice: 'fix' },
  password_missing: {
    meaning: 'A password is needed; name a file that holds it, or set the environment variable.',
    advice: 'fix',
  },
  identity_missing: { meaning: 'The folder holds no identity; enrol the site first.', advice: 'fix' },
  identity_damaged: { meaning: 'The files of the identity do not belong together.', advice: 'fix' },
  identity_present: { meaning: 'The folder holds an identity already.', advice: 'fix' },
  directory_not_empty: { meaning: 'The folder must be empty or absent.', advice: 'fix' },
  file_refused: { meaning: 'A file or folder is not there, cannot be read or cannot be written.', advice: 'fix' },
};

export class CertificateError extends WardroundError<CertificateErrorCode> {
  readonly subsystem = 'certificates';

  constructor(code: CertificateErrorCode, message?: string, details?: ErrorDetails, cause?: unknown) {
    const entry: { meaning: string; advice: Advice } = certificateErrors[code];
    super(code, message ?? entry.meaning, entry.advice, details, cause);
  }
}
