import { crc32OfBytes } from "../kernel/digest.ts";
import type { ModelRequest } from "./request.ts";

/** Which names of functions a dialect takes, and how the others are written in it. */
export interface ToolNameForm {
  allowed: RegExp;
  /** The name in letters that are allowed. It may still be too long. */
  plain: (name: string) => string;
  /** The most characters of a name that stands in place of another. */
  max: number;
}

const utf8 = new TextEncoder();

/**
 * A name that the dialect takes stays. Another becomes its beginning, and eight hexadecimal digits of the whole:
 * two names that differ in a forbidden letter alone stay two. It is the same in every request, so that the
 * beginning of a conversation stays as it was and the provider's cache of prompts holds.
 */
export function toolNameIn({ allowed, plain, max }: ToolNameForm, name: string): string {
  if (allowed.test(name)) return name;
  // Of the bytes: `crc32` of a text sees only the low one of a letter beyond ASCII.
  const bytes = utf8.encode(name);
  const mark = crc32OfBytes(bytes, 0, bytes.length).toString(16).padStart(8, "0");
  return `${plain(name).slice(0, max - 1 - mark.length)}_${mark}`;
}

/** From the names that the provider was given to the caller's own; undefined where all are the same. */
export function callersToolNames(
  form: ToolNameForm,
  { tools = [] }: ModelRequest,
): ReadonlyMap<string, string> | undefined {
  let names: Map<string, string> | undefined;
  for (const tool of tools) {
    if (tool.type !== "function" || form.allowed.test(tool.name)) continue;
    names ??= new Map();
    names.set(toolNameIn(form, tool.name), tool.name);
  }
  return names;
}
