import { isObject, type Json, type JsonObject } from "../../kernel/json.ts";
import type { TokenLogprob } from "../../spec/event.ts";

/**
 * A citation, as Cohere gave it. Where its document says where it was found, the address and the
 * title stand on top as well: that is what clients of other dialects can be told.
 */
export function readCitation(value: Json): JsonObject | undefined {
  if (!isObject(value)) return undefined;
  for (const source of Array.isArray(value.sources) ? value.sources : []) {
    const found = isObject(source) ? (source.document ?? source.tool_output) : undefined;
    if (!isObject(found) || typeof found.url !== "string") continue;
    return { ...value, url: found.url, ...(typeof found.title === "string" ? { title: found.title } : {}) };
  }
  return value;
}

/** `{text, token_ids, logprobs}`: a text of one or more tokens. Several are told as one, whose probability is the product. */
export function readLogprobs(values: Json[]): TokenLogprob[] {
  const tokens: TokenLogprob[] = [];
  for (const value of values) {
    if (!isObject(value) || typeof value.text !== "string" || !Array.isArray(value.logprobs)) continue;
    const each = value.logprobs.filter((logprob) => typeof logprob === "number");
    const logprob = each.reduce((sum, one) => sum + one, 0);
    if (each.length > 0) tokens.push({ token: value.text, logprob, bytes: null, top: [] });
  }
  return tokens;
}
