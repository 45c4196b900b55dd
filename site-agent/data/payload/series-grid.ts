import type { SeriesPayload } from '../../../shared/plan/payload.ts';
import { RunningFigures } from './computed-columns.ts';

/** Lays the measurements of one series after the other on the plan's regular grid. */
export class SeriesGrid {
  readonly #payload: SeriesPayload;
  /** [steps, channels] of the series at hand, accumulated in double. */
  readonly #sums: Float64Array;
  readonly #counts: Uint32Array;
  #dirty = false;

  constructor(payload: SeriesPayload) {
    this.#payload = payload;
    this.#sums = new Float64Array(payload.steps * payload.channels.length);
    this.#counts = new Uint32Array(payload.steps * payload.channels.length);
  }

  clear(): void {
    if (!this.#dirty) return;
    this.#sums.fill(0);
    this.#counts.fill(0);
    this.#dirty = false;
  }

  /**
   * Step of a minute not below 0; `steps` and more lie beyond the end. Where minutes have fractions their quotient may be a little below
   * the whole number it stands for (0.3 / 0.1 is), so within a billionth of a step it is that number.
   */
  stepOf(minute: number): number {
    const steps = minute / this.#payload.stepMinutes;
    const nearest = Math.round(steps);
    return Math.abs(steps - nearest) < 1e-9 ? nearest : Math.floor(steps);
  }

  add(step: number, channel: number, value: number): void {
    const cell = step * this.#payload.channels.length + channel;
    this.#sums[cell] = (this.#sums[cell] as number) + value;
    this.#counts[cell] = (this.#counts[cell] as number) + 1;
    this.#dirty = true;
  }

  /** Share of steps without a measurement of any channel. */
  missingShare(): number {
    const { steps, channels } = this.#payload;
    let empty = 0;
    for (let step = 0; step < steps; step++) {
      const begin = step * channels.length;
      let any = false;
      for (let cell = begin; cell < begin + channels.length && !any; cell++) any = this.#counts[cell] !== 0;
      if (!any) empty++;
    }
    return empty / steps;
  }

  /** Figures over the steps of a channel that have a measurement, in the channel's unit. */
  figures(channel: number): RunningFigures {
    const { steps, channels } = this.#payload;
    const figures = new RunningFigures();
    for (let step = 0; step < steps; step++) {
      const cell = step * channels.length + channel;
      const count = this.#counts[cell] as number;
      if (count > 0) figures.add((this.#sums[cell] as number) / count);
    }
    return figures;
  }

  /**
   * Writes the series as the network takes it, [steps, channels] or with `observed` [steps, channels · 2]: the mean of a step's values, or
   * the last step's before it, or the normal value; then (value - normal) / scale. The 0/1 channels follow the values of their step.
   */
  write(into: Float32Array, offset: number): void {
    const { steps, channels, observed } = this.#payload;
    const width = channels.length * (observed ? 2 : 1);
    for (const [channel, { normal, scale }] of channels.entries()) {
      let value = normal;
      for (let step = 0; step < steps; step++) {
        const cell = step * channels.length + channel;
        const count = this.#counts[cell] as number;
        if (count > 0) value = (this.#sums[cell] as number) / count;
        into[offset + step * width + channel] = (value - normal) / scale;
        if (observed) into[offset + step * width + channels.length + channel] = count > 0 ? 1 : 0;
      }
    }
  }
}
