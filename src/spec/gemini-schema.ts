import { isObject, type Json, type JsonObject } from "../kernel/json.ts";

/**
 * Gemini's Schema (https://ai.google.dev/api/caching#Schema), a relative of OpenAPI's: types in
 * upper case, `nullable` instead of the type null, counts as texts. What both have alike, and
 * what only one of them knows (`propertyOrdering`, `example`), stays as it is.
 */

const TYPES = ["STRING", "NUMBER", "INTEGER", "BOOLEAN", "ARRAY", "OBJECT", "NULL"] as const;
const COUNTS = new Set(["minItems", "maxItems", "minLength", "maxLength", "minProperties", "maxProperties"]);
const LISTS = new Set(["anyOf", "oneOf", "allOf", "prefixItems"]);
const MAPS = new Set(["properties", "$defs", "defs", "definitions"]);

/** As JSON Schema (2020-12). */
export function toJsonSchema(schema: JsonObject): JsonObject {
  const written: JsonObject = {};
  for (const given of Object.keys(schema)) {
    const name = camelName(given);
    const value = schema[given]!;
    if (name === "nullable" || name === "__proto__") continue;
    if (name === "type") {
      const type = typeWord(value);
      if (type !== undefined) written.type = type;
    } else if (COUNTS.has(name) && typeof value === "string" && /^\d{1,15}$/.test(value)) {
      written[name] = Number(value);
    } else written[name] = within(name, value, toJsonSchema);
  }
  if (schema.nullable === true) makeNullable(written);
  return written;
}

/** The reverse of `toJsonSchema`, for schemas that came from there. */
export function toGeminiSchema(given: JsonObject): JsonObject {
  const schema = withWords(given);
  const written: JsonObject = {};
  const { type } = schema;
  const nullable = Array.isArray(type) && type.length === 2 && type[1] === "null";
  for (const name of Object.keys(schema)) {
    const value = schema[name]!;
    if (name === "type") {
      const word = nullable ? (type as Json[])[0]! : value;
      written.type = typeof word === "string" ? word.toUpperCase() : word;
      if (nullable) written.nullable = true;
    } else if (name === "enum" && nullable && Array.isArray(value)) {
      written.enum = value.filter((each) => each !== null);
    } else written[name] = within(name, value, toGeminiSchema);
  }
  return written;
}

/** The keywords that hold further schemas. */
function within(name: string, value: Json, write: (schema: JsonObject) => JsonObject): Json {
  if (LISTS.has(name) && Array.isArray(value)) return value.map((each) => (isObject(each) ? write(each) : each));
  if (!isObject(value)) return value;
  if (name === "items" || name === "additionalProperties") return write(value);
  if (!MAPS.has(name)) return value;
  const written: JsonObject = {};
  for (const key of Object.keys(value)) {
    const each = value[key]!;
    if (key !== "__proto__") written[key] = isObject(each) ? write(each) : each;
  }
  return written;
}

/** Clients in Go send the place of the type in Google's list instead of its name. */
function typeWord(value: Json): Json | undefined {
  if (typeof value === "number") return TYPES[value - 1]?.toLowerCase();
  if (typeof value !== "string") return value;
  return value === "TYPE_UNSPECIFIED" ? undefined : value.toLowerCase();
}

const NULL = { type: "null" };

/** Words that may also be null are an alternative, as schema libraries write it: fewer servers read lists of types. */
function makeNullable(schema: JsonObject): void {
  if (typeof schema.type === "string" && Array.isArray(schema.enum) && schema.anyOf === undefined) {
    const words: JsonObject = { type: schema.type, enum: schema.enum };
    if (schema.format !== undefined) words.format = schema.format;
    for (const name of Object.keys(words)) delete schema[name];
    schema.anyOf = [words, { ...NULL }];
  } else if (typeof schema.type === "string") {
    if (schema.type !== "null") schema.type = [schema.type, "null"];
  } else if (Array.isArray(schema.anyOf)) {
    if (!schema.anyOf.some((each) => isObject(each) && each.type === "null")) {
      schema.anyOf = [...schema.anyOf, { type: "null" }];
    }
  } else schema.nullable = true;
}

/** What `makeNullable` has made an alternative of, together again. */
function withWords(schema: JsonObject): JsonObject {
  const { anyOf, ...rest } = schema;
  if (!Array.isArray(anyOf) || anyOf.length !== 2) return schema;
  const [words, other] = anyOf;
  const isWords = isObject(words) && typeof words.type === "string" && Array.isArray(words.enum);
  const isNull = isObject(other) && other.type === "null" && Object.keys(other).length === 1;
  if (!isWords || !isNull) return schema;
  return { ...rest, ...words, type: [words.type as string, "null"] };
}

/** `any_of` is `anyOf`: Google takes each field's name in both spellings. */
export function camelName(name: string): string {
  return name.includes("_") ? name.replace(/(?<=[a-z0-9])_([a-z0-9])/g, (_, next: string) => next.toUpperCase()) : name;
}
