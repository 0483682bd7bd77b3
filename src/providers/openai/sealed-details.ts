import { isObject, type Json, type JsonObject, parseBounded } from "../../kernel/json.ts";
import { seal, unseal } from "../../spec/sealed.ts";
import type { Thought } from "./reasoning.ts";

/**
 * An item of OpenRouter's `reasoning_details`, but for its text, in the place of a signature. OpenRouter must get
 * the items back as they were ("Preserving reasoning blocks"): it goes by `format` and `id`, for which
 * other dialects have no place.
 */

/** The words of an item that are more than its text. */
const WORDS = ["type", "index", "id", "format", "data", "signature"] as const;

/** What OpenRouter takes an item for that has no format: Anthropic's, whose signatures Anthropic itself can read as they are. */
const USUAL_FORMAT = "anthropic-claude-v1";

/** Whether more belongs to the item than a dialect with signatures has a place for. */
export function mustBeSealed(extra: JsonObject | undefined, signed: string): boolean {
  return extra !== undefined && extra.format !== USUAL_FORMAT && unseal(signed) === undefined;
}

export function sealDetail(detail: JsonObject): string {
  const data = Buffer.from(JSON.stringify(detail)).toString("base64url");
  return seal({ dialect: "openai-chat", place: "thought", data });
}

/** The reverse; undefined for what is anybody else's. It comes from the caller, who may have written anything. */
export function unsealDetail(text: string | undefined): JsonObject | undefined {
  const read = unseal(text);
  if (read?.dialect !== "openai-chat") return undefined;
  const value = parseBounded(Buffer.from(read.data, "base64url").toString("utf8"));
  const detail: JsonObject = {};
  if (!isObject(value)) return detail;
  for (const word of WORDS) {
    const said: Json | undefined = value[word];
    if (typeof said === "string" || (word === "index" && typeof said === "number")) detail[word] = said;
  }
  return detail;
}

/** What must come back with a thought, and so goes in the place of its signature. */
export function detailOf({ extra, sealed, index, signature }: Thought): JsonObject | undefined {
  if (!mustBeSealed(extra, sealed ?? signature)) return undefined;
  // A type stands in `extra` only where it is neither of the two.
  const detail: JsonObject = { type: sealed === undefined ? "reasoning.text" : "reasoning.encrypted", ...extra };
  if (index !== undefined) detail.index = index;
  return detail;
}
