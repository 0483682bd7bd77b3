/**
 * Well-formed answers of Ollama's own API. Source: https://docs.ollama.com/api.
 */
import type { JsonObject } from "../../../src/kernel/json.ts";
import { type Answer, DEFAULT_USAGE, type Replies, whole, words } from "./answer.ts";
import { json, text } from "./script.ts";

const head = (answer: Answer) => ({ model: answer.model ?? "llama-test", created_at: "2026-11-22T10:00:00.000Z" });

function tail(answer: Answer): JsonObject {
  const { input, output } = answer.usage ?? DEFAULT_USAGE;
  const times = { total_duration: 9, load_duration: 1, prompt_eval_duration: 2, eval_duration: 3 };
  return {
    done: true,
    done_reason: answer.finish ?? "stop",
    ...times,
    prompt_eval_count: input,
    eval_count: output,
    ...answer.extra,
  };
}

const calls = (answer: Answer) =>
  (answer.toolCalls ?? []).map((call) => ({
    function: { name: call.name, arguments: JSON.parse(whole(call.arguments)) as JsonObject },
  }));

/** The body of a chat that is not streamed. */
export function body(answer: Answer): JsonObject {
  const message: JsonObject = { role: "assistant", content: answer.text === undefined ? "" : whole(answer.text) };
  if (answer.reasoning !== undefined) message.thinking = whole(answer.reasoning);
  if (answer.toolCalls !== undefined) message.tool_calls = calls(answer);
  return { ...head(answer), message, ...tail(answer) };
}

/** The lines of a stream. */
export function lines(answer: Answer): JsonObject[] {
  const line = (message: JsonObject) => ({
    ...head(answer),
    message: { role: "assistant", content: "", ...message },
    done: false,
  });
  return [
    ...words(answer.reasoning ?? []).map((thinking) => line({ thinking })),
    ...words(answer.text ?? []).map((content) => line({ content })),
    ...calls(answer).map((call) => line({ tool_calls: [call] })),
    { ...head(answer), message: { role: "assistant", content: "" }, ...tail(answer) },
  ];
}

export const replies: Replies = (answer) => (request) => {
  if (request.json().stream === false) return json(200, body(answer));
  const all = lines(answer).map((line) => `${JSON.stringify(line)}\n`);
  return text(200, all.join(""), { contentType: "application/x-ndjson", framing: "chunked", split: { size: 50 } });
};
