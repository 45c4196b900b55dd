import { createHash, createPrivateKey, X509Certificate } from 'node:crypto';
import forge from 'node-forge';
import { CertificateError } from './certificate-error.ts';
import { readPrivateKey } from './keys.ts';
import { type KeyPair, keyFits } from './pair-files.ts';

// PKCS#12 (RFC 7292) for hospitals whose tools keep identities that way. The container is built from node-forge's parts
// rather than by its one-call function, which takes RSA keys only and protects with SHA-1.

/** Largest file that is looked at. */
const maximumBytes = 256 * 1024;
/** Rounds of the key derivations; pure JavaScript, so that more would be felt. */
const rounds = 20_000;

const { asn1, pki } = forge;
const universal = asn1.Class.UNIVERSAL;
type Node = forge.asn1.Asn1;

const sequence = (...parts: Node[]): Node => asn1.create(universal, asn1.Type.SEQUENCE, true, parts);
const set = (...parts: Node[]): Node => asn1.create(universal, asn1.Type.SET, true, parts);
const octets = (bytes: string): Node => asn1.create(universal, asn1.Type.OCTETSTRING, false, bytes);
const oid = (name: string): Node =>
  asn1.create(universal, asn1.Type.OID, false, asn1.oidToDer(pki.oids[name] as string).getBytes());
const explicit = (part: Node): Node => asn1.create(asn1.Class.CONTEXT_SPECIFIC, 0 as never, true, [part]);
const der = (node: Node): string => asn1.toDer(node).getBytes();
/** forge holds bytes as text of one character a byte. */
const toText = (bytes: Uint8Array): string => Buffer.from(bytes).toString('binary');
const toBytes = (text: string): Buffer => Buffer.from(text, 'binary');

function requirePassword(password: string): void {
  // The format derives one key from UTF-16 and one from UTF-8, and tools disagree beyond ASCII: such a file would open here and nowhere else.
  if (!/^[\x20-\x7e]+$/.test(password)) {
    throw new CertificateError(
      'password_missing',
      'The password of a PKCS#12 file must have at least one character, and only printable ASCII ones.',
    );
  }
}

function bagAttributes(friendlyName: string, localKeyId: string): Node {
  // Given as text: forge writes the two bytes of each character.
  return set(
    sequence(oid('localKeyId'), set(octets(localKeyId))),
    sequence(oid('friendlyName'), set(asn1.create(universal, asn1.Type.BMPSTRING, false, friendlyName))),
  );
}

/**
 * Packs a key and its certificates: the key under PBES2 with AES-256 and PBKDF2-HMAC-SHA256, the whole under a SHA-256 MAC.
 * Certificates are public and stay readable. Both key profiles can be packed.
 * @param certificates to put after the chain, such as the root
 * @throws CertificateError `password_missing`, `key_mismatch`, `key_unreadable`
 */
export function encodePkcs12(
  pair: KeyPair,
  certificates: readonly string[],
  friendlyName: string,
  password: string,
): Uint8Array {
  requirePassword(password);
  if (!keyFits(pair.keyPem, pair.chain[0] ?? '')) throw new CertificateError('key_mismatch');
  const chain = [...pair.chain, ...certificates].map((pem) => new X509Certificate(pem).raw);
  const localKeyId = toText(
    createHash('sha1')
      .update(chain[0] as Buffer)
      .digest(),
  );
  const attributes = bagAttributes(friendlyName, localKeyId);
  const certificateBags = chain.map((raw, index) =>
    sequence(
      oid('certBag'),
      explicit(sequence(oid('x509Certificate'), explicit(octets(toText(raw))))),
      ...(index === 0 ? [attributes] : []),
    ),
  );
  const keyDer = readPrivateKey(pair.keyPem).key.export({ type: 'pkcs8', format: 'der' });
  const encrypted = pki.encryptPrivateKeyInfo(asn1.fromDer(toText(keyDer)), password, {
    algorithm: 'aes256',
    count: rounds,
    saltSize: 16,
    prfAlgorithm: 'sha256',
  });
  const keyBag = sequence(oid('pkcs8ShroudedKeyBag'), explicit(encrypted), attributes);
  const content = (...bags: Node[]): Node => sequence(oid('data'), explicit(octets(der(sequence(...bags)))));
  const safe = der(sequence(content(...certificateBags), content(keyBag)));

  const saltBytes = forge.random.getBytesSync(16);
  const digest = forge.md.sha256.create();
  const macKey = forge.pkcs12.generateKey(password, forge.util.createBuffer(saltBytes), 3, rounds, 32, digest);
  const mac = forge.hmac.create();
  mac.start('sha256', macKey);
  mac.update(safe);
  const macData = sequence(
    sequence(
      sequence(oid('sha256'), asn1.create(universal, asn1.Type.NULL, false, '')),
      octets(mac.digest().getBytes()),
    ),
    octets(saltBytes),
    asn1.create(universal, asn1.Type.INTEGER, false, asn1.integerToDer(rounds).getBytes()),
  );
  const version = asn1.create(universal, asn1.Type.INTEGER, false, asn1.integerToDer(3).getBytes());
  return new Uint8Array(toBytes(der(sequence(version, sequence(oid('data'), explicit(octets(safe))), macData))));
}

