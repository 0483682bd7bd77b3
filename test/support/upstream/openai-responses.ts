/**
 * Well-formed answers of a provider that speaks OpenAI's Responses.
 * Source: the API reference of OpenAI, "Responses" and "Streaming events".
 */
import type { Json, JsonObject } from "../../../src/kernel/json.ts";
import { type Answer, DEFAULT_USAGE, fragments, type Replies, whole, words } from "./answer.ts";
import { json, sse } from "./script.ts";

/** The response object at its end. */
export function body(answer: Answer): JsonObject {
  return head(
    answer,
    "completed",
    itemsOf(answer).map(({ item }) => item),
  );
}

/** The events of a stream, `sequence_number` included. */
export function events(answer: Answer): JsonObject[] {
  const all: JsonObject[] = [];
  const add = (type: string, fields: JsonObject) =>
    all.push({ type: `response.${type}`, sequence_number: all.length, ...fields });
  add("created", { response: head(answer, "in_progress", []) });
  add("in_progress", { response: head(answer, "in_progress", []) });
  for (const [output_index, { item, pieces, kind }] of itemsOf(answer).entries()) {
    const item_id = item.id!;
    const empty =
      kind === "function_call_arguments"
        ? { arguments: "" }
        : kind === "output_text"
          ? { content: [] }
          : { summary: [] };
    add("output_item.added", { output_index, item: { ...item, ...empty, status: "in_progress" } });
    const place: JsonObject = { item_id, output_index };
    if (kind === "output_text") place.content_index = 0;
    if (kind === "reasoning_summary_text") place.summary_index = 0;
    if (kind === "output_text") add("content_part.added", { ...place, part: part("") });
    for (const delta of pieces) add(`${kind}.delta`, { ...place, delta });
    const text = pieces.join("");
    add(`${kind}.done`, kind === "function_call_arguments" ? { ...place, arguments: text } : { ...place, text });
    if (kind === "output_text") add("content_part.done", { ...place, part: part(text) });
    add("output_item.done", { output_index, item });
  }
  add("completed", { response: body(answer) });
  return all;
}

export const replies: Replies = (answer, options) => (request) => {
  if (request.json().stream !== true) return json(200, body(answer), options?.unary);
  return sse(
    events(answer).map((data) => ({ event: String(data.type), data })),
    options?.stream,
  );
};

interface Told {
  item: JsonObject;
  kind: "output_text" | "function_call_arguments" | "reasoning_summary_text";
  pieces: string[];
}

function itemsOf(answer: Answer): Told[] {
  const items: Told[] = [];
  if (answer.reasoning !== undefined) {
    const item: JsonObject = {
      type: "reasoning",
      id: "rs_1",
      summary: [{ type: "summary_text", text: whole(answer.reasoning) }],
    };
    if (answer.signature !== undefined) item.encrypted_content = answer.signature;
    items.push({ item, kind: "reasoning_summary_text", pieces: words(answer.reasoning) });
  }
  if (answer.text !== undefined) {
    const content: Json[] = [part(whole(answer.text))];
    const item = { type: "message", id: "msg_1", role: "assistant", status: "completed", content };
    items.push({ item, kind: "output_text", pieces: words(answer.text) });
  }
  for (const [index, { id, name, arguments: given }] of (answer.toolCalls ?? []).entries()) {
    const item = {
      type: "function_call",
      id: `fc_${index}`,
      call_id: id,
      name,
      arguments: whole(given),
      status: "completed",
    };
    items.push({ item, kind: "function_call_arguments", pieces: fragments(given) });
  }
  return items;
}

function part(text: string): JsonObject {
  return { type: "output_text", text, annotations: [], logprobs: [] };
}

function head(answer: Answer, status: string, output: JsonObject[]): JsonObject {
  const { input, output: wrote, cacheRead = 0, reasoning = 0 } = answer.usage ?? DEFAULT_USAGE;
  const usage: JsonObject = {
    input_tokens: input,
    input_tokens_details: { cached_tokens: cacheRead },
    output_tokens: wrote,
    output_tokens_details: { reasoning_tokens: reasoning },
    total_tokens: input + wrote,
  };
  return {
    id: answer.id ?? "resp_test1",
    object: "response",
    created_at: answer.created ?? 1_700_000_000,
    status,
    model: answer.model ?? "gpt-test",
    error: null,
    incomplete_details: null,
    output,
    parallel_tool_calls: true,
    store: true,
    usage: status === "completed" ? usage : null,
    ...answer.extra,
  };
}
