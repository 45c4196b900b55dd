/** What can be wrong with one row. The row is left out; the others go on. */
export type ProblemRule =
  | 'text_in_number'
  | 'not_finite'
  | 'out_of_range'
  | 'unknown_level'
  | 'not_text'
  | 'missing'
  | 'key_missing'
  | 'time_missing'
  | 'time_invalid'
  | 'label_invalid'
  | 'label_out_of_range'
  | 'label_incomplete'
  | 'holdout_invalid'
  | 'duplicate'
  | 'payload_key_missing'
  | 'payload_repeated'
  | 'series_missing'
  | 'series_sparse'
  | 'minute_invalid'
  | 'minute_negative'
  | 'image_name'
  | 'image_missing'
  | 'image_outside'
  | 'image_unreadable'
  | 'image_too_large'
  | 'image_format'
  | 'image_broken'
  | 'image_size'
  | 'image_depth'
  | 'image_colour'
  | 'image_transparent';

export const problemMeanings: Readonly<Record<ProblemRule, string>> = {
  text_in_number: 'text where the plan has a number',
  not_finite: 'NaN or infinity; write NULL for a missing value',
  out_of_range: "outside the plan's range",
  unknown_level: "not one of the plan's levels",
  not_text: 'a list, structure or blob where the plan has a level',
  missing: 'missing, and the plan forbids it',
  key_missing: 'no patient key',
  time_missing: 'no time of prediction',
  time_invalid: 'not a date or time; write it as 2024-05-31 or 2024-05-31 13:45:00',
  label_invalid: "an outcome that is not one of the plan's",
  label_out_of_range: "an outcome outside the plan's range",
  label_incomplete: 'a time without its event, or an event without its time',
  holdout_invalid: 'the holdout column is not true or false',
  duplicate: 'same patient and time as an earlier row',
  payload_key_missing: 'nothing says which series or image belongs to the row',
  payload_repeated: 'same series or image as an earlier row',
  series_missing: 'the series query has nothing of this key',
  series_sparse: 'more steps without any measurement than the plan allows',
  minute_invalid: 'the minute of a measurement is missing or no number',
  minute_negative: 'a measurement before the start of the series',
  image_name: 'not a file name inside the image folder',
  image_missing: 'there is no such file in the image folder',
  image_outside: 'a link that leads out of the image folder',
  image_unreadable: 'the file cannot be read, or is no plain file',
  image_too_large: 'the file has more bytes than an image of this plan can need',
  image_format: 'neither PNG nor JPEG',
  image_broken: 'the image is cut off or damaged',
  image_size: 'another width or height than the plan has',
  image_depth: 'more than 8 bits a channel',
  image_colour: 'neither grey nor red, green and blue',
  image_transparent: 'partly transparent',
};

/** What the hospital's own people can do about each. */
export const problemRemedies: Readonly<Record<ProblemRule, string>> = {
  text_in_number: 'turn it into a number in the query, or into NULL: TRY_CAST(x AS DOUBLE)',
  not_finite: 'nullif or CASE in the query',
  out_of_range: 'correct it at its source, check the unit, or make it NULL in the query',
  unknown_level: "map it to one of the plan's levels in the query",
  not_text: 'unpack it in the query',
  missing: 'leave such rows out in the query, or fill the value in at its source',
  key_missing: 'give every row the key of its patient',
  time_missing: 'give every row its time of prediction',
  time_invalid: 'turn it into a DATE or TIMESTAMP in the query',
  label_invalid: "map it to the plan's outcome in the query; NULL where not known yet",
  label_out_of_range: 'correct it at its source, or leave such rows out in the query',
  label_incomplete: 'give both, or neither where the outcome is not known yet',
  holdout_invalid: 'make it true or false in the query',
  duplicate: 'choose one row in the query',
  payload_key_missing: 'fill the column in, or leave such rows out in the query',
  payload_repeated: 'choose one row a series or image in the query',
  series_missing: 'leave such rows out in the query, or correct the key in either query',
  series_sparse: 'leave such rows out in the query',
  minute_invalid: 'make it a number of minutes in the series query',
  minute_negative: 'leave what comes before the start out: WHERE minute >= 0',
  image_name: 'write the name relative to the image folder, with / between folders',
  image_missing: 'put the file there, or correct the name',
  image_outside: 'put the file itself into the image folder',
  image_unreadable: 'let the account of the agent read it',
  image_too_large: 'write the image anew without further data in the file',
  image_format: 'convert it to PNG or JPEG',
  image_broken: 'export the image again',
  image_size: "scale or cut it to the plan's width and height",
  image_depth: 'choose a window of grey values and write 8 bits a channel',
  image_colour: 'write it in grey or RGB',
  image_transparent: 'write it without transparency',
};

/** One wrong cell. Shown to the hospital's own people; never logged, never sent. */
export interface Problem {
  /** 1 for the first row the query yields. */
  readonly row: number;
  readonly column: string;
  readonly rule: ProblemRule;
  readonly value: string | null;
  /** Where in the row's series it is, or in which file. */
  readonly where?: string;
}

export interface ProblemCount {
  readonly column: string;
  readonly rule: ProblemRule;
  readonly rows: number;
}

/** Problems of one table: all are counted, the first ones kept in full. */
export interface ProblemReport {
  /** Rows with at least one problem; they are left out. */
  readonly rows: number;
  readonly counts: readonly ProblemCount[];
  /** In the order of rows. */
  readonly listed: readonly Problem[];
  /** Problems beyond those listed. */
  readonly unlisted: number;
}

const listedAtMost = 10_000;

/** Collects problems, those of one row after each other. Memory is bounded: beyond the limit they are only counted. */
export class ProblemCollector {
  readonly #counts = new Map<string, { column: string; rule: ProblemRule; rows: number }>();
  readonly #listed: Problem[] = [];
  #total = 0;
  #rows = 0;
  #lastRow = 0;

  add(row: number, column: string, rule: ProblemRule, value: string | null, where?: string): void {
    this.#total++;
    if (row !== this.#lastRow) {
      this.#rows++;
      this.#lastRow = row;
    }
    const key = `${rule} ${column}`;
    const count = this.#counts.get(key);
    if (count === undefined) this.#counts.set(key, { column, rule, rows: 1 });
    else count.rows++;
    if (this.#listed.length < listedAtMost) {
      this.#listed.push({ row, column, rule, value, ...(where === undefined ? {} : { where }) });
    }
  }

  report(): ProblemReport {
    const counts = [...this.#counts.values()].sort((a, b) => b.rows - a.rows || (a.column < b.column ? -1 : 1));
    const listed = [...this.#listed].sort((a, b) => a.row - b.row);
    return { rows: this.#rows, counts, listed, unlisted: this.#total - listed.length };
  }
}
