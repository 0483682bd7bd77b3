import { MAX_MODEL_NAME } from "../kernel/bounds.ts";
import { isObject, type Json, type JsonObject } from "../kernel/json.ts";
import { InvalidRequest } from "../spec/wire.ts";

/**
 * Reads an object of a request, field by field, with errors that name the field by its
 * path. Absent and `null` are the same: undefined. Fields that the caller of this class
 * never names are kept by `extra`. Hand-written because it runs on every call: a schema
 * library took several times as long on requests with many tools.
 */
export class Fields {
  readonly value: JsonObject;
  readonly #path: string;

  /** @param path of this object within the body; empty for the body itself. */
  constructor(value: JsonObject, path: string) {
    this.value = value;
    this.#path = path;
  }

  /** @throws InvalidRequest unless `value` is an object. */
  static of(value: Json | undefined, path: string): Fields {
    if (!isObject(value)) throw new InvalidRequest(path, `${path} must be an object`);
    return new Fields(value, path);
  }

  path(name: string): string {
    return this.#path === "" ? name : `${this.#path}.${name}`;
  }

  fail(name: string, must: string): never {
    throw new InvalidRequest(this.path(name), `${this.path(name)} ${must}`);
  }

  has(name: string): boolean {
    const value = this.value[name];
    return value !== undefined && value !== null;
  }

  raw(name: string): Json | undefined {
    const value = this.value[name];
    return value === null ? undefined : value;
  }

  string(name: string): string | undefined {
    const value = this.raw(name);
    if (value === undefined || typeof value === "string") return value;
    return this.fail(name, "must be a string");
  }

  requiredString(name: string): string {
    return this.string(name) ?? this.fail(name, "is required and must be a string");
  }

  boolean(name: string): boolean | undefined {
    const value = this.raw(name);
    if (value === undefined || typeof value === "boolean") return value;
    return this.fail(name, "must be true or false");
  }

  /** A finite number within [min, max]. */
  number(name: string, min: number, max: number): number | undefined {
    const value = this.raw(name);
    if (value === undefined) return undefined;
    if (typeof value !== "number" || !(value >= min && value <= max)) {
      return this.fail(name, `must be a number from ${min} to ${max}`);
    }
    return value;
  }

  /** A whole number within [min, max]. */
  integer(name: string, min: number, max: number): number | undefined {
    const value = this.raw(name);
    if (value === undefined) return undefined;
    if (typeof value !== "number" || !Number.isSafeInteger(value) || value < min || value > max) {
      return this.fail(name, `must be a whole number from ${min} to ${max}`);
    }
    return value;
  }

  array(name: string, max: number): Json[] | undefined {
    const value = this.raw(name);
    if (value === undefined) return undefined;
    if (!Array.isArray(value)) return this.fail(name, "must be an array");
    if (value.length > max) return this.fail(name, `must have at most ${max} items`);
    return value;
  }

  object(name: string): Fields | undefined {
    const value = this.raw(name);
    if (value === undefined) return undefined;
    return isObject(value) ? new Fields(value, this.path(name)) : this.fail(name, "must be an object");
  }

  oneOf<const T extends string>(name: string, words: readonly T[]): T | undefined {
    const value = this.raw(name);
    if (value === undefined) return undefined;
    if (!words.includes(value as T)) return this.fail(name, `must be one of ${words.join(", ")}`);
    return value as T;
  }

  /** The fields not in `known`, or undefined where there are none. `null` counts as a value here. */
  extra(known: ReadonlySet<string>): JsonObject | undefined {
    let extra: JsonObject | undefined;
    for (const name in this.value) {
      if (known.has(name)) continue;
      extra ??= {};
      extra[name] = this.value[name]!;
    }
    return extra;
  }
}

/** The `model` field of a body: required, not empty, of a sane length. */
export function readModelName(fields: Fields): string {
  const model = fields.requiredString("model");
  if (model === "" || model.length > MAX_MODEL_NAME) {
    return fields.fail("model", `must have 1 to ${MAX_MODEL_NAME} characters`);
  }
  return model;
}
