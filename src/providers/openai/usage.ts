import { isObject, type Json, type JsonObject } from "../../kernel/json.ts";
import type { Usage } from "../../spec/usage.ts";
import { countOf, tellPart } from "../counts.ts";

/**
 * Token counts of OpenAI's dialect. Lookalikes put the cached ones under six names; xAI counts
 * reasoning beside the completion instead of within it, which shows in the total. A count that
 * cannot be (negative, fractional, absurd, a part larger than its whole) is left out, but for what
 * was read from a cache: Grok on Azure counts there also what it put before the prompt itself,
 * which the prompt's own count leaves out.
 */
export function readUsage(value: Json | undefined): Partial<Usage> | undefined {
  if (!isObject(value)) return undefined;
  const usage: Partial<Usage> = {};
  const input = countOf(value.prompt_tokens) ?? countOf(value.input_tokens);
  let output = countOf(value.completion_tokens) ?? countOf(value.output_tokens);
  const read = detail(value.prompt_tokens_details) ?? detail(value.input_tokens_details) ?? NONE;
  const wrote = detail(value.completion_tokens_details) ?? detail(value.output_tokens_details) ?? NONE;
  const reasoning = countOf(wrote.reasoning_tokens);
  if (reasoning && input !== undefined && output !== undefined && value.total_tokens === input + output + reasoning) {
    output += reasoning;
  }
  if (input !== undefined) usage.input = input;
  if (output !== undefined) usage.output = output;
  const fromCache = cached(value, read);
  if (fromCache !== undefined && input !== undefined) usage.cacheRead = fromCache;
  tellPart(usage, "cacheWrite", written(value, read), input);
  tellPart(usage, "audioInput", countOf(read.audio_tokens), input);
  tellPart(usage, "imageInput", countOf(read.image_tokens), input);
  tellPart(usage, "reasoning", reasoning, output);
  tellPart(usage, "audioOutput", countOf(wrote.audio_tokens), output);
  tellPart(usage, "imageOutput", countOf(wrote.image_tokens), output);
  for (const _ in usage) return usage;
  return undefined;
}

const NONE: JsonObject = {};

function detail(value: Json | undefined): JsonObject | undefined {
  return isObject(value) ? value : undefined;
}

function cached(usage: JsonObject, read: JsonObject): number | undefined {
  return (
    countOf(read.cached_tokens) ??
    countOf(usage.prompt_cache_hit_tokens) ?? // DeepSeek
    countOf(usage.cached_tokens) ?? // Together, Moonshot
    countOf(usage.num_cached_tokens) ?? // Mistral
    countOf(usage.cache_read_input_tokens) // gateways in front of Anthropic
  );
}

function written(usage: JsonObject, read: JsonObject): number | undefined {
  return (
    countOf(read.cache_write_tokens) ?? // OpenRouter
    countOf(read.cache_creation_input_tokens) ?? // DashScope
    countOf(usage.cache_creation_input_tokens)
  );
}
