import type { JsonObject } from "../../kernel/json.ts";
import { isObject } from "../../kernel/json.ts";
import type { EventPart } from "../../spec/event.ts";
import { failureWord } from "../../spec/failure-word.ts";
import type { Usage } from "../../spec/usage.ts";
import type { EncoderContext } from "../../spec/wire.ts";

/**
 * What a streamed and a whole answer have in common: the message's head, its usage, the
 * reason why it ended, and the rest of Anthropic's fields, which its decoder hands over in
 * `unknown` parts shaped like stream events:
 *
 * - `message_start` with a partial `message`: belongs to the head;
 * - `content_block_start` with a partial `content_block`: belongs to the block that starts next;
 * - `message_delta`: belongs to the last event;
 * - anything else is an event of its own.
 */

type Finish = Extract<EventPart, { type: "finish" }>;

const STOP_REASONS: ReadonlySet<string> = new Set([
  "end_turn",
  "max_tokens",
  "stop_sequence",
  "tool_use",
  "pause_turn",
  "refusal",
  "model_context_window_exceeded",
]);

const STOP_REASON_OF = {
  stop: "end_turn",
  "stop-sequence": "stop_sequence",
  length: "max_tokens",
  "tool-calls": "tool_use",
  "content-filter": "refusal",
  refusal: "refusal",
  pause: "pause_turn",
  other: "end_turn",
} as const;

/** What has been told of the answer so far. */
export class AnswerState {
  id: string | undefined;
  model: string | undefined;
  readonly usage: Partial<Usage> = {};
  finish: Finish | undefined;
  calledTool = false;
  refused = false;
  /** The rest of the head, of the next block and of the last event. */
  head: JsonObject | undefined;
  nextBlock: JsonObject | undefined;
  tail: JsonObject | undefined;
  readonly #context: EncoderContext;
  readonly #requestedModel: string;

  constructor(context: EncoderContext, requestedModel: string) {
    this.#context = context;
    this.#requestedModel = requestedModel;
  }

  begin(part: Extract<EventPart, { type: "start" }>): void {
    this.id = part.id ?? this.id;
    this.model = part.model ?? this.model;
  }

  /** @returns an event of its own, if it is one. */
  unknown(part: Extract<EventPart, { type: "unknown" }>): JsonObject | undefined {
    if (part.dialect !== "anthropic-messages" || !isObject(part.value)) return undefined;
    const value = part.value;
    switch (value.type) {
      case "message_start":
        this.head = objectAt(value, "message");
        return undefined;
      case "content_block_start":
        this.nextBlock = objectAt(value, "content_block");
        return undefined;
      case "message_delta":
        this.tail = value;
        return undefined;
      default:
        return typeof value.type === "string" && /^[\w.-]+$/.test(value.type) ? value : undefined;
    }
  }

  takeBlockRest(): JsonObject | undefined {
    const rest = this.nextBlock;
    this.nextBlock = undefined;
    return rest;
  }

  /** A message without content, not ended yet. */
  message(): JsonObject {
    const { usage, ...rest } = this.head ?? {};
    return {
      id: this.id ?? messageId(this.#context.requestId),
      type: "message",
      role: "assistant",
      model: this.model ?? this.#requestedModel,
      content: [],
      stop_reason: null,
      stop_sequence: null,
      ...rest,
      usage: { ...(isObject(usage) ? usage : {}), ...this.#counts() },
    };
  }

  /** The event that says why the answer ended. */
  delta(): JsonObject {
    const { usage, delta, ...rest } = this.tail ?? {};
    return {
      type: "message_delta",
      ...rest,
      delta: { ...this.stop(), ...(isObject(delta) ? delta : {}) },
      usage: { ...(isObject(usage) ? usage : {}), ...this.#counts() },
    };
  }

  stop(): JsonObject {
    return { stop_reason: this.#stopReason(), stop_sequence: this.finish?.stopSequence ?? null };
  }

  /**
   * Anthropic's own word where the provider said it. OpenAI says `stop` beside a forced
   * tool's call and beside a refusal; no agent of this dialect would then look for either.
   */
  #stopReason(): string {
    const finish = this.finish;
    if (finish === undefined) return this.calledTool ? "tool_use" : "end_turn";
    if (finish.raw !== null && STOP_REASONS.has(finish.raw)) return finish.raw;
    if (finish.reason === "stop" && this.calledTool) return "tool_use";
    if (finish.reason === "stop" && this.refused) return "refusal";
    if (finish.reason === "failed") return failureWord(finish.raw);
    return STOP_REASON_OF[finish.reason];
  }

  /**
   * Anthropic counts what its cache held apart from `input_tokens`, and its clients add the
   * three up. Some providers report the same tokens as read and as written; the sum must not
   * become more than what the model read.
   */
  #counts(): JsonObject {
    const { input = 0, output = 0, reasoning } = this.usage;
    const read = Math.min(this.usage.cacheRead ?? 0, input);
    const write = Math.min(this.usage.cacheWrite ?? 0, input - read);
    const counts: JsonObject = {
      input_tokens: input - read - write,
      cache_creation_input_tokens: write,
      cache_read_input_tokens: read,
      output_tokens: output,
    };
    if (reasoning !== undefined) counts.output_tokens_details = { thinking_tokens: reasoning };
    return counts;
  }
}

function objectAt(value: JsonObject, name: string): JsonObject | undefined {
  const object = value[name];
  return isObject(object) ? object : undefined;
}

/** Anthropic's ids begin with `msg_`; ours bring a prefix of their own. */
function messageId(requestId: string): string {
  return `msg_${requestId.slice(requestId.indexOf("_") + 1)}`;
}
