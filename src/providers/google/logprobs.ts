import { isObject, type Json, type JsonObject } from "../../kernel/json.ts";
import type { EventPart, TokenLogprob } from "../../spec/event.ts";

/** `logprobsResult`: what was chosen, and beside it what might have been. undefined: nothing that can be read. */
export function readLogprobs(choice: number, value: Json | undefined): EventPart | undefined {
  if (!isObject(value) || !Array.isArray(value.chosenCandidates)) return undefined;
  const tops = Array.isArray(value.topCandidates) ? value.topCandidates : [];
  const content: TokenLogprob[] = [];
  for (const [at, chosen] of value.chosenCandidates.entries()) {
    if (!isObject(chosen)) continue;
    const top = tops[at];
    const others = isObject(top) && Array.isArray(top.candidates) ? top.candidates.filter(isObject) : [];
    content.push({ ...tokenOf(chosen), top: others.map(tokenOf) });
  }
  return content.length === 0 ? undefined : { type: "logprobs", choice, content, refusal: null };
}

/** Google leaves out a probability of 1, whose logarithm is 0. */
function tokenOf({ token, logProbability }: JsonObject): Omit<TokenLogprob, "top"> {
  const text = typeof token === "string" ? token : "";
  const logprob = typeof logProbability === "number" ? logProbability : 0;
  return { token: text, logprob, bytes: [...Buffer.from(text)] };
}
