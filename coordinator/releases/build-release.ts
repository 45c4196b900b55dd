import { signRelease } from '../../certs/signing.ts';
import { frozenWeights } from '../../shared/graph/adapters.ts';
import { buildInferenceModel } from '../../shared/graph/inference-model.ts';
import { baseWeightsFile, baseWeightsObject } from '../../shared/graph/onnx-read/base-weights.ts';
import type { LoadedPlan } from '../../shared/plan/load-plan.ts';
import type { Preprocessing } from '../../shared/plan/preprocessing.ts';
import { canonicalJson } from '../../shared/runtime/canonical.ts';
import { decodeSafetensors } from '../../shared/tensors/safetensors.ts';
import type { ObjectRef, ReleaseManifest } from '../../shared/wire/messages.ts';
import { baseWeightsOf } from '../rounds/base-weights.ts';
import type { NumberedRelease, RunState } from '../rounds/state.ts';
import type { ObjectStore } from '../store/object-store.ts';
import { modelCard } from './model-card.ts';

/** The key that signs releases, and its certificate chain, leaf first. */
export interface ReleaseKey {
  readonly privateKeyPem: string;
  readonly chain: readonly string[];
}

export interface BuiltRelease {
  readonly manifest: ReleaseManifest;
  /** The manifest's bytes as an object; its digest is the release's. */
  readonly object: ObjectRef;
  readonly manifestText: string;
  readonly signatureObject: ObjectRef;
  readonly signatureText: string;
}

const encoder = new TextEncoder();

/**
 * Builds and signs the package of a run whose rounds are all published. Every file and the manifest follow from stored events
 * and objects, so a second build after a crash gives the same digests; only the signature may differ.
 */
export async function buildRelease(
  objects: ObjectStore,
  key: ReleaseKey,
  input: { readonly state: RunState; readonly release: NumberedRelease; readonly plan: LoadedPlan },
): Promise<BuiltRelease> {
  const { state, release, plan } = input;
  if (state.weights === null || state.preprocessing === null) {
    throw new Error(`run ${state.run} has no weights or no preprocessing to release`);
  }
  const weights = await objects.read(state.weights.digest);
  const preprocessing = await objects.read(state.preprocessing.digest);
  const model = buildInferenceModel(
    plan.plan,
    JSON.parse(new TextDecoder().decode(preprocessing)) as Preprocessing,
    decodeSafetensors(weights),
    frozenWeights(plan.plan, await baseWeightsOf(objects, plan.plan)),
  );
  const base = baseWeightsObject(plan.plan);
  const contents: readonly (readonly [string, Uint8Array])[] = [
    // What stayed, and what a site's own training starts from: without it the travelling tensors say nothing.
    ...(base === null ? [] : [[baseWeightsFile, await objects.read(base.digest)] as const]),
    ['card.json', encoder.encode(canonicalJson(modelCard(state, release, plan.plan)))],
    ['model.onnx', model],
    ['model.safetensors', weights],
    ['plan.json', encoder.encode(plan.canonical)],
    ['preprocessing.json', preprocessing],
  ];
  const files = [];
  for (const [name, bytes] of contents) files.push({ name, ...(await objects.put(bytes)) });
  const manifest: ReleaseManifest = { wardround: 'release/1', version: release.version, plan: plan.digest, files };
  const manifestText = canonicalJson(manifest);
  const bytes = encoder.encode(manifestText);
  const signatureText = canonicalJson(signRelease(bytes, key.privateKeyPem, key.chain));
  return {
    manifest,
    object: await objects.put(bytes),
    manifestText,
    signatureObject: await objects.put(encoder.encode(signatureText)),
    signatureText,
  };
}