/** The key and the certificates of a file; `others` are those that are not of the leaf, its issuers first. */
export interface Pkcs12Content {
  readonly keyPem: string;
  readonly certificatePem: string;
  readonly others: readonly string[];
}

function certificatePemOf(bag: forge.pkcs12.Bag): string {
  const node = bag.cert === undefined || bag.cert === null ? bag.asn1 : pki.certificateToAsn1(bag.cert);
  // Node reads and writes it again, so what is written to disk is what Node understood.
  return new X509Certificate(toBytes(der(node))).toString();
}

/**
 * Opens a PKCS#12 file of our own or of another tool (OpenSSL 3, Windows, Java with PBES2). The file is one the operator
 * of this machine names; nothing from the network comes here.
 * @throws CertificateError `pkcs12_unreadable`, `password_wrong`, `pkcs12_incomplete`, `key_unreadable`
 */
export function decodePkcs12(bytes: Uint8Array, password: string): Pkcs12Content {
  requirePassword(password);
  if (bytes.byteLength > maximumBytes) {
    throw new CertificateError('pkcs12_unreadable', `The file has more than ${maximumBytes} bytes.`);
  }
  let tree: Node;
  try {
    tree = asn1.fromDer(toText(bytes));
  } catch (cause) {
    throw new CertificateError('pkcs12_unreadable', undefined, {}, cause);
  }
  let content: forge.pkcs12.Pkcs12Pfx;
  try {
    content = forge.pkcs12.pkcs12FromAsn1(tree, true, password);
  } catch (cause) {
    const message = cause instanceof Error ? cause.message : '';
    const wrong = /MAC could not be verified|[Ww]rong password|Unable to decrypt/.test(message);
    throw new CertificateError(wrong ? 'password_wrong' : 'pkcs12_unreadable', undefined, {}, cause);
  }
  const bags = content.safeContents.flatMap(({ safeBags }) => safeBags);
  const ofType = (...names: string[]) => bags.filter(({ type }) => names.some((name) => pki.oids[name] === type));
  const keyBags = ofType('pkcs8ShroudedKeyBag', 'keyBag');
  const keyBag = keyBags[0];
  if (keyBag === undefined || keyBags.length !== 1) {
    throw new CertificateError('pkcs12_incomplete', `The PKCS#12 file holds ${keyBags.length} private keys, not one.`);
  }
  let keyPem: string;
  let certificates: string[];
  try {
    const node =
      keyBag.key === undefined || keyBag.key === null
        ? keyBag.asn1
        : pki.wrapRsaPrivateKey(pki.privateKeyToAsn1(keyBag.key));
    keyPem = createPrivateKey({ key: toBytes(der(node)), format: 'der', type: 'pkcs8' }).export({
      type: 'pkcs8',
      format: 'pem',
    }) as string;
    certificates = ofType('certBag').map(certificatePemOf);
  } catch (cause) {
    throw new CertificateError(
      'pkcs12_unreadable',
      'The PKCS#12 file holds a key or certificate that cannot be read.',
      {},
      cause,
    );
  }
  readPrivateKey(keyPem);
  const certificatePem = certificates.find((pem) => keyFits(keyPem, pem));
  if (certificatePem === undefined) {
    throw new CertificateError('pkcs12_incomplete', 'The PKCS#12 file holds no certificate of its key.');
  }
  // Leaf to root, whatever order the tool wrote them in.
  const others: string[] = [];
  let current = new X509Certificate(certificatePem);
  const left = new Set(certificates.filter((pem) => pem !== certificatePem));
  for (;;) {
    const issuer = [...left].find((pem) => current.checkIssued(new X509Certificate(pem)));
    if (issuer === undefined) break;
    left.delete(issuer);
    others.push(issuer);
    current = new X509Certificate(issuer);
  }
  return { keyPem, certificatePem, others: [...others, ...left] };
}
