import { extent, place, tickDecimals, ticks } from './axis.ts';
import { figure } from './figures.ts';
import { type Html, html } from './html.ts';
import { type Described, drawing, element, pathOf } from './svg.ts';

/** Lines are told apart by their dashes and by a name at the drawing's head, not by colour alone. */
export type LineLook = 'new' | 'current' | 'reference' | 'faint';

export interface Line {
  readonly name: string;
  readonly look: LineLook;
  /** x and y; a null y leaves a gap. Ascending in x. */
  readonly points: readonly (readonly [number, number | null])[];
  /** Low and high at the same x, drawn as a band behind the line. */
  readonly band?: readonly (readonly [number, number, number])[];
  /** Mark every point. */
  readonly marked?: boolean;
}

export interface LinePlot extends Described {
  readonly x: { readonly name: string; readonly domain?: readonly [number, number]; readonly percent?: boolean };
  readonly y: { readonly name: string; readonly domain?: readonly [number, number]; readonly percent?: boolean };
  readonly lines: readonly Line[];
  /** Upright lines, such as the operating threshold. */
  readonly marks?: readonly { readonly x: number; readonly name: string }[];
  /** A second, lower panel of the same width and x axis: rows by value of x, events up and the others down. */
  readonly histogram?: {
    readonly up: readonly number[];
    readonly down: readonly number[];
    readonly names: readonly [string, string];
  };
  readonly height?: number;
}

const width = 400;
const left = 46;
const right = 20;
const dashes: Readonly<Record<LineLook, string | undefined>> = {
  new: undefined,
  current: '7 4',
  reference: '2 3',
  faint: undefined,
};
const widths: Readonly<Record<LineLook, number>> = { new: 2, current: 2, reference: 1.5, faint: 0.8 };
const colours: Readonly<Record<LineLook, string>> = {
  new: 'var(--new)',
  current: 'var(--current)',
  reference: 'var(--faint)',
  faint: 'var(--faint)',
};

function label(value: number, decimals: number, percent: boolean): string {
  return percent ? `${figure(100 * value, Math.max(0, decimals - 2))}%` : figure(value, decimals);
}

function legend(lines: readonly Line[]): { readonly drawn: readonly Html[]; readonly height: number } {
  const drawn: Html[] = [];
  let x = left;
  let y = 14;
  for (const line of lines.filter(({ name }) => name !== '')) {
    // About 6.1 units a letter at the drawing's text size.
    const taken = 30 + line.name.length * 6.1;
    if (x > left && x + taken > width - right) {
      x = left;
      y += 17;
    }
    drawn.push(
      element('line', {
        x1: x,
        x2: x + 22,
        y1: y - 4,
        y2: y - 4,
        stroke: colours[line.look],
        'stroke-width': widths[line.look],
        'stroke-dasharray': dashes[line.look],
      }),
      element('text', { x: x + 27, y }, line.name),
    );
    x += taken + 10;
  }
  return { drawn, height: lines.length === 0 ? 0 : y + 8 };
}

