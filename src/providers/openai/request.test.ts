import { describe, expect, test } from "bun:test";
import type { JsonObject } from "../../kernel/json.ts";
import { UnsupportedFeature } from "../../spec/adapter.ts";
import type { ModelRequest } from "../../spec/request.ts";
import { openaiChat } from "../../wire/openai-chat/index.ts";
import { chatAdapter } from "./adapter.ts";
import { OPENAI_CAPABILITIES, openai } from "./index.ts";
import { MODELS, maxOutputOf, OPERATION_MODELS } from "./models.ts";
import { OPENAI_QUIRKS, type Quirks } from "./quirks.ts";
import { encodeRequest } from "./request.ts";

const plain: JsonObject = { model: "small", messages: [{ role: "user", content: "hi" }] };

/** What goes upstream of what a caller of this dialect wrote. */
const relayed = (body: JsonObject, quirks: Partial<Quirks> = {}, model = "gpt-4o") =>
  encodeRequest(openaiChat.decode(body), model, { ...OPENAI_QUIRKS, ...quirks });

describe("a caller of this dialect finds its own words again", () => {
  const same: [string, JsonObject][] = [
    ["a plain call", plain],
    [
      "unknown fields on every level",
      {
        model: "small",
        metadata: { a: "b" },
        store: true,
        messages: [
          { role: "user", content: [{ type: "text", text: "x", cache_control: { type: "ephemeral" } }], weight: 1 },
          {
            role: "user",
            content: [{ type: "image_url", image_url: { url: "https://a.example/i", detail: "low", format: "png" } }],
          },
          { role: "user", content: [{ type: "input_audio", input_audio: { data: "AA", format: "wav", x: 1 }, y: 2 }] },
          {
            role: "user",
            content: [{ type: "file", file: { file_data: "data:application/pdf;base64,JV", filename: "a" } }],
          },
          { role: "user", content: [{ type: "file", file: { file_id: "file-1" } }, { type: "hologram" }] },
          {
            role: "assistant",
            content: null,
            tool_calls: [{ id: "c", type: "function", function: { name: "f", arguments: "{}", x: 1 }, y: 2 }],
            annotations: [],
          },
          { role: "tool", tool_call_id: "c", content: "42", z: 3 },
        ],
        tools: [{ type: "function", function: { name: "f", x: 1 }, y: 2 }, { type: "web_search" }],
        response_format: { type: "json_schema", json_schema: { name: "s", schema: {}, strict: true, x: 1 }, y: 2 },
      },
    ],
    [
      "every setting",
      {
        ...plain,
        max_tokens: 5,
        n: 2,
        stop: ["a", "b"],
        temperature: 0,
        top_p: 1,
        top_k: 5,
        seed: 0,
        presence_penalty: 0,
        frequency_penalty: 0.5,
        logprobs: true,
        top_logprobs: 2,
        logit_bias: { "1": 1 },
        user: "u",
        service_tier: "flex",
        parallel_tool_calls: true,
        reasoning_effort: "minimal",
      },
    ],
    ["the other name of the bound", { ...plain, max_completion_tokens: 5 }],
    ["one stop sequence", { ...plain, stop: "END" }],
    [
      "lists where a string would do",
      {
        model: "small",
        messages: [
          { role: "system", content: [{ type: "text", text: "x" }] },
          { role: "user", content: [] },
        ],
      },
    ],
    [
      "empty and missing contents",
      {
        model: "small",
        messages: [
          { role: "user", content: "" },
          { role: "assistant", tool_calls: [{ id: "c", type: "function", function: { name: "f", arguments: "{}" } }] },
          { role: "tool", tool_call_id: "c", content: "" },
          { role: "assistant", content: null, refusal: "no" },
        ],
      },
    ],
    [
      "names and developers",
      {
        model: "small",
        messages: [
          { role: "developer", content: "x" },
          { role: "user", content: "y", name: "ada" },
        ],
      },
    ],
    [
      "refusals and thoughts in the content",
      {
        model: "small",
        messages: [
          {
            role: "assistant",
            content: [
              { type: "refusal", refusal: "no" },
              { type: "text", text: "x" },
            ],
          },
        ],
      },
    ],
    [
      "functions of 2023",
      {
        model: "small",
        functions: [{ name: "f", parameters: {}, description: "d" }],
        function_call: { name: "f" },
        messages: [
          { role: "assistant", content: null, function_call: { name: "f", arguments: "{}" } },
          { role: "function", name: "f", content: "42" },
        ],
      },
    ],
    [
      "a choice of tools",
      {
        ...plain,
        tools: [{ type: "function", function: { name: "f" } }],
        tool_choice: { type: "function", function: { name: "f" } },
      },
    ],
    ["Mistral's choice of tools", { ...plain, tool_choice: "any" }],
    [
      "a choice of its own",
      { ...plain, tool_choice: { type: "allowed_tools", allowed_tools: { mode: "auto", tools: [] } } },
    ],
    [
      "calls of other kinds",
      {
        model: "small",
        messages: [
          {
            role: "assistant",
            content: null,
            tool_calls: [{ id: "c", type: "custom", custom: { name: "sh", input: "ls" } }],
          },
        ],
      },
    ],
    [
      "an image as a bare string",
      {
        model: "small",
        messages: [{ role: "user", content: [{ type: "image_url", image_url: "data:image/png;base64,iV" }] }],
      },
    ],
    [
      "OpenRouter's reasoning",
      { ...plain, reasoning: { effort: "high", max_tokens: 100, enabled: true, exclude: true } },
    ],
    ["no reasoning at all", { ...plain, reasoning: { effort: "none" } }],
    ["Anthropic's thinking", { ...plain, thinking: { type: "enabled", budget_tokens: 2048, x: 1 } }],
    ["adaptive thinking", { ...plain, thinking: { type: "adaptive" } }],
    ["a grammar", { ...plain, response_format: { type: "grammar", grammar: "g" } }],
    ["a number of alternatives", { ...plain, logprobs: 1 }],
    ["all of the vocabulary", { ...plain, top_k: -1 }],
  ];
  test.each(same)("%s", (_, body) => {
    const { body: written, warnings, method, path } = relayed(body);
    expect(written).toEqual({ ...body, model: "gpt-4o" });
    expect(warnings).toEqual([]);
    expect({ method, path }).toEqual({ method: "POST", path: "/chat/completions" });
  });

  const thoughts: [string, JsonObject][] = [
    ["DeepSeek's", { reasoning_content: "hm" }],
    ["both names", { reasoning: "hm", reasoning_content: "hm" }],
    [
      "signed and sealed",
      {
        reasoning: "hm",
        reasoning_details: [
          { type: "reasoning.text", text: "hm", signature: "s", format: "f", index: 0 },
          { type: "reasoning.encrypted", data: "X", id: "r", index: 1 },
        ],
      },
    ],
    ["a summary", { reasoning_details: [{ type: "reasoning.summary", summary: "hm" }] }],
    ["an item that lost its data", { reasoning_details: [{ type: "reasoning.encrypted", id: "r" }] }],
  ];
  test.each(thoughts)("thoughts, where the server takes them: %s", (_, fields) => {
    const body = { model: "small", messages: [{ role: "assistant", content: "x", ...fields }] };
    expect(relayed(body, { thoughtsTaken: "any" }).body.messages).toEqual(body.messages);
  });

  test("a stream asks for its usage, other options are kept", () => {
    const streamed = { ...plain, stream: true, stream_options: { include_usage: false, include_obfuscation: false } };
    const { body, headers } = relayed(streamed);
    expect(body.stream_options).toEqual({ include_usage: true, include_obfuscation: false });
    expect(headers).toEqual({ accept: "text/event-stream" });
    expect(relayed(streamed, { usageSwitch: false }).body).not.toHaveProperty("stream_options");
    expect(relayed({ ...plain, stream_options: { x: 1 } }).body).not.toHaveProperty("stream_options");
  });

  test("what was checked stands above what was not", () => {
    const request = openaiChat.decode({ ...plain, max_tokens: 5 });
    request.extra = { max_tokens: 1e9, model: "dear", messages: [], stream: true, ["__proto__"]: { x: 1 } };
    expect(encodeRequest(request, "gpt-4o", OPENAI_QUIRKS).body).toMatchObject({
      model: "gpt-4o",
      messages: [{ role: "user", content: "hi" }],
      max_tokens: 5,
    });
  });
});

