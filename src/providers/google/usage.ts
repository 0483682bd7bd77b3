import { isObject, type Json } from "../../kernel/json.ts";
import type { Usage } from "../../spec/usage.ts";
import { countOf, tellPart } from "../counts.ts";
import { withTier } from "../served-tier.ts";

/**
 * Google's counts taken together: what its own tools read belongs to the input, thoughts belong
 * to the output, the cache is a part of the input. Each response of a stream tells the counts so
 * far; the output is missing as long as there is none. A count that cannot be is left out.
 */
export function readUsage(value: Json | undefined): Partial<Usage> | undefined {
  if (!isObject(value)) return undefined;
  const usage: Partial<Usage> = {};
  const prompt = countOf(value.promptTokenCount);
  const toolUse = countOf(value.toolUsePromptTokenCount);
  const candidates = countOf(value.candidatesTokenCount);
  const thoughts = countOf(value.thoughtsTokenCount);
  if (prompt !== undefined || toolUse !== undefined) usage.input = (prompt ?? 0) + (toolUse ?? 0);
  if (candidates !== undefined || thoughts !== undefined) usage.output = (candidates ?? 0) + (thoughts ?? 0);
  if (thoughts !== undefined) usage.reasoning = thoughts;
  tellPart(usage, "cacheRead", countOf(value.cachedContentTokenCount) || undefined, usage.input);
  tellPart(usage, "audioInput", ofModality(value.promptTokensDetails, "AUDIO") || undefined, usage.input);
  tellPart(usage, "imageInput", ofModality(value.promptTokensDetails, "IMAGE") || undefined, usage.input);
  tellPart(usage, "audioOutput", ofModality(value.candidatesTokensDetails, "AUDIO") || undefined, usage.output);
  tellPart(usage, "imageOutput", ofModality(value.candidatesTokensDetails, "IMAGE") || undefined, usage.output);
  for (const _ in usage) return withTier(usage, value.serviceTier ?? value.trafficType);
  return undefined;
}

/** Fields of `usageMetadata` that are read here. */
export const USAGE_FIELDS: ReadonlySet<string> = new Set([
  ...["promptTokenCount", "totalTokenCount", "candidatesTokenCount", "thoughtsTokenCount", "cachedContentTokenCount"],
]);

function ofModality(details: Json | undefined, modality: string): number | undefined {
  if (!Array.isArray(details)) return undefined;
  const row = details.find((each) => isObject(each) && each.modality === modality);
  return isObject(row) ? countOf(row.tokenCount) : undefined;
}
