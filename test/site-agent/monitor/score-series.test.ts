import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { policySchema } from '../../../shared/plan/policy.ts';
import { canonicalDigest, canonicalJson } from '../../../shared/runtime/canonical.ts';
import type { ReleaseVersion } from '../../../shared/runtime/ids.ts';
import { randomStream } from '../../../shared/runtime/random.ts';
import { type AgentStore, openAgentStore } from '../../../site-agent/agent/store.ts';
import { DataError } from '../../../site-agent/data/data-error.ts';
import { loadRows } from '../../../site-agent/data/load-rows.ts';
import { createPredictionStore, outcomeKey } from '../../../site-agent/data/predictions.ts';
import { fileSource } from '../../../site-agent/data/row-source.ts';
import { initMonitor, type MonitorState } from '../../../site-agent/judging/monitor/monitor-state.ts';
import { type OpenedRelease, type ScoreNeeds, scoreRows } from '../../../site-agent/judging/monitor/score-rows.ts';
import { referenceScores, startMonitor } from '../../../site-agent/judging/monitor/start-monitor.ts';
import { createModelRegistry } from '../../../site-agent/models/registry.ts';
import type { RawRows } from '../../../site-agent/training/raw-rows.ts';
import { csvText, type HeartRow, temporaryDirectory } from '../../support/heart-site.ts';
import { imagePlan, seriesPlan } from '../../support/payload-plans.ts';

let folder: ReturnType<typeof temporaryDirectory>;
let store: AgentStore | undefined;
beforeEach(() => {
  folder = temporaryDirectory();
});
afterEach(() => {
  store?.close();
  store = undefined;
  folder.remove();
});

const plan = seriesPlan({ data: { maximumProblemShare: 1 } });
const contract = plan.data;
const dayMs = 86_400_000;
const startMs = Date.UTC(2024, 0, 2);
/** The first rows are the reference; more than two blocks of DuckDB (2,048 rows) follow. */
const reference = 600;
const count = 5400;
const nowMs = startMs + 200 * dayMs;
const admitted = (row: number): string => new Date(startMs + row * 3_000_000).toISOString().slice(0, 19);

/** Stays in order of time; one in fifty has no series, and one in seventy a pulse out of range. */
function cohort(): { readonly stays: HeartRow[]; readonly measured: HeartRow[] } {
  const random = randomStream(4, 'stays to score');
  const stays: HeartRow[] = [];
  const measured: HeartRow[] = [];
  for (let row = 0; row < count; row++) {
    // Every ninth is a later stay of an earlier patient.
    const patient = row % 9 === 8 ? `p${row - 5}` : `p${row}`;
    const event = random.uniform() < 0.4 ? 1 : 0;
    stays.push({ patient, stay: `s${row}`, admitted: admitted(row), age: 40 + (row % 40), disease: event });
    if (row % 50 === 49) continue;
    for (const minute of [5, 70, 130]) {
      const pulse = row % 70 === 69 ? 900 : Math.round(80 + 30 * event + 15 * random.normal());
      measured.push({ stay: `s${row}`, minute, pulse, lactate: random.uniform() < 0.5 ? null : minute / 10 });
    }
  }
  return { stays, measured };
}

const whole = cohort();

/** The mean of what the network would see, as a probability; it counts the rows it is given. */
function meanScorer(): OpenedRelease['scorer'] & { seen: number } {
  return {
    columns: contract.columns.length,
    payload: [4, 2],
    seen: 0,
    async score({ rows, payload }: RawRows) {
      this.seen += rows;
      return Float32Array.from({ length: rows }, (_, row) => {
        const at = (payload?.rows?.[row] ?? row) * 8;
        let sum = 0;
        for (let number = at; number < at + 8; number++) sum += payload?.values[number] ?? Number.NaN;
        return 1 / (1 + Math.exp(-sum / 8));
      });
    },
    async dispose() {},
  };
}

interface Scored {
  readonly needs: ScoreNeeds;
  readonly scorer: ReturnType<typeof meanScorer>;
  /** Stored predictions, outcomes and the monitor's state. */
  found(): string;
}

