import { MAX_REPORTED_TOKENS } from "../../kernel/bounds.ts";
import { isObject, type Json, type JsonObject } from "../../kernel/json.ts";
import type { Usage } from "../../spec/usage.ts";

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
  const input = count(value.prompt_tokens) ?? count(value.input_tokens);
  let output = count(value.completion_tokens) ?? count(value.output_tokens);
  const read = detail(value.prompt_tokens_details) ?? NONE;
  const wrote = detail(value.completion_tokens_details) ?? NONE;
  const reasoning = count(wrote.reasoning_tokens);
  if (reasoning && input !== undefined && output !== undefined && value.total_tokens === input + output + reasoning) {
    output += reasoning;
  }
  if (input !== undefined) usage.input = input;
  if (output !== undefined) usage.output = output;
  const fromCache = cached(value, read);
  if (fromCache !== undefined && input !== undefined) usage.cacheRead = fromCache;
  part(usage, "cacheWrite", written(value, read), input);
  part(usage, "audioInput", count(read.audio_tokens), input);
  part(usage, "reasoning", reasoning, output);
  part(usage, "audioOutput", count(wrote.audio_tokens), output);
  for (const _ in usage) return usage;
  return undefined;
}

const NONE: JsonObject = {};

function detail(value: Json | undefined): JsonObject | undefined {
  return isObject(value) ? value : undefined;
}

function count(value: Json | undefined): number | undefined {
  return typeof value === "number" && Number.isInteger(value) && value >= 0 && value <= MAX_REPORTED_TOKENS
    ? value
    : undefined;
}

function cached(usage: JsonObject, read: JsonObject): number | undefined {
  return (
    count(read.cached_tokens) ??
    count(usage.prompt_cache_hit_tokens) ?? // DeepSeek
    count(usage.cached_tokens) ?? // Together, Moonshot
    count(usage.num_cached_tokens) ?? // Mistral
    count(usage.cache_read_input_tokens) // gateways in front of Anthropic
  );
}

function written(usage: JsonObject, read: JsonObject): number | undefined {
  return (
    count(read.cache_write_tokens) ?? // OpenRouter
    count(read.cache_creation_input_tokens) ?? // DashScope
    count(usage.cache_creation_input_tokens)
  );
}

function part(usage: Partial<Usage>, name: keyof Usage, tokens: number | undefined, whole: number | undefined): void {
  if (tokens !== undefined && whole !== undefined && tokens <= whole) usage[name] = tokens;
}
