import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import type { Digest, SiteName } from '../../shared/runtime/ids.ts';
import { silentLogger } from '../../shared/runtime/logger.ts';
import { decodeSafetensors } from '../../shared/tensors/safetensors.ts';
import type { SiteRows } from '../../simulations/cohorts/site-rows.ts';
import { planWith } from '../../simulations/plan-text.ts';
import { simulateCohort } from '../../simulations/run-simulation.ts';
import { plainQuery } from '../../simulations/site-setup.ts';
import { runOnnx } from '../support/run-onnx.ts';

type BySite<Values> = Readonly<Record<string, Values>>;

// Made by PyTorch 2.13.0: python3 test/parity/rounds-pytorch.py > test/parity/generated/rounds-pytorch.json
const reference = JSON.parse(readFileSync(new URL('generated/rounds-pytorch.json', import.meta.url), 'utf8')) as {
  readonly plan: { readonly training: object };
  readonly tables: readonly SiteRows[];
  readonly scaling: Readonly<Record<string, readonly [mean: number, scale: number]>>;
  /** Raw rows, and series on the plan's grid, of each hospital. */
  readonly features: BySite<readonly (number | null)[]>;
  readonly payload: BySite<readonly number[]>;
  readonly runs: Readonly<
    Record<
      string,
      {
        readonly trainable: unknown;
        readonly examples: BySite<number>;
        /** Weights after each round, by tensor. */
        readonly rounds: readonly Readonly<Record<string, readonly number[]>>[];
        /** Of the released file, on every row. */
        readonly probability: BySite<readonly number[]>;
      }
    >
  >;
};

function farthest(found: ArrayLike<number>, expected: readonly number[]): number {
  expect(found).toHaveLength(expected.length);
  return Math.max(...expected.map((value, at) => Math.abs((found[at] as number) - value)));
}

it.each(Object.entries(reference.runs))(
  'two rounds of three hospitals, %s: weights, and risks of the released file, as PyTorch and the rules of averaging give them',
  async (_, expected) => {
    const folder = mkdtempSync(join(tmpdir(), 'wardround-rounds-'));
    try {
      const { plan } = reference;
      const file = join(folder, 'rounds.plan.yaml');
      const training = { ...plan.training, trainable: expected.trainable };
      writeFileSync(file, JSON.stringify({ ...plan, training }));
      const rounds: Map<string, Float32Array>[] = [];
      const files = new Map<string, Uint8Array>();
      const run = await simulateCohort(
        { title: 'rounds', seed: 1, plan: planWith(file, {}) },
        { sites: reference.tables, query: plainQuery, holdoutColumn: 'judging' },
        {
          signal: new AbortController().signal,
          log: silentLogger,
          async onFinished(operator, view) {
            const bytesOf = async (object: Digest): Promise<Uint8Array> => {
              const chunks: Uint8Array[] = [];
              for await (const chunk of operator.readObject(object, 0)) chunks.push(chunk);
              return Buffer.concat(chunks);
            };
            for (const { weights } of view.rounds.slice(1))
              rounds.push(
                new Map(
                  [...decodeSafetensors(await bytesOf(weights as Digest))].map(([name, { data }]) => [name, data]),
                ),
              );
            const release = await operator.showRelease(view.release as NonNullable<typeof view.release>);
            for (const { name, digest } of release.files) files.set(name, await bytesOf(digest));
          },
        },
      );
      expect(run.updates.map(({ site, header }) => [header.round, site, header.examples, header.weight])).toEqual(
        [1, 2].flatMap((round) =>
          Object.entries(expected.examples).map(([site, rows]) => [round, site as SiteName, rows, Math.min(rows, 50)]),
        ),
      );
      const { columns } = JSON.parse(Buffer.from(files.get('preprocessing.json') ?? []).toString('utf8')) as {
        readonly columns: readonly { readonly name: string; readonly mean: number; readonly scale: number }[];
      };
      for (const { name, mean, scale } of columns.filter((column) => column.name in reference.scaling)) {
        expect(mean).toBeCloseTo(reference.scaling[name]?.[0] as number, 6);
        expect(scale).toBeCloseTo(reference.scaling[name]?.[1] as number, 6);
      }
      expect(rounds).toHaveLength(2);
      for (const [place, tensors] of expected.rounds.entries()) {
        expect([...(rounds[place]?.keys() ?? [])].toSorted()).toEqual(Object.keys(tensors).toSorted());
        for (const [name, values] of Object.entries(tensors))
          expect(farthest(rounds[place]?.get(name) ?? [], values), `round ${place + 1}, ${name}`).toBeLessThan(5e-6);
      }
      for (const [site, risks] of Object.entries(expected.probability)) {
        const raw = reference.features[site]?.map((cell) => cell ?? Number.NaN) ?? [];
        const grid = reference.payload[site] ?? [];
        const { probability } = await runOnnx(files.get('model.onnx') ?? new Uint8Array(), {
          features: { shape: [risks.length, 3], data: Float32Array.from(raw) },
          payload: { shape: [risks.length, 4, 4], data: Float32Array.from(grid) },
        });
        expect(farthest(probability?.data ?? [], risks), site).toBeLessThan(5e-6);
      }
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  },
);
