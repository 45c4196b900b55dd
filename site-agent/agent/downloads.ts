import { readFile } from 'node:fs/promises';
import { type LoadedPlan, parseCanonicalPlan } from '../../shared/plan/load-plan.ts';
import type { Preprocessing } from '../../shared/plan/preprocessing.ts';
import { preprocessingSchema } from '../../shared/plan/preprocessing-schema.ts';
import type { Clock } from '../../shared/runtime/clock.ts';
import { WardroundError } from '../../shared/runtime/errors.ts';
import type { Digest } from '../../shared/runtime/ids.ts';
import type { Logger } from '../../shared/runtime/logger.ts';
import { retry } from '../../shared/runtime/retry.ts';
import { decodeSafetensors } from '../../shared/tensors/safetensors.ts';
import type { NamedTensors } from '../../shared/tensors/tensor.ts';
import type { ObjectRef, ReleaseSignature } from '../../shared/wire/messages.ts';
import { WireError } from '../../shared/wire/wire-error.ts';
import type { FederationInbound } from '../egress/port.ts';
import { AgentError } from './agent-error.ts';
import type { SiteObjects } from './objects.ts';

/** What the agent takes from the coordinator: each thing checked against its digest, each call tried again while that may help. */
export interface Downloads {
  plan(digest: Digest, signal: AbortSignal): Promise<LoadedPlan>;
  /** Makes sure that the object is on disk. */
  object(object: ObjectRef, signal: AbortSignal): Promise<void>;
  bytes(object: ObjectRef, signal: AbortSignal): Promise<Uint8Array>;
  weights(object: ObjectRef, signal: AbortSignal): Promise<NamedTensors>;
  preprocessing(object: ObjectRef, plan: Digest, signal: AbortSignal): Promise<Preprocessing>;
  releaseSignature(release: Digest, signal: AbortSignal): Promise<ReleaseSignature>;
}

export interface DownloadParts {
  readonly inbound: FederationInbound;
  readonly objects: SiteObjects;
  readonly clock: Clock;
  readonly random: () => number;
  readonly log: Logger;
}

const retries = { attempts: 8, firstDelayMs: 250, maximumDelayMs: 10_000 } as const;
/** Bytes that were wrong so often are wrong at their source. */
const mismatchesAtMost = 3;

/** @throws AgentError `object_invalid` */
export function parsePreprocessing(bytes: Uint8Array, plan: Digest): Preprocessing {
  let value: Preprocessing;
  try {
    value = preprocessingSchema.parse(JSON.parse(Buffer.from(bytes).toString('utf8')));
  } catch (cause) {
    throw new AgentError('object_invalid', 'The preprocessing of the task is not in its form.', { plan }, cause);
  }
  if (value.plan !== plan) {
    throw new AgentError('object_invalid', 'The preprocessing of the task belongs to another plan.', {
      plan,
      found: value.plan,
    });
  }
  return value;
}

export function createDownloads(parts: DownloadParts): Downloads {
  const { inbound, objects, clock, random, log } = parts;
  const repeated = <Result>(what: string, operation: () => Promise<Result>, signal: AbortSignal): Promise<Result> => {
    let mismatches = 0;
    return retry(operation, {
      ...retries,
      clock,
      random,
      signal,
      shouldRetry(error) {
        if (!(error instanceof WireError) || error.advice !== 'retry') return false;
        return error.code !== 'digest_mismatch' || ++mismatches < mismatchesAtMost;
      },
      onRetry: (error, attempt, delayMs) =>
        log.warn(
          { what, code: error instanceof WardroundError ? error.fullCode : null, attempt, delayMs },
          'receiving failed, trying again',
        ),
    });
  };
  const object = (ref: ObjectRef, signal: AbortSignal): Promise<void> =>
    repeated('object', () => objects.fetch(ref, (offset) => inbound.readObject(ref.digest, offset, signal)), signal);
  const bytes = async (ref: ObjectRef, signal: AbortSignal): Promise<Uint8Array> => {
    await object(ref, signal);
    return readFile(objects.path(ref.digest));
  };

  return {
    plan: async (digest, signal) =>
      parseCanonicalPlan(await repeated('plan', () => inbound.readPlan(digest, signal), signal), digest),
    object,
    bytes,
    weights: async (ref, signal) => decodeSafetensors(await bytes(ref, signal)),
    preprocessing: async (ref, plan, signal) => parsePreprocessing(await bytes(ref, signal), plan),
    releaseSignature: (release, signal) =>
      repeated('signature', () => inbound.readReleaseSignature(release, signal), signal),
  };
}
