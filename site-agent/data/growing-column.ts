/** A column of float64 that grows by doubling; rows stay out of the JavaScript object heap. */
export class GrowingColumn {
  #values = new Float64Array(1024);
  #length = 0;

  push(value: number): void {
    if (this.#length === this.#values.length) {
      const larger = new Float64Array(this.#values.length * 2);
      larger.set(this.#values);
      this.#values = larger;
    }
    this.#values[this.#length++] = value;
  }

  /** The column at its length; nothing is kept, so that a table in the making is not held twice. */
  finish(): Float64Array {
    const values = this.#values.slice(0, this.#length);
    this.#values = new Float64Array(0);
    return values;
  }
}
