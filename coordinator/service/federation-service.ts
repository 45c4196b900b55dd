import type { UntypedServiceImplementation } from '@grpc/grpc-js';
import type { Clock } from '../../shared/runtime/clock.ts';
import {
  claimedSite,
  decodeDecline,
  decodeJudgement,
  decodeNotice,
  decodeSummary,
  decodeUpdate,
  encodeReceipt,
  encodeSignature,
} from '../../shared/wire/federation-codec.ts';
import type { FederationPort } from '../../shared/wire/federation-port.ts';
import { countField, digestField, objectField, taskField } from '../../shared/wire/fields.ts';
import type * as Wire from '../../shared/wire/generated/federation.ts';
import type { ServiceLimits } from '../../shared/wire/limits.ts';
import { chunkBytes } from '../../shared/wire/messages.ts';
import { WireError } from '../../shared/wire/wire-error.ts';
import { attend } from './attend.ts';
import type { CallContext } from './guard.ts';
import { clientStream, duplex, type HandlerTools, serverStream, unary } from './handlers.ts';
import type { CoordinatorPorts } from './ports.ts';
import { incomingObject } from './uploads.ts';

const largestCertificateRequestBytes = 16_384;

export interface FederationServiceOptions {
  readonly ports: CoordinatorPorts;
  readonly limits: ServiceLimits;
  readonly clock: Clock;
  readonly drains: Set<() => void>;
}

/** Chunks of at most 1 MiB with their offsets, whatever the size of those that come. */
export async function* outgoingChunks(
  chunks: AsyncIterable<Uint8Array>,
  offset: number,
): AsyncGenerator<Wire.ObjectChunk, void, void> {
  let position = offset;
  for await (const chunk of chunks) {
    for (let begin = 0; begin < chunk.byteLength; begin += chunkBytes) {
      const data = chunk.subarray(begin, begin + chunkBytes);
      yield { offset: position, data };
      position += data.byteLength;
    }
  }
}

/** What a site may ask, as the site its certificate names. */
export function federationService(
  options: FederationServiceOptions,
  tools: HandlerTools,
): UntypedServiceImplementation {
  const portOf = (context: CallContext): FederationPort => {
    if (context.identity?.role !== 'site') throw new WireError('wrong_role');
    return options.ports.federation(context.identity);
  };
  /** The port, after checking that the sender a message names is the one the certificate names. */
  const portFor = (context: CallContext, claimed: string): FederationPort => {
    if (context.identity?.role !== 'site' || claimed !== context.identity.site) throw new WireError('wrong_site');
    return portOf(context);
  };
  return {
    Attend: duplex<Wire.SiteMessage, Wire.CoordinatorMessage>(tools, async (requests, send, context) => {
      const { clock, limits, drains } = options;
      await attend({ port: portOf(context), requests, send, context, clock, limits, drains });
    }),
    ReadPlan: unary<Wire.ReadPlanRequest, Wire.ReadPlanResponse>(tools, async ({ plan }, context) => ({
      plan: await portOf(context).readPlan(digestField(plan, 'plan'), context.signal),
    })),
    ReadObject: serverStream<Wire.ReadObjectRequest, Wire.ObjectChunk>(tools, ({ digest, offset }, context) => {
      const from = countField(offset, 'offset');
      const chunks = portOf(context).readObject(digestField(digest, 'digest'), from, context.signal);
      return outgoingChunks(chunks, from);
    }),
    ReadReleaseSignature: unary<Wire.ReadReleaseSignatureRequest, Wire.ReleaseSignature>(
      tools,
      async ({ release }, context) =>
        encodeSignature(await portOf(context).readReleaseSignature(digestField(release, 'release'), context.signal)),
    ),
    RenewCertificate: unary<Wire.RenewCertificateRequest, Wire.RenewCertificateResponse>(
      tools,
      async ({ certificateRequest }, context) => {
        if (certificateRequest.byteLength > largestCertificateRequestBytes) throw new WireError('request_invalid');
        return { certificateChain: await portOf(context).renewCertificate(certificateRequest, context.signal) };
      },
    ),
    UploadOffset: unary<Wire.ObjectRef, Wire.UploadOffsetResponse>(tools, async (request, context) => ({
      offset: await portOf(context).uploadOffset(objectField(request, 'object'), context.signal),
    })),
    WriteObject: clientStream<Wire.WriteObjectRequest, Wire.WriteObjectResponse>(tools, async (requests, context) => {
      const port = portOf(context);
      const { object, offset, chunks } = await incomingObject(requests, options.limits.objectBytes);
      await port.writeObject(object, offset, chunks, context.signal);
      return {};
    }),
    SubmitSummary: unary<Wire.SubmitSummaryRequest, Wire.Receipt>(tools, async (request, context) =>
      encodeReceipt(
        await portFor(context, claimedSite(request)).submitSummary(
          taskField(request.task, 'task'),
          decodeSummary(request.summary),
          context.signal,
        ),
      ),
    ),
    SubmitUpdate: unary<Wire.SubmitUpdateRequest, Wire.Receipt>(tools, async (request, context) =>
      encodeReceipt(await portFor(context, claimedSite(request)).submitUpdate(decodeUpdate(request), context.signal)),
    ),
    SubmitJudgement: unary<Wire.SubmitJudgementRequest, Wire.Receipt>(tools, async (request, context) => {
      const judgement = decodeJudgement(request.judgement);
      const port = portFor(context, claimedSite(request));
      // The evidence names its site too, and it is what the consortium will read.
      portFor(context, judgement.evidence.site);
      return encodeReceipt(await port.submitJudgement(taskField(request.task, 'task'), judgement, context.signal));
    }),
    SubmitNotice: unary<Wire.SubmitNoticeRequest, Wire.Receipt>(tools, async (request, context) => {
      const notice = decodeNotice(request.notice);
      const port = portFor(context, claimedSite(request));
      portFor(context, notice.site);
      return encodeReceipt(await port.submitNotice(notice, context.signal));
    }),
    Decline: unary<Wire.DeclineRequest, Wire.DeclineResponse>(tools, async (request, context) => {
      const { task, reason, text } = decodeDecline(request);
      await portFor(context, claimedSite(request)).decline(task, reason, text, context.signal);
      return {};
    }),
  };
}
