/**
 * A value that must not be printed. Every way JavaScript has of turning it into
 * text (template, JSON, console, inspect) gives `*****`; only `reveal` gives the value.
 */
export class Secret<T> {
  readonly #value: T;

  constructor(value: T) {
    this.#value = value;
  }

  /** The value itself. Each call of this is a place to review. */
  reveal(): T {
    return this.#value;
  }

  toString(): string {
    return "*****";
  }

  toJSON(): string {
    return "*****";
  }

  [Symbol.toPrimitive](): string {
    return "*****";
  }

  [Symbol.for("nodejs.util.inspect.custom")](): string {
    return "*****";
  }
}
