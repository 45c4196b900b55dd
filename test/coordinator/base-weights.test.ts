import { describe, expect, test } from 'vitest';
import { loadPlan } from '../../shared/plan/load-plan.ts';
import { digestOf } from '../../shared/runtime/digest.ts';
import { decodeSafetensors, encodeSafetensors } from '../../shared/tensors/safetensors.ts';
import { startLoadedPlan } from '../../shared/wire/start-run.ts';
import {
  type Core,
  chunksOf,
  collect,
  type FakeSite,
  fakeSite,
  inFolder,
  memorySiteBook,
  openCore,
  refOf,
  viewWhere,
} from '../support/coordinator-core.ts';
import { linearFile } from '../support/onnx-bytes.ts';
import { heartPlan } from '../support/plans.ts';
import { wireCodeOf } from '../support/wire-error-of.ts';

const names = ['aachen', 'bern', 'cork'];
const text = JSON.stringify({
  ...heartPlan({ federation: { rounds: 1 } }),
  model: { family: 'onnx', file: 'net.onnx' },
});
const loaded = loadPlan(text, 'plan.json', () => linearFile(18));
const weights = loaded.baseWeights as Uint8Array;

async function withCore(body: (core: Core) => Promise<void>): Promise<void> {
  await inFolder(async (folder) => {
    const core = await openCore(folder, memorySiteBook(names));
    const sites: FakeSite[] = names.map((name) => fakeSite(name, core.site(name)));
    try {
      await body(core);
    } finally {
      await Promise.all(sites.map((site) => site.leave()));
      await core.stop();
    }
  });
}

describe('a run of a network that was brought', () => {
  test('does not start without its weights', async () => {
    await withCore(async (core) => {
      expect(await wireCodeOf(core.operator.startRun(loaded.canonical, {}))).toBe('not_found');
      // The text the person wrote names a file that is not here, and none is ever opened.
      expect(await wireCodeOf(core.operator.startRun(text, {}))).not.toBeNull();
      expect(await core.operator.listRuns()).toEqual([]);
    });
  });

  test('starts from the weights of the file, which sites may read and the release holds', async () => {
    await withCore(async (core) => {
      const { run } = await startLoadedPlan(core.operator, text, loaded, {});
      const done = await viewWhere(core.operator, run, ({ status }) => status === 'finished');
      const first = done.rounds.find(({ round }) => round === 1);
      expect(first?.phase).toBe('published');

      const port = core.site('bern');
      expect(digestOf(await collect(port.readObject(digestOf(weights), 0)))).toBe(digestOf(weights));
      const release = await core.operator.showRelease(done.release as string);
      const base = release.files.find(({ name }) => name === 'base.safetensors');
      expect(base).toMatchObject({ digest: digestOf(weights), bytes: weights.byteLength });
      const trained = release.files.find(({ name }) => name === 'model.safetensors');
      const tensors = decodeSafetensors(await collect(core.operator.readObject(trained?.digest as never, 0)));
      expect([...tensors.keys()]).toEqual(['bias', 'weight']);
    });
  });

  test('takes no bytes under a digest that is not theirs, and no weights of another shape', async () => {
    await withCore(async (core) => {
      const wrong = { digest: digestOf(weights), bytes: weights.byteLength };
      const spoiled = Uint8Array.from(weights);
      spoiled[weights.length - 1] = 1;
      expect(await wireCodeOf(core.operator.writeObject(wrong, chunksOf(spoiled)))).toBe('digest_mismatch');
      expect(await wireCodeOf(core.operator.writeObject({ ...wrong, bytes: 8 }, chunksOf(weights)))).toBe(
        'invalid_argument',
      );

      // A plan that names other weights, as large as its own would be.
      const other = encodeSafetensors(
        new Map([...decodeSafetensors(weights)].map(([name, tensor]) => [`${name.slice(0, -1)}z`, tensor])),
      );
      const plan = JSON.parse(loaded.canonical) as { model: { weights: string } };
      plan.model.weights = digestOf(other);
      await core.operator.writeObject(refOf(other), chunksOf(other));
      expect(await wireCodeOf(core.operator.startRun(JSON.stringify(plan), {}))).toBe('invalid_argument');
      // What an operator has sent, and no run has published, is nobody's to read.
      expect(await wireCodeOf(collect(core.site('bern').readObject(digestOf(other), 0)))).toBe('not_found');
    });
  });
});
