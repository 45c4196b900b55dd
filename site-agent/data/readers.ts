import type { CategoricalColumn, ContinuousColumn, DataContract } from '../../shared/plan/contract.ts';
import { normaliseLevel } from '../../shared/plan/level.ts';
import { cellBoolean, cellNumber, cellText, isMissing } from './cells.ts';
import { DataError } from './data-error.ts';
import type { ProblemRule } from './problems.ts';

/** What became of one cell: a number for the table, or the rule it breaks. */
export type Reading = { readonly value: number } | { readonly rule: ProblemRule };
export type Reader = (cell: unknown) => Reading;

/** Distinct cells of one column remembered with their reading. */
const rememberedAtMost = 4096;

/**
 * A reader that remembers what became of a text: levels come again and again, and comparing each anew is most of the time of a large
 * table. Everything else is read each time.
 */
function remembering(read: Reader): Reader {
  const known = new Map<unknown, Reading>();
  return (cell) => {
    if (typeof cell === 'object' && cell !== null) return read(cell);
    let reading = known.get(cell);
    if (reading === undefined) {
      reading = read(cell);
      if (known.size < rememberedAtMost) known.set(cell, reading);
    }
    return reading;
  };
}

function levelIndex(name: string, levels: readonly string[]): ReadonlyMap<string, number> {
  const index = new Map<string, number>();
  for (const [position, level] of levels.entries()) {
    const plain = normaliseLevel(level);
    const other = index.get(plain);
    if (other !== undefined) {
      throw new DataError(
        'levels_ambiguous',
        `Column "${name}" of the plan has the levels "${levels[other]}" and "${level}", which are the same number.`,
        { column: name, value: level },
      );
    }
    index.set(plain, position);
  }
  return index;
}

export function continuousReader(column: Pick<ContinuousColumn, 'range'> & { missing: string }): Reader {
  const [low, high] = column.range;
  return (cell) => {
    if (isMissing(cell)) return column.missing === 'forbid' ? { rule: 'missing' } : { value: Number.NaN };
    const value = cellNumber(cell);
    if (value === undefined) return { rule: typeof cell === 'number' ? 'not_finite' : 'text_in_number' };
    return value < low || value > high ? { rule: 'out_of_range' } : { value };
  };
}

export function categoricalReader(column: Pick<CategoricalColumn, 'name' | 'levels'> & { missing: string }): Reader {
  const index = levelIndex(column.name, column.levels);
  return remembering((cell) => {
    if (isMissing(cell)) return column.missing === 'forbid' ? { rule: 'missing' } : { value: Number.NaN };
    const text = cellText(cell);
    if (text === undefined) return { rule: typeof cell === 'number' ? 'not_finite' : 'not_text' };
    const position = index.get(normaliseLevel(text));
    return position === undefined ? { rule: 'unknown_level' } : { value: position };
  });
}

/** An outcome that is not known yet is no problem: the row waits for it. */
export function labelReader(contract: DataContract): Reader {
  const label = contract.label;
  if ('levels' in label) {
    const read = categoricalReader({ name: label.name, levels: label.levels, missing: 'indicator' });
    return (cell) => {
      const reading = read(cell);
      return 'rule' in reading ? { rule: 'label_invalid' } : reading;
    };
  }
  const read = continuousReader({ range: label.range, missing: 'impute' });
  const isTime = 'event' in label;
  return (cell) => {
    const reading = read(cell);
    if (!('rule' in reading)) {
      // A time of 0 says nothing of what came first: whoever is observed is observed for a while.
      return isTime && reading.value <= 0 ? { rule: 'label_out_of_range' } : reading;
    }
    return { rule: reading.rule === 'out_of_range' ? 'label_out_of_range' : 'label_invalid' };
  };
}

/** Whether the event was seen: 1 or 0, in any form of yes and no; NaN where it is not known. */
export function eventReader(): Reader {
  return (cell) => {
    if (isMissing(cell)) return { value: Number.NaN };
    const seen = cellBoolean(cell);
    return seen === undefined ? { rule: 'label_invalid' } : { value: seen ? 1 : 0 };
  };
}
