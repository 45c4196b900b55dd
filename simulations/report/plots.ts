import { CustomChart, LineChart } from 'echarts/charts';
import { GridComponent, LegendComponent, MarkLineComponent } from 'echarts/components';
import * as echarts from 'echarts/core';
import { SVGRenderer } from 'echarts/renderers';
import type { Estimate } from '../../shared/plan/judgement.ts';
import { type Html, trusted } from './html.ts';

echarts.use([CustomChart, LineChart, GridComponent, LegendComponent, MarkLineComponent, SVGRenderer]);

/** Drawn at the width of a telephone, so that the words stay legible there; wider screens show plots side by side. */
const plotWidth = 380;

// Colours are the page's own variables, so that dark, light and print need one drawing.
const ink = 'var(--ink)';
const faint = 'var(--faint)';
const rule = 'var(--rule)';
const text = { color: ink, fontFamily: 'inherit', fontSize: 12 } as const;
const axis = {
  axisLine: { lineStyle: { color: faint } },
  axisTick: { lineStyle: { color: faint } },
  axisLabel: text,
  nameTextStyle: text,
  splitLine: { lineStyle: { color: rule } },
} as const;

/** Without what echarts adds for its script: hover styles, clips (nothing lies outside) and names whose numbers grow with every chart of the process. */
function still(svg: string): string {
  return svg
    .replaceAll(/<style[^>]*>[\s\S]*?<\/style>/g, '')
    .replaceAll(/<clipPath[^>]*>[\s\S]*?<\/clipPath>/g, '')
    .replaceAll(/ (clip-path|ecmeta_[a-z_]+|class)="[^"]*"/g, '')
    .replaceAll(/\n\s*/g, '');
}

