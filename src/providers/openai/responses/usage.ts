import { isObject, type Json } from "../../../kernel/json.ts";
import type { Usage } from "../../../spec/usage.ts";
import { countOf, tellPart } from "../../counts.ts";

/** Counts of a response: cached tokens are within the input, reasoning is within the output. What cannot be is left out. */
export function readUsage(value: Json | undefined): Partial<Usage> | undefined {
  if (!isObject(value)) return undefined;
  const usage: Partial<Usage> = {};
  const input = countOf(value.input_tokens);
  const output = countOf(value.output_tokens);
  const read = isObject(value.input_tokens_details) ? value.input_tokens_details : {};
  const wrote = isObject(value.output_tokens_details) ? value.output_tokens_details : {};
  if (input !== undefined) usage.input = input;
  if (output !== undefined) usage.output = output;
  tellPart(usage, "cacheRead", countOf(read.cached_tokens), input);
  tellPart(usage, "cacheWrite", countOf(read.cache_write_tokens), input);
  tellPart(usage, "audioInput", countOf(read.audio_tokens), input);
  tellPart(usage, "reasoning", countOf(wrote.reasoning_tokens), output);
  tellPart(usage, "audioOutput", countOf(wrote.audio_tokens), output);
  for (const _ in usage) return usage;
  return undefined;
}