/** A site whose reference is scored, ready for a pass with so much memory for series. */
async function site(payloadBytes: number, name = 'site'): Promise<Scored> {
  const path = join(folder.path, name);
  mkdirSync(path);
  store?.close();
  const opened = openAgentStore(path);
  store = opened;
  const version = 'stays/1' as ReleaseVersion;
  const digest = canonicalDigest({ version });
  createModelRegistry(opened).receive({ version, digest, plan: canonicalDigest(plan) }, startMs);
  const predictions = createPredictionStore(opened);
  const scorer = meanScorer();
  const release = { version, digest, shown: true, scorer };
  const outcomeOf = outcomeKey(contract);
  const base = {
    predictions,
    transaction: <Result>(body: () => Result) => opened.transaction(body),
    contract,
    outcomeOf,
    nowMs,
  };
  const files = write(path, whole.stays.slice(0, reference), whole.measured);
  const limits = { memoryMegabytes: 512, threads: 1 };
  const { table } = await loadRows(path, `SELECT * FROM '${files.rows}'`, limits, contract, {
    label: true,
    holdoutColumn: null,
    payload: { kind: 'series', directory: path, sql: `SELECT * FROM '${files.series}'`, limits },
  });
  const policy = policySchema.parse({
    ...plan.gate,
    monitor: { ...plan.gate.monitor, falseAlarmRate: 0.2, lifetimePatients: 1000, windowPatients: 100 },
  });
  const baseline = await startMonitor(
    {
      ...base,
      release,
      against: null,
      policy,
      schema: canonicalDigest('file'),
      cutoffs: [contract.trainingCutoff],
      validatedMs: startMs + reference * 3_000_000 + contract.outcomeWindowDays * dayMs,
      revalidateDays: 90,
      updateShare: 0,
    },
    table,
  );
  let state: MonitorState = initMonitor(contract, baseline, predictions.lastPrediction());
  const monitor = {
    reference: referenceScores(predictions, digest, outcomeOf),
    load: () => ({ baseline, state }),
    save: (next: MonitorState) => {
      state = next;
    },
  };
  return {
    needs: { ...base, holdout: undefined, releases: [release], monitor, payloadBytes },
    scorer,
    found: () =>
      canonicalJson({
        predictions: opened.all(
          'select patient, time_ms, probability, role, subgroups from predictions order by sequence',
        ),
        outcomes: opened.all('select patient, time_ms, outcome, altered from outcomes order by sequence'),
        state,
      }),
  };
}

function write(path: string, stays: readonly HeartRow[], measured: readonly HeartRow[]) {
  const files = { rows: join(path, 'stays.csv'), series: join(path, 'measured.csv') };
  writeFileSync(files.rows, csvText(stays));
  writeFileSync(files.series, csvText(measured));
  return files;
}

const bytesOfOne = 4 * 2 * 4;
const enough = count * bytesOfOne;

