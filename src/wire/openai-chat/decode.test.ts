import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import type { Json, JsonObject } from "../../kernel/json.ts";
import { InvalidRequest } from "../../spec/wire.ts";
import { decodeRequest } from "./decode.ts";

const plain: JsonObject = { model: "m", messages: [{ role: "user", content: "hi" }] };

/** The field that is named when a body is refused; undefined when it is not. */
function refusedField(body: JsonObject): string | null | undefined {
  try {
    decodeRequest(body);
  } catch (error) {
    if (error instanceof InvalidRequest) {
      expect(error.message).not.toBe("");
      return error.field;
    }
    throw error;
  }
  return undefined;
}

const deep = { messages: (message: Json) => ({ ...plain, messages: [{ role: "user", content: "x" }, message] }) };

describe("a value that no provider can mean is refused, and its field is named", () => {
  const words: Json[] = ["10", true, [], {}];
  const rows: [string, Json][] = [
    ...[-1, 0, 1.5, 2 ** 53, 2 ** 53 + 2, 1e308, ...words].map((value): [string, Json] => ["max_tokens", value]),
    ...[-1, 0, 1e308, "10"].map((value): [string, Json] => ["max_completion_tokens", value]),
    ...[-5, 0, 1e6, 1.5, "1"].map((value): [string, Json] => ["n", value]),
    ...[-0.1, 1e308, "NaN", "hot", {}].map((value): [string, Json] => ["temperature", value]),
    ...[-1, 1.1, "1"].map((value): [string, Json] => ["top_p", value]),
    ...[1.5, 2 ** 53, "7"].map((value): [string, Json] => ["seed", value]),
    ...[1e308, "1"].map((value): [string, Json] => ["presence_penalty", value]),
    ...[-1e308, []].map((value): [string, Json] => ["frequency_penalty", value]),
    ...[-1, 1.5, "5", 1e9].map((value): [string, Json] => ["top_logprobs", value]),
    ...["yes", -1, {}].map((value): [string, Json] => ["logprobs", value]),
    ...["true", 1, {}].map((value): [string, Json] => ["stream", value]),
    ...["yes", 1].map((value): [string, Json] => ["parallel_tool_calls", value]),
    ...[7, {}].map((value): [string, Json] => ["user", value]),
    ["service_tier", 1],
    ["reasoning_effort", 3],
    ["stop", 1],
    ["stop", {}],
    ["stop", Array.from({ length: 300 }, () => "x")],
    ["logit_bias", [1]],
    ["stream_options", true],
    ["response_format", "json_object"],
    ["tools", {}],
    ["tool_choice", "sometimes"],
    ["tool_choice", 1],
    ["model", 1],
    ["model", ""],
    ["model", "x".repeat(1_000)],
    ["messages", []],
    ["messages", "hi"],
    ["messages", {}],
  ];
  test.each(rows)("%s: %j", (field, value) => {
    expect(refusedField({ ...plain, [field]: value })).toBe(field);
  });

  test.each<[string, JsonObject]>([
    ["model", { messages: plain.messages! }],
    ["messages", { model: "m" }],
    ["stop[1]", { ...plain, stop: ["a", 1] }],
    ["logit_bias.50256", { ...plain, logit_bias: { "50256": "ban" } }],
    ["logit_bias.50256", { ...plain, logit_bias: { "50256": null } }],
    ["stream_options.include_usage", { ...plain, stream_options: { include_usage: 1 } }],
    ["max_completion_tokens", { ...plain, max_tokens: 10, max_completion_tokens: 20 }],
    ["response_format.type", { ...plain, response_format: {} }],
    ["response_format.json_schema", { ...plain, response_format: { type: "json_schema" } }],
    [
      "response_format.json_schema.schema",
      { ...plain, response_format: { type: "json_schema", json_schema: { name: "x", schema: "s" } } },
    ],
    ["tools[0]", { ...plain, tools: ["f"] }],
    ["tools[0].type", { ...plain, tools: [{}] }],
    ["tools[0].function", { ...plain, tools: [{ type: "function" }] }],
    ["tools[0].function.name", { ...plain, tools: [{ type: "function", function: {} }] }],
    ["tools[0].function.name", { ...plain, tools: [{ type: "function", function: { name: "" } }] }],
    ["tools[0].function.parameters", { ...plain, tools: [{ function: { name: "f", parameters: "{}" } }] }],
    ["tool_choice.type", { ...plain, tool_choice: {} }],
    ["tool_choice.function", { ...plain, tool_choice: { type: "function" } }],
    ["functions", { ...plain, functions: [], tools: [] }],
    ["functions[0].name", { ...plain, functions: [{}] }],
    ["function_call", { ...plain, functions: [{ name: "f" }], function_call: "f" }],
    ["reasoning.max_tokens", { ...plain, reasoning: { max_tokens: -1 } }],
    ["thinking.type", { ...plain, thinking: { budget_tokens: 1024 } }],
    ["thinking.budget_tokens", { ...plain, thinking: { type: "enabled", budget_tokens: "many" } }],
    ["messages[1]", deep.messages("hi")],
    ["messages[1]", deep.messages(null)],
    ["messages[1].role", deep.messages({ content: "x" })],
    ["messages[1].role", deep.messages({ role: "oracle", content: "x" })],
    ["messages[1].content", deep.messages({ role: "user", content: 7 })],
    ["messages[1].content[0]", deep.messages({ role: "user", content: ["x"] })],
    ["messages[1].content[0].type", deep.messages({ role: "user", content: [{ text: "x" }] })],
    ["messages[1].content[0].text", deep.messages({ role: "user", content: [{ type: "text", text: 1 }] })],
    ["messages[1].content[0].image_url", deep.messages({ role: "user", content: [{ type: "image_url" }] })],
    [
      "messages[1].content[0].image_url.url",
      deep.messages({ role: "user", content: [{ type: "image_url", image_url: { url: 1 } }] }),
    ],
    [
      "messages[1].content[0].input_audio.data",
      deep.messages({ role: "user", content: [{ type: "input_audio", input_audio: { format: "wav" } }] }),
    ],
    ["messages[1].content[0].file", deep.messages({ role: "user", content: [{ type: "file", file: "id" }] })],
    ["messages[1].tool_call_id", deep.messages({ role: "tool", content: "42" })],
    ["messages[1].tool_call_id", deep.messages({ role: "tool", content: "42", tool_call_id: 7 })],
    ["messages[1].name", deep.messages({ role: "function", content: "42" })],
    ["messages[1].tool_calls", deep.messages({ role: "assistant", tool_calls: {} })],
    ["messages[1].tool_calls[0].id", deep.messages({ role: "assistant", tool_calls: [{ function: { name: "f" } }] })],
    ["messages[1].tool_calls[0].function", deep.messages({ role: "assistant", tool_calls: [{ id: "c" }] })],
    [
      "messages[1].tool_calls[0].function.arguments",
      deep.messages({ role: "assistant", tool_calls: [{ id: "c", function: { name: "f", arguments: [] } }] }),
    ],
    ["messages[1].refusal", deep.messages({ role: "assistant", refusal: {} })],
    ["api_base", { ...plain, api_base: "https://evil.example/v1" }],
    ["extra_headers", { ...plain, extra_headers: { host: "evil.example" } }],
  ])("%s", (field, body) => {
    expect(refusedField(body)).toBe(field);
  });
});