/** Lines over two numeric axes, with bands, upright marks, and if wanted a panel of counts below. */
export function linePlot(plot: LinePlot): Html {
  const { height = 270, lines, marks = [], histogram } = plot;
  const key = legend(lines);
  const top = key.height + 4;
  const panel = histogram === undefined ? 0 : 74;
  const bottom = height - 38 - panel;
  const xs =
    plot.x.domain ??
    extent(
      lines.flatMap(({ points }) => points.map(([x]) => x)),
      0,
    );
  const ys =
    plot.y.domain ??
    extent(
      lines.flatMap(({ points, band = [] }) => [
        ...points.map(([, y]) => y),
        ...band.flatMap(([, low, high]) => [low, high]),
      ]),
    );
  const atX = (x: number): number => place(x, xs, [left, width - right]);
  const atY = (y: number): number => place(y, ys, [bottom, top]);
  const stepsX = ticks(xs[0], xs[1], 5);
  const stepsY = ticks(ys[0], ys[1], 4);
  const decimalsX = tickDecimals(stepsX);
  const decimalsY = tickDecimals(stepsY);

  const frame: Html[] = [
    ...stepsY.flatMap((y) => [
      element('line', { x1: left, x2: width - right, y1: atY(y), y2: atY(y), stroke: 'var(--rule)' }),
      element(
        'text',
        { x: left - 6, y: atY(y) + 4, 'text-anchor': 'end' },
        label(y, decimalsY, plot.y.percent === true),
      ),
    ]),
    ...stepsX.flatMap((x) => [
      element('line', { x1: atX(x), x2: atX(x), y1: bottom + panel, y2: bottom + panel + 4, stroke: 'var(--faint)' }),
      element(
        'text',
        { x: atX(x), y: bottom + panel + 17, 'text-anchor': 'middle' },
        label(x, decimalsX, plot.x.percent === true),
      ),
    ]),
    element('line', { x1: left, x2: width - right, y1: bottom, y2: bottom, stroke: 'var(--faint)' }),
    element('text', { x: (left + width - right) / 2, y: height - 5, 'text-anchor': 'middle' }, plot.x.name),
    element(
      'text',
      {
        x: 11,
        y: (top + bottom) / 2,
        'text-anchor': 'middle',
        transform: `rotate(-90 11 ${Math.round((top + bottom) / 2)})`,
      },
      plot.y.name,
    ),
  ];
  const upright = marks
    .filter(({ x }) => x >= xs[0] && x <= xs[1])
    .flatMap(({ x, name }) => [
      element('line', { x1: atX(x), x2: atX(x), y1: top, y2: bottom, stroke: 'var(--ink)', 'stroke-dasharray': '4 3' }),
      element(
        'text',
        {
          x: atX(x) + (atX(x) > width / 2 ? -4 : 4),
          y: top + 11,
          'text-anchor': atX(x) > width / 2 ? 'end' : 'start',
        },
        name,
      ),
    ]);
  const bands = lines.flatMap(({ band = [], look }) =>
    band.length < 2
      ? []
      : [
          element('path', {
            d: `${pathOf([
              ...band.map(([x, , high]) => [atX(x), atY(high)] as const),
              ...[...band].reverse().map(([x, low]) => [atX(x), atY(low)] as const),
            ])}Z`,
            fill: colours[look],
            'fill-opacity': 0.16,
          }),
        ],
  );
  const drawnLines = lines.flatMap(({ points, look, marked = false }) => [
    element('path', {
      d: pathOf(points.map(([x, y]) => (y === null ? null : [atX(x), atY(y)]))),
      fill: 'none',
      stroke: colours[look],
      'stroke-width': widths[look],
      'stroke-dasharray': dashes[look],
    }),
    ...(marked
      ? points.flatMap(([x, y]) =>
          y === null ? [] : [element('circle', { cx: atX(x), cy: atY(y), r: 3, fill: colours[look] })],
        )
      : []),
  ]);
  return drawing(
    plot,
    width,
    height,
    html`<g class="plot">${[...frame, ...key.drawn, ...bands, ...upright, ...drawnLines, ...panelOf(plot, atX, xs, bottom, panel)]}</g>`,
  );
}

function panelOf(
  { histogram }: LinePlot,
  atX: (x: number) => number,
  xs: readonly [number, number],
  top: number,
  height: number,
): readonly Html[] {
  if (histogram === undefined) return [];
  const { up, down, names } = histogram;
  const most = [...up, ...down].reduce((a, b) => Math.max(a, b), 1);
  const middle = top + height / 2 + 3;
  const reach = height / 2 - 8;
  const bins = up.length;
  const bar = (counts: readonly number[], upwards: boolean): Html[] =>
    counts.flatMap((count, bin) => {
      if (count === 0) return [];
      const from = atX(xs[0] + ((xs[1] - xs[0]) * bin) / bins);
      const to = atX(xs[0] + ((xs[1] - xs[0]) * (bin + 1)) / bins);
      // A single patient among thousands is still seen.
      const size = Math.max(1, (reach * count) / most);
      return [
        element('rect', {
          x: from + 0.5,
          y: upwards ? middle - size : middle,
          width: Math.max(0.5, to - from - 1),
          height: size,
          fill: upwards ? 'var(--new)' : 'var(--paper)',
          stroke: upwards ? 'var(--new)' : 'var(--faint)',
        }),
      ];
    });
  return [
    ...bar(up, true),
    ...bar(down, false),
    element('line', { x1: left, x2: width - right, y1: middle, y2: middle, stroke: 'var(--faint)' }),
    element('line', { x1: left, x2: width - right, y1: top + height, y2: top + height, stroke: 'var(--faint)' }),
    element('text', { x: width - right, y: top + 14, 'text-anchor': 'end' }, names[0]),
    element('text', { x: width - right, y: top + height - 4, 'text-anchor': 'end' }, names[1]),
  ];
}
