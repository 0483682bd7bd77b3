import { isObject, type Json, type JsonObject } from "../../kernel/json.ts";

/**
 * A JSON Schema of another dialect's as `parametersJsonSchema` and `responseJsonSchema` take it
 * (https://ai.google.dev/api/generate-content#FIELDS.response_json_schema): a list of keywords,
 * and nothing beside a `$ref`. Constraints beyond it are told to the model in the description.
 */
const PLAIN = new Set([
  ...["type", "format", "title", "description", "default", "minItems", "maxItems", "minimum", "maximum", "required"],
  ...["propertyOrdering", "$id", "$anchor"],
]);
const LISTS = new Set(["anyOf", "prefixItems"]);
const MAPS = new Set(["properties", "$defs"]);
/** What says nothing about the value itself. */
const SILENT = new Set([
  "$schema",
  "$comment",
  "default",
  "examples",
  "example",
  "discriminator",
  "nullable",
  "deprecated",
]);

export function geminiJsonSchema(schema: JsonObject): JsonObject {
  const definitions = isObject(schema.definitions) ? schema.definitions : undefined;
  const written = write(schema);
  // The older name of `$defs`, to which references still point.
  if (definitions !== undefined) {
    const before = isObject(written.$defs) ? written.$defs : {};
    written.$defs = { ...before, ...(writeEach(definitions) as JsonObject) };
  }
  return written;
}

function write(schema: JsonObject): JsonObject {
  const { $ref } = schema;
  if (typeof $ref === "string") {
    const reference: JsonObject = { $ref: $ref.replace("#/definitions/", "#/$defs/") };
    // At the root, what it points to stands beside it.
    if (isObject(schema.$defs)) reference.$defs = writeEach(schema.$defs);
    return reference;
  }
  const written: JsonObject = {};
  const lost: JsonObject = {};
  for (const name of Object.keys(schema)) keyword(name, schema[name]!, written, lost);
  if (Object.keys(lost).length > 0) {
    const before = typeof written.description === "string" ? `${written.description}\n` : "";
    written.description = `${before}Must also satisfy: ${JSON.stringify(lost)}`;
  }
  return written;
}

function keyword(name: string, value: Json, written: JsonObject, lost: JsonObject): void {
  if (PLAIN.has(name)) written[name] = value;
  else if (SILENT.has(name) || name === "definitions" || name === "__proto__") return;
  else if (name === "const") written.enum = [value];
  else if (name === "enum") written.enum = value;
  else if (MAPS.has(name)) written[name] = writeEach(value);
  else if (LISTS.has(name)) written[name] = writeList(value);
  else if (name === "oneOf") written.anyOf = writeList(value);
  else if (name === "items" || name === "additionalProperties") written[name] = isObject(value) ? write(value) : value;
  else if (name === "allOf" && Array.isArray(value) && value.length === 1 && isObject(value[0])) {
    Object.assign(written, write(value[0]));
  } else lost[name] = value;
}

function writeEach(value: Json): Json {
  if (!isObject(value)) return value;
  const written: JsonObject = {};
  for (const name of Object.keys(value)) {
    const each = value[name]!;
    if (name !== "__proto__") written[name] = isObject(each) ? write(each) : each;
  }
  return written;
}

function writeList(value: Json): Json {
  return Array.isArray(value) ? value.map((each) => (isObject(each) ? write(each) : each)) : value;
}
