import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { changePlan, modifications } from '../../../shared/packet/change-plan.ts';
import { openItems, type PacketDocument } from '../../../shared/packet/document.ts';
import { buildPacket, packetDocuments } from '../../../shared/packet/packet.ts';
import { knownJudgements } from '../../../shared/packet/record.ts';
import { digestOf } from '../../../shared/runtime/digest.ts';
import type { SiteName } from '../../../shared/runtime/ids.ts';
import { replayEvidence } from '../../../site-agent/judging/evidence-file.ts';
import { nestingProblems, reachingOut } from '../../support/markup.ts';
import {
  packetEvidence,
  packetJudgement,
  packetPlan,
  packetRecord,
  sampleConsortium,
  sampleSite,
  shared,
} from '../../support/packet.ts';

const both = packetRecord({ site: sampleSite(), consortium: sampleConsortium() });
const hospital = packetRecord({ site: sampleSite() });
const coordinator = packetRecord({ consortium: sampleConsortium() });
const nothing = packetRecord({ release: null });

const records = [
  ['both sides', both],
  ['a hospital', hospital],
  ['the consortium', coordinator],
  ['neither', nothing],
] as const;

const document = (name: string, record = both): PacketDocument => {
  const found = packetDocuments(record).find((one) => one.name === name);
  if (found === undefined) throw new Error(`no document ${name}`);
  return found;
};
const refs = (name: string): readonly string[] =>
  document(name).sections.flatMap(({ entries }) => entries.map(({ ref }) => ref));
const textOf = (value: unknown): string => JSON.stringify(value);

describe('the frameworks', () => {
  it('Annex IV has each of its nine sections with their letters', () => {
    const letters = [...'abcdefgh'];
    expect(refs('ai-act-annex-iv')).toEqual([
      ...letters.map((letter) => `1(${letter})`),
      ...letters.map((letter) => `2(${letter})`),
      ...['3', '4', '5', '6', '7', '8', '9'],
    ]);
  });

  it('TRIPOD+AI has items 1 to 27, with their parts', () => {
    const items = refs('tripod-ai');
    expect([...new Set(items.map((ref) => Number.parseInt(ref, 10)))]).toEqual(
      Array.from({ length: 27 }, (_, index) => index + 1),
    );
    expect(items).toHaveLength(new Set(items).size);
    expect(items.filter((ref) => ref.startsWith('12'))).toEqual([...'abcdefg'].map((part) => `12${part}`));
  });

  it('HTI-1 has 31 source attributes in nine groups', () => {
    expect(refs('hti-1-source-attributes')).toHaveLength(31);
    expect(document('hti-1-source-attributes').sections).toHaveLength(9);
  });

  it('PROBAST+AI has four domains and applicability for development and for evaluation, and rates nothing', () => {
    expect(document('probast-ai').sections.map(({ entries }) => entries.length)).toEqual([5, 5]);
    const answers = openItems(document('probast-ai')).filter(({ by }) => by === 'the assessor');
    expect(answers).toHaveLength(10);
  });

  it('Article 72 has its four paragraphs', () => {
    expect(document('ai-act-article-72').sections.map(({ title }) => title.slice(0, 5))).toEqual([
      '72(1)',
      '72(2)',
      '72(3)',
      '72(4)',
    ]);
  });
});

