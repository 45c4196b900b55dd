import { type Client, Metadata } from '@grpc/grpc-js';
import { parseAddress } from '../../certs/address.ts';
import type { Clock } from '../../shared/runtime/clock.ts';
import type { SiteName } from '../../shared/runtime/ids.ts';
import type { Logger } from '../../shared/runtime/logger.ts';
import { systemClock } from '../../shared/runtime/system-clock.ts';
import { createCalls } from '../../shared/wire/calls.ts';
import type { ClientCredentials } from '../../shared/wire/client-tls.ts';
import { wireDefinitions } from '../../shared/wire/definitions.ts';
import {
  decodeReceipt,
  decodeSignature,
  encodeJudgement,
  encodeNotice,
  encodeSummary,
  encodeUpdate,
  pemFields,
} from '../../shared/wire/federation-codec.ts';
import type { FederationPort } from '../../shared/wire/federation-port.ts';
import { countField } from '../../shared/wire/fields.ts';
import { uploadRequests } from '../../shared/wire/upload-requests.ts';
import { WireError } from '../../shared/wire/wire-error.ts';
import { attendStream } from './attend.ts';
import { openChannel } from './channel.ts';
import type { ProxyAddress } from './proxy.ts';

export interface SiteDeadlines {
  /** A call with one answer. */
  readonly callMs: number;
  /** How long a transfer may stand still. */
  readonly stallMs: number;
  /** From dialling to the first word on the standing stream. */
  readonly connectMs: number;
}

export const defaultSiteDeadlines: SiteDeadlines = { callMs: 60_000, stallMs: 60_000, connectMs: 20_000 };

export interface ConnectSiteOptions {
  /** `host:port`; the coordinator's certificate must name exactly this host. */
  readonly address: string;
  /** The site the certificate is for; it goes with every submission as a cross-check. */
  readonly site: SiteName;
  readonly identity: ClientCredentials;
  /** From `proxyFor`; null or absent dials directly. */
  readonly proxy?: ProxyAddress | null;
  readonly deadlines?: Partial<SiteDeadlines>;
  readonly log: Logger;
  readonly clock?: Clock;
}

export interface SiteConnection extends FederationPort {
  /** Uses another certificate for new calls. Calls under way end on the old connection; `attend` says `drain`. */
  replaceIdentity(identity: ClientCredentials): void;
  close(): void;
}

interface Channel {
  readonly client: Client;
  calls: number;
  retired: boolean;
}

/**
 * The coordinator over gRPC with mutual TLS. Dials when the first call is made; a lost connection is dialled again by the
 * next call. Every method rejects with `WireError`, or with the signal's reason when it was aborted.
 */
export function connectSite(options: ConnectSiteOptions): SiteConnection {
  const { address, site, log } = options;
  const clock = options.clock ?? systemClock;
  const deadlines: SiteDeadlines = { ...defaultSiteDeadlines, ...options.deadlines };
  const { host, port } = parseAddress(address);
  const proxy = options.proxy ?? null;
  log.info(
    { host, port, proxy: proxy === null ? 'none' : `${proxy.host}:${proxy.port}` },
    'connections to the coordinator',
  );
  const open = (identity: ClientCredentials): Channel => ({
    client: openChannel({ address, root: identity.root, member: identity, proxy }),
    calls: 0,
    retired: false,
  });
  let closed = false;
  let channel = open(options.identity);
  const channels = new Set([channel]);
  const replaced = new Set<() => void>();

  const discard = (old: Channel): void => {
    channels.delete(old);
    old.client.close();
  };
  const calls = createCalls(
    () => {
      if (closed) throw new WireError('unavailable', 'The connection was closed by this side.');
      const used = channel;
      used.calls++;
      let released = false;
      return {
        client: used.client,
        release() {
          if (released) return;
          released = true;
          used.calls--;
          if (used.retired && used.calls === 0) discard(used);
        },
      };
    },
    () => new Metadata(),
  );
  const methods = wireDefinitions().federation;
  const quick = (signal: AbortSignal | undefined) => ({ deadlineMs: deadlines.callMs, signal });
  const streamed = (signal: AbortSignal | undefined) => ({ stallMs: deadlines.stallMs, signal });

  return {
    attend(messages, signal) {
      return attendStream(
        {
          open: () => calls.duplex(methods.Attend),
          clock,
          connectMs: deadlines.connectMs,
          onReplaced(listener) {
            replaced.add(listener);
            return () => replaced.delete(listener);
          },
        },
        messages,
        signal,
      );
    },
    async readPlan(plan, signal) {
      return (await calls.unary(methods.ReadPlan, { plan }, quick(signal))).plan;
    },
    async *readObject(object, offset, signal) {
      let position = offset;
      const chunks = calls.serverStream(methods.ReadObject, { digest: object, offset }, streamed(signal));
      for await (const chunk of chunks) {
        if (chunk.offset !== position) {
          throw new WireError('offset_invalid', `A chunk starts at ${chunk.offset}; ${position} was due.`);
        }
        position += chunk.data.byteLength;
        yield chunk.data;
      }
    },
    async readReleaseSignature(release, signal) {
      return decodeSignature(await calls.unary(methods.ReadReleaseSignature, { release }, quick(signal)));
    },
    async renewCertificate(request, signal) {
      const answer = await calls.unary(methods.RenewCertificate, { certificateRequest: request }, quick(signal));
      return pemFields(answer.certificateChain, 'certificateChain');
    },
    async uploadOffset(object, signal) {
      const { offset } = await calls.unary(methods.UploadOffset, object, quick(signal));
      return countField(offset, 'offset');
    },
    async writeObject(object, offset, chunks, signal) {
      await calls.clientStream(methods.WriteObject, uploadRequests(object, offset, chunks), streamed(signal));
    },
    async submitSummary(task, summary, signal) {
      const request = { task, site, summary: encodeSummary(summary) };
      return decodeReceipt(await calls.unary(methods.SubmitSummary, request, quick(signal)));
    },
    async submitUpdate(update, signal) {
      return decodeReceipt(await calls.unary(methods.SubmitUpdate, encodeUpdate(update, site), quick(signal)));
    },
    async submitJudgement(task, judgement, signal) {
      const request = { task, site, judgement: encodeJudgement(judgement) };
      return decodeReceipt(await calls.unary(methods.SubmitJudgement, request, quick(signal)));
    },
    async submitNotice(notice, signal) {
      const request = { site, notice: encodeNotice(notice) };
      return decodeReceipt(await calls.unary(methods.SubmitNotice, request, quick(signal)));
    },
    async decline(task, reason, text, signal) {
      await calls.unary(methods.Decline, { task, site, reason, text }, quick(signal));
    },
    replaceIdentity(identity) {
      if (closed) return;
      const old = channel;
      channel = open(identity);
      channels.add(channel);
      old.retired = true;
      if (old.calls === 0) discard(old);
      for (const listener of [...replaced]) listener();
      log.info({ site }, 'the certificate was replaced; new calls use it');
    },
    close() {
      closed = true;
      for (const each of [...channels]) discard(each);
    },
  };
}
