import { crc32 } from "../../kernel/digest.ts";
import type { ModelRequest } from "../../spec/request.ts";

/**
 * Names of tools and ids of calls: Bedrock allows letters, digits, `_` and `-`, 64 of them at
 * most (API reference, ToolSpecification and ToolUseBlock). Others get a name of that kind, the
 * same in every request, so that the beginning of a conversation stays as it was.
 */
const ALLOWED = /^[\w-]{1,64}$/;
const MAX = 64;

/** The beginning of the name, and eight hexadecimal digits of the whole. */
export function nameForBedrock(name: string): string {
  if (ALLOWED.test(name)) return name;
  const mark = crc32(name).toString(16).padStart(8, "0");
  return `${name.replace(/[^\w-]/g, "_").slice(0, MAX - 1 - mark.length)}_${mark}`;
}

/** From the names that Bedrock was given to the caller's own; undefined where they are the same. */
export function callersNames(request: ModelRequest): ReadonlyMap<string, string> | undefined {
  let names: Map<string, string> | undefined;
  for (const tool of request.tools ?? []) {
    if (tool.type !== "function" || ALLOWED.test(tool.name)) continue;
    names ??= new Map();
    names.set(nameForBedrock(tool.name), tool.name);
  }
  return names;
}