describe('what is not on record', () => {
  it.each(records)('stays open, and never becomes a value: %s', (_, record) => {
    for (const one of packetDocuments(record)) {
      for (const { entries } of one.sections) {
        for (const { recorded, open } of entries) expect(recorded.length + open.length).toBeGreaterThan(0);
      }
      expect(textOf(one).match(/\bNaN\b|\bundefined\b(?!: )|\[object|Infinity/)).toBeNull();
    }
  });

  it('is open without any judgement, and closed by one', () => {
    const what = 'No hospital whose record is here has judged this release.';
    expect(textOf(document('tripod-ai', nothing))).toContain(what);
    expect(textOf(document('tripod-ai', hospital))).not.toContain(what);
  });

  it('provider, funding and declaration are open whatever is recorded', () => {
    const open = packetDocuments(both).flatMap((one) => openItems(one).map(({ what }) => what));
    for (const what of [
      'Name and address of the provider.',
      'Funding.',
      'The declaration.',
      'Ethical approval',
      'Limitations.',
    ]) {
      expect(open.some((item) => item.startsWith(what) || what === 'Ethical approval')).toBe(true);
    }
    expect(openItems(document('tripod-ai')).some(({ ref }) => ref === '17')).toBe(true);
  });

  it('stands at the head of the index, before the documents', () => {
    const index = buildPacket(hospital)[0]?.text ?? '';
    expect(index.indexOf('Open: not recorded')).toBeGreaterThan(0);
    expect(index.indexOf('Open: not recorded')).toBeLessThan(index.indexOf('<h2>Documents</h2>'));
    const machine = JSON.parse(buildPacket(hospital)[1]?.text ?? '') as { open: readonly unknown[] };
    expect(machine.open).toHaveLength(packetDocuments(hospital).flatMap(openItems).length);
  });
});

describe('what is on record', () => {
  it('is told with its figures and its source', () => {
    const table = textOf(document('ai-act-annex-iv', hospital));
    expect(table).toContain('0.840 (0.800 to 0.880)');
    expect(table).toContain('cholesterol is higher than among the training rows.');
    expect(table).toMatch(/evidence file [0-9a-f]{16} of north/);
    expect(textOf(document('tripod-ai', hospital))).toContain('Training rows: 2000.');
  });

  it("a hospital's whole judgement stands in place of what it shared; others' stand as shared", () => {
    const known = knownJudgements(both);
    expect(known.map(({ site, whole }) => [site, whole])).toEqual([
      ['north', true],
      ['south', false],
    ]);
    expect(knownJudgements(coordinator).map(({ whole }) => whole)).toEqual([false, false]);
  });

  it('counts that a hospital keeps are told as kept', () => {
    const evidence = packetEvidence({ site: 'west' as SiteName, excluded: { window_open: 3 } });
    const [release] = sampleConsortium().releases;
    if (release === undefined) throw new Error('the sample has a release');
    const judgement = packetJudgement(evidence);
    const record = packetRecord({
      consortium: sampleConsortium({
        releases: [
          {
            ...release,
            decisions: [
              { site: 'west' as SiteName, decision: 'accept', receivedAt: 'now', judgement: shared(judgement) },
            ],
          },
        ],
      }),
    });
    expect(textOf(document('tripod-ai', record))).toContain('kept at the hospital');
    expect(textOf(packetDocuments(record))).not.toContain('window_open: 3');
  });

  it("names of people are in a hospital's packet, and not in the consortium's", () => {
    expect(textOf(document('change-plan', hospital))).toContain('Ada Lee');
    expect(textOf(packetDocuments(coordinator))).not.toContain('Ada Lee');
    expect(textOf(document('change-plan', hospital))).toContain('calibration (warn)');
  });
});

describe('the change-control plan', () => {
  it('lists releases, each allowed update and the return, and traces each through every block', () => {
    expect(modifications(both).map(({ id, kind, step }) => [id, kind, step])).toEqual([
      ['M1', 'release', undefined],
      ['M2', 'update', 'intercept'],
      ['M3', 'update', 'logistic'],
      ['M4', 'return', undefined],
    ]);
    const plan = changePlan(both);
    const all = plan.sections.flatMap(({ entries }) => entries.map(({ ref }) => ref));
    for (const { id } of modifications(both)) {
      for (const block of ['data management', 're-training', 'performance evaluation', 'update procedures', 'impact']) {
        expect(all.filter((ref) => ref === `${id}, ${block}`)).toHaveLength(1);
      }
    }
    const trace = plan.sections.find(({ title }) => title === 'Traceability')?.entries[0]?.recorded[0]?.block;
    if (trace?.kind !== 'table') throw new Error('no traceability table');
    expect(trace.rows).toHaveLength(4);
    // Every place the table points to is there.
    for (const row of trace.rows) for (const cell of row.slice(1, 6)) expect(all).toContain(cell);
    expect(trace.rows[0]?.[6]).toBe('heart-disease/2 at north: accept; heart-disease/2 at south: hold');
  });

  it('states the criteria with the signed figures', () => {
    expect(textOf(changePlan(both))).toContain(`above -${packetPlan.plan.gate.auroc.margin}`);
    expect(textOf(changePlan(both))).toContain('clinical lead, data protection officer');
  });
});

describe('the files', () => {
  it.each(records)('are pages that run nothing and reach for nothing: %s', (_, record) => {
    for (const { path, text } of buildPacket(record).filter((file) => file.path.endsWith('.html'))) {
      expect([path, nestingProblems(text)]).toEqual([path, []]);
      expect([path, reachingOut(text)]).toEqual([path, []]);
    }
  });

  it('are listed with their digests, and the sums hold', () => {
    const files = buildPacket(both);
    const sums = files.at(-1)?.text ?? '';
    expect(files.at(-1)?.path).toBe('SHA256SUMS');
    const lines = sums.trimEnd().split('\n');
    expect(lines).toHaveLength(files.length - 1);
    for (const { path, text } of files.slice(0, -1)) {
      expect(lines).toContain(`${createHash('sha256').update(text).digest('hex')}  ${path}`);
    }
    const index = JSON.parse(files[1]?.text ?? '') as { files: readonly { path: string; digest: string }[] };
    for (const { path, digest } of index.files) {
      expect(digestOf(files.find((file) => file.path === path)?.text ?? '')).toBe(digest);
    }
    expect(new Set(files.map(({ path }) => path)).size).toBe(files.length);
  });

  it('hold the evidence of every judgement of the hospital, and each replays', () => {
    const kept = buildPacket(both).filter(({ path }) => path.startsWith('judgements/'));
    expect(kept).toHaveLength(1);
    for (const { path, text } of kept) expect(replayEvidence(text, path).same).toBe(true);
    expect(buildPacket(coordinator).some(({ path }) => path.startsWith('judgements/'))).toBe(false);
    expect(buildPacket(coordinator).filter(({ path }) => path.startsWith('shared-judgements/'))).toHaveLength(2);
  });

  it('are the same bytes for the same record', () => {
    expect(buildPacket(both)).toEqual(
      buildPacket(packetRecord({ site: sampleSite(), consortium: sampleConsortium() })),
    );
  });
});
