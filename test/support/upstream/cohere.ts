/**
 * Well-formed answers of Cohere's chat, version 2. Source: Cohere's API reference, "Chat" and
 * "Chat with Streaming"; its own client reads them.
 */
import type { JsonObject } from "../../../src/kernel/json.ts";
import { type Answer, DEFAULT_USAGE, fragments, type Replies, whole, words } from "./answer.ts";
import { json, sse } from "./script.ts";

const id = (answer: Answer) => answer.id ?? "7c1d-test";

const finishOf = (answer: Answer) => answer.finish ?? (answer.toolCalls === undefined ? "COMPLETE" : "TOOL_CALL");

function usage(answer: Answer): JsonObject {
  const { input, output, cacheRead } = answer.usage ?? DEFAULT_USAGE;
  const billed_units = { input_tokens: 1, output_tokens: 1 };
  const tokens = { input_tokens: input, output_tokens: output };
  return { billed_units, tokens, ...(cacheRead === undefined ? {} : { cached_tokens: cacheRead }) };
}

/** The body of an answer that is not streamed. */
export function body(answer: Answer): JsonObject {
  const content: JsonObject[] = [];
  if (answer.reasoning !== undefined) content.push({ type: "thinking", thinking: whole(answer.reasoning) });
  if (answer.text !== undefined) content.push({ type: "text", text: whole(answer.text) });
  const message: JsonObject = { role: "assistant" };
  if (content.length > 0) message.content = content;
  if (answer.toolCalls !== undefined) {
    message.tool_calls = answer.toolCalls.map((call) => ({
      id: call.id,
      type: "function",
      function: { name: call.name, arguments: whole(call.arguments) },
    }));
  }
  return { id: id(answer), message, finish_reason: finishOf(answer), usage: usage(answer), ...answer.extra };
}

/** The events of a stream. */
export function events(answer: Answer): JsonObject[] {
  const all: JsonObject[] = [{ type: "message-start", id: id(answer), delta: { message: { role: "assistant" } } }];
  let index = 0;
  const block = (type: "thinking" | "text", pieces: string[]) => {
    if (pieces.length === 0) return;
    const told = (event: string, content: JsonObject) => ({ type: event, index, delta: { message: { content } } });
    all.push(told("content-start", { type, [type]: "" }));
    for (const piece of pieces) all.push(told("content-delta", { [type]: piece }));
    all.push({ type: "content-end", index: index++ });
  };
  block("thinking", words(answer.reasoning ?? []));
  block("text", words(answer.text ?? []));
  for (const [at, call] of (answer.toolCalls ?? []).entries()) {
    const told = (type: string, tool_calls: JsonObject) => ({ type, index: at, delta: { message: { tool_calls } } });
    const begun = { name: call.name, arguments: "" };
    all.push(told("tool-call-start", { id: call.id, type: "function", function: begun }));
    for (const piece of fragments(call.arguments))
      all.push(told("tool-call-delta", { function: { arguments: piece } }));
    all.push({ type: "tool-call-end", index: at });
  }
  all.push({ type: "message-end", delta: { finish_reason: finishOf(answer), usage: usage(answer) } });
  return all;
}

export const replies: Replies = (answer) => (request) => {
  if (request.json().stream !== true) return json(200, body(answer));
  return sse(
    events(answer).map((data) => ({ event: data.type as string, data })),
    { done: true },
  );
};
