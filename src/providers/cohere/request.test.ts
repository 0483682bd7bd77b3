import { describe, expect, test } from "bun:test";
import type { JsonObject } from "../../kernel/json.ts";
import { UnsupportedFeature } from "../../spec/adapter.ts";
import { anthropicMessages } from "../../wire/anthropic-messages/index.ts";
import { openaiChat } from "../../wire/openai-chat/index.ts";
import { guarded } from "../guarded.ts";
import { cohere } from "./index.ts";

const adapter = guarded(cohere);

/** `request.ts` and `messages.ts`: what leaves for Cohere. */

const HI = [{ role: "user", content: "Hi" }];
const encode = (over: JsonObject, model = "command-a-03-2025") =>
  adapter.encode(openaiChat.decode({ model: "m", messages: HI, ...over }), model);
const sent = (over: JsonObject, model?: string) => encode(over, model).body;
const anthropic = (over: JsonObject) =>
  adapter.encode(anthropicMessages.decode({ model: "m", max_tokens: 10, messages: HI, ...over }), "command-a-03-2025");

const tool = (name: string, more: JsonObject = {}) => ({ type: "function", function: { name, ...more } });
const PARAMETERS = { type: "object", properties: {} };

describe("a request", () => {
  test("has its settings under Cohere's names", () => {
    const settings = { temperature: 0.5, seed: 7, presence_penalty: 0.5, frequency_penalty: 1, logprobs: true };
    const body = sent({ ...settings, max_tokens: 50, top_p: 0.9, top_k: 40, stop: "END", stream: true });
    expect(body).toEqual({
      ...settings,
      model: "command-a-03-2025",
      messages: HI,
      stream: true,
      max_tokens: 50,
      p: 0.9,
      k: 40,
      stop_sequences: ["END"],
    });
    expect(encode({}).path).toBe("/v2/chat");
  });

  test("stays within Cohere's bounds, and says where it was bent", () => {
    expect(sent({ top_p: 1 }).p).toBe(0.99);
    expect(sent({ top_p: 0 }).p).toBe(0.01);
    const { body, warnings } = encode({ presence_penalty: 2, frequency_penalty: -1 });
    expect([body.presence_penalty, body.frequency_penalty]).toEqual([1, 0]);
    expect(warnings.map(({ field }) => field).sort()).toEqual(["frequency_penalty", "presence_penalty"]);
  });

  const choices: [JsonObject, JsonObject][] = [
    [
      { tool_choice: "auto" },
      { tools: [tool("a", { parameters: PARAMETERS }), tool("b", { parameters: PARAMETERS })] },
    ],
    [{ tool_choice: "none" }, { tool_choice: "NONE" }],
    [{ tool_choice: "required" }, { tool_choice: "REQUIRED" }],
    [
      { tool_choice: { type: "function", function: { name: "b" } } },
      { tool_choice: "REQUIRED", tools: [tool("b", { parameters: PARAMETERS })] },
    ],
  ];
  for (const [choice, written] of choices) {
    test(`leaves the model this choice of tools: ${JSON.stringify(choice)}`, () => {
      expect(sent({ tools: [tool("a"), tool("b")], ...choice })).toMatchObject(written);
    });
  }

  test("holds tools to their schemas where one is strict", () => {
    expect(sent({ tools: [tool("a"), tool("b", { strict: true })] }).strict_tools).toBe(true);
    expect(sent({ tools: [tool("a")] }).strict_tools).toBeUndefined();
  });

  test("asks for JSON", () => {
    const wanted = { type: "json_schema", json_schema: { name: "x", schema: PARAMETERS } };
    expect(sent({ response_format: wanted }).response_format).toEqual({ type: "json_object", json_schema: PARAMETERS });
    expect(sent({ response_format: { type: "json_object" } }).response_format).toEqual({ type: "json_object" });
    // Beside tools Cohere takes none.
    const { body, warnings } = encode({ response_format: wanted, tools: [tool("a")] });
    expect(body).not.toHaveProperty("response_format");
    expect(body.messages).toEqual([
      { role: "system", content: expect.stringContaining(JSON.stringify(PARAMETERS)) },
      ...HI,
    ]);
    expect(warnings.map(({ field }) => field)).toEqual(["response_format"]);
    expect(encode({ response_format: { type: "text" }, tools: [tool("a")] }).body.messages).toEqual(HI);
  });

  const REASONER = "command-a-reasoning-08-2025";
  const thinking: [string, JsonObject, unknown][] = [
    [REASONER, { reasoning_effort: "low" }, { type: "enabled", token_budget: 2_048 }],
    [REASONER, { reasoning_effort: "high" }, { type: "enabled" }],
    [REASONER, { reasoning_effort: "none" }, { type: "disabled" }],
    [REASONER, { thinking: { type: "enabled", budget_tokens: 99 } }, { type: "enabled", token_budget: 99 }],
    ["command-r7b-12-2024", { reasoning_effort: "low" }, undefined],
  ];
  for (const [model, asked, written] of thinking) {
    test(`asks ${model} to think: ${JSON.stringify(asked)}`, () => {
      const { body, warnings } = encode(asked, model);
      expect(body.thinking).toEqual(written as never);
      expect(warnings.length).toBe(written === undefined ? 1 : 0);
    });
  }
});