describe("what a server refuses is worded otherwise", () => {
  test.each<[string, JsonObject, Partial<Quirks>, JsonObject]>([
    ["max_tokens, by models that think", { max_tokens: 5 }, { thinks: () => true }, { max_completion_tokens: 5 }],
    [
      "max_completion_tokens, by Mistral",
      { max_completion_tokens: 5 },
      { maxTokens: "max_tokens-only" },
      { max_tokens: 5 },
    ],
    ["seed, by Mistral", { seed: 7 }, { seed: "random_seed" }, { random_seed: 7 }],
  ])("%s", (_, given, quirks, expected) => {
    expect(relayed({ ...plain, ...given }, quirks).body).toEqual({ ...plain, model: "gpt-4o", ...expected });
  });

  test("developers are system where the role is unknown", () => {
    const body = { model: "small", messages: [{ role: "developer", content: "x" }] };
    expect(relayed(body, { developer: false }).body.messages).toEqual([{ role: "system", content: "x" }]);
  });

  test("lists of texts are one text where lists are refused", () => {
    const content = [
      { type: "text", text: "a" },
      { type: "text", text: "b" },
    ];
    const body = {
      model: "small",
      messages: [
        { role: "user", content },
        { role: "user", content: content.slice(1) },
      ],
    };
    expect(relayed(body, { textLists: "never" }).body.messages).toMatchObject([
      { content: "a\n\nb" },
      { content: "b" },
    ]);
  });

  test("thoughts move to the field that the server reads, or stay out with a warning", () => {
    const body = { model: "small", messages: [{ role: "assistant", content: "x", reasoning_content: "hm" }] };
    const moved = relayed(body, { thoughtsTaken: ["reasoning"], thoughtsWritten: "reasoning" });
    expect(moved.body.messages).toEqual([{ role: "assistant", content: "x", reasoning: "hm" }]);
    const { body: without, warnings } = relayed(body);
    expect(without.messages).toEqual([{ role: "assistant", content: "x" }]);
    expect(warnings.map(({ field }) => field)).toEqual(["thinking"]);
  });

  test("fields that would choose the model are refused by name", () => {
    expect(() => relayed({ ...plain, preset: "dear" }, { refused: ["preset"] })).toThrow(UnsupportedFeature);
  });
});

