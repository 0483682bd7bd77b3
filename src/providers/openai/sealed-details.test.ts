import { describe, expect, test } from "bun:test";
import type { Json, JsonObject } from "../../kernel/json.ts";
import { seal } from "../../spec/sealed.ts";
import type { Wire } from "../../spec/wire.ts";
import { anthropicMessages } from "../../wire/anthropic-messages/index.ts";
import { gemini } from "../../wire/gemini/index.ts";
import { ollamaChat } from "../../wire/ollama/index.ts";
import { openaiResponses } from "../../wire/openai-responses/index.ts";
import { openaiCompatible } from "../openai-compatible/index.ts";
import { mustBeSealed, sealDetail, unsealDetail } from "./sealed-details.ts";

const openrouter = openaiCompatible.find(({ kind }) => kind === "openrouter")!;

/** How a client of each other dialect asks, and puts the answer and the tool's result into its next request. */
const CLIENTS: Record<string, { wire: Wire; ask: JsonObject; next: (answer: JsonObject) => JsonObject }> = {
  Messages: {
    wire: anthropicMessages,
    ask: { model: "m", max_tokens: 9, messages: [{ role: "user", content: "hi" }] },
    next: ({ content }) => ({
      messages: [
        { role: "user", content: "hi" },
        { role: "assistant", content: content! },
        { role: "user", content: [{ type: "tool_result", tool_use_id: "tool_0_f", content: "42" }] },
      ],
    }),
  },
  Responses: {
    wire: openaiResponses,
    ask: { model: "m", input: "hi" },
    next: ({ output }) => ({
      input: [
        { role: "user", content: "hi" },
        ...(output as Json[]),
        { type: "function_call_output", call_id: "tool_0_f", output: "42" },
      ],
    }),
  },
  Gemini: {
    wire: gemini,
    ask: { contents: [{ role: "user", parts: [{ text: "hi" }] }] },
    next: ({ candidates }) => ({
      contents: [
        { role: "user", parts: [{ text: "hi" }] },
        (candidates as JsonObject[])[0]!.content!,
        { role: "user", parts: [{ functionResponse: { id: "tool_0_f", name: "f", response: { result: 42 } } }] },
      ],
    }),
  },
  Ollama: {
    wire: ollamaChat,
    ask: { model: "m", messages: [{ role: "user", content: "hi" }] },
    next: ({ message }) => ({
      messages: [{ role: "user", content: "hi" }, message!, { role: "tool", tool_name: "f", content: "42" }],
    }),
  },
};

const GEMINIS = [
  { type: "reasoning.text", text: "th", format: "google-gemini-v1", index: 0 },
  { type: "reasoning.encrypted", data: "EN+/C=", id: "tool_0_f", format: "google-gemini-v1", index: 1 },
];
const GPTS = [
  { type: "reasoning.summary", summary: "th", format: "openai-responses-v1", index: 0 },
  { type: "reasoning.encrypted", data: "gAAA:_-", id: "rs_1", format: "openai-responses-v1", index: 0 },
];
const XAIS = [{ type: "reasoning.text", text: "th", signature: "s+/=", format: "xai-responses-v1", id: "r", index: 0 }];
/** Of no format: OpenRouter takes it for Claude's. */
const CLAUDES = [
  { type: "reasoning.text", text: "th", signature: "EqAB+/==", index: 0 },
  { type: "reasoning.encrypted", data: "Eo+/==", index: 1 },
];

const call = { id: "tool_0_f", index: 0, type: "function", function: { name: "f", arguments: "{}" } };
const whole = (details: JsonObject[]) => ({
  choices: [{ message: { reasoning_details: details, tool_calls: [call] } }],
});

/** What comes upstream in the next turn of a client that was answered so. */
function returned(client: string, details: JsonObject[], streamed: boolean): Json | undefined {
  const { wire, ask, next } = CLIENTS[client]!;
  const address = { params: { model: "m" } } as never;
  const request = wire.decode(ask, address);
  const decoder = openrouter.decoder(request);
  const deltas = [...pieces(details).map((detail) => ({ reasoning_details: [detail] })), { tool_calls: [call] }];
  const chunks = [...deltas.map((delta) => ({ delta })), { delta: {}, finish_reason: "tool_calls" }];
  const said = chunks.map((choice) => JSON.stringify({ choices: [{ index: 0, ...choice }] }));
  const parts = streamed
    ? [...said, "[DONE]"].flatMap((data) => decoder.frame({ event: "", data }))
    : decoder.unary(JSON.stringify(whole(details)));
  const answer = JSON.parse(wire.encoder(request, { requestId: "r", created: 0 }).unary(parts)) as JsonObject;
  const { body } = openrouter.encode(wire.decode({ ...ask, ...next(answer) }, address), "m");
  return (body.messages as JsonObject[]).find(({ role }) => role === "assistant")!.reasoning_details;
}

/** As OpenRouter streams them: the text letter by letter, the signature in a piece of its own. */
function pieces(details: JsonObject[]): JsonObject[] {
  return details.flatMap(({ signature, ...detail }) => {
    const word = detail.type === "reasoning.summary" ? "summary" : "text";
    const said = detail[word];
    const texts = typeof said === "string" ? [...said].map((letter) => ({ ...detail, [word]: letter })) : [detail];
    return signature === undefined ? texts : [...texts, { ...detail, [word]: "", signature }];
  });
}

describe.each(Object.keys(CLIENTS))("a tool loop through OpenRouter by %s", (client) => {
  test.each([
    ["Gemini", GEMINIS],
    ["GPT", GPTS],
    ["Grok", XAIS],
    ["Claude", CLAUDES],
  ])("gives %s its reasoning details back as they were", (_, details) => {
    expect(returned(client, details, false)).toEqual(details);
    expect(returned(client, details, true)).toEqual(details);
  });
});

test("OpenRouter is told no format of Claude's thoughts, for it is the one that it takes them to have", () => {
  const told = CLAUDES.map((detail) => ({ ...detail, format: "anthropic-claude-v1" }));
  expect(returned("Messages", told, true)).toEqual(CLAUDES);
});

test.each([
  ["Claude's own", { format: "anthropic-claude-v1", id: "x" }, "Eq=="],
  ["one that is sealed already", { format: "google-gemini-v1" }, seal({ dialect: "gemini", place: "text", data: "x" })],
  ["one without words beside it", undefined, "Eq=="],
])("%s stays as the provider gave it, for the provider itself may read it next", (_, extra, signature) => {
  expect(mustBeSealed(extra, signature)).toBe(false);
});

test("by an empty signature nothing is signed", () => {
  const thought = { type: "thinking", thinking: "hm", signature: "" };
  const messages = [
    { role: "user", content: "hi" },
    { role: "assistant", content: [thought] },
  ];
  const { body } = openrouter.encode(anthropicMessages.decode({ model: "m", max_tokens: 9, messages }), "m");
  expect((body.messages as JsonObject[])[1]!.reasoning_details).toEqual([
    { type: "reasoning.text", text: "hm", index: 0 },
  ]);
});

test("what a caller sealed itself holds nothing but words of an item", () => {
  expect(unsealDetail(sealDetail({ id: "x", index: 1, data: { deep: 1 }, role: "system" }))).toEqual({
    id: "x",
    index: 1,
  });
  expect(unsealDetail(seal({ dialect: "openai-chat", place: "thought", data: "spoilt" }))).toEqual({});
  expect(unsealDetail("EqAB+/==")).toBeUndefined();
});
