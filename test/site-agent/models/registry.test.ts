import { appendFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { DecisionKind, Judgement } from '../../../shared/plan/judgement.ts';
import { canonicalJson } from '../../../shared/runtime/canonical.ts';
import { digestOf } from '../../../shared/runtime/digest.ts';
import type { Digest, ReleaseVersion } from '../../../shared/runtime/ids.ts';
import type { ReleaseManifest } from '../../../shared/wire/messages.ts';
import { AgentError } from '../../../site-agent/agent/agent-error.ts';
import { type AgentStore, openAgentStore } from '../../../site-agent/agent/store.ts';
import { installRelease, readRelease, releaseFolder } from '../../../site-agent/models/model-files.ts';
import { createModelRegistry, type ModelRegistry, type Slot } from '../../../site-agent/models/registry.ts';
import { temporaryDirectory } from '../../support/heart-site.ts';
import { goodJudgement } from '../../support/judgements.ts';

let folder: ReturnType<typeof temporaryDirectory>;
let store: AgentStore;
let registry: ModelRegistry;
beforeEach(() => {
  folder = temporaryDirectory();
  store = openAgentStore(folder.path);
  registry = createModelRegistry(store);
});
afterEach(() => {
  store.close();
  folder.remove();
});

let timeMs = 0;
const version = (number: number): ReleaseVersion => `heart/${number}` as ReleaseVersion;
const digest = (number: number): Digest => digestOf(`release ${number}`);
const judged = (decision: DecisionKind): Judgement => {
  const sample = goodJudgement();
  return { ...sample, decision: { ...sample.decision, decision } };
};
const receive = (number: number): void =>
  registry.receive({ version: version(number), digest: digest(number), plan: digestOf('plan') }, ++timeMs);
const decide = (number: number, decision: DecisionKind): void =>
  registry.decide(version(number), judged(decision), ++timeMs);
const places = (): Record<Slot, string | null> => ({
  candidate: registry.inSlot('heart', 'candidate')?.version ?? null,
  active: registry.inSlot('heart', 'active')?.version ?? null,
  previous: registry.inSlot('heart', 'previous')?.version ?? null,
});
function codeOf(action: () => unknown): string {
  try {
    action();
  } catch (error) {
    return (error as AgentError).code;
  }
  throw new Error('nothing was thrown');
}

describe('places of releases', () => {
  it('accept makes active, and the active one previous', () => {
    receive(1);
    expect(places()).toEqual({ candidate: 'heart/1', active: null, previous: null });
    decide(1, 'accept');
    expect(places()).toEqual({ candidate: null, active: 'heart/1', previous: null });
    receive(2);
    expect(places()).toEqual({ candidate: 'heart/2', active: 'heart/1', previous: null });
    decide(2, 'accept');
    receive(3);
    decide(3, 'accept');
    expect(places()).toEqual({ candidate: null, active: 'heart/3', previous: 'heart/2' });
  });

  it('hold keeps the candidate, reject drops it; neither touches the active one', () => {
    receive(1);
    decide(1, 'accept');
    receive(2);
    decide(2, 'hold');
    expect(places()).toEqual({ candidate: 'heart/2', active: 'heart/1', previous: null });
    expect(registry.find(version(2))?.heldSinceMs).toBe(timeMs);
    const heldSinceMs = timeMs;
    decide(2, 'hold');
    expect(registry.find(version(2))?.heldSinceMs).toBe(heldSinceMs);
    receive(3);
    expect(places().candidate).toBe('heart/3');
    decide(3, 'reject');
    expect(places()).toEqual({ candidate: null, active: 'heart/1', previous: null });
    expect(registry.find(version(3))?.decision).toBe('reject');
  });

  it('rollback goes back once, and is recorded', () => {
    expect(codeOf(() => registry.rollback('heart', 1))).toBe('unknown_model');
    receive(1);
    expect(codeOf(() => registry.rollback('heart', 1))).toBe('no_active_model');
    decide(1, 'accept');
    expect(codeOf(() => registry.rollback('heart', 1))).toBe('no_previous_model');
    receive(2);
    decide(2, 'accept');
    expect(registry.rollback('heart', 77)).toEqual({ from: 'heart/2', to: 'heart/1' });
    expect(places()).toEqual({ candidate: null, active: 'heart/1', previous: null });
    expect(registry.events().at(-1)).toMatchObject({
      event: 'rolled_back',
      version: 'heart/1',
      fromVersion: 'heart/2',
      atMs: 77,
    });
    receive(3);
    decide(3, 'accept');
    expect(places()).toEqual({ candidate: null, active: 'heart/3', previous: 'heart/1' });
  });

  it('a decision carried out twice changes nothing the second time', () => {
    for (const number of [1, 2]) {
      receive(number);
      decide(number, 'accept');
    }
    decide(2, 'accept');
    expect(places()).toEqual({ candidate: null, active: 'heart/2', previous: 'heart/1' });
  });

  it('a version that comes with another digest is refused', () => {
    receive(1);
    receive(1);
    expect(codeOf(() => registry.receive({ version: version(1), digest: digest(9), plan: digestOf('plan') }, 1))).toBe(
      'package_invalid',
    );
  });

  it('models are kept apart, and survive a restart', () => {
    receive(1);
    decide(1, 'accept');
    registry.receive({ version: 'lung/1' as ReleaseVersion, digest: digest(5), plan: digestOf('plan') }, 1);
    store.close();
    store = openAgentStore(folder.path);
    registry = createModelRegistry(store);
    expect(registry.models()).toEqual(['heart', 'lung']);
    expect(places().active).toBe('heart/1');
    expect(registry.inSlot('lung', 'candidate')?.version).toBe('lung/1');
  });

  it('a transaction that fails takes its decision back', () => {
    receive(1);
    expect(() =>
      store.transaction(() => {
        decide(1, 'accept');
        throw new Error('power cut');
      }),
    ).toThrow('power cut');
    expect(places()).toEqual({ candidate: 'heart/1', active: null, previous: null });
  });
});

describe('files of a release', () => {
  it('are installed whole and checked at each reading', async () => {
    const model = Buffer.from('a model');
    writeFileSync(join(folder.path, 'source'), model);
    const manifest: ReleaseManifest = {
      wardround: 'release/1',
      version: version(1),
      plan: digestOf('plan'),
      files: [{ name: 'model.onnx', digest: digestOf(model), bytes: model.byteLength }],
    };
    const bytes = Buffer.from(canonicalJson(manifest));
    const release = digestOf(bytes);
    const install = (): Promise<void> =>
      installRelease(folder.path, release, bytes, manifest, () => join(folder.path, 'source'));
    await install();
    await install();
    const read = await readRelease(folder.path, release);
    expect(Buffer.from(read.files.get('model.onnx') ?? []).equals(model)).toBe(true);
    appendFileSync(join(releaseFolder(folder.path, release), 'model.onnx'), 'x');
    await expect(readRelease(folder.path, release)).rejects.toMatchObject({ code: 'model_damaged' });
    expect(new AgentError('model_damaged').advice).toBe('abort');
  });
});
