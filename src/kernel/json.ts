import { MAX_JSON_DEPTH } from "./bounds.ts";

/** JSON values (RFC 8259) as JavaScript holds them. */
export type Json = null | boolean | number | string | Json[] | JsonObject;
export type JsonObject = { [key: string]: Json };

export function isObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Parsed JSON, or undefined when the text is none. */
export function parseJson(text: string): Json | undefined {
  try {
    return JSON.parse(text) as Json;
  } catch {
    return undefined;
  }
}

/** Up to this many characters nothing nests so deep that walking it or writing it again would overflow the stack. */
const SHALLOW = 4_096;

/**
 * Parsed JSON of a stranger, or undefined when the text is none, or is nested deeper than
 * MAX_JSON_DEPTH: an engine parses deeper than it can write. Texts of up to 4,096 characters
 * are not searched for depth, because a stream brings thousands of short ones.
 * @param parse how numbers beyond 2^53 are read
 */
export function parseBounded(text: string, parse: (text: string) => Json = JSON.parse): Json | undefined {
  if (text.length > SHALLOW && isTooDeep(text)) return undefined;
  try {
    return parse(text);
  } catch {
    return undefined;
  }
}

/** Counts brackets outside strings, in linear time. */
function isTooDeep(text: string): boolean {
  let depth = 0;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code === 34) {
      // A string ends at the first quote that no odd number of backslashes stands before.
      for (let end = text.indexOf('"', i + 1); ; end = text.indexOf('"', end + 1)) {
        if (end === -1) return false;
        let slashes = 0;
        while (text.charCodeAt(end - 1 - slashes) === 92) slashes++;
        i = end;
        if (slashes % 2 === 0) break;
      }
    } else if (code === 123 || code === 91) {
      if (++depth > MAX_JSON_DEPTH) return true;
    } else if (code === 125 || code === 93) depth--;
  }
  return false;
}

/** What JavaScript's engines have beside the standard's first edition (ECMA-262, JSON.parse source text access). */
const exact = JSON as typeof JSON & {
  rawJSON(text: string): JsonObject;
  isRawJSON(value: unknown): value is { rawJSON: string };
};

/** No shorter number is a whole one beyond 2^53. */
const MAY_BE_INEXACT = /\d{16}/;

function asWritten(_name: string, value: Json, context?: { source?: string }): Json {
  const source = context?.source;
  if (typeof value !== "number" || source === undefined) return value;
  return Number.isInteger(value) && !Number.isSafeInteger(value) ? exact.rawJSON(source) : value;
}

/**
 * JSON whose whole numbers beyond 2^53 are as they were written once it is written again, digit by digit: ids
 * of some services are such numbers. In between they are no numbers, so this is for what nobody here reads.
 * @param text that `parseJson` takes
 */
export function parseExact(text: string): Json {
  return MAY_BE_INEXACT.test(text) ? (JSON.parse(text, asWritten) as Json) : (JSON.parse(text) as Json);
}

/**
 * The same for the arguments of tool calls alone, which go from an object to a text and back: whatever has a name
 * and one of these. All else is numbers, which are checked.
 */
const ARGUMENTS: ReadonlySet<string> = new Set(["input", "args", "arguments"]);

/** A message or an answer, with the arguments of tool calls as they were written. @param text that `parseJson` takes */
export function parseMessage(text: string): Json {
  return MAY_BE_INEXACT.test(text) ? rounded(JSON.parse(text, asWritten) as Json) : (JSON.parse(text) as Json);
}

function rounded(value: Json): Json {
  if (typeof value !== "object" || value === null) return value;
  if (exact.isRawJSON(value)) return Number(value.rawJSON);
  if (Array.isArray(value)) {
    for (let i = 0; i < value.length; i++) value[i] = rounded(value[i]!);
    return value;
  }
  const isCall = typeof value.name === "string";
  for (const name of Object.keys(value)) {
    const inner = value[name]!;
    if (isCall && ARGUMENTS.has(name) && isObject(inner) && !exact.isRawJSON(inner)) continue;
    Object.defineProperty(value, name, { value: rounded(inner) });
  }
  return value;
}

/**
 * A stranger's value as a word. `String` would ask an object for its `toString`, and one that
 * came as JSON may have a field of that name.
 */
export function wordOf(value: Json | undefined): string {
  return typeof value === "object" && value !== null ? JSON.stringify(value) : String(value);
}
