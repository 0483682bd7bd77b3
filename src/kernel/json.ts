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
 */
export function parseBounded(text: string): Json | undefined {
  return text.length > SHALLOW && isTooDeep(text) ? undefined : parseJson(text);
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

/**
 * A stranger's value as a word. `String` would ask an object for its `toString`, and one that
 * came as JSON may have a field of that name.
 */
export function wordOf(value: Json | undefined): string {
  return typeof value === "object" && value !== null ? JSON.stringify(value) : String(value);
}
