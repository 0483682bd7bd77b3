import { isObject, type Json, type JsonObject, wordOf } from "../../kernel/json.ts";

/**
 * A value that a JSON Schema allows, always the same one for the same schema. It obeys
 * types, required properties, enums, constants, bounds of numbers, lengths and items, and
 * common formats. It does not read patterns, conditions or references to other documents.
 */
export function sampleOf(schema: Json | undefined): Json {
  return new Sampler(isObject(schema) ? schema : {}).value(schema, 0);
}

/** Deeper than this only what is required is given, so that recursive schemas come to an end. */
const SHALLOW = 4;
const DEEPEST = 32;
/** Values of one sample; a schema whose references fan out would ask for more than there is time. */
const MAX_VALUES = 2_000;

const FORMATS: Readonly<Record<string, string>> = {
  date: "2025-01-01",
  "date-time": "2025-01-01T00:00:00Z",
  time: "00:00:00Z",
  duration: "P1D",
  email: "demo@example.com",
  hostname: "example.com",
  ipv4: "192.0.2.1",
  ipv6: "2001:db8::1",
  uri: "https://example.com/",
  uuid: "00000000-0000-4000-8000-000000000000",
};

class Sampler {
  readonly #root: JsonObject;
  #values = 0;

  constructor(root: JsonObject) {
    this.#root = root;
  }

  value(given: Json | undefined, depth: number): Json {
    const schema = this.#resolved(given);
    if (schema.const !== undefined) return schema.const;
    if (Array.isArray(schema.enum) && schema.enum.length > 0) return schema.enum[0]!;
    if (depth > DEEPEST || ++this.#values > MAX_VALUES) return null;
    switch (typeOf(schema, depth)) {
      case "object":
        return this.#object(schema, depth);
      case "array":
        return this.#array(schema, depth);
      case "string":
        return text(schema);
      case "integer":
        return number(schema, true);
      case "number":
        return number(schema, false);
      case "boolean":
        return true;
      default:
        return null;
    }
  }

  /** With local references followed, `allOf` merged and the first alternative chosen. */
  #resolved(given: Json | undefined): JsonObject {
    let schema = isObject(given) ? given : {};
    for (let steps = 0; steps < DEEPEST; steps++) {
      const target = typeof schema.$ref === "string" ? this.#lookUp(schema.$ref) : undefined;
      const alternatives = schema.anyOf ?? schema.oneOf;
      if (target !== undefined) schema = merged(without(schema, "$ref"), target);
      else if (Array.isArray(schema.allOf)) schema = schema.allOf.reduce<JsonObject>(merged, without(schema, "allOf"));
      else if (Array.isArray(alternatives)) {
        schema = merged(without(without(schema, "anyOf"), "oneOf"), preferred(alternatives));
      } else break;
    }
    return schema;
  }

  #lookUp(reference: string): Json | undefined {
    if (!reference.startsWith("#/")) return undefined;
    let value: Json | undefined = this.#root;
    for (const step of reference.slice(2).split("/")) {
      value = isObject(value) ? value[step.replaceAll("~1", "/").replaceAll("~0", "~")] : undefined;
    }
    return value;
  }

  #object(schema: JsonObject, depth: number): JsonObject {
    const properties = isObject(schema.properties) ? schema.properties : {};
    const required = Array.isArray(schema.required) ? schema.required.filter((name) => typeof name === "string") : [];
    const names = required.length > 0 || depth >= SHALLOW ? required : Object.keys(properties);
    const value: JsonObject = {};
    for (const name of names) value[name] = this.value(properties[name] ?? { type: "string" }, depth + 1);
    return value;
  }

  #array(schema: JsonObject, depth: number): Json[] {
    const least = typeof schema.minItems === "number" ? schema.minItems : depth >= SHALLOW ? 0 : 1;
    const most = typeof schema.maxItems === "number" ? schema.maxItems : 100;
    const count = Math.max(0, Math.min(least, most, 100));
    const first = Array.isArray(schema.prefixItems) ? schema.prefixItems : [];
    return Array.from({ length: count }, (_, i) =>
      this.value(first[i] ?? schema.items ?? { type: "string" }, depth + 1),
    );
  }
}

function merged(into: Json, from: Json): JsonObject {
  if (!isObject(into)) return isObject(from) ? from : {};
  if (!isObject(from)) return into;
  const both = { ...from, ...into };
  if (isObject(from.properties) && isObject(into.properties)) {
    both.properties = { ...from.properties, ...into.properties };
  }
  if (Array.isArray(from.required) && Array.isArray(into.required))
    both.required = [...from.required, ...into.required];
  return both;
}

function without(schema: JsonObject, name: string): JsonObject {
  const { [name]: _, ...rest } = schema;
  return rest;
}

/** The first alternative that says something. */
function preferred(alternatives: readonly Json[]): Json {
  return alternatives.find((each) => isObject(each) && each.type !== "null") ?? alternatives[0] ?? {};
}

function typeOf(schema: JsonObject, depth: number): string {
  const { type } = schema;
  if (typeof type === "string") return type.toLowerCase();
  if (Array.isArray(type)) return wordOf(type.find((each) => each !== "null") ?? "null");
  if (isObject(schema.properties) || schema.required !== undefined) return "object";
  if (schema.items !== undefined || schema.prefixItems !== undefined) return "array";
  if (schema.minimum !== undefined || schema.maximum !== undefined) return "number";
  return depth === 0 ? "object" : "string";
}

function text(schema: JsonObject): string {
  const value = FORMATS[wordOf(schema.format)] ?? "demo";
  const least = typeof schema.minLength === "number" ? Math.min(schema.minLength, 1_000) : 0;
  const most = typeof schema.maxLength === "number" ? Math.max(0, schema.maxLength) : value.length + least;
  return value.padEnd(least, "x").slice(0, most);
}

function number(schema: JsonObject, whole: boolean): number {
  const step = typeof schema.multipleOf === "number" && schema.multipleOf > 0 ? schema.multipleOf : whole ? 1 : 0;
  const gap = step > 0 ? step : 0.5;
  let least = bound(schema.minimum);
  if (typeof schema.exclusiveMinimum === "number") least = Math.max(least ?? -Infinity, schema.exclusiveMinimum + gap);
  let most = bound(schema.maximum);
  if (typeof schema.exclusiveMaximum === "number") most = Math.min(most ?? Infinity, schema.exclusiveMaximum - gap);
  const value = Math.min(Math.max(1, least ?? 1), most ?? Infinity);
  if (step === 0) return value;
  const up = Math.ceil(value / step) * step;
  return most !== undefined && up > most ? Math.floor(value / step) * step : up;
}

function bound(value: Json | undefined): number | undefined {
  return typeof value === "number" ? value : undefined;
}
