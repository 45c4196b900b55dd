import type { Estimate } from '../plan/judgement.ts';
import { coordinate, place } from './axis.ts';
import { estimateText, figure } from './figures.ts';
import { type Html, html, type Part, trusted } from './html.ts';

/** One figure on a scale of its own, with the range a policy allows. */
export interface IntervalDot {
  readonly name: Part;
  /** The field's own term for it. */
  readonly measure: Part;
  /** What the figure means, in words. */
  readonly meaning: Part;
  readonly estimate: Estimate;
  readonly domain: readonly [number, number];
  /** Shaded; null where the policy sets none. */
  readonly allowed: readonly [number, number] | null;
  /** The rule in words, such as `at least 0.70`. */
  readonly rule: Part;
  readonly verdict: { readonly met: 'met' | 'missed' | 'open' | 'none'; readonly word: Part };
  readonly decimals?: number;
  /** In place of the figure, where it is undefined. */
  readonly text?: Part;
}

const height = 34;
const signs = { met: '\u2713', missed: '\u2717', open: '?', none: '' } as const;

function drawn({ estimate, domain, allowed, decimals = 2 }: IntervalDot): Html {
  const at = (value: number): string => coordinate(place(value, domain, [0, 100]));
  const middle = 12;
  const range =
    allowed === null
      ? ''
      : `<rect x="${at(allowed[0])}%" width="${coordinate(place(allowed[1], domain, [0, 100]) - place(allowed[0], domain, [0, 100]))}%" y="2" height="20" class="allowed"/>` +
        allowed
          .filter((value) => value > domain[0] && value < domain[1])
          .map(
            (value) =>
              `<line x1="${at(value)}%" x2="${at(value)}%" y1="2" y2="22" class="ref"/><text x="${at(value)}%" y="33" text-anchor="middle">${figure(
                value,
                decimals,
              )
                .replace(/(\.\d*?)0+$/, '$1')
                .replace(/\.$/, '')}</text>`,
          )
          .join('');
  const { value, low, high } = estimate;
  const interval =
    low === null || high === null
      ? ''
      : `<line x1="${at(low)}%" x2="${at(high)}%" y1="${middle}" y2="${middle}" class="l"/>` +
        [low, high]
          .map((end) =>
            end < domain[0] || end > domain[1]
              ? `<svg x="${at(end)}%" y="${middle}" class="at"><path d="M0 0l${end < domain[0] ? 6 : -6} -4v8Z" class="m f"/></svg>`
              : `<line x1="${at(end)}%" x2="${at(end)}%" y1="${middle - 4}" y2="${middle + 4}" class="l"/>`,
          )
          .join('');
  const dot =
    value === null ? '' : `<svg x="${at(value)}%" y="${middle}" class="at"><circle r="4.5" class="m f"/></svg>`;
  return trusted(
    `<svg class="row" width="100%" height="${height}" aria-hidden="true" focusable="false"><line x1="0" x2="100%" y1="${middle}" y2="${middle}" class="base"/>${range}${interval}${dot}</svg>`,
  );
}

/** A few figures, each on its own scale with the range the policy allows, what it means in words, and whether the rule is met. */
export function intervalDots(rows: readonly IntervalDot[]): Html {
  return html`<div class="dots">${rows.map(
    (row) =>
      html`<div class="dot is-${row.verdict.met}"><p class="name"><strong>${row.name}</strong> <span><span class="key">${row.measure}</span> ${row.text ?? estimateText(row.estimate, row.decimals ?? 2)}</span></p>${drawn(row)}<p class="rule"><span class="sign" aria-hidden="true">${signs[row.verdict.met]}</span> ${row.verdict.word}<span class="key"> · ${row.rule}</span></p><p class="key">${row.meaning}</p></div>`,
  )}</div>`;
}