describe("OpenAI as a provider", () => {
  test("shows its key as a bearer token, and nothing else of the account", () => {
    expect(openai.credential("sk-1")).toEqual({ authorization: "Bearer sk-1" });
    expect(openai).toMatchObject({
      kind: "openai",
      dialect: "openai-chat",
      baseUrl: "https://api.openai.com/v1",
      needsKey: true,
    });
    expect(openai.models).toEqual([...MODELS, ...OPERATION_MODELS]);
  });

  test("is made of the same functions as its lookalikes", () => {
    const twin = chatAdapter({
      kind: "x",
      baseUrl: null,
      needsKey: false,
      capabilities: OPENAI_CAPABILITIES,
      quirks: OPENAI_QUIRKS,
      models: [],
    });
    const request = openaiChat.decode(plain);
    expect(twin.encode(request, "gpt-4o")).toEqual(openai.encode(request, "gpt-4o"));
    expect(twin.decoder(request).unary('{"choices":[]}')).toEqual([{ type: "start" }, { type: "end" }]);
    expect(twin.error(500, "{}", () => null).status).toBe(500);
  });
});

describe("how much a model writes at most", () => {
  test.each<[string, number | undefined]>([
    ["gpt-4o-mini-2024-07-18", 16_384],
    ["ft:gpt-4o-mini-2024-07-18:acme::x", 16_384],
    ["openai/gpt-4.1", 32_768],
    ["gpt-4", 8_192],
    ["gpt-4-0613", 8_192],
    ["gpt-4-turbo-2024-04-09", 4_096],
    ["gpt-35-turbo", 4_096],
    ["o4-mini", 100_000],
    ["gpt-5.4-mini", 128_000],
    ["gpt-5-chat-latest", 16_384],
    ["gpt-6-sol", undefined],
    ["llama", undefined],
  ])("%s: %p", (model, tokens) => expect(maxOutputOf(model)).toBe(tokens as number));

  test("bounds a caller of another dialect, who hears of it, and no other", () => {
    const request = openaiChat.decode({ ...plain, max_tokens: 32_000 });
    const foreign: ModelRequest = { ...request, dialect: "anthropic-messages" };
    const { body, warnings } = encodeRequest(foreign, "gpt-4o", OPENAI_QUIRKS);
    expect(body.max_tokens).toBe(16_384);
    expect(warnings.map(({ field }) => field)).toEqual(["max_tokens"]);
    expect(relayed({ ...plain, max_tokens: 32_000 }).body.max_tokens).toBe(32_000);
  });
});
