import { isObject, type Json, type JsonObject } from "../../kernel/json.ts";

/**
 * Whether OpenAI takes a JSON Schema as strict: closed objects whose properties are all
 * required, and few keywords beside (OpenAI's guide "Structured Outputs", "Supported
 * schemas"). It refuses the whole request where a strict schema is none of these.
 */
export function isStrictSchema(schema: JsonObject | undefined): boolean {
  return schema !== undefined && schema.type === "object" && isStrict(schema, 0);
}

/** OpenAI's bound. */
const MAX_DEPTH = 10;

/** What every schema may hold and that needs no look inside. */
const PLAIN = new Set(["type", "title", "description", "enum", "const", "$ref", "required", "additionalProperties"]);

function isStrict(schema: Json | undefined, depth: number): boolean {
  if (!isObject(schema) || depth > MAX_DEPTH) return false;
  if ((schema.type === "object" || schema.properties !== undefined) && !isClosed(schema)) return false;
  for (const name in schema) {
    if (PLAIN.has(name)) continue;
    const value = schema[name];
    if (name === "items") {
      if (!isStrict(value, depth + 1)) return false;
    } else if (name === "anyOf") {
      if (!Array.isArray(value) || !value.every((each) => isStrict(each, depth + 1))) return false;
    } else if (name === "properties" || name === "$defs") {
      if (!isObject(value) || !Object.values(value).every((each) => isStrict(each, depth + 1))) return false;
    } else return false;
  }
  return true;
}

function isClosed({ additionalProperties, properties, required }: JsonObject): boolean {
  if (additionalProperties !== false || !isObject(properties) || !Array.isArray(required)) return false;
  return Object.keys(properties).every((name) => required.includes(name));
}
