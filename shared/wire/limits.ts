/** Bounds of the coordinator's door. Each exists because without it one caller could take what belongs to all. */
export interface ServiceLimits {
  /** TCP connections at once, all callers together. */
  readonly connections: number;
  /** TCP connections at once from one address; a hospital's sites may share one behind a proxy. */
  readonly connectionsPerAddress: number;
  /** Connections that have shown no certificate of this consortium, all together and from one address. */
  readonly strangers: number;
  readonly strangersPerAddress: number;
  /** How long such a connection may stay. Enrolment takes one call. */
  readonly strangerLifeMs: number;
  /** Time a caller has for its TLS handshake. */
  readonly handshakeMs: number;
  /** A connection without any open call is closed after this. */
  readonly idleMs: number;
  /** A ping after this much silence, and how long its answer may take. */
  readonly keepaliveMs: number;
  readonly keepaliveTimeoutMs: number;
  /** Streams HTTP/2 allows on one connection. Above `callsPerCaller`, so that the refusal has a code. */
  readonly streamsPerConnection: number;
  /** Calls one certificate may have open, over all its connections. */
  readonly callsPerCaller: number;
  /** Memory nghttp2 may take for one connection, in units of 10^6 bytes. */
  readonly sessionMegabytes: number;
  /** Largest message, in and out. A chunk is 1 MiB; the largest judgement about 2. */
  readonly messageBytes: number;
  /** Largest object that may be uploaded. */
  readonly objectBytes: number;
  /** Longest a call with one answer may take. */
  readonly callMs: number;
  /** Longest an object stream may stand still. */
  readonly stallMs: number;
  /** Heartbeats a site may ask for; anything else is moved into this range. */
  readonly heartbeatMinimumMs: number;
  readonly heartbeatMaximumMs: number;
  /** Refusals recorded at once for one address and code, and then one every `refusalEveryMs`; the rest are counted. */
  readonly refusalBurst: number;
  readonly refusalEveryMs: number;
}

export const defaultServiceLimits: ServiceLimits = {
  connections: 1024,
  connectionsPerAddress: 128,
  strangers: 32,
  strangersPerAddress: 8,
  strangerLifeMs: 20_000,
  handshakeMs: 10_000,
  idleMs: 120_000,
  keepaliveMs: 20_000,
  keepaliveTimeoutMs: 10_000,
  streamsPerConnection: 64,
  callsPerCaller: 32,
  sessionMegabytes: 32,
  messageBytes: 4 * 1024 * 1024,
  objectBytes: 4 * 1024 * 1024 * 1024,
  callMs: 120_000,
  stallMs: 60_000,
  heartbeatMinimumMs: 50,
  heartbeatMaximumMs: 60_000,
  refusalBurst: 10,
  refusalEveryMs: 10_000,
};
