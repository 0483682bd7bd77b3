/**
 * Well-formed answers of DashScope's own generation API, with increments as the gateway asks for them.
 * Source: Alibaba Cloud's reference of the Qwen API, "DashScope".
 */
import type { JsonObject } from "../../../src/kernel/json.ts";
import { type Answer, DEFAULT_USAGE, fragments, type Replies, whole, words } from "./answer.ts";
import { json, sse } from "./script.ts";

const finishOf = (answer: Answer) => answer.finish ?? (answer.toolCalls === undefined ? "stop" : "tool_calls");

function response(answer: Answer, message: JsonObject, finish_reason: string): JsonObject {
  const { input, output } = answer.usage ?? DEFAULT_USAGE;
  return {
    output: { choices: [{ message: { role: "assistant", content: "", ...message }, finish_reason }] },
    usage: { input_tokens: input, output_tokens: output, total_tokens: input + output },
    request_id: answer.id ?? "req_1",
  };
}

/** The body of an answer that is not streamed. */
export function body(answer: Answer): JsonObject {
  const message: JsonObject = { content: whole(answer.text ?? "") };
  if (answer.toolCalls !== undefined) {
    message.tool_calls = answer.toolCalls.map((call, index) => ({
      index,
      id: call.id,
      type: "function",
      function: { name: call.name, arguments: whole(call.arguments) },
    }));
  }
  return response(answer, message, finishOf(answer));
}

/** The messages of a stream; what a call has said once comes again as an empty string. */
export function messages(answer: Answer): JsonObject[] {
  const all: JsonObject[] = words(answer.text ?? []).map((content) => ({ content }));
  for (const [index, call] of (answer.toolCalls ?? []).entries()) {
    const told = (id: string, name: string, piece: string) =>
      all.push({ tool_calls: [{ index, id, type: "function", function: { name, arguments: piece } }] });
    told(call.id, call.name, "");
    for (const piece of fragments(call.arguments)) told("", "", piece);
  }
  return all;
}

export const replies: Replies = (answer) => (request) => {
  if (request.header("x-dashscope-sse") !== "enable") return json(200, body(answer));
  const frames = [...messages(answer), {}].map((message, index, all) => {
    const data = JSON.stringify(response(answer, message, index === all.length - 1 ? finishOf(answer) : "null"));
    return `id:${index + 1}\nevent:result\n:HTTP_STATUS/200\ndata:${data}\n\n`;
  });
  return sse(frames);
};
