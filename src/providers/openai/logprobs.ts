import { isObject, type Json, type JsonObject } from "../../kernel/json.ts";
import type { EventPart, TokenLogprob } from "../../spec/event.ts";

/** The `logprobs` of a choice, or undefined where they say nothing or are in a form that is not OpenAI's chat form. */
export function readLogprobs(choice: number, value: JsonObject): EventPart | undefined {
  const content = readTokens(value.content);
  const refusal = readTokens(value.refusal);
  return content === null && refusal === null ? undefined : { type: "logprobs", choice, content, refusal };
}

function readTokens(value: Json | undefined): TokenLogprob[] | null {
  if (!Array.isArray(value)) return null;
  const tokens: TokenLogprob[] = [];
  for (const item of value) {
    const token = isObject(item) ? readToken(item) : undefined;
    if (token === undefined) continue;
    const top = (item as JsonObject).top_logprobs;
    const others = Array.isArray(top) ? top.map((other) => (isObject(other) ? readToken(other) : undefined)) : [];
    tokens.push({ ...token, top: others.filter((other) => other !== undefined) });
  }
  return tokens;
}

function readToken(item: JsonObject): Omit<TokenLogprob, "top"> | undefined {
  const { token, logprob, bytes } = item;
  if (typeof token !== "string" || typeof logprob !== "number") return undefined;
  const known = Array.isArray(bytes) && bytes.every((byte) => typeof byte === "number");
  return { token, logprob, bytes: known ? (bytes as number[]) : null };
}
