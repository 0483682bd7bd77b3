import { describe, expect, test } from "bun:test";
import type { Json, JsonObject } from "../../kernel/json.ts";
import type { Wire } from "../../spec/wire.ts";
import { anthropicMessages } from "../../wire/anthropic-messages/index.ts";
import { gemini } from "../../wire/gemini/index.ts";
import { ollamaChat } from "../../wire/ollama/index.ts";
import { openaiChat } from "../../wire/openai-chat/index.ts";
import { openaiResponses } from "../../wire/openai-responses/index.ts";
import { openaiCompatible } from "../openai-compatible/index.ts";
import { cohere } from "./index.ts";
import { isPlan, noteOf } from "./plan.ts";

/** How a client of each dialect offers a tool, and puts the answer and the tool's result into its next request. */
const CLIENTS: Record<string, { wire: Wire; ask: JsonObject; next: (answer: JsonObject) => JsonObject }> = {
  "Chat Completions": {
    wire: openaiChat,
    ask: {
      model: "m",
      messages: [{ role: "user", content: "hi" }],
      tools: [{ type: "function", function: { name: "f" } }],
    },
    next: ({ choices }) => ({
      messages: [
        { role: "user", content: "hi" },
        (choices as JsonObject[])[0]!.message!,
        { role: "tool", tool_call_id: "f_1", content: "42" },
      ],
    }),
  },
  Messages: {
    wire: anthropicMessages,
    ask: {
      model: "m",
      max_tokens: 9,
      messages: [{ role: "user", content: "hi" }],
      tools: [{ name: "f", input_schema: { type: "object" } }],
    },
    next: ({ content }) => ({
      messages: [
        { role: "user", content: "hi" },
        { role: "assistant", content: content! },
        { role: "user", content: [{ type: "tool_result", tool_use_id: "f_1", content: "42" }] },
      ],
    }),
  },
  Responses: {
    wire: openaiResponses,
    ask: { model: "m", input: "hi", tools: [{ type: "function", name: "f" }] },
    next: ({ output }) => ({
      input: [
        { role: "user", content: "hi" },
        ...(output as Json[]),
        { type: "function_call_output", call_id: "f_1", output: "42" },
      ],
    }),
  },
  Gemini: {
    wire: gemini,
    ask: { contents: [{ role: "user", parts: [{ text: "hi" }] }], tools: [{ functionDeclarations: [{ name: "f" }] }] },
    next: ({ candidates }) => ({
      contents: [
        { role: "user", parts: [{ text: "hi" }] },
        (candidates as JsonObject[])[0]!.content!,
        { role: "user", parts: [{ functionResponse: { id: "f_1", name: "f", response: { result: 42 } } }] },
      ],
    }),
  },
  Ollama: {
    wire: ollamaChat,
    ask: {
      model: "m",
      messages: [{ role: "user", content: "hi" }],
      tools: [{ type: "function", function: { name: "f" } }],
    },
    next: ({ message }) => ({
      messages: [{ role: "user", content: "hi" }, message!, { role: "tool", tool_name: "f", content: "42" }],
    }),
  },
};

const CALL = { id: "f_1", type: "function", function: { name: "f", arguments: "{}" } };
const ANSWERS: Record<string, JsonObject> = {
  both: { content: [{ type: "thinking", thinking: "Hm." }], tool_plan: "I will look.", tool_calls: [CALL] },
  "a plan": { tool_plan: "I will look.", tool_calls: [CALL] },
  "a thought": { content: [{ type: "thinking", thinking: "Hm." }], tool_calls: [CALL] },
};

function nextTurn(name: string, message: JsonObject, to = cohere, model = "command-a-reasoning-08-2025") {
  const { wire, ask, next } = CLIENTS[name]!;
  const address = { params: { model: "m" }, query: "" };
  const request = wire.decode({ ...ask, ...(name === "Ollama" ? { stream: false } : {}) }, address);
  const parts = cohere.decoder(request).unary(JSON.stringify({ message, finish_reason: "TOOL_CALL" }));
  const answer = JSON.parse(wire.encoder(request, { requestId: "req_1", created: 0 }).unary(parts)) as JsonObject;
  const { body, warnings } = to.encode(wire.decode({ ...ask, ...next(answer) }, address), model);
  const turn = (body.messages as JsonObject[]).find(({ role }) => role === "assistant")!;
  return { turn, warned: warnings.map(({ field }) => field) };
}

describe.each(Object.keys(CLIENTS))("by a client of %s", (name) => {
  test.each(Object.keys(ANSWERS))("%s of a turn that calls goes back to where it was", (kind) => {
    const { turn, warned } = nextTurn(name, ANSWERS[kind]!);
    expect([turn.content, turn.tool_plan]).toEqual([ANSWERS[kind]!.content, ANSWERS[kind]!.tool_plan]);
    expect(warned).not.toContain("signature");
  });
});

test("a model that does not think is told the plan, and not the thought", () => {
  const { turn, warned } = nextTurn("Messages", ANSWERS.both!, cohere, "command-a-03-2025");
  expect([turn.content, turn.tool_plan, warned]).toEqual([undefined, "I will look.", ["thinking"]]);
});

test("other providers are told both as thoughts, without the notes and without a warning of signatures", () => {
  const told = (kind: string, model: string) => {
    const to = openaiCompatible.find((each) => each.kind === kind)!;
    const { turn, warned } = nextTurn("Messages", ANSWERS.both!, to, model);
    expect(JSON.stringify(turn)).not.toContain("sp1:");
    expect(warned).not.toContain("signature");
    return turn;
  };
  expect(told("deepseek", "deepseek-chat").reasoning_content).toBe("Hm.I will look.");
  expect(told("openrouter", "x/y").reasoning_details).toEqual([
    { type: "reasoning.text", index: 0, text: "Hm." },
    { type: "reasoning.text", index: 1, text: "I will look." },
  ]);
});

test("without tools nobody plans, and nothing is noted", () => {
  const request = openaiChat.decode({ model: "m", messages: [{ role: "user", content: "hi" }] });
  const parts = cohere.decoder(request).unary(JSON.stringify({ message: ANSWERS.both!, finish_reason: "COMPLETE" }));
  expect(parts.some(({ type }) => type === "signature-delta")).toBe(false);
});

test("a plan is known by its note", () => {
  const thought = (signature?: string) => ({
    type: "reasoning" as const,
    text: "x",
    ...(signature ? { signature } : {}),
  });
  expect([noteOf("plan"), noteOf("thought"), "EqAE", undefined].map((note) => isPlan(thought(note)))).toEqual([
    true,
    false,
    false,
    false,
  ]);
});
