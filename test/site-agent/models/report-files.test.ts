import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { SliceEvidence } from '../../../shared/plan/judgement.ts';
import { evidenceFileOf } from '../../../shared/report/evidence-file.ts';
import { randomStream } from '../../../shared/runtime/random.ts';
import { replayEvidence } from '../../../site-agent/judging/evidence-file.ts';
import { keepReport, writeReport } from '../../../site-agent/models/report-files.ts';
import { temporaryDirectory } from '../../support/heart-site.ts';
import { packetEvidence, packetJudgement, packetPlan } from '../../support/packet.ts';

let folder: ReturnType<typeof temporaryDirectory>;
beforeEach(() => {
  folder = temporaryDirectory();
});
afterEach(() => folder.remove());

const policy = packetPlan.plan.gate;

describe('a report on disk', () => {
  it("is named by release, digest and time, and is its owner's alone", async () => {
    const { file, evidenceFile } = await writeReport(folder.path, { judgement: packetJudgement(), policy });
    expect(readdirSync(join(folder.path, 'reports'))).toEqual([
      'heart-disease-2-bbbbbbbbbbbb_2024-12-31T00-00-00.html',
    ]);
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(evidenceFile).toBeNull();
  });

  it('has an evidence file that does not fit beside it', async () => {
    const random = randomStream(5, 'slices');
    const slices: SliceEvidence[] = Array.from({ length: 20_000 }, (_, index) => ({
      conditions: [{ column: 'age', text: `age from ${index}` }],
      rows: 40,
      events: 14,
      loss: random.uniform(),
      lossElsewhere: random.uniform(),
      score: random.uniform(),
      p: random.uniform(),
      adjustedP: 1,
    }));
    const judgement = packetJudgement(packetEvidence({ slices }));
    const { file, evidenceFile } = await writeReport(folder.path, { judgement, policy });
    const page = readFileSync(file, 'utf8');
    expect(page.length).toBeLessThan(1_000_000);
    expect(evidenceFileOf(page)).toBeNull();
    expect(page).toContain('too large for this page');
    const text = readFileSync(evidenceFile as string, 'utf8').trimEnd();
    expect(JSON.parse(text).decision).toEqual(judgement.decision);
  });

  it('that cannot be written loses no judgement', async () => {
    const file = join(folder.path, 'file');
    writeFileSync(file, '');
    const input = { judgement: packetJudgement(), policy };
    await expect(keepReport(file, input)).resolves.toBeUndefined();
    await expect(writeReport(file, input)).rejects.toThrow();
    await keepReport(folder.path, input);
    const [name] = readdirSync(join(folder.path, 'reports'));
    const page = readFileSync(join(folder.path, 'reports', name as string), 'utf8');
    expect(replayEvidence(evidenceFileOf(page) as string, 'report').same).toBe(true);
    expect(existsSync(`${file}/reports`)).toBe(false);
  });
});
