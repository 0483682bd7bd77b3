import { MAX_REPORTED_TOKENS } from "../../../kernel/bounds.ts";
import { isObject, type Json } from "../../../kernel/json.ts";
import type { Usage } from "../../../spec/usage.ts";

/** Counts of a response: cached tokens are within the input, reasoning is within the output. What cannot be is left out. */
export function readUsage(value: Json | undefined): Partial<Usage> | undefined {
  if (!isObject(value)) return undefined;
  const usage: Partial<Usage> = {};
  const input = count(value.input_tokens);
  const output = count(value.output_tokens);
  const read = isObject(value.input_tokens_details) ? value.input_tokens_details : {};
  const wrote = isObject(value.output_tokens_details) ? value.output_tokens_details : {};
  if (input !== undefined) usage.input = input;
  if (output !== undefined) usage.output = output;
  part(usage, "cacheRead", count(read.cached_tokens), input);
  part(usage, "cacheWrite", count(read.cache_write_tokens), input);
  part(usage, "audioInput", count(read.audio_tokens), input);
  part(usage, "reasoning", count(wrote.reasoning_tokens), output);
  part(usage, "audioOutput", count(wrote.audio_tokens), output);
  for (const _ in usage) return usage;
  return undefined;
}

function count(value: Json | undefined): number | undefined {
  return typeof value === "number" && Number.isInteger(value) && value >= 0 && value <= MAX_REPORTED_TOKENS
    ? value
    : undefined;
}

function part(usage: Partial<Usage>, name: keyof Usage, tokens: number | undefined, whole: number | undefined): void {
  if (tokens !== undefined && whole !== undefined && tokens <= whole) usage[name] = tokens;
}
