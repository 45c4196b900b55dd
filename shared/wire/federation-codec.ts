import type { z } from 'zod';
import type { ModelNotice } from '../plan/notice.ts';
import { noticeSchema } from '../plan/notice-schema.ts';
import type { SiteSummary } from '../plan/preprocessing.ts';
import { siteSummarySchema } from '../plan/preprocessing-schema.ts';
import type { SharedJudgement } from '../plan/shared-judgement.ts';
import { sharedJudgementSchema } from '../plan/shared-judgement-schema.ts';
import { canonicalJson } from '../runtime/canonical.ts';
import type { SiteName, TaskId } from '../runtime/ids.ts';
import {
  countField,
  digestField,
  digestFields,
  finiteField,
  jsonField,
  malformed,
  metricsField,
  objectField,
  present,
  runField,
  siteField,
  taskField,
  textField,
  versionField,
  wordField,
} from './fields.ts';
import type * as Wire from './generated/federation.ts';
import type {
  AdmissionCode,
  CoordinatorMessage,
  DeclineReason,
  Receipt,
  ReleaseSignature,
  SiteMessage,
  TaskOffer,
  UpdateHeader,
} from './messages.ts';

/** Approved plans one site may name. */
const mostPlans = 1000;

const admissionCodes: Readonly<Record<AdmissionCode, true>> = {
  unknown_task: true,
  wrong_site: true,
  wrong_run: true,
  wrong_round: true,
  wrong_plan: true,
  wrong_base: true,
  round_closed: true,
  object_missing: true,
  malformed: true,
  wrong_tensors: true,
  wrong_shape: true,
  not_finite: true,
  norm_above_bound: true,
  weight_out_of_bounds: true,
  second_update: true,
  unknown_release: true,
  small_cell: true,
  too_many: true,
};

const declineReasons: Readonly<Record<DeclineReason, true>> = {
  plan_not_approved: true,
  data_problem: true,
  too_few_rows: true,
  training_failed: true,
  engine_missing: true,
  busy: true,
  policy_refuses: true,
  stopping: true,
};

const signatureAlgorithms: Readonly<Record<ReleaseSignature['algorithm'], true>> = {
  'ecdsa-p256-sha256': true,
  'rsa-pss-sha256': true,
};

/** Canonical JSON as bytes. */
function toCanonicalBytes(value: unknown): Uint8Array {
  return new TextEncoder().encode(canonicalJson(value));
}

function parsed<T>(schema: z.ZodType<T>, bytes: Uint8Array, field: string): T {
  const result = schema.safeParse(jsonField(bytes, field));
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  throw malformed([field, ...(issue?.path ?? [])].join('.'), issue?.message ?? 'does not fit its schema');
}

export const encodeSummary = (summary: SiteSummary): Uint8Array => toCanonicalBytes(summary);
export const decodeSummary = (bytes: Uint8Array): SiteSummary => parsed(siteSummarySchema, bytes, 'summary');
export const encodeJudgement = (judgement: SharedJudgement): Uint8Array => toCanonicalBytes(judgement);
export const decodeJudgement = (bytes: Uint8Array): SharedJudgement =>
  parsed(sharedJudgementSchema, bytes, 'judgement');
export const encodeNotice = (notice: ModelNotice): Uint8Array => toCanonicalBytes(notice);
export const decodeNotice = (bytes: Uint8Array): ModelNotice => parsed(noticeSchema, bytes, 'notice');

export function encodeSiteMessage(message: SiteMessage): Wire.SiteMessage {
  switch (message.kind) {
    case 'hello':
      return {
        hello: {
          software: message.software,
          heartbeatMs: message.heartbeatMs,
          approvedPlans: message.approvedPlans,
        },
      };
    case 'beat':
      return { beat: {} };
    case 'approvals':
      return { approvals: { approvedPlans: message.approvedPlans } };
  }
}

export function decodeSiteMessage(wire: Wire.SiteMessage): SiteMessage {
  if (wire.hello !== undefined) {
    return {
      kind: 'hello',
      software: textField(wire.hello.software, 'hello.software', 200),
      heartbeatMs: countField(wire.hello.heartbeatMs, 'hello.heartbeatMs'),
      approvedPlans: digestFields(wire.hello.approvedPlans, 'hello.approvedPlans', mostPlans),
    };
  }
  if (wire.beat !== undefined) return { kind: 'beat' };
  if (wire.approvals !== undefined) {
    return {
      kind: 'approvals',
      approvedPlans: digestFields(wire.approvals.approvedPlans, 'approvals.approvedPlans', mostPlans),
    };
  }
  throw malformed('message', 'is of a kind this version does not know');
}

function encodeTask(task: TaskOffer): Wire.TaskOffer {
  const { id, run, round, plan, deadlineMs } = task;
  const base = { id, run, round, plan, deadlineMs: Math.round(deadlineMs) };
  switch (task.kind) {
    case 'summary':
      return { ...base, summary: {} };
    case 'train':
      return { ...base, train: { base: task.base, preprocessing: task.preprocessing } };
    case 'judge':
      return { ...base, judge: task.release };
  }
}

