/**
 * Well-formed answers of a provider that speaks Anthropic's Messages.
 * Source: the API reference of Anthropic, "Messages", "Streaming Messages" and "Errors".
 */
import type { JsonObject } from "../../../src/kernel/json.ts";
import { type Answer, type AnswerUsage, DEFAULT_USAGE, fragments, type Replies, whole, words } from "./answer.ts";
import { type BodyOptions, frameText, json, type Script, type SseOptions, sse } from "./script.ts";

export interface NamedEvent {
  event: string;
  data: JsonObject;
}

/** The body of an answer that is not streamed. */
export function body(answer: Answer): JsonObject {
  return {
    id: answer.id ?? "msg_test1",
    type: "message",
    role: "assistant",
    model: answer.model ?? "claude-test",
    content: blocks(answer).map((block) => block.complete),
    stop_reason: finishOf(answer),
    stop_sequence: answer.stopSequence ?? null,
    usage: usage(answer.usage ?? DEFAULT_USAGE),
    ...answer.extra,
  };
}

/** The events of a stream, from message_start to message_stop, with the ping that follows the first block's start. */
export function events(answer: Answer): NamedEvent[] {
  const counted = answer.usage ?? DEFAULT_USAGE;
  const all: NamedEvent[] = [];
  const add = (event: string, data: JsonObject) => all.push({ event, data: { type: event, ...data, ...answer.extra } });
  add("message_start", {
    message: {
      id: answer.id ?? "msg_test1",
      type: "message",
      role: "assistant",
      model: answer.model ?? "claude-test",
      content: [],
      stop_reason: null,
      stop_sequence: null,
      usage: usage({ ...counted, output: Math.min(1, counted.output) }),
    },
  });
  for (const [index, block] of blocks(answer).entries()) {
    add("content_block_start", { index, content_block: block.opened });
    if (index === 0) add("ping", {});
    for (const delta of block.deltas) add("content_block_delta", { index, delta });
    add("content_block_stop", { index });
  }
  add("message_delta", {
    delta: { stop_reason: finishOf(answer), stop_sequence: answer.stopSequence ?? null },
    usage: { output_tokens: counted.output },
  });
  add("message_stop", {});
  return all;
}

/** The events of a stream as text. */
export function frames(answer: Answer): string[] {
  return events(answer).map(frameText);
}

export function unary(answer: Answer, options: BodyOptions = {}): Script {
  return json(200, body(answer), { headers: { "request-id": "req_provider1" }, ...options });
}

export function stream(answer: Answer, options: SseOptions = {}): Script {
  return sse(frames(answer), { headers: { "request-id": "req_provider1" }, ...options });
}

/** Unary or streamed: as the request asks. */
export const replies: Replies = (answer, options) => (request) =>
  request.json().stream === true ? stream(answer, options?.stream) : unary(answer, options?.unary);

export interface Failure {
  message?: string;
  type?: string;
}

/** The `error` envelope. */
export function failureBody(failure: Failure = {}): JsonObject {
  const error = { type: failure.type ?? "api_error", message: failure.message ?? "Internal server error" };
  return { type: "error", error, request_id: "req_provider1" };
}

/** An answer whose status is an error. */
export function failure(status: number, details: Failure = {}, options: BodyOptions = {}): Script {
  return json(status, failureBody(details), options);
}

/** An error in mid-stream; nothing follows it. */
export function failureFrame(details: Failure = {}): string {
  return frameText({ event: "error", data: failureBody(details) });
}

/** An event that no reader of today knows: Anthropic's documentation says that more will come. */
export function unknownFrame(type = "message_annotation", extra: JsonObject = { note: "from the future" }): string {
  return frameText({ event: type, data: { type, ...extra } });
}

export function pingFrame(): string {
  return frameText({ event: "ping", data: { type: "ping" } });
}

interface WrittenBlock {
  complete: JsonObject;
  opened: JsonObject;
  deltas: JsonObject[];
}

function blocks(answer: Answer): WrittenBlock[] {
  const all: WrittenBlock[] = [];
  if (answer.reasoning !== undefined) all.push(thinking(answer.reasoning, answer.signature ?? "c2lnbmF0dXJl"));
  if (answer.redactedReasoning !== undefined) {
    const block = { type: "redacted_thinking", data: answer.redactedReasoning };
    all.push({ complete: block, opened: block, deltas: [] });
  }
  // Anthropic has no field for a refusal: the text says it, and stop_reason names it.
  const text = answer.text ?? answer.refusal;
  if (text !== undefined) {
    all.push({
      complete: { type: "text", text: whole(text) },
      opened: { type: "text", text: "" },
      deltas: words(text).map((piece) => ({ type: "text_delta", text: piece })),
    });
  }
  for (const call of answer.toolCalls ?? []) {
    const named = { type: "tool_use", id: call.id, name: call.name };
    all.push({
      complete: { ...named, input: JSON.parse(whole(call.arguments) || "{}") },
      opened: { ...named, input: {} },
      // The first fragment is empty in every recording; a tool without arguments has only that one.
      deltas: ["", ...fragments(call.arguments)].map((piece) => ({ type: "input_json_delta", partial_json: piece })),
    });
  }
  return all;
}

function thinking(text: string | string[], signature: string): WrittenBlock {
  return {
    complete: { type: "thinking", thinking: whole(text), signature },
    opened: { type: "thinking", thinking: "", signature: "" },
    deltas: [
      ...words(text).map((piece) => ({ type: "thinking_delta", thinking: piece })),
      { type: "signature_delta", signature },
    ],
  };
}

function finishOf(answer: Answer): string {
  if (answer.finish !== undefined) return answer.finish;
  if (answer.stopSequence !== undefined) return "stop_sequence";
  if (answer.refusal !== undefined) return "refusal";
  return answer.toolCalls?.length ? "tool_use" : "end_turn";
}

/** Anthropic counts cache reads and writes outside `input_tokens`. */
function usage(counted: AnswerUsage): JsonObject {
  const read = counted.cacheRead ?? 0;
  const written = counted.cacheWrite ?? 0;
  return {
    input_tokens: counted.input - read - written,
    cache_creation_input_tokens: written,
    cache_read_input_tokens: read,
    cache_creation: { ephemeral_5m_input_tokens: written, ephemeral_1h_input_tokens: 0 },
    output_tokens: counted.output,
    service_tier: "standard",
  };
}
