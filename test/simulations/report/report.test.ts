import { describe, expect, it } from 'vitest';
import { reportHtml } from '../../../simulations/report/report-html.ts';
import { summariseOutcome } from '../../../simulations/report/summary.ts';
import { decisionTable } from '../../../simulations/report/text-table.ts';
import { nestingProblems } from '../../support/markup.ts';
import { sampleOutcome } from './sample-outcome.ts';

describe('summary.json', () => {
  const summary = summariseOutcome(sampleOutcome());

  it('has the agreed keys', () => {
    expect(Object.keys(summary).slice(0, 4)).toEqual(['run', 'plan', 'rounds', 'releases']);
    expect(summary.run).toBe('heart-disease-1');
    expect(summary.plan).toMatch(/^[0-9a-f]{64}$/);
    expect(summary.rounds).toHaveLength(10);
    expect(summary.rounds[2]).toEqual({
      round: 3,
      sites: ['hungarian', 'long-beach', 'switzerland'],
      excluded: [{ site: 'cleveland', reason: 'late' }],
      bytesUp: 6000,
      bytesDown: 7200,
      durationMs: 320,
    });
    expect(summary.releases.map(({ version }) => version)).toEqual(['heart-disease/1', 'heart-disease/2']);
    const [decision] = summary.releases[1]?.decisions ?? [];
    expect(Object.keys(decision ?? {})).toEqual(['site', 'decision', 'reasons', 'evidence', 'auroc', 'shift', 'found']);
    expect(decision).toMatchObject({ site: 'cleveland', decision: 'reject', reasons: ['harm.auroc'] });
    expect(Object.keys(decision?.auroc.new ?? {})).toEqual(['value', 'low', 'high']);
    expect(Object.keys(decision?.shift[0] ?? {})).toEqual(['column', 'statistic', 'p', 'psi']);
  });

  it('keeps an unknown figure unknown', () => {
    expect(summary.releases[0]?.decisions[0]?.auroc.current).toEqual({ value: null, low: null, high: null });
    expect(JSON.stringify(summary)).not.toContain('NaN');
  });
});

describe('the table of decisions', () => {
  it('has a line for a hospital that was asked and has not judged', () => {
    expect(decisionTable(sampleOutcome())).toMatch(
      /^heart-disease\/1 +budapest +not judged +– +– +declined: too_few_rows *$/m,
    );
  });
});

describe('report.html', () => {
  const page = reportHtml(sampleOutcome());

  it('is one file without script, link, image or address', () => {
    expect(page.length).toBeLessThan(1024 * 1024);
    expect(page).not.toMatch(/<(script|link|img|iframe|object|form)\b/i);
    expect(page).not.toMatch(/\son[a-z]+=/i);
    // The names of SVG's own vocabularies are no addresses that anything fetches.
    const addresses = [...page.matchAll(/[a-z]+:\/\/[^"'\s<]*/gi)].map(([address]) => address);
    expect(addresses.filter((address) => !address.startsWith('http://www.w3.org/'))).toEqual([]);
    expect(page).not.toMatch(/url\(|@import/);
  });

  it('escapes what plans, sites and people wrote', () => {
    expect(page).toContain('One remark &lt;script&gt;alert(1)&lt;/script&gt;.');
    expect(page).toContain('Four hospitals &lt;train&gt; together');
    expect(page).toContain('came 3 s after &lt;the deadline&gt;');
    expect(page).toContain('&lt;mmol/L&gt; &amp; not mg/dL');
  });

  it('shows every decision with its reasons, every site left out, and the digests', () => {
    for (const text of [
      'harm.auroc',
      'evidence.too_few_non_events',
      'passed.all',
      'heart-disease/2',
      'cleveland: late',
      'Asked, and has not judged: budapest (declined: too_few_rows).',
    ]) {
      expect(page).toContain(text);
    }
    const summary = summariseOutcome(sampleOutcome());
    for (const release of summary.releases) expect(page).toContain(release.digest);
    expect(page).toContain(summary.runs[0]?.weights);
  });

  it('draws plots in the colours of the page, so that dark and print need no second drawing', () => {
    // Loss of two runs; AUROC of both releases, and the difference where there was a model in use.
    expect(page.match(/<svg role="img"/g)).toHaveLength(2);
    expect(page.match(/<table class="forest">/g)).toHaveLength(3);
    expect(page).toContain('prefers-color-scheme:dark');
    expect(page).toContain('@media print');
    expect(page).toMatch(/stroke="var\(--new\)"/);
    expect(nestingProblems(page)).toEqual([]);
  });

  it('gives the same bytes again', () => {
    expect(reportHtml(sampleOutcome()) === page).toBe(true);
  });
});
