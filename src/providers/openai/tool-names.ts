import { crc32, hmac } from "../../kernel/digest.ts";
import type { ModelRequest } from "../../spec/request.ts";

/**
 * Names and ids that other dialects allow and servers of this one refuse: OpenAI and
 * DeepSeek take names of functions up to 64 characters (Anthropic: 128), OpenAI takes ids of
 * calls up to 40, Mistral exactly nine letters and digits. A conversation that has moved from
 * one provider to another brings what the other one made.
 *
 * What is too long gets the same short form in every request, so that the beginning of a
 * conversation stays the same and the provider's cache of prompts holds.
 */
const MAX_NAME = 64;

/** Eight hexadecimal digits of the whole name, behind its beginning. */
export function nameForServer(name: string): string {
  if (name.length <= MAX_NAME) return name;
  const mark = crc32(name).toString(16).padStart(8, "0");
  return `${name.slice(0, MAX_NAME - 1 - mark.length)}_${mark}`;
}

/** From the short names of a request's tools to the caller's own; undefined where none had to be shortened. */
export function shortenedNames(request: ModelRequest): ReadonlyMap<string, string> | undefined {
  if (request.dialect === "openai-chat") return undefined;
  let names: Map<string, string> | undefined;
  for (const tool of request.tools ?? []) {
    if (tool.type !== "function" || tool.name.length <= MAX_NAME) continue;
    names ??= new Map();
    names.set(nameForServer(tool.name), tool.name);
  }
  return names;
}

/** The ids of calls that a server takes, and the length of those that stand in place of others. */
export interface CallIdForm {
  allowed: RegExp;
  length: number;
}

const NO_KEY = new Uint8Array(0);

export function idForServer(id: string, { allowed, length }: CallIdForm): string {
  if (allowed.test(id)) return id;
  return hmac(NO_KEY, id).replace(/[-_]/g, "").padEnd(length, "0").slice(0, length);
}
