import { isObject, type Json, type JsonObject, wordOf } from "../../kernel/json.ts";

/**
 * JSON Schemas as Anthropic's constrained decoding takes them
 * (https://platform.claude.com/docs/en/build-with-claude/structured-outputs, "JSON Schema
 * limitations"): closed objects only, no recursion, few constraints on values. The others
 * are told to the model in the description, as the provider's own clients do.
 */
export interface NativeSchema {
  schema: JsonObject;
  /** Whether it allows exactly what the given one allows, apart from closing objects that said nothing about it. */
  exact: boolean;
}

/** undefined: what the schema allows cannot be said natively (open objects, recursion, references to elsewhere). */
export function nativeSchema(schema: JsonObject): NativeSchema | undefined {
  const writer = new NativeWriter(schema);
  try {
    return { schema: writer.write(schema, 0), exact: writer.exact };
  } catch (thrown) {
    if (thrown instanceof NotNative) return undefined;
    throw thrown;
  }
}

class NotNative extends Error {}

const MAX_DEPTH = 64;
const PLAIN = new Set(["type", "title", "description", "default", "required", "enum", "const"]);
const LISTS = new Set(["anyOf", "allOf"]);
const DEFINITIONS = new Set(["$defs", "definitions"]);
const FORMATS = new Set(["date-time", "time", "date", "duration", "email", "hostname", "uri", "ipv4", "ipv6", "uuid"]);

class NativeWriter {
  exact = true;
  readonly #root: JsonObject;
  /** References on the way down: one that comes again is a recursion. */
  readonly #path: string[] = [];
  /** Those that were followed: once each, or definitions that fan out would take exponential time. */
  readonly #followed = new Set<string>();

  constructor(root: JsonObject) {
    this.#root = root;
  }

  write(value: Json | undefined, depth: number): JsonObject {
    if (!isObject(value) || depth > MAX_DEPTH) throw new NotNative();
    const written: JsonObject = {};
    const lost: JsonObject = {};
    for (const name in value) this.#keyword(name, value[name]!, depth, written, lost);
    if (includesType(value.type, "object") || isObject(value.properties)) {
      if (value.additionalProperties !== undefined && value.additionalProperties !== false) throw new NotNative();
      // An object without properties may hold anything; closed, it could hold nothing.
      if (value.additionalProperties === undefined && !isObject(value.properties)) throw new NotNative();
      written.additionalProperties = false;
    }
    if (Object.keys(written).length === 0 && Object.keys(lost).length === 0) throw new NotNative();
    if (Object.keys(lost).length > 0) {
      this.exact = false;
      const before = typeof written.description === "string" ? `${written.description}\n` : "";
      written.description = `${before}Must also satisfy: ${JSON.stringify(lost)}`;
    }
    return written;
  }

  #keyword(name: string, value: Json, depth: number, written: JsonObject, lost: JsonObject): void {
    if (PLAIN.has(name)) written[name] = value;
    else if (name === "$schema" || name === "$id" || name === "$comment" || name === "additionalProperties") return;
    else if (name === "properties") written.properties = this.#writeEach(value, depth);
    else if (DEFINITIONS.has(name)) written[name] = this.#writeEach(value, depth);
    else if (name === "items") written.items = this.write(value, depth + 1);
    else if (LISTS.has(name)) written[name] = this.#writeList(value, depth);
    else if (name === "oneOf") {
      this.exact = false;
      written.anyOf = this.#writeList(value, depth);
    } else if (name === "$ref") written.$ref = this.#reference(value, depth);
    else if (name === "format" && FORMATS.has(wordOf(value))) written.format = value;
    else if (name === "minItems" && (value === 0 || value === 1)) written.minItems = value;
    else lost[name] = value;
  }

  #writeEach(value: Json, depth: number): JsonObject {
    if (!isObject(value)) throw new NotNative();
    const written: JsonObject = {};
    for (const name in value) written[name] = this.write(value[name], depth + 1);
    return written;
  }

  #writeList(value: Json, depth: number): Json[] {
    if (!Array.isArray(value)) throw new NotNative();
    return value.map((schema) => this.write(schema, depth + 1));
  }

  /** Follows it, only to find out whether it comes back to itself. */
  #reference(value: Json, depth: number): string {
    const match = typeof value === "string" ? /^#\/(\$defs|definitions)\/([^/]+)$/.exec(value) : null;
    if (match === null || this.#path.includes(match[0])) throw new NotNative();
    if (this.#followed.has(match[0])) return match[0];
    this.#followed.add(match[0]);
    const definitions = this.#root[match[1]!];
    const definition = isObject(definitions) ? definitions[match[2]!] : undefined;
    this.#path.push(match[0]);
    this.write(definition, depth + 1);
    this.#path.pop();
    return match[0];
  }
}

function includesType(type: Json | undefined, word: string): boolean {
  return Array.isArray(type) ? type.includes(word) : type === word;
}
