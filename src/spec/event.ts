import type { Json, JsonObject } from "../kernel/json.ts";
import type { Dialect } from "./dialect.ts";
import type { OperationResult } from "./operation.ts";
import type { Picture } from "./picture.ts";
import type { Usage } from "./usage.ts";

/**
 * Why an answer ended. `raw` on the finish part keeps the provider's own word beside it.
 * `pause`: the provider stopped in mid-work and wants to be called again (Anthropic's `pause_turn`).
 * `failed`: what the model wrote came to nothing (Google's `MALFORMED_FUNCTION_CALL`). Told as a natural
 * end, agents would take it for an answer. `other`: a word that nobody knows.
 */
export type FinishReason =
  | "stop"
  | "stop-sequence"
  | "length"
  | "tool-calls"
  | "content-filter"
  | "refusal"
  | "pause"
  | "failed"
  | "other";

export interface TokenLogprob {
  token: string;
  logprob: number;
  bytes: number[] | null;
  top: { token: string; logprob: number; bytes: number[] | null }[];
}

/** Why an upstream said no, in the provider's own words. */
export interface ProviderError {
  /** HTTP status, or the one that the error's type stands for where it came inside a 200. */
  status: number;
  message: string;
  /** The provider's `type` or `code`, as given. */
  type?: string;
  code?: string;
  param?: string;
  retryAfterMs?: number;
  /** Whatever the status: it is about the gateway's account at the provider, not about the request. */
  account?: true;
  /** The provider is still at work on the answer, and will charge for more than stands in it. */
  unfinished?: true;
  /** The provider says that the answer has failed, so it is no more at work on it; not that only the telling of it broke off. */
  final?: true;
  /** What else it says of it, for callers of its dialect. */
  beside?: { dialect: Dialect; fields: JsonObject };
}

/** What a block holds. Blocks of one choice do not overlap, except tool calls, which may. */
export type Block =
  | { kind: "text" }
  /** `extra`: what must come back beside the signature, in the provider's own words (OpenRouter's `format`, `id`). */
  | { kind: "reasoning"; extra?: JsonObject }
  /** Thought that the provider sealed; it has no deltas. */
  | { kind: "redacted-reasoning"; data: string; extra?: JsonObject }
  | { kind: "refusal" }
  | { kind: "tool-call"; id: string; name: string }
  /**
   * What only `dialect` knows: server-side tools, their results. `value` is the block as it came; `picture` what callers
   * of other dialects are told of it.
   */
  | { kind: "opaque"; dialect: Dialect; value: JsonObject; picture?: Picture };

/**
 * One thing that happened in an answer. A block is a trio: start, deltas, end. A unary
 * answer is the same parts, each block with at most one delta.
 * `choice` counts answers from 0 (OpenAI's `n`); `block` is unique within its choice.
 */
export type EventPart =
  | { type: "start"; id?: string; model?: string /** seconds since 1970 */; created?: number; extra?: JsonObject }
  | { type: "block-start"; choice: number; block: number; content: Block }
  /** More of a text, reasoning or refusal block. */
  | { type: "text-delta"; choice: number; block: number; text: string }
  /** More of a tool call's arguments, as JSON text in fragments. */
  | { type: "arguments-delta"; choice: number; block: number; text: string }
  /** More of a reasoning block's signature. */
  | { type: "signature-delta"; choice: number; block: number; signature: string }
  | { type: "citation"; choice: number; block: number; dialect: Dialect; value: JsonObject }
  | { type: "opaque-delta"; choice: number; block: number; value: JsonObject }
  | { type: "block-end"; choice: number; block: number }
  | { type: "logprobs"; choice: number; content: TokenLogprob[] | null; refusal: TokenLogprob[] | null }
  | { type: "finish"; choice: number; reason: FinishReason; raw: string | null; stopSequence?: string | null }
  /**
   * Tokens so far. A later one replaces an earlier one, field by field; it is never added.
   * `apart`: it came in an event that holds nothing else, made for callers who ask for usage.
   */
  | { type: "usage"; usage: Partial<Usage>; apart?: true }
  | { type: "ping" }
  /** Something of the provider's dialect that has no canonical name. It reaches callers of that dialect only. */
  | { type: "unknown"; dialect: Dialect; value: Json }
  /** What an operation gave that is no conversation. */
  | { type: "result"; result: OperationResult }
  | { type: "error"; error: ProviderError }
  /** The answer is whole. An answer that ends without this part, or with `error`, was cut. */
  | { type: "end" };

/** The very bytes that said it, in the dialect in which they were said. */
export interface Original {
  dialect: Dialect;
  /** `frame`: one frame of a stream with what ends it, such as the blank line of a server-sent event. `body`: a whole unary answer. */
  shape: "frame" | "body";
  /** They are source[start … end), where `source` is what one read of the network brought. */
  source: Uint8Array;
  start: number;
  end: number;
}

/**
 * What arrived at once: one frame of a stream, or a whole unary answer. As long as
 * `original` is there the bytes may be relayed; whoever changes `parts` must drop it (see `rewritten`).
 */
export interface ModelEvent {
  readonly parts: readonly EventPart[];
  readonly original?: Original;
}

/** An event whose parts are not what arrived any more: its bytes are gone with the change. */
export function rewritten(parts: readonly EventPart[]): ModelEvent {
  return { parts };
}

/** The events that one read of the network brought, in order. */
export type EventBatch = readonly ModelEvent[];
