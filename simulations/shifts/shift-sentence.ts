import type { Shift } from './shift-schema.ts';

function since(from: string): string {
  if (from === 'always') return 'in all rows';
  return from === 'holdout' ? 'in the holdout' : `from ${from} on`;
}

/** What a shift does, for the report. */
export function shiftSentence(shift: Shift): string {
  const place = `At ${shift.site}, ${since(shift.from)}:`;
  switch (shift.kind) {
    case 'prevalence':
      return `${place} ${(shift.prevalence * 100).toFixed(0)}% of the patients have the outcome.`;
    case 'distribution':
      return `${place} ${shift.column} is multiplied by ${shift.multiply} and ${shift.add} is added.`;
    case 'unit':
      return `${place} ${shift.column} is in ${shift.to} (times ${shift.factor}).`;
    case 'recode':
      return `${place} ${shift.column} has other codes (${Object.entries(shift.codes)
        .map(([before, after]) => `${before} → ${after}`)
        .join(', ')}).`;
  }
}
