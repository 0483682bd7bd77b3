import type { Json, JsonObject } from "../../kernel/json.ts";
import type { Block, EventPart, FinishReason, TokenLogprob } from "../../spec/event.ts";
import { failureWord } from "../../spec/failure-word.ts";
import { addressOf } from "../../spec/picture.ts";
import type { Usage } from "../../spec/usage.ts";
import type { EncoderContext } from "../../spec/wire.ts";

/**
 * The shapes that streamed and unary answers of OpenAI's chat dialect share.
 *
 * Reasoning has no place in OpenAI's own dialect. Its text goes where DeepSeek puts it and most
 * clients look for it, in `reasoning_content`. What a provider needs back unchanged, a thought's
 * signature or a sealed thought, goes in `reasoning_details`, in the form that OpenRouter gave it:
 *
 *     {"type": "reasoning.text", "text": "the whole thought", "signature": "…", "index": 0}
 *     {"type": "reasoning.encrypted", "data": "…", "index": 1}
 *
 * one item a block, only for blocks that are signed or sealed, at the end of the block. A client
 * that sends the list back with its message (`messages.ts` reads it) has the provider see the
 * thought as it was.
 */
export function reasoningDetail(block: Block, text: string, signature: string, index: number): JsonObject | undefined {
  if (block.kind === "redacted-reasoning") {
    return { type: "reasoning.encrypted", data: block.data, index, ...block.extra };
  }
  if (block.kind !== "reasoning" || (signature === "" && block.extra === undefined)) return undefined;
  const detail: JsonObject = { type: "reasoning.text", index, ...block.extra };
  detail[detail.type === "reasoning.summary" ? "summary" : "text"] = text;
  if (signature !== "") detail.signature = signature;
  return detail;
}

type Finish = Extract<EventPart, { type: "finish" }>;

const FINISH: Record<Exclude<FinishReason, "failed">, string> = {
  stop: "stop",
  "stop-sequence": "stop",
  length: "length",
  "tool-calls": "tool_calls",
  "content-filter": "content_filter",
  refusal: "content_filter",
  // OpenAI's clients know no other words: a strict one fails on an unknown one.
  pause: "stop",
  other: "stop",
};

/** @param legacy whether the caller asked with `functions`, OpenAI's form of 2023 */
export function finishWord({ reason, raw }: Pick<Finish, "reason" | "raw">, legacy: boolean): string {
  if (reason === "failed") return failureWord(raw);
  return legacy && reason === "tool-calls" ? "function_call" : FINISH[reason];
}

/** OpenAI counts cached tokens within the prompt and reasoning within the completion, as `Usage` does. */
export function usageBody(usage: Partial<Usage>): JsonObject {
  const prompt = usage.input ?? 0;
  const completion = usage.output ?? 0;
  const promptDetails: JsonObject = { cached_tokens: usage.cacheRead ?? 0, audio_tokens: usage.audioInput ?? 0 };
  // Not OpenAI's: OpenRouter's name for what was written to the cache.
  if (usage.cacheWrite !== undefined) promptDetails.cache_write_tokens = usage.cacheWrite;
  return {
    prompt_tokens: prompt,
    completion_tokens: completion,
    total_tokens: prompt + completion,
    prompt_tokens_details: promptDetails,
    completion_tokens_details: { reasoning_tokens: usage.reasoning ?? 0, audio_tokens: usage.audioOutput ?? 0 },
  };
}

export function logprobsBody(tokens: TokenLogprob[] | null): Json {
  return (
    tokens?.map(({ token, logprob, bytes, top }) => ({
      token,
      logprob,
      bytes,
      top_logprobs: top.map((other) => ({ token: other.token, logprob: other.logprob, bytes: other.bytes })),
    })) ?? null
  );
}

/**
 * A citation as OpenAI's annotation: one of its own as it came, one that another dialect made
 * of a web page with the stretch of the answer that it belongs to; others have no place here.
 * Where the citation itself says which part of its text it means, as those of OpenAI's Responses
 * do, it is that part.
 *
 * @param start where in the answer the text begins that is cited, in UTF-16 units
 * @param end where that text ends
 */
export function annotationOf(citation: JsonObject, own: boolean, start: number, end: number): JsonObject | undefined {
  if (own) return citation;
  if (typeof citation.url !== "string") return undefined;
  const title = typeof citation.title === "string" ? citation.title : citation.url;
  const { from, to } = within(citation, end - start);
  const cited = { start_index: start + from, end_index: start + to, url: citation.url, title };
  return { type: "url_citation", url_citation: cited };
}

/** The citation's own stretch of its text: all of it where it names none, or one that the text does not have. */
function within({ start_index: from, end_index: to }: JsonObject, length: number): { from: number; to: number } {
  const named = isIndex(from) && isIndex(to) && from <= to && to <= length;
  return named ? { from, to } : { from: 0, to: length };
}

function isIndex(value: Json | undefined): value is number {
  return typeof value === "number" && Number.isInteger(value) && value >= 0;
}

/** Another provider's picture, in the form that OpenRouter gave it: a list `images` beside the content. */
export function imagesOf(content: Block): JsonObject | undefined {
  if (content.kind !== "opaque" || content.picture === undefined || content.dialect === "openai-chat") return undefined;
  return { images: [{ type: "image_url", image_url: { url: addressOf(content.picture) } }] };
}

/** OpenAI's form of an id for an answer that brought none. */
export function answerId(context: EncoderContext): string {
  return `chatcmpl-${context.requestId.replace(/^[a-z]+_/, "")}`;
}