describe("what real clients send is taken", () => {
  const nulls = "stream max_tokens n stop temperature top_p seed tools tool_choice logprobs response_format user".split(
    " ",
  );
  test.each<[string, JsonObject]>([
    ["nulls everywhere", { ...plain, ...Object.fromEntries(nulls.map((name) => [name, null])) }],
    ["an empty content", { ...plain, messages: [{ role: "user", content: "" }] }],
    [
      "no content beside calls",
      deep.messages({ role: "assistant", tool_calls: [{ id: "c", function: { name: "f" } }] }),
    ],
    ["an empty list of content", deep.messages({ role: "assistant", content: [] })],
    ["an empty id", deep.messages({ role: "tool", tool_call_id: "", content: "x" })],
    ["both names of one bound", { ...plain, max_tokens: 5, max_completion_tokens: 5 }],
    ["options without a stream", { ...plain, stream_options: { include_usage: true } }],
    ["arguments as an object", deep.messages(callWith({ a: 1 }))],
    ["unknown fields on every level", deep.messages({ role: "user", content: "x", weight: 1 })],
    ["an unknown part", deep.messages({ role: "user", content: [{ type: "video_url", video_url: { url: "u" } }] })],
    ["a tool of another type", { ...plain, tools: [{ type: "web_search" }] }],
    ["temperature 0", { ...plain, temperature: 0 }],
  ])("%s", (_, body) => {
    expect(refusedField(body)).toBeUndefined();
  });
});

