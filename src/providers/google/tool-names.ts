import { crc32 } from "../../kernel/digest.ts";
import type { ModelRequest } from "../../spec/request.ts";

/**
 * Names of functions: letters, digits, `_`, `:`, `.` and `-`, beginning with a letter or `_`, at
 * most 128 (older models: 64). Other dialects allow more. What does not fit gets the same form in
 * every request, so that the beginning of a conversation stays the same, and comes back whole.
 */
const ALLOWED = /^[A-Za-z_][\w:.-]{0,127}$/;
const MAX_SHORTENED = 64;

export function nameForGemini(name: string): string {
  if (ALLOWED.test(name)) return name;
  const mark = crc32(name).toString(16).padStart(8, "0");
  const plain = name.replace(/[^\w:.-]/g, "_").replace(/^(?=[^A-Za-z_])/, "_");
  return `${plain.slice(0, MAX_SHORTENED - 1 - mark.length)}_${mark}`;
}

/** From the names that Gemini knows to the caller's own; undefined where all are the same. */
export function changedNames(request: ModelRequest): ReadonlyMap<string, string> | undefined {
  if (request.dialect === "gemini") return undefined;
  let names: Map<string, string> | undefined;
  for (const tool of request.tools ?? []) {
    if (tool.type !== "function" || ALLOWED.test(tool.name)) continue;
    names ??= new Map();
    names.set(nameForGemini(tool.name), tool.name);
  }
  return names;
}
