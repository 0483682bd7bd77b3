import { describe, expect, test } from "bun:test";
import type { Json, JsonObject } from "../kernel/json.ts";
import type { EventPart } from "../spec/event.ts";
import type { AnswerEncoder, Wire } from "../spec/wire.ts";
import { anthropicMessages } from "../wire/anthropic-messages/index.ts";
import { geminiStream } from "../wire/gemini/index.ts";
import { ollamaChat } from "../wire/ollama/index.ts";
import { openaiChat } from "../wire/openai-chat/index.ts";
import { openaiResponses } from "../wire/openai-responses/index.ts";
import { ADAPTERS } from "./adapters.ts";

/**
 * Pictures that a model makes (google/candidate.ts, openai/choice.ts, openai/responses/items.ts, ollama/events.ts,
 * dashscope/choice.ts), as callers of every dialect with a place for them are told.
 */

const DATA = "iVBORw0KGgoAAAANSUhEUg";
const ADDRESS = `data:image/png;base64,${DATA}`;
const URL = "https://a.example/1.png";
const ITEM = { type: "image_generation_call", id: "ig_1", status: "completed", result: DATA, output_format: "png" };

interface Server {
  kind: string;
  model: string;
  whole: JsonObject;
  stream: Json[];
}

const chunk = (delta: JsonObject, finish: string | null = null): Json => ({
  id: "x",
  choices: [{ index: 0, delta, finish_reason: finish }],
});
const images = [{ type: "image_url", image_url: { url: ADDRESS } }];
const part = { candidates: [{ content: { parts: [{ text: "Here:" }, { inlineData: { mimeType: "image/png", data: DATA } }] }, finishReason: "STOP" }] }; // biome-ignore format: one answer
const SERVERS: Record<string, Server> = {
  Gemini: { kind: "google", model: "gemini-2.5-flash-image", whole: part, stream: [part] },
  "OpenRouter and its like": {
    kind: "openai-compatible",
    model: "google/gemini-2.5-flash-image",
    whole: { choices: [{ message: { content: "Here:", images }, finish_reason: "stop" }] },
    stream: [chunk({ content: "Here:" }), chunk({ content: "", images }), chunk({}, "stop")],
  },
  "OpenAI's Responses": {
    kind: "openai",
    model: "gpt-5-codex",
    whole: {
      object: "response",
      status: "completed",
      output: [{ type: "message", role: "assistant", content: [{ type: "output_text", text: "Here:" }] }, ITEM],
    },
    stream: [
      { type: "response.created", response: { id: "r", object: "response" } },
      { type: "response.output_text.delta", output_index: 0, item_id: "m", content_index: 0, delta: "Here:" },
      { type: "response.output_item.added", output_index: 1, item: { ...ITEM, status: "in_progress", result: null } },
      { type: "response.image_generation_call.partial_image", output_index: 1, partial_image_b64: "half" },
      { type: "response.output_item.done", output_index: 1, item: ITEM },
      { type: "response.completed", response: { id: "r", object: "response", status: "completed", output: [] } },
    ],
  },
  Ollama: {
    kind: "ollama",
    model: "painter",
    whole: { message: { content: "Here:", images: [DATA] }, done: true, done_reason: "stop" },
    stream: [
      { message: { content: "Here:" }, done: false },
      { message: { content: "", images: [DATA] }, done: true, done_reason: "stop" },
    ],
  },
};

const PAINTED = { output: { choices: [{ message: { content: [{ image: URL }] }, finish_reason: "stop" }] } };
const DASHSCOPE = { kind: "dashscope-native", model: "qwen-image", whole: PAINTED, stream: [PAINTED] };

const CALLERS: Record<string, { wire: Wire; ask: JsonObject; read: (answer: JsonObject) => Json | undefined }> = {
  "Chat Completions": {
    wire: openaiChat,
    ask: { model: "m", messages: [{ role: "user", content: "hi" }] },
    read: ({ choices }) => (choices as { message: JsonObject }[])[0]!.message.images,
  },
  Responses: {
    wire: openaiResponses,
    ask: { model: "m", input: "hi" },
    read: ({ output }) => (output as JsonObject[]).filter(({ type }) => type === "image_generation_call"),
  },
  Gemini: {
    wire: geminiStream,
    ask: { contents: [{ parts: [{ text: "hi" }] }] },
    read: ({ candidates }) =>
      (candidates as { content: { parts: JsonObject[] } }[])[0]!.content.parts.filter(({ text }) => text === undefined),
  },
  Ollama: {
    wire: ollamaChat,
    ask: { model: "m", messages: [{ role: "user", content: "hi" }] },
    read: ({ message }) => (message as JsonObject).images,
  },
  Messages: {
    wire: anthropicMessages,
    ask: { model: "m", max_tokens: 9, messages: [{ role: "user", content: "hi" }] },
    read: ({ content }) => (content as JsonObject[]).filter(({ type }) => type !== "text"),
  },
};

