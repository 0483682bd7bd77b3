import type { Json } from "../kernel/json.ts";
import type { ServedTier, Usage } from "../spec/usage.ts";

/**
 * Providers' words for the tier by which an answer was served. Sources: the API references of OpenAI (whose
 * `priority` is called `fast` since July 2026), Groq, Anthropic, Bedrock, Gemini and Vertex (`trafficType`).
 * What is not here has no price a token, being bought beforehand (`scale`, `reserved`, `performance`), or
 * says nothing (`auto`).
 */
const WORDS: ReadonlyMap<string, ServedTier> = new Map([
  ["default", "standard"],
  ["standard", "standard"],
  ["on_demand", "standard"],
  ["flex", "flex"],
  ["on_demand_flex", "flex"],
  ["priority", "priority"],
  ["on_demand_priority", "priority"],
  ["fast", "priority"],
  ["batch", "batch"],
]);

export function servedTier(word: Json | undefined): ServedTier | undefined {
  if (typeof word !== "string" || word.length > 40) return undefined;
  return WORDS.get(word.toLowerCase().replace(/^service_tier_/, ""));
}

/** Adds the tier to counts, where there are any and the provider tells it. */
export function withTier(usage: Partial<Usage> | undefined, word: Json | undefined): Partial<Usage> | undefined {
  const tier = usage === undefined ? undefined : servedTier(word);
  return tier === undefined ? usage : { ...usage, tier };
}