function callWith(given: Json): JsonObject {
  return {
    role: "assistant",
    content: null,
    tool_calls: [{ id: "c", type: "function", function: { name: "f", arguments: given } }],
  };
}

describe("a request becomes canonical", () => {
  test("every field has its place, and what is unknown stays in extra", () => {
    const request = decodeRequest({
      ...plain,
      stream: true,
      stream_options: { include_usage: true, include_obfuscation: false },
      max_completion_tokens: 100,
      n: 2,
      stop: "END",
      temperature: 0.5,
      top_p: 0.9,
      top_k: 40,
      seed: 7,
      presence_penalty: 1,
      frequency_penalty: -1,
      logprobs: true,
      top_logprobs: 3,
      logit_bias: { "1": -100 },
      user: "ada",
      service_tier: "flex",
      parallel_tool_calls: false,
      tool_choice: { type: "function", function: { name: "f" } },
      tools: [
        { type: "function", function: { name: "f", parameters: { type: "object" }, strict: true, x: 1 }, y: 2 },
        { type: "custom", custom: { name: "g" } },
      ],
      response_format: { type: "json_schema", json_schema: { name: "s", schema: { type: "object" }, z: 3 } },
      reasoning_effort: "low",
      store: false,
      metadata: { a: "b" },
    });
    expect(request).toEqual({
      dialect: "openai-chat",
      model: "m",
      messages: [{ role: "user", parts: [{ type: "text", text: "hi" }] }],
      stream: true,
      includeUsage: true,
      maxOutputTokens: 100,
      choices: 2,
      stop: ["END"],
      temperature: 0.5,
      topP: 0.9,
      topK: 40,
      seed: 7,
      presencePenalty: 1,
      frequencyPenalty: -1,
      logprobs: true,
      topLogprobs: 3,
      logitBias: { "1": -100 },
      endUser: "ada",
      serviceTier: "flex",
      parallelToolCalls: false,
      toolChoice: { type: "tool", name: "f" },
      tools: [
        {
          type: "function",
          name: "f",
          parameters: { type: "object" },
          strict: true,
          extra: { y: 2, function: { x: 1 } },
        },
        { type: "opaque", value: { type: "custom", custom: { name: "g" } } },
      ],
      responseFormat: { type: "json-schema", name: "s", schema: { type: "object" } },
      reasoning: { effort: "low" },
      form: { maxTokens: "max_completion_tokens", stop: "string" },
      extra: {
        stream_options: { include_obfuscation: false },
        store: false,
        metadata: { a: "b" },
        response_format: { json_schema: { z: 3 } },
      },
    });
  });

  test.each<[string, JsonObject, JsonObject]>([
    ["OpenAI's none", { reasoning_effort: "none" }, { reasoning: { effort: "none", enabled: false } }],
    [
      "OpenRouter's object",
      { reasoning: { effort: "high", exclude: true } },
      { reasoning: { effort: "high" }, form: { reasoning: "reasoning" }, extra: { reasoning: { exclude: true } } },
    ],
    [
      "Anthropic's budget",
      { thinking: { type: "enabled", budget_tokens: 2048 } },
      { reasoning: { enabled: true, budgetTokens: 2048 }, form: { reasoning: "thinking" } },
    ],
    [
      "a type of its own",
      { thinking: { type: "adaptive" } },
      { reasoning: { enabled: true }, form: { reasoning: "thinking", thinking: "adaptive" } },
    ],
    ["off", { thinking: { type: "disabled" } }, { reasoning: { enabled: false }, form: { reasoning: "thinking" } }],
    [
      "two at once: the first counts",
      { reasoning_effort: "low", thinking: { type: "enabled" } },
      { reasoning: { effort: "low" }, extra: { thinking: { type: "enabled" } } },
    ],
    ["any of the tools", { tool_choice: "any" }, { toolChoice: { type: "required" }, form: { required: "any" } }],
    [
      "a choice of its own",
      { tool_choice: { type: "allowed_tools" } },
      { toolChoice: { type: "opaque", value: { type: "allowed_tools" } } },
    ],
    ["a number of alternatives", { logprobs: 2 }, { logprobs: true, form: { logprobs: 2 } }],
    [
      "a grammar",
      { response_format: { type: "grammar", grammar: "g" } },
      { extra: { response_format: { type: "grammar", grammar: "g" } } },
    ],
    ["JSON", { response_format: { type: "json_object" } }, { responseFormat: { type: "json" } }],
    ["all of the vocabulary", { top_k: -1 }, { extra: { top_k: -1 } }],
  ])("%s", (_, given, expected) => {
    const { dialect, model, messages, stream, includeUsage, ...rest } = decodeRequest({ ...plain, ...given });
    expect<unknown>(rest).toEqual(expected);
  });

  test("functions of 2023 are tools, and the request remembers how it was worded", () => {
    const request = decodeRequest({
      model: "m",
      functions: [{ name: "f", parameters: { type: "object" } }],
      function_call: { name: "f" },
      messages: [
        { role: "user", content: "go" },
        { role: "assistant", content: null, function_call: { name: "f", arguments: "{}" } },
        { role: "function", name: "f", content: "42" },
      ],
    });
    expect(request.form).toEqual({ functions: true });
    expect(request.tools).toEqual([{ type: "function", name: "f", parameters: { type: "object" } }]);
    expect(request.toolChoice).toEqual({ type: "tool", name: "f" });
    const [, call, result] = request.messages.map((message) => message.parts[0]);
    expect(call).toMatchObject({ type: "tool-call", id: "call_function_1", name: "f", arguments: "{}" });
    expect(result).toMatchObject({ type: "tool-result", callId: "call_function_1" });
  });
});

