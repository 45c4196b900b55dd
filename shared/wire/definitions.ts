import { fileURLToPath } from 'node:url';
import { loadSync, type MethodDefinition, type Options, type PackageDefinition } from '@grpc/proto-loader';
import type { EnrolmentMethods, FederationMethods } from './generated/federation.ts';
import type { OperatorMethods } from './generated/operator.ts';

/** How messages look in JavaScript. The generated types are made for these options and no others. */
export const loaderOptions = {
  keepCase: false,
  longs: Number,
  enums: String,
  defaults: true,
  arrays: true,
  objects: true,
  oneofs: true,
} as const satisfies Options;

export const protoFiles = {
  federation: fileURLToPath(new URL('../../proto/federation.proto', import.meta.url)),
  operator: fileURLToPath(new URL('../../proto/operator.proto', import.meta.url)),
} as const;

export const serviceNames = {
  enrolment: 'wardround.federation.v1.Enrolment',
  federation: 'wardround.federation.v1.Federation',
  operator: 'wardround.operator.v1.Operator',
} as const;

/** Version of what is said over the wire; every call carries it as `wardround-protocol`. */
export const protocolVersion = '1';

/** Names of the metadata a call carries. */
export const metadataKeys = {
  /** Request: version of the protocol. */
  protocol: 'wardround-protocol',
  /** Request: id of the call, made by the caller; the same in the logs of both sides. */
  call: 'wardround-call',
  /** Trailer: code of the `WireError` a call was refused with. */
  code: 'wardround-code',
} as const;

interface MethodShape {
  readonly path: string;
  readonly request: unknown;
  readonly response: unknown;
}

/** One method as a transport needs it: its path and the four translations between messages and bytes. */
export type WireMethod<Method extends MethodShape> = Omit<
  MethodDefinition<object, object>,
  'requestSerialize' | 'requestDeserialize' | 'responseSerialize' | 'responseDeserialize'
> & {
  readonly requestSerialize: (value: Method['request']) => Buffer;
  readonly requestDeserialize: (bytes: Buffer) => Method['request'];
  readonly responseSerialize: (value: Method['response']) => Buffer;
  readonly responseDeserialize: (bytes: Buffer) => Method['response'];
};

type MethodTable<Methods> = {
  readonly [Name in keyof Methods]: Methods[Name] extends MethodShape ? WireMethod<Methods[Name]> : never;
};

export interface WireDefinitions {
  /** Both packages as loaded, for reflection. */
  readonly packages: PackageDefinition;
  readonly enrolment: MethodTable<EnrolmentMethods>;
  readonly federation: MethodTable<FederationMethods>;
  readonly operator: MethodTable<OperatorMethods>;
}

let loaded: WireDefinitions | undefined;

/** The services of both .proto files, read once from proto/ beside the program. */
export function wireDefinitions(): WireDefinitions {
  if (loaded === undefined) {
    const packages = {
      ...loadSync(protoFiles.federation, loaderOptions),
      ...loadSync(protoFiles.operator, loaderOptions),
    };
    // The loader knows the messages only at run time; the generated types are what it makes of these files.
    const service = (name: string): never => packages[name] as never;
    loaded = {
      packages,
      enrolment: service(serviceNames.enrolment),
      federation: service(serviceNames.federation),
      operator: service(serviceNames.operator),
    };
  }
  return loaded;
}