describe('a pass over series', () => {
  it('comes to the same with memory for all and for some, wherever the series stand', async () => {
    const found: string[] = [];
    const place = ({ stay }: HeartRow): number => Number(String(stay).slice(1));
    const turned = [...whole.measured].sort((a, b) => place(b) - place(a));
    for (const [name, payloadBytes, measured] of [
      ['all', enough, whole.measured],
      ['some', 1700 * bytesOfOne, turned],
      ['few', 900 * bytesOfOne, whole.measured],
    ] as const) {
      const { needs, found: stored } = await site(payloadBytes, name);
      const files = write(join(folder.path, name), whole.stays, measured);
      const { counts } = await scoreRows(needs, fileSource(files.rows, { series: files.series }));
      // 108 without a series; 77 with a pulse out of range, of which row 349 and every 350th after it have no series either: 15.
      expect(counts).toMatchObject({ rowsRead: count, problems: 108 + 77 - 15 });
      found.push(stored());
    }
    for (const other of found) expect(other).toBe(found[0]);
    const { predictions } = JSON.parse(found[0] as string) as { predictions: { role: string }[] };
    // All that have no problem, the reference among them; every ninth is excluded.
    expect(predictions.length).toBe(count - 170);
    expect(predictions.filter(({ role }) => role === 'new').length).toBeGreaterThan(2000);
  });

  it('gives every stay the figure of its own series', async () => {
    const { needs } = await site(enough);
    const files = write(join(folder.path, 'site'), whole.stays, whole.measured);
    await scoreRows(needs, fileSource(files.rows, { series: files.series }));
    const stored = new Map(
      store
        ?.all<{ patient: string; timeMs: number; probability: number }>(
          'select patient, time_ms as "timeMs", probability from predictions',
        )
        .map(({ patient, timeMs, probability }) => [`${patient} ${timeMs}`, probability]),
    );
    for (const row of [700, 1234, 2047, 2048, 4095, 4096, 5398]) {
      const stay = whole.stays[row] as HeartRow;
      const own = whole.measured.filter((one) => one.stay === stay.stay);
      let pulse = 0;
      let lactate = 0;
      let sum = 0;
      for (let step = 0; step < 4; step++) {
        const now = own[step];
        if (now !== undefined) pulse = (Number(now.pulse) - 80) / 20;
        if (now !== undefined && now.lactate !== null) lactate = (Number(now.lactate) - 1) / 2;
        sum += pulse + lactate;
      }
      expect(stored.get(`${stay.patient} ${Date.parse(`${admitted(row)}Z`)}`)).toBeCloseTo(
        1 / (1 + Math.exp(-sum / 8)),
        6,
      );
    }
  });

  it('reads the series of rows that were not scored, and no others', async () => {
    const { needs, scorer, found } = await site(enough);
    const files = write(join(folder.path, 'site'), whole.stays, whole.measured);
    await scoreRows(needs, fileSource(files.rows, { series: files.series }));
    const before = found();
    scorer.seen = 0;
    // The source keeps no measurements of those: they are scored, and their outcomes known.
    const late = { ...(whole.stays[0] as HeartRow), patient: 'late', stay: 'late', admitted: admitted(count) };
    writeFileSync(files.rows, csvText([...whole.stays, late]));
    writeFileSync(files.series, csvText([{ stay: 'late', minute: 0, pulse: 90, lactate: 1 }]));
    const { counts } = await scoreRows(needs, fileSource(files.rows, { series: files.series }));
    expect(scorer.seen).toBe(1);
    expect(counts.problems).toBe(170);
    expect(counts.releases).toEqual([{ version: 'stays/1', scored: 1, before: count - 170 }]);
    expect(counts.outcomes).toMatchObject({ conflict: 0, unknown: 0 });
    expect(found()).not.toBe(before);
    rmSync(files.series);
    // Nothing is wanted but those that were refused before.
    await expect(scoreRows(needs, fileSource(files.rows, { series: files.series }))).rejects.toMatchObject({
      code: 'file_missing',
    });
  });

  it('a second row of the same stay is a problem in whatever part it stands', async () => {
    const { needs } = await site(enough);
    const again = { ...(whole.stays[1] as HeartRow), admitted: admitted(count + 5) };
    const files = write(join(folder.path, 'site'), [...whole.stays, again], whole.measured);
    const { counts } = await scoreRows(needs, fileSource(files.rows, { series: files.series }));
    expect(counts).toMatchObject({ rowsRead: count + 1, problems: 171 });
  });

  it('that fails in the model or in what is stored says so, and not that the query failed', async () => {
    const { needs } = await site(enough);
    const files = write(join(folder.path, 'site'), whole.stays, whole.measured);
    const source = fileSource(files.rows, { series: files.series });
    const broken = {
      ...needs,
      releases: needs.releases.map((release) => ({
        ...release,
        scorer: { ...release.scorer, score: async () => new Float32Array([2]) },
      })),
    };
    await expect(scoreRows(broken, source)).rejects.toMatchObject({ code: 'model_interface' });
    const full = new Error('disk full');
    const unstored = {
      ...needs,
      transaction: () => {
        throw full;
      },
    };
    await expect(scoreRows(unstored, source)).rejects.toBe(full);
    await expect(scoreRows(unstored, source)).rejects.not.toBeInstanceOf(DataError);
  });
});

describe('a pass over images', () => {
  it('opens no file of a row that was scored', async () => {
    const under = imagePlan({ data: { maximumProblemShare: 1 } }).data;
    const rows = Array.from({ length: 3 }, (_, row) => ({
      patient: `p${row}`,
      file: `${row}.png`,
      admitted: admitted(row),
      disease: 0,
    }));
    const path = folder.path;
    writeFileSync(join(path, 'images.csv'), csvText(rows));
    const { needs } = await site(1, 'images');
    const known = { ...needs.predictions, has: (_: unknown, patient: string) => patient !== 'p1' };
    const { counts } = await scoreRows(
      { ...needs, contract: under, predictions: known, monitor: null },
      fileSource(join(path, 'images.csv')),
    );
    // None of the files is there.
    expect(counts).toMatchObject({ rowsRead: 3, problems: 1, releases: [{ scored: 0, before: 2 }] });
  });
});
