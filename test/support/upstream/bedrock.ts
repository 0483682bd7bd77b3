/**
 * Well-formed answers of Bedrock's Converse and ConverseStream.
 * Source: AWS's API reference of Bedrock Runtime.
 */
import type { JsonObject } from "../../../src/kernel/json.ts";
import { type Answer, DEFAULT_USAGE, fragments, type Replies, whole, words } from "./answer.ts";
import { type AwsMessage, awsEvent, encodeAwsMessages } from "./aws-event-stream.ts";
import { json, text } from "./script.ts";

const finishOf = (answer: Answer) => answer.finish ?? (answer.toolCalls === undefined ? "end_turn" : "tool_use");

function usage(answer: Answer): JsonObject {
  const { input, output } = answer.usage ?? DEFAULT_USAGE;
  return { inputTokens: input, outputTokens: output, totalTokens: input + output };
}

/** The body of an answer that is not streamed. */
export function body(answer: Answer): JsonObject {
  const content: JsonObject[] = [];
  if (answer.text !== undefined) content.push({ text: whole(answer.text) });
  for (const { id, name, arguments: given } of answer.toolCalls ?? []) {
    content.push({ toolUse: { toolUseId: id, name, input: JSON.parse(whole(given)) as JsonObject } });
  }
  return {
    output: { message: { role: "assistant", content } },
    stopReason: finishOf(answer),
    usage: usage(answer),
    metrics: { latencyMs: 9 },
  };
}

/** The events of a stream: a text begins without an event of its own, and the usage comes after the end. */
export function events(answer: Answer): AwsMessage[] {
  const all = [awsEvent("messageStart", { role: "assistant", p: "abcd" })];
  let contentBlockIndex = 0;
  const delta = (value: JsonObject) =>
    all.push(awsEvent("contentBlockDelta", { contentBlockIndex, delta: value, p: "ab" }));
  const stop = () => all.push(awsEvent("contentBlockStop", { contentBlockIndex: contentBlockIndex++ }));
  if (answer.text !== undefined) {
    for (const piece of words(answer.text)) delta({ text: piece });
    stop();
  }
  for (const { id, name, arguments: given } of answer.toolCalls ?? []) {
    all.push(awsEvent("contentBlockStart", { contentBlockIndex, start: { toolUse: { toolUseId: id, name } } }));
    for (const input of fragments(given)) delta({ toolUse: { input } });
    stop();
  }
  all.push(awsEvent("messageStop", { stopReason: finishOf(answer) }));
  all.push(awsEvent("metadata", { usage: usage(answer), metrics: { latencyMs: 9 } }));
  return all;
}

export const replies: Replies = (answer) => (request) => {
  if (!request.path.endsWith("-stream")) return json(200, body(answer));
  const contentType = "application/vnd.amazon.eventstream";
  return text(200, encodeAwsMessages(events(answer)), { contentType, framing: "chunked", split: { size: 90 } });
};
