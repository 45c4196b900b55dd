import { Client, credentials, logVerbosity, Metadata, setLogVerbosity } from '@grpc/grpc-js';
import { parseAddress } from '../../certs/address.ts';
import type { RunId } from '../../shared/runtime/ids.ts';
import { createCalls } from '../../shared/wire/calls.ts';
import {
  type ClientCredentials,
  clientSecureContext,
  handshakeName,
  nameProblem,
} from '../../shared/wire/client-tls.ts';
import { wireDefinitions } from '../../shared/wire/definitions.ts';
import { countField, textField } from '../../shared/wire/fields.ts';
import type * as Wire from '../../shared/wire/generated/operator.ts';
import {
  decodeAudit,
  decodeFile,
  decodeSiteView,
  releaseDecoder,
  runViewDecoder,
} from '../../shared/wire/operator-codec.ts';
import type { OperatorPort, RunView } from '../../shared/wire/operator-port.ts';
import { uploadRequests } from '../../shared/wire/upload-requests.ts';
import { WireError } from '../../shared/wire/wire-error.ts';

// The library writes to standard error, words from the network among them; what matters arrives as the error of a call.
setLogVerbosity(logVerbosity.NONE);

export interface ConnectOperatorOptions {
  /** `host:port`; the coordinator's certificate must name exactly this host. */
  readonly address: string;
  readonly identity: ClientCredentials;
  /** How long a call may take or stand still. */
  readonly callMs?: number;
}

export interface OperatorConnection extends OperatorPort {
  close(): void;
}

/**
 * The coordinator as an operator sees it, over gRPC with the operator's certificate. Dials at the first call.
 * Methods reject with `WireError`, or with the signal's reason when it was aborted.
 */
export function connectOperator(options: ConnectOperatorOptions): OperatorConnection {
  const { host, port } = parseAddress(options.address);
  const target = host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
  const callMs = options.callMs ?? 120_000;
  const client = new Client(
    `dns:${target}`,
    credentials.createFromSecureContext(clientSecureContext(options.identity.root, options.identity), {
      checkServerIdentity: (_, certificate) => nameProblem(host, certificate.raw),
    }),
    {
      'grpc.enable_retries': 0,
      'grpc.service_config_disable_resolution': 1,
      'grpc.use_local_subchannel_pool': 1,
      'grpc.enable_channelz': 0,
      // An operator's machine stands beside the coordinator; a proxy between the two would be a mistake.
      'grpc.enable_http_proxy': 0,
      'grpc.ssl_target_name_override': handshakeName(host),
      'grpc.default_authority': target,
      'grpc.max_receive_message_length': 4 * 1024 * 1024,
      'grpc.max_send_message_length': 4 * 1024 * 1024,
      'grpc.keepalive_time_ms': 20_000,
      'grpc.keepalive_timeout_ms': 10_000,
      'grpc-node.flow_control_window': 4 * 1024 * 1024,
    },
  );
  let closed = false;
  const calls = createCalls(
    () => {
      if (closed) throw new WireError('unavailable', 'The connection was closed by this side.');
      return { client, release: () => undefined };
    },
    () => new Metadata(),
  );
  const methods = wireDefinitions().operator;
  const quick = { deadlineMs: callMs };
  const streamed = { stallMs: callMs };

  async function* views(parts: AsyncIterable<Wire.RunPart>): AsyncGenerator<RunView, void, void> {
    const decode = runViewDecoder();
    for await (const part of parts) {
      const view = decode(part);
      if (view !== undefined) yield view;
    }
  }
  const all = async <T>(items: AsyncIterable<T>): Promise<T[]> => {
    const list: T[] = [];
    for await (const item of items) list.push(item);
    return list;
  };
  const only = async <T>(items: AsyncIterable<T>): Promise<T> => {
    for await (const item of items) return item;
    throw new WireError('internal', 'The answer holds no view.');
  };
  const ofRun = (method: (typeof methods)['ShowRun' | 'PauseRun' | 'ResumeRun' | 'StopRun'], run: RunId) =>
    only(views(calls.serverStream(method as (typeof methods)['ShowRun'], { run }, streamed)));
  async function* releases(parts: AsyncIterable<Wire.ReleasePart>) {
    const decode = releaseDecoder();
    for await (const part of parts) {
      const view = decode(part);
      if (view !== undefined) yield view;
    }
  }

  return {
    async writeObject(object, chunks, signal) {
      await calls.clientStream(methods.WriteObject, uploadRequests(object, 0, chunks), { ...streamed, signal });
    },
    startRun: (planText, { from, fileName }) =>
      only(
        views(
          calls.serverStream(
            methods.StartRun,
            {
              plan: new TextEncoder().encode(planText),
              ...(from === undefined ? {} : { from }),
              ...(fileName === undefined ? {} : { fileName }),
            },
            streamed,
          ),
        ),
      ),
    listRuns: () => all(views(calls.serverStream(methods.ListRuns, {}, streamed))),
    showRun: (run) => ofRun(methods.ShowRun, run),
    watchRun: (run, signal) => views(calls.serverStream(methods.WatchRun, { run }, { stallMs: null, signal })),
    pauseRun: (run) => ofRun(methods.PauseRun, run),
    resumeRun: (run) => ofRun(methods.ResumeRun, run),
    stopRun: (run) => ofRun(methods.StopRun, run),
    async inviteSite(site, { validForMs }) {
      const request = { site, ...(validForMs === undefined ? {} : { validForMs }) };
      const { token, expiresMs } = await calls.unary(methods.InviteSite, request, quick);
      return { token: textField(token, 'token'), expiresMs: countField(expiresMs, 'expiresMs') };
    },
    async listSites() {
      return (await all(calls.serverStream(methods.ListSites, {}, streamed))).map(decodeSiteView);
    },
    async revokeSite(site, reason) {
      return decodeSiteView(await calls.unary(methods.RevokeSite, { site, reason }, quick));
    },
    async readmitSite(site) {
      return decodeSiteView(await calls.unary(methods.ReadmitSite, { site }, quick));
    },
    listReleases: () => all(releases(calls.serverStream(methods.ListReleases, {}, streamed))),
    showRelease: (version) => only(releases(calls.serverStream(methods.ShowRelease, { version }, streamed))),
    async *readObject(object, offset, signal) {
      let position = offset;
      const request = { digest: object, offset };
      for await (const chunk of calls.serverStream(methods.ReadObject, request, { ...streamed, signal })) {
        if (chunk.offset !== position) {
          throw new WireError('offset_invalid', `A chunk starts at ${chunk.offset}; ${position} was due.`);
        }
        position += chunk.data.byteLength;
        yield chunk.data;
      }
    },
    async readReleaseObjects(version) {
      const { files } = await calls.unary(methods.ReadReleaseObjects, { version }, quick);
      return files.map(decodeFile);
    },
    async listAudit({ afterSequence, limit }) {
      const request = {
        ...(afterSequence === undefined ? {} : { afterSequence }),
        ...(limit === undefined ? {} : { limit }),
      };
      return (await all(calls.serverStream(methods.ListAudit, request, streamed))).map(decodeAudit);
    },
    close() {
      closed = true;
      client.close();
    },
  };
}