test("whatever a caller sends is decoded, or refused by name", () => {
  const names = [
    ..."role content name tool_calls function_call tool_call_id refusal reasoning reasoning_details type text".split(
      " ",
    ),
    ..."image_url input_audio file url data format function arguments id index thinking json_schema schema".split(" "),
    ..."model messages tools tool_choice functions response_format stop n stream_options logit_bias __proto__".split(
      " ",
    ),
  ];
  const value = fc.letrec<{ any: Json }>((tie) => ({
    any: fc.oneof(
      { maxDepth: 5 },
      fc.constantFrom<Json>(
        null,
        "",
        "x",
        "user",
        "assistant",
        "tool",
        "text",
        "image_url",
        "function",
        0,
        -1,
        1e308,
        true,
      ),
      fc.array(tie("any"), { maxLength: 3 }),
      fc.dictionary(fc.constantFrom(...names), tie("any"), { maxKeys: 5 }) as fc.Arbitrary<Json>,
    ),
  })).any;
  const message = fc.record({
    role: fc.constantFrom<Json>("user", "assistant", "tool", "function", "system"),
    content: value,
    tool_calls: value,
    tool_call_id: value,
    reasoning_details: value,
  }) as fc.Arbitrary<Json>;
  const fields = fc.dictionary(fc.constantFrom(...names), value, { maxKeys: 6 }) as fc.Arbitrary<JsonObject>;
  fc.assert(
    fc.property(fields, fc.array(message, { maxLength: 4 }), (more, messages) => {
      refusedField({ ...more, model: "m", messages });
    }),
    { numRuns: 3_000 },
  );
  expect(({} as { role?: unknown }).role).toBeUndefined();
});
