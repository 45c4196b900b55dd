import type { UntypedServiceImplementation } from '@grpc/grpc-js';
import { countField, digestField, malformed, runField, textField, versionField } from '../../shared/wire/fields.ts';
import type * as Wire from '../../shared/wire/generated/operator.ts';
import type { ServiceLimits } from '../../shared/wire/limits.ts';
import {
  encodeAudit,
  encodeFile,
  encodeRelease,
  encodeSiteView,
  runViewEncoder,
} from '../../shared/wire/operator-codec.ts';
import type { OperatorPort, RunView } from '../../shared/wire/operator-port.ts';
import { WireError } from '../../shared/wire/wire-error.ts';
import { outgoingChunks } from './federation-service.ts';
import type { CallContext } from './guard.ts';
import { clientStream, type HandlerTools, serverStream, unary } from './handlers.ts';
import type { CoordinatorPorts } from './ports.ts';
import { incomingObject } from './uploads.ts';

const largestPlanBytes = 1024 * 1024;
const utf8 = new TextDecoder('utf-8', { fatal: true });

function planText(bytes: Uint8Array): string {
  if (bytes.byteLength > largestPlanBytes) {
    throw new WireError('message_too_large', `A plan has at most ${largestPlanBytes} bytes.`);
  }
  try {
    return utf8.decode(bytes);
  } catch (cause) {
    throw new WireError('invalid_argument', 'plan: is not UTF-8', {}, cause);
  }
}

/** What an operator may ask. Views go out in parts, so no message grows with rounds or sites. */
export function operatorService(
  ports: CoordinatorPorts,
  limits: Pick<ServiceLimits, 'objectBytes'>,
  /** To be called when the coordinator stops: watchers, who would stay for as long as their run, are sent away. */
  drains: Set<() => void>,
  tools: HandlerTools,
): UntypedServiceImplementation {
  const portOf = ({ identity }: CallContext): OperatorPort => {
    if (identity?.role !== 'operator') throw new WireError('wrong_role');
    return ports.operator(identity);
  };
  async function* parts(views: AsyncIterable<RunView> | Promise<readonly RunView[]>) {
    const encode = runViewEncoder();
    for await (const view of views instanceof Promise ? await views : views) yield* encode(view);
  }
  const oneRun = (ask: (port: OperatorPort, run: Wire.RunRequest['run'], context: CallContext) => Promise<RunView>) =>
    serverStream<Wire.RunRequest, Wire.RunPart>(tools, ({ run }, context) =>
      parts(ask(portOf(context), runField(run, 'run'), context).then((view) => [view])),
    );
  return {
    WriteObject: clientStream<Wire.WriteObjectRequest, Wire.WriteObjectResponse>(tools, async (requests, context) => {
      const port = portOf(context);
      const { object, offset, chunks } = await incomingObject(requests, limits.objectBytes);
      if (offset !== 0) throw new WireError('offset_invalid', 'An upload of an operator begins at 0.', { offset });
      await port.writeObject(object, chunks, context.signal);
      return {};
    }),
    StartRun: serverStream<Wire.StartRunRequest, Wire.RunPart>(tools, ({ plan, from, fileName }, context) =>
      parts(
        portOf(context)
          .startRun(planText(plan), {
            ...(from === undefined ? {} : { from: versionField(from, 'from') }),
            ...(fileName === undefined ? {} : { fileName: textField(fileName, 'fileName', 500) }),
          })
          .then((view) => [view]),
      ),
    ),
    ListRuns: serverStream<Wire.ListRunsRequest, Wire.RunPart>(tools, (_, context) =>
      parts(portOf(context).listRuns()),
    ),
    ShowRun: oneRun((port, run) => port.showRun(runField(run, 'run'))),
    WatchRun: serverStream<Wire.RunRequest, Wire.RunPart>(tools, async function* ({ run }, context) {
      const drain = (): void => context.end(new WireError('unavailable', 'The coordinator is stopping; watch again.'));
      drains.add(drain);
      try {
        yield* parts(portOf(context).watchRun(runField(run, 'run'), context.signal));
      } finally {
        drains.delete(drain);
      }
    }),
    PauseRun: oneRun((port, run) => port.pauseRun(runField(run, 'run'))),
    ResumeRun: oneRun((port, run) => port.resumeRun(runField(run, 'run'))),
    StopRun: oneRun((port, run) => port.stopRun(runField(run, 'run'))),
    InviteSite: unary<Wire.InviteSiteRequest, Wire.Invitation>(tools, async ({ site, validForMs }, context) =>
      portOf(context).inviteSite(
        textField(site, 'site', 200),
        validForMs === undefined ? {} : { validForMs: countField(validForMs, 'validForMs') },
      ),
    ),
    ListSites: serverStream<Wire.ListSitesRequest, Wire.SiteView>(tools, async function* (_, context) {
      for (const view of await portOf(context).listSites()) yield encodeSiteView(view);
    }),
    RevokeSite: unary<Wire.RevokeSiteRequest, Wire.SiteView>(tools, async ({ site, reason }, context) =>
      encodeSiteView(await portOf(context).revokeSite(textField(site, 'site', 200), textField(reason, 'reason'))),
    ),
    ReadmitSite: unary<Wire.ReadmitSiteRequest, Wire.SiteView>(tools, async ({ site }, context) =>
      encodeSiteView(await portOf(context).readmitSite(textField(site, 'site', 200))),
    ),
    ListReleases: serverStream<Wire.ListReleasesRequest, Wire.ReleasePart>(tools, async function* (_, context) {
      for (const view of await portOf(context).listReleases()) yield* encodeRelease(view);
    }),
    ShowRelease: serverStream<Wire.ReleaseRequest, Wire.ReleasePart>(tools, async function* ({ version }, context) {
      yield* encodeRelease(await portOf(context).showRelease(versionField(version, 'version')));
    }),
    ReadObject: serverStream<Wire.ReadObjectRequest, Wire.ObjectChunk>(tools, ({ digest, offset }, context) => {
      const from = countField(offset, 'offset');
      const chunks = portOf(context).readObject(digestField(digest, 'digest'), from, context.signal);
      return outgoingChunks(chunks, from);
    }),
    ReadReleaseObjects: unary<Wire.ReleaseRequest, Wire.ReleaseObjects>(tools, async ({ version }, context) => ({
      files: (await portOf(context).readReleaseObjects(versionField(version, 'version'))).map(encodeFile),
    })),
    ListAudit: serverStream<Wire.ListAuditRequest, Wire.AuditEntry>(
      tools,
      async function* ({ afterSequence, limit }, context) {
        if (limit !== undefined && limit > 100_000) throw malformed('limit', `${limit} is more than 100000`);
        const entries = await portOf(context).listAudit({
          ...(afterSequence === undefined ? {} : { afterSequence: countField(afterSequence, 'afterSequence') }),
          ...(limit === undefined ? {} : { limit }),
        });
        for (const entry of entries) yield encodeAudit(entry);
      },
    ),
  };
}
