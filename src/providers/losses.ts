import { isObject, type Json, type JsonObject } from "../kernel/json.ts";
import { UnsupportedFeature, type Warning } from "../spec/adapter.ts";

/** What of a request could not be carried over, each thing told once. */
export class Losses {
  readonly warnings: Warning[] = [];
  readonly #told = new Set<string>();
  /** Whether the caller speaks this dialect, so that unknown fields go through as they came. */
  readonly own: boolean;

  constructor(own: boolean) {
    this.own = own;
  }

  warn(field: string, message: string): void {
    if (this.#told.has(field)) return;
    this.#told.add(field);
    this.warnings.push({ field, message });
  }

  refuse(field: string, message: string): never {
    throw new UnsupportedFeature(field, message);
  }

  /**
   * Unknown fields of one object. What the canonical form says stands above them, so nothing
   * that was checked can be replaced by something that was not; inner objects are joined.
   */
  carry(extra: JsonObject | undefined, into: JsonObject): void {
    if (extra === undefined) return;
    for (const name of Object.keys(extra)) {
      if (this.own) add(into, name, extra[name]!);
      else if (!saysNothing(extra[name]!)) this.warn(name, "the provider has no such field; it was left out");
    }
  }

  /** The same for the fields of a whole request. @throws UnsupportedFeature where the answer would be another one without. */
  carryRequest(extra: JsonObject | undefined, into: JsonObject): void {
    for (const name of this.own ? [] : INDISPENSABLE) {
      if (saysSomething(extra?.[name])) {
        this.refuse(name, `the provider has no ${name}, and the answer would be another one without`);
      }
    }
    const modalities = this.own ? undefined : extra?.modalities;
    if (Array.isArray(modalities) && modalities.some((each) => each !== "text")) {
      this.refuse("modalities", "the provider answers in text only");
    }
    this.carry(extra, into);
  }
}

/**
 * Fields of some dialect without which the answer would be another one, or made where it must
 * not be: tools, places, memories and deeds that only their provider has.
 */
const INDISPENSABLE = [
  ...["mcp_servers", "container", "inference_geo", "compaction"],
  ...["web_search_options", "moderation"],
];

/** Null, or a list of nothing, as clients send back with an answer (`"audio": null`, `"annotations": []`). */
export function saysNothing(value: Json): boolean {
  return value === null || (Array.isArray(value) && value.length === 0);
}

function saysSomething(value: Json | undefined): boolean {
  return value !== undefined && value !== null && value !== false;
}

function add(into: JsonObject, name: string, value: Json): void {
  if (name === "__proto__") return;
  const there = Object.hasOwn(into, name) ? into[name] : undefined;
  if (there === undefined) into[name] = value;
  else if (isObject(there) && isObject(value)) for (const key of Object.keys(value)) add(there, key, value[key]!);
}
