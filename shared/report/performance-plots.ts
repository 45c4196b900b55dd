import type { Performance } from '../plan/judgement.ts';
import { countText, figure } from './figures.ts';
import { type Html, html } from './html.ts';
import { type LineLook, linePlot } from './line-plot.ts';
import { figureOf } from './svg.ts';
import { table } from './table.ts';

/** A model and how its line looks. */
export interface NamedPerformance {
  readonly name: string;
  readonly look: Extract<LineLook, 'new' | 'current'>;
  readonly performance: Performance;
}

/** Observed against predicted risk: smoothed curves with the new model's 95% band, and below them its risks by outcome. Null without a curve. */
export function calibrationPlot(models: readonly NamedPerformance[]): Html | null {
  const drawn = models.filter(({ performance }) => performance.calibration.curve.length > 1);
  const first = drawn[0];
  if (first === undefined) return null;
  const { events, nonEvents } = first.performance.risks;
  return figureOf(
    linePlot({
      title: 'Calibration: observed against predicted risk',
      description: `Smoothed curves of ${drawn.map(({ name }) => name).join(' and ')}; the closer to the diagonal, the truer the predicted risks are to size.`,
      x: { name: 'predicted risk', domain: [0, 1], percent: true },
      y: { name: 'observed', domain: [0, 1], percent: true },
      height: 400,
      lines: [
        {
          name: 'true to size',
          look: 'reference',
          points: [
            [0, 0],
            [1, 1],
          ],
        },
        ...drawn.map(({ name, look, performance: { calibration } }, index) => ({
          name,
          look,
          points: calibration.curve.map(({ predicted, observed }) => [predicted, observed] as const),
          ...(index === 0
            ? { band: calibration.curve.map(({ predicted, low, high }) => [predicted, low, high] as const) }
            : {}),
        })),
      ],
      histogram: { up: events, down: nonEvents, names: ['with the event', 'without'] },
    }),
    html`Smoothed calibration curve${drawn.length > 1 ? 's' : ''} with the 95% band of ${first.name}. Below: patients by the risk that ${first.name} predicts for them, in ${events.length} bins.`,
    html`${table({
      columns: [
        { name: 'predicted', number: true },
        { name: 'observed', number: true },
        { name: '95% low', number: true },
        { name: '95% high', number: true },
      ],
      compact: true,
      rows: first.performance.calibration.curve.map(({ predicted, observed, low, high }) =>
        [predicted, observed, low, high].map((value) => figure(value)),
      ),
    })}${risksTable(first)}`,
  );
}

function risksTable({ name, performance }: NamedPerformance): Html {
  const { events, nonEvents } = performance.risks;
  return table({
    caption: `Patients by the risk that ${name} predicts`,
    compact: true,
    columns: ['risk from', { name: 'with the event', number: true }, { name: 'without', number: true }],
    rows: events.map((count, bin) => [figure(bin / events.length, 2), countText(count), countText(nonEvents[bin])]),
  });
}

/** Net benefit over thresholds of the models and of treating all and nobody (Vickers and Elkin 2006). Null without one. */
export function decisionCurvePlot(models: readonly NamedPerformance[], threshold: number | null): Html | null {
  const drawn = models.filter(({ performance }) => performance.decisionCurve.length > 1);
  const first = drawn[0];
  if (first === undefined) return null;
  const curve = first.performance.decisionCurve;
  const thresholds = curve.map((point) => point.threshold);
  const highest = drawn
    .flatMap(({ performance }) =>
      performance.decisionCurve.flatMap(({ model, treatAll }) => [model ?? 0, treatAll ?? 0]),
    )
    .reduce((a, b) => Math.max(a, b), 0.01);
  return figureOf(
    linePlot({
      title: 'Decision curve: net benefit by threshold',
      description: `Net benefit of acting on ${drawn.map(({ name }) => name).join(' and ')}, of treating all patients, and of treating nobody (zero). Higher is better.`,
      x: {
        name: 'threshold: risk from which one acts',
        domain: [thresholds[0] as number, thresholds.at(-1) as number],
        percent: true,
      },
      // Far below zero treating all is of no interest, and would press the models together at the top.
      y: { name: 'net benefit', domain: [-0.15 * highest, 1.08 * highest] },
      lines: [
        ...drawn.map(({ name, look, performance }) => ({
          name,
          look,
          points: performance.decisionCurve.map((point) => [point.threshold, point.model] as const),
        })),
        {
          name: 'treat all',
          look: 'reference' as const,
          points: curve.map((point) => [
            point.threshold,
            point.treatAll === null || point.treatAll < -0.15 * highest ? null : point.treatAll,
          ]),
        },
        { name: 'treat nobody', look: 'faint' as const, points: thresholds.map((at) => [at, 0] as const) },
      ],
      marks: threshold === null ? [] : [{ x: threshold, name: 'operating threshold' }],
    }),
    'Net benefit: true positives a patient, less false positives weighed by the odds of the threshold. The line on top is the better way to act at that threshold.',
    table({
      columns: ['threshold', ...drawn.map(({ name }) => name), 'treat all', 'interventions avoided, of 100'].map(
        (name) => ({
          name,
          number: true,
        }),
      ),
      compact: true,
      rows: curve.map((point, index) => [
        figure(point.threshold, 2),
        ...drawn.map(({ performance }) => figure(performance.decisionCurve[index]?.model ?? null, 4)),
        figure(point.treatAll, 4),
        figure(point.interventionsAvoided, 1),
      ]),
    }),
  );
}