function answered(
  { kind, model, whole, stream }: Server,
  caller: string,
  streamed: boolean,
): [EventPart[], AnswerEncoder] {
  const { wire, ask } = CALLERS[caller]!;
  const address = { params: { model: "m" }, query: "alt=sse" };
  const request = wire.decode(wire === geminiStream ? ask : { ...ask, stream: streamed }, address);
  const adapter = ADAPTERS.find((each) => each.kind === kind)!;
  const decoder = (adapter.variant?.(request, model, {}) ?? adapter).decoder(request);
  const read = (frame: Json) => decoder.frame({ event: "", data: JSON.stringify(frame) });
  const parts = streamed ? [...stream.flatMap(read), ...decoder.close()] : decoder.unary(JSON.stringify(whole));
  return [parts, wire.encoder(request, { requestId: "req_1", created: 0 })];
}

const toldWhole = (server: Server, caller: string): Json | undefined => {
  const [parts, encoder] = answered(server, caller, false);
  return CALLERS[caller]!.read(JSON.parse(encoder.unary(parts)) as JsonObject);
};
const toldStreamed = (server: Server, caller: string): string => {
  const [parts, encoder] = answered(server, caller, true);
  return encoder.frames(parts);
};

const EXPECTED: Record<string, [whole: Json, streamed: string]> = {
  "Chat Completions": [images, `"images":${JSON.stringify(images)}`],
  Responses: [
    [expect.objectContaining({ status: "completed", result: DATA }) as unknown as Json],
    `"result":"${DATA}"`,
  ],
  Gemini: [
    [{ inlineData: { mimeType: "image/png", data: DATA } }],
    `{"inlineData":{"mimeType":"image/png","data":"${DATA}"}}`,
  ],
  Ollama: [[DATA], `"images":["${DATA}"]`],
};

describe.each(Object.keys(SERVERS))("a picture by %s", (server) => {
  test.each(Object.keys(EXPECTED))("reaches callers of %s, whole and streamed", (caller) => {
    const [whole, streamed] = EXPECTED[caller]!;
    expect(toldWhole(SERVERS[server]!, caller)).toEqual(whole);
    const text = toldStreamed(SERVERS[server]!, caller);
    expect(text).toContain(streamed);
    expect(text).toContain("Here:");
  });

  test("breaks nothing where there is no place for it, and can be seen to be left out", () => {
    expect(toldWhole(SERVERS[server]!, "Messages")).toEqual([]);
    expect(toldStreamed(SERVERS[server]!, "Messages")).not.toContain(DATA);
    const [parts] = answered(SERVERS[server]!, "Messages", true);
    expect(parts.flatMap((each) => (each.type === "block-start" && each.content.kind === "opaque" ? [each.content.picture] : []))) // biome-ignore format: one line
      .toEqual([{ mediaType: "image/png", data: DATA }]);
  });
});

test("a picture that is only an address is told where there is a place for one", () => {
  expect(toldWhole(DASHSCOPE, "Chat Completions")).toEqual([{ type: "image_url", image_url: { url: URL } }]);
  expect(toldWhole(DASHSCOPE, "Gemini")).toEqual([{ fileData: { mimeType: "image/*", fileUri: URL } }]);
  expect([toldWhole(DASHSCOPE, "Responses"), toldWhole(DASHSCOPE, "Ollama")]).toEqual([[], undefined]);
});

test("a picture keeps its own words for callers of its own dialect, whom a guard has it written anew for", () => {
  const odd = [{ type: "image_url", image_url: { url: ADDRESS }, index: 0, x: 1 }];
  const server = {
    ...SERVERS["OpenRouter and its like"]!,
    whole: { choices: [{ message: { images: odd }, finish_reason: "stop" }] },
  };
  expect(toldWhole(server, "Chat Completions")).toEqual(odd);
});

test("a sketch within a thought is no answer", () => {
  const sketch = { thought: true, inlineData: { mimeType: "image/png", data: DATA } };
  const whole = { candidates: [{ content: { parts: [sketch, { text: "x" }] }, finishReason: "STOP" }] };
  expect(toldWhole({ ...SERVERS.Gemini!, whole }, "Chat Completions")).toBeUndefined();
});
