/** Tells a second row of the same patient and time, and of the same series or image. */
export class Repeats {
  readonly #firstTimeOf = new Map<string, number>();
  readonly #furtherTimes = new Set<string>();
  readonly #payloads = new Set<string>();

  /** Whether the patient already has a row of this time (NaN without times); notes the time. */
  ofPatient(key: string, time: number): boolean {
    const first = this.#firstTimeOf.get(key);
    if (first === undefined) {
      this.#firstTimeOf.set(key, time);
      return false;
    }
    if (Object.is(first, time)) return true;
    const identity = `${time} ${key}`;
    if (this.#furtherTimes.has(identity)) return true;
    this.#furtherTimes.add(identity);
    return false;
  }

  /** Whether an earlier row has this series or image; notes it. */
  ofPayload(key: string): boolean {
    if (this.#payloads.has(key)) return true;
    this.#payloads.add(key);
    return false;
  }
}
