import type { MonitorSignal, SignalLevel } from '../../../shared/plan/notice.ts';

/** One figure of a signal against its bounds. */
export interface SignalPart {
  /** What it is of: a column, a subgroup, a direction; empty when the signal has one figure. */
  readonly name: string;
  /** Null where undefined; then `reason` says why. */
  readonly figure: number | null;
  /** From which it warns, and from which it asks for a new judgement; null where it does not. */
  readonly warn: number | null;
  readonly alarm: number | null;
  readonly level: SignalLevel;
  readonly reason?: string;
}

/** What one signal says now. */
export interface SignalReading {
  readonly signal: MonitorSignal;
  readonly parts: readonly SignalPart[];
}

const order: readonly SignalLevel[] = ['quiet', 'warn', 'revalidate', 'harm'];

export function worse(a: SignalLevel, b: SignalLevel): SignalLevel {
  return order.indexOf(a) >= order.indexOf(b) ? a : b;
}

export function levelOf(parts: readonly SignalPart[]): SignalLevel {
  return parts.reduce<SignalLevel>((level, part) => worse(level, part.level), 'quiet');
}

/** A part whose figure counts as worse the larger it is. */
export function upperPart(
  name: string,
  figure: number | null,
  bounds: { readonly warn: number | null; readonly alarm: number | null },
  reason = 'no_rows',
): SignalPart {
  if (figure === null) return { name, figure, ...bounds, level: 'quiet', reason };
  const alarms = bounds.alarm !== null && figure >= bounds.alarm;
  const warns = bounds.warn !== null && figure >= bounds.warn;
  return { name, figure, ...bounds, level: alarms ? 'revalidate' : warns ? 'warn' : 'quiet' };
}
