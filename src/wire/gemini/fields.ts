import { isObject, type Json, type JsonObject } from "../../kernel/json.ts";
import { camelName } from "../../spec/gemini-schema.ts";
import { InvalidRequest } from "../../spec/wire.ts";
import { Fields } from "../read.ts";

/**
 * An object of a request with its fields in camel case. Google reads each field by both of its
 * names (https://protobuf.dev/programming-guides/json), and its own clients send both: some
 * `system_instruction`, some `systemInstruction`. Errors name the field in camel case.
 * @throws InvalidRequest unless `value` is an object that says nothing twice.
 */
export function camelFields(value: Json | undefined, path: string): Fields {
  if (!isObject(value)) throw new InvalidRequest(path, `${path} must be an object`);
  return new Fields(inCamelCase(value, path), path);
}

function inCamelCase(value: JsonObject, path: string): JsonObject {
  for (const name in value) {
    if (name.includes("_")) return renamed(value, path);
  }
  return value;
}

function renamed(value: JsonObject, path: string): JsonObject {
  const written: JsonObject = {};
  for (const name of Object.keys(value)) {
    const camel = camelName(name);
    if (Object.hasOwn(written, camel)) {
      const field = path === "" ? camel : `${path}.${camel}`;
      throw new InvalidRequest(field, `${field} is given twice, in two spellings`);
    }
    written[camel] = value[name]!;
  }
  return written;
}

/** An object within an object. */
export function camelObject(fields: Fields, name: string): Fields | undefined {
  return fields.has(name) ? camelFields(fields.raw(name), fields.path(name)) : undefined;
}

/** A list. One object may stand for a list of one: Google takes it, and clients send it. */
export function list(fields: Fields, name: string, max: number): Json[] | undefined {
  const value = fields.raw(name);
  return isObject(value) ? [value] : fields.array(name, max);
}

/** What is left of an inner object goes into the outer one's `extra`, under a name that tells where it stood. */
export function dotted(prefix: string, inner: JsonObject | undefined, into: JsonObject): void {
  if (inner === undefined) return;
  for (const name of Object.keys(inner)) {
    refuseDots(name, `${prefix}.${name}`);
    into[`${prefix}.${name}`] = inner[name]!;
  }
}

/** A name with a dot would be taken for a place further in. No field of Google's has one. @throws InvalidRequest */
export function refuseDots(name: string, field: string): void {
  if (name.includes(".")) throw new InvalidRequest(field.slice(0, 200), "a field's name must not have a dot");
}
