import { MAX_REPORTED_TOKENS } from "../../kernel/bounds.ts";
import { isObject, type Json } from "../../kernel/json.ts";
import type { Usage } from "../../spec/usage.ts";

/**
 * Google's counts taken together: what its own tools read belongs to the input, thoughts belong
 * to the output, the cache is a part of the input. Each response of a stream tells the counts so
 * far; the output is missing as long as there is none. A count that cannot be is left out.
 */
export function readUsage(value: Json | undefined): Partial<Usage> | undefined {
  if (!isObject(value)) return undefined;
  const usage: Partial<Usage> = {};
  const prompt = count(value.promptTokenCount);
  const toolUse = count(value.toolUsePromptTokenCount);
  const candidates = count(value.candidatesTokenCount);
  const thoughts = count(value.thoughtsTokenCount);
  if (prompt !== undefined || toolUse !== undefined) usage.input = (prompt ?? 0) + (toolUse ?? 0);
  if (candidates !== undefined || thoughts !== undefined) usage.output = (candidates ?? 0) + (thoughts ?? 0);
  if (thoughts !== undefined) usage.reasoning = thoughts;
  part(usage, "cacheRead", count(value.cachedContentTokenCount), usage.input);
  part(usage, "audioInput", ofModality(value.promptTokensDetails, "AUDIO"), usage.input);
  part(usage, "audioOutput", ofModality(value.candidatesTokensDetails, "AUDIO"), usage.output);
  for (const _ in usage) return usage;
  return undefined;
}

/** Fields of `usageMetadata` that are read here. */
export const USAGE_FIELDS: ReadonlySet<string> = new Set([
  ...["promptTokenCount", "totalTokenCount", "candidatesTokenCount", "thoughtsTokenCount", "cachedContentTokenCount"],
]);

function count(value: Json | undefined): number | undefined {
  return typeof value === "number" && Number.isInteger(value) && value >= 0 && value <= MAX_REPORTED_TOKENS
    ? value
    : undefined;
}

function ofModality(details: Json | undefined, modality: string): number | undefined {
  if (!Array.isArray(details)) return undefined;
  const row = details.find((each) => isObject(each) && each.modality === modality);
  return isObject(row) ? count(row.tokenCount) : undefined;
}

function part(usage: Partial<Usage>, name: keyof Usage, tokens: number | undefined, whole: number | undefined): void {
  if (tokens !== undefined && tokens > 0 && whole !== undefined && tokens <= whole) usage[name] = tokens;
}