describe("messages", () => {
  test("keep calls and results, with thoughts as the plan of a model that does not think", () => {
    const call = { id: "c1", type: "function", function: { name: "weather", arguments: "" } };
    const messages = [
      { role: "developer", content: "Be brief." },
      ...HI,
      { role: "assistant", content: null, reasoning_content: "I will look.", tool_calls: [call] },
      { role: "tool", tool_call_id: "c1", content: "sunny" },
    ];
    const written = { ...call, function: { name: "weather", arguments: "{}" } };
    expect(sent({ messages }).messages).toEqual([
      { role: "system", content: "Be brief." },
      ...HI,
      { role: "assistant", tool_plan: "I will look.", tool_calls: [written] },
      { role: "tool", tool_call_id: "c1", content: "sunny" },
    ]);
    const [, , assistant] = sent({ messages }, "command-a-reasoning-08-2025").messages as JsonObject[];
    expect(assistant).toEqual({
      role: "assistant",
      content: [{ type: "thinking", thinking: "I will look." }],
      tool_calls: [written],
    });
  });

  test("bring images by address or as data, those of a tool behind all results", () => {
    const image = (data: string) => ({ type: "image", source: { type: "base64", media_type: "image/png", data } });
    const calls = ["a", "b"].map((id) => ({ type: "tool_use", id, name: "look", input: {} }));
    const results = ["a", "b"].map((id) => ({ type: "tool_result", tool_use_id: id, content: [image(id)] }));
    const { body } = anthropic({
      messages: [
        { role: "user", content: [{ type: "text", text: "Look" }, image("AAAA")] },
        { role: "assistant", content: calls },
        { role: "user", content: [...results, { type: "text", text: "And?" }] },
      ],
    });
    const shown = (data: string) => ({ type: "image_url", image_url: { url: `data:image/png;base64,${data}` } });
    const [first, , one, other, last] = body.messages as JsonObject[];
    expect(first!.content).toEqual([{ type: "text", text: "Look" }, shown("AAAA")]);
    expect([one!.role, other!.role]).toEqual(["tool", "tool"]);
    expect(last).toEqual({
      role: "user",
      content: [
        { type: "text", text: "From the result of tool call a:" },
        shown("a"),
        { type: "text", text: "From the result of tool call b:" },
        shown("b"),
        { type: "text", text: "And?" },
      ],
    });
  });

  const document = {
    type: "document",
    title: "facts.txt",
    citations: { enabled: true },
    source: { type: "text", media_type: "text/plain", data: "Ruby is from 1993." },
  };
  const asked = { messages: [{ role: "user", content: [document, { type: "text", text: "Since when?" }] }] };

  test("to answer from plain texts bring them as documents", () => {
    const { body, warnings } = anthropic(asked);
    expect(body.documents).toEqual([{ id: "doc:0", data: { title: "facts.txt", text: "Ruby is from 1993." } }]);
    expect(body.messages).toEqual([{ role: "user", content: "Since when?" }]);
    expect(warnings).toEqual([]);
  });

  test("bring them as text beside tools, where Cohere takes no documents", () => {
    const { body } = anthropic({ ...asked, tools: [{ name: "f", input_schema: PARAMETERS }] });
    expect(body.documents).toBeUndefined();
    const [first] = (body.messages as JsonObject[])[0]!.content as JsonObject[];
    expect(first).toEqual({ type: "text", text: "facts.txt\n\nRuby is from 1993." });
  });
});

describe("what Cohere cannot do", () => {
  const file = { type: "file", file: { file_data: "data:application/pdf;base64,AA" } };
  const refused: [string, JsonObject][] = [
    ["n", { n: 2 }],
    ["top_logprobs", { logprobs: true, top_logprobs: 2 }],
    ["logit_bias", { logit_bias: { 5: 1 } }],
    ["stop", { stop: ["a", "b", "c", "d", "e", "f"] }],
    ["tools[0]", { tools: [{ type: "web_search" }] }],
    ["tool_choice", { tools: [tool("a")], tool_choice: { type: "function", function: { name: "b" } } }],
    ["messages[0].content[0]", { messages: [{ role: "user", content: [file] }] }],
    [
      "messages[0].content[0]",
      { messages: [{ role: "user", content: [{ type: "input_audio", input_audio: { data: "", format: "wav" } }] }] },
    ],
    ["web_search_options", { web_search_options: {} }],
  ];
  for (const [field, over] of refused) {
    test(`is refused: ${JSON.stringify(over).slice(0, 70)}`, () => {
      expect(() => encode(over)).toThrow(UnsupportedFeature);
      expect(() => encode(over)).toThrow(expect.objectContaining({ field }));
    });
  }

  test("and can be done without is left out with a warning", () => {
    const left = { user: "ada", service_tier: "flex", store: true, parallel_tool_calls: false, tools: [tool("a")] };
    const fields = encode(left).warnings.map(({ field }) => field);
    expect(fields.sort()).toEqual(["parallel_tool_calls", "service_tier", "store", "user"]);
  });
});
