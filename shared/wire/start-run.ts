import type { LoadedPlan } from '../plan/load-plan.ts';
import type { Digest, ReleaseVersion } from '../runtime/ids.ts';
import type { OperatorPort, RunView } from './operator-port.ts';

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array, void, void> {
  yield bytes;
}

/**
 * Starts a run of a plan. Where the plan's network came from an ONNX file, its weights are sent first, and the plan with the network
 * in it instead of what the person wrote.
 * @param text as the person wrote it
 */
export async function startLoadedPlan(
  port: Pick<OperatorPort, 'startRun' | 'writeObject'>,
  text: string,
  { plan, canonical, baseWeights }: LoadedPlan,
  options: { readonly from?: ReleaseVersion; readonly fileName?: string },
): Promise<RunView> {
  if (baseWeights === undefined || plan.model.family !== 'onnx') return port.startRun(text, options);
  const digest = plan.model.weights as Digest;
  await port.writeObject({ digest, bytes: baseWeights.byteLength }, once(baseWeights));
  return port.startRun(canonical, options);
}