function decodeTask(wire: Wire.TaskOffer): TaskOffer {
  const base = {
    id: taskField(wire.id, 'task.id'),
    run: runField(wire.run, 'task.run'),
    round: countField(wire.round, 'task.round'),
    plan: digestField(wire.plan, 'task.plan'),
    deadlineMs: countField(wire.deadlineMs, 'task.deadlineMs'),
  };
  if (wire.summary !== undefined) return { ...base, kind: 'summary' };
  if (wire.train !== undefined) {
    return {
      ...base,
      kind: 'train',
      base: objectField(wire.train.base, 'task.train.base'),
      preprocessing: objectField(wire.train.preprocessing, 'task.train.preprocessing'),
    };
  }
  if (wire.judge !== undefined) {
    return {
      ...base,
      kind: 'judge',
      release: {
        version: versionField(wire.judge.version, 'task.judge.version'),
        digest: digestField(wire.judge.digest, 'task.judge.digest'),
        manifest: objectField(wire.judge.manifest, 'task.judge.manifest'),
      },
    };
  }
  throw malformed('task.work', 'is of a kind this version does not know');
}

export function encodeCoordinatorMessage(message: CoordinatorMessage): Wire.CoordinatorMessage {
  switch (message.kind) {
    case 'beat':
      return { beat: { nowMs: Math.round(message.nowMs) } };
    case 'plan':
      return { plan: { run: message.run, plan: message.plan } };
    case 'task':
      return { task: encodeTask(message.task) };
    case 'withdrawn':
      return { withdrawn: { task: message.task, reason: message.reason } };
    case 'drain':
      return { drain: {} };
  }
}

export function decodeCoordinatorMessage(wire: Wire.CoordinatorMessage): CoordinatorMessage {
  if (wire.beat !== undefined) return { kind: 'beat', nowMs: countField(wire.beat.nowMs, 'beat.nowMs') };
  if (wire.plan !== undefined) {
    return { kind: 'plan', run: runField(wire.plan.run, 'plan.run'), plan: digestField(wire.plan.plan, 'plan.plan') };
  }
  if (wire.task !== undefined) return { kind: 'task', task: decodeTask(wire.task) };
  if (wire.withdrawn !== undefined) {
    return {
      kind: 'withdrawn',
      task: taskField(wire.withdrawn.task, 'withdrawn.task'),
      reason: textField(wire.withdrawn.reason, 'withdrawn.reason'),
    };
  }
  if (wire.drain !== undefined) return { kind: 'drain' };
  throw malformed('message', 'is of a kind this version does not know');
}

/** An update as it goes out: the header, and the sender's own name as a cross-check. */
export function encodeUpdate(update: UpdateHeader, site: SiteName): Wire.SubmitUpdateRequest {
  const { task, run, round, plan, base, delta, examples, weight, metrics } = update;
  return { task, site, run, round, plan, base, delta, examples, weight, metrics };
}

export function decodeUpdate(wire: Wire.SubmitUpdateRequest): UpdateHeader {
  return {
    task: taskField(wire.task, 'update.task'),
    run: runField(wire.run, 'update.run'),
    round: countField(wire.round, 'update.round'),
    plan: digestField(wire.plan, 'update.plan'),
    base: digestField(wire.base, 'update.base'),
    delta: objectField(wire.delta, 'update.delta'),
    examples: countField(wire.examples, 'update.examples'),
    weight: finiteField(wire.weight, 'update.weight'),
    metrics: metricsField(wire.metrics, 'update.metrics'),
  };
}

export function encodeReceipt(receipt: Receipt): Wire.Receipt {
  switch (receipt.outcome) {
    case 'accepted':
      return { outcome: 'ACCEPTED', code: '', reason: '' };
    case 'duplicate':
      return { outcome: 'DUPLICATE', code: '', reason: '' };
    case 'refused':
      return { outcome: 'REFUSED', code: receipt.code, reason: receipt.reason };
  }
}

export function decodeReceipt(wire: Wire.Receipt): Receipt {
  switch (wire.outcome) {
    case 'ACCEPTED':
      return { outcome: 'accepted' };
    case 'DUPLICATE':
      return { outcome: 'duplicate' };
    case 'REFUSED':
      return {
        outcome: 'refused',
        code: wordField(wire.code, admissionCodes, 'receipt.code'),
        reason: textField(wire.reason, 'receipt.reason'),
      };
    default:
      throw malformed('receipt.outcome', `${wire.outcome} is not known to this version`);
  }
}

export function decodeDecline(wire: Wire.DeclineRequest): { task: TaskId; reason: DeclineReason; text: string } {
  return {
    task: taskField(wire.task, 'decline.task'),
    reason: wordField(wire.reason, declineReasons, 'decline.reason'),
    text: textField(wire.text, 'decline.text'),
  };
}

/** The site a message says it is from; the door compares it with the certificate's. */
export const claimedSite = (wire: { readonly site: string }): SiteName => siteField(wire.site, 'site');

export function encodeSignature(signature: ReleaseSignature): Wire.ReleaseSignature {
  return {
    algorithm: signature.algorithm,
    signature: Buffer.from(signature.signature, 'base64'),
    certificates: signature.certificates,
  };
}

export function decodeSignature(wire: Wire.ReleaseSignature): ReleaseSignature {
  return {
    algorithm: wordField(wire.algorithm, signatureAlgorithms, 'signature.algorithm'),
    signature: Buffer.from(wire.signature).toString('base64'),
    certificates: pemFields(wire.certificates, 'signature.certificates'),
  };
}

/** PEM texts of a chain: at most ten, none longer than 16 KiB. What they say is for the verifier. */
export function pemFields(values: readonly string[], field: string): string[] {
  if (values.length === 0 || values.length > 10)
    throw malformed(field, `${values.length} certificates; 1 to 10 are taken`);
  return values.map((value, index) => textField(present(value, field), `${field}[${index}]`, 16_384));
}