function draw(height: number, label: string, option: echarts.EChartsCoreOption): Html {
  const chart = echarts.init(null, null, { renderer: 'svg', ssr: true, width: plotWidth, height });
  try {
    chart.setOption({ animation: false, ...option });
    const svg = chart.renderToSVGString({ useViewBox: true });
    const name = label.replaceAll(/[&<>"]/g, ' ');
    return trusted(still(svg).replace('<svg ', `<svg role="img" aria-label="${name}" `));
  } finally {
    chart.dispose();
  }
}

/** A line of values by round; null leaves a gap. */
export interface Series {
  readonly name: string;
  readonly values: readonly (number | null)[];
}

/** Loss by round, rounds counted from 1. */
export function linePlot(label: string, yName: string, series: readonly Series[]): Html {
  const length = Math.max(...series.map((one) => one.values.length));
  return draw(240, label, {
    grid: { left: 52, right: 16, top: 40, bottom: 40 },
    legend: { top: 4, right: 8, textStyle: text, itemWidth: 18, itemHeight: 8, itemGap: 18 },
    xAxis: {
      type: 'category',
      data: Array.from({ length }, (_, index) => String(index + 1)),
      name: 'round',
      nameLocation: 'middle',
      nameGap: 26,
      ...axis,
      splitLine: { show: false },
    },
    yAxis: { type: 'value', name: yName, scale: true, ...axis },
    series: series.map((one, index) => ({
      type: 'line',
      name: one.name,
      data: [...one.values],
      silent: true,
      emphasis: { disabled: true },
      symbol: 'circle',
      symbolSize: 6,
      color: index === 0 ? 'var(--new)' : 'var(--current)',
      itemStyle: {
        color: index === 0 ? 'var(--new)' : 'var(--panel)',
        borderColor: index === 0 ? 'var(--new)' : 'var(--current)',
        borderWidth: 2,
      },
      lineStyle: {
        width: 2,
        color: index === 0 ? 'var(--new)' : 'var(--current)',
        type: index === 0 ? 'solid' : 'dashed',
      },
    })),
  });
}

/** How an estimate is drawn: told apart by shape and filling too, not by colour alone. */
const marks = {
  new: { color: 'var(--new)', filled: true, square: false },
  difference: { color: 'var(--new)', filled: true, square: false },
  current: { color: 'var(--current)', filled: false, square: false },
  pooled: { color: 'var(--current)', filled: true, square: true },
  alone: { color: 'var(--faint)', filled: false, square: true },
} as const;

export interface ForestRow {
  readonly name: string;
  readonly estimates: readonly { readonly kind: keyof typeof marks; readonly estimate: Estimate }[];
}

/** Estimates with their 95% intervals, a row a site, and a broken line at `reference`. */
export function forestPlot(
  label: string,
  rows: readonly ForestRow[],
  reference: { readonly value: number; readonly name: string },
): Html {
  const drawn = rows.flatMap((row, index) =>
    row.estimates.flatMap(({ kind, estimate }, position) =>
      estimate.value === null
        ? []
        : [{ index, kind, offset: (position - (row.estimates.length - 1) / 2) * 16, estimate, value: estimate.value }],
    ),
  );
  const ends = drawn.flatMap(({ estimate, value }) => [value, estimate.low ?? value, estimate.high ?? value]);
  const low = Math.min(reference.value, ...ends);
  const high = Math.max(reference.value, ...ends);
  const padding = Math.max(0.01, (high - low) * 0.06);
  const bound = (value: number, up: boolean): number => (up ? Math.ceil(value * 20) : Math.floor(value * 20)) / 20;

  const most = Math.max(...rows.map(({ estimates }) => estimates.length));
  return draw(70 + rows.length * Math.max(44, most * 16 + 12), label, {
    grid: { left: 92, right: 18, top: 26, bottom: 32 },
    yAxis: {
      type: 'category',
      inverse: true,
      data: rows.map((row) => row.name),
      ...axis,
      axisTick: { show: false },
      splitLine: { show: false },
    },
    xAxis: {
      type: 'value',
      min: bound(low - padding, false),
      max: bound(high + padding, true),
      splitNumber: 4,
      ...axis,
      axisLabel: { ...text, formatter: (value: number) => value.toFixed(2) },
    },
    series: [
      {
        type: 'custom',
        silent: true,
        emphasis: { disabled: true },
        data: drawn.map(({ index, value }) => [value, index]),
        encode: { x: 0, y: 1 },
        // The drawing of one mark: its interval as a line with ends, its estimate as `marks` says.
        renderItem(parameters: { dataIndex: number }, api: { coord(at: [number, number]): [number, number] }) {
          const mark = drawn[parameters.dataIndex] as (typeof drawn)[number];
          const [x, middle] = api.coord([mark.value, mark.index]);
          const y = middle + mark.offset;
          const { color, filled, square } = marks[mark.kind];
          const line = (x1: number, y1: number, x2: number, y2: number) => ({
            type: 'line',
            shape: { x1, y1, x2, y2 },
            style: { stroke: color, lineWidth: 2 },
          });
          const children: object[] = [];
          if (mark.estimate.low !== null && mark.estimate.high !== null) {
            const [left] = api.coord([mark.estimate.low, mark.index]);
            const [right] = api.coord([mark.estimate.high, mark.index]);
            children.push(line(left, y, right, y), line(left, y - 4, left, y + 4), line(right, y - 4, right, y + 4));
          }
          children.push({
            ...(square
              ? { type: 'rect', shape: { x: x - 4, y: y - 4, width: 8, height: 8 } }
              : { type: 'circle', shape: { cx: x, cy: y, r: 4.5 } }),
            style: { fill: filled ? color : 'var(--paper)', stroke: color, lineWidth: 2 },
          });
          return { type: 'group', children };
        },
        markLine: {
          silent: true,
          symbol: 'none',
          data: [{ xAxis: reference.value }],
          lineStyle: { color: faint, type: 'dashed', width: 1.5 },
          label: { ...text, formatter: reference.name, position: 'start' },
        },
      },
    ],
  });
}
