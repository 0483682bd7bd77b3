import { describe, expect, test } from "bun:test";
import type { JsonObject } from "../../kernel/json.ts";
import { UnsupportedFeature } from "../../spec/adapter.ts";
import { ollamaChat, ollamaGenerate } from "../../wire/ollama/index.ts";
import { openaiChat } from "../../wire/openai-chat/index.ts";
import { guarded } from "../guarded.ts";
import { ollama } from "./index.ts";

const adapter = guarded(ollama);

/** `request.ts` and `messages.ts`: what leaves for Ollama. */

const HI = [{ role: "user", content: "Hi" }];
const sent = (over: JsonObject, model = "llama3.2") =>
  adapter.encode(openaiChat.decode({ model: "m", messages: HI, ...over }), model);
const own = (over: JsonObject) => adapter.encode(ollamaChat.decode({ model: "m", messages: HI, ...over }), "llama3.2");
const warned = (over: JsonObject, model?: string) => sent(over, model).warnings.map(({ field }) => field);

const TOOL = { type: "function", function: { name: "weather", parameters: { type: "object" } } };

describe("a request in another dialect", () => {
  test("says whether to stream, because Ollama streams unless told not to", () => {
    expect(sent({})).toMatchObject({ path: "/api/chat", body: { model: "llama3.2", messages: HI, stream: false } });
    expect(sent({ stream: true }).headers).toEqual({ accept: "application/x-ndjson" });
  });

  test("has its settings under options", () => {
    const settings = { temperature: 0.5, top_p: 0.9, seed: 7, stop: "END", presence_penalty: 1, frequency_penalty: 2 };
    expect(sent({ ...settings, max_tokens: 50, top_k: 40, logprobs: true, top_logprobs: 2 }).body).toEqual({
      model: "llama3.2",
      messages: HI,
      stream: false,
      options: { ...settings, stop: ["END"], num_predict: 50, top_k: 40 },
      logprobs: true,
      top_logprobs: 2,
    });
  });

  test("keeps the roles, with the developer's as the system's", () => {
    const messages = [
      {
        role: "developer",
        content: [
          { type: "text", text: "Be" },
          { type: "text", text: "brief." },
        ],
      },
      {
        role: "assistant",
        content: [
          { type: "text", text: "Yes" },
          { type: "text", text: "." },
        ],
      },
    ];
    expect(sent({ messages }).body.messages).toEqual([
      { role: "system", content: "Be\n\nbrief." },
      { role: "assistant", content: "Yes." },
    ]);
  });

  test("brings calls as objects, and results with the tool's name", () => {
    const call = { id: "call_1", type: "function", function: { name: "weather", arguments: '{"city":"Rome"}' } };
    const cut = { ...call, id: "call_2", function: { name: "weather", arguments: '{"ci' } };
    const messages = [
      { role: "assistant", content: null, reasoning_content: "Hm.", tool_calls: [call, cut] },
      { role: "tool", tool_call_id: "call_1", content: "sunny" },
    ];
    expect(sent({ messages }).body.messages).toEqual([
      {
        role: "assistant",
        content: "",
        thinking: "Hm.",
        tool_calls: [
          { id: "call_1", function: { name: "weather", arguments: { city: "Rome" } } },
          { id: "call_2", function: { name: "weather", arguments: { _raw_arguments: '{"ci' } } },
        ],
      },
      { role: "tool", content: "sunny", tool_name: "weather", tool_call_id: "call_1" },
    ]);
  });

  test("brings images as bytes, those of a tool in a message behind its result", () => {
    const image = { type: "image_url", image_url: { url: "data:image/png;base64,AAAA" } };
    const messages = [
      { role: "user", content: [{ type: "text", text: "Look" }, image] },
      { role: "tool", tool_call_id: "c", content: [image] },
    ];
    expect(sent({ messages }).body.messages).toEqual([
      { role: "user", content: "Look", images: ["AAAA"] },
      { role: "tool", content: "The result follows in the next message.", tool_call_id: "c" },
      { role: "user", content: "From the result of the tool c:", images: ["AAAA"] },
    ]);
  });

  test("asks for JSON by format", () => {
    const schema = { type: "object", properties: {} };
    const wanted = { type: "json_schema", json_schema: { name: "x", schema } };
    expect(sent({ response_format: wanted }).body.format).toEqual(schema);
    expect(sent({ response_format: { type: "json_object" } }).body.format).toBe("json");
    expect(sent({ response_format: { type: "text" } }).body.format).toBeUndefined();
  });

  const efforts: [string, JsonObject, unknown][] = [
    ["gpt-oss:20b", { reasoning_effort: "minimal" }, "low"],
    ["gpt-oss:20b", { thinking: { type: "enabled", budget_tokens: 8_000 } }, "medium"],
    ["qwen3:8b", { reasoning_effort: "high" }, true],
    ["qwen3:8b", { reasoning_effort: "none" }, false],
    ["llama3.2", { reasoning_effort: "high" }, undefined],
    ["llama3.2", { reasoning_effort: "none" }, false],
    ["llama3.2", {}, undefined],
  ];
  for (const [model, asked, think] of efforts) {
    test(`${model} is asked to think: ${JSON.stringify(asked)}`, () => {
      expect(sent(asked, model).body.think).toEqual(think as never);
    });
  }

  test("offers tools, and none where none may be called", () => {
    expect(sent({ tools: [TOOL], tool_choice: "auto" }).body.tools).toEqual([TOOL]);
    expect(sent({ tools: [TOOL], tool_choice: "none" }).body.tools).toBeUndefined();
    const bare = { type: "function", function: { name: "f" } };
    expect(sent({ tools: [bare] }).body.tools).toMatchObject([{ function: { parameters: { type: "object" } } }]);
  });

  test("warns of what is left out", () => {
    const left = { user: "ada", service_tier: "flex", store: true, parallel_tool_calls: false, tools: [TOOL] };
    expect(warned(left).sort()).toEqual(["parallel_tool_calls", "service_tier", "store", "user"]);
    expect(warned({ reasoning_effort: "high" })).toEqual(["thinking"]);
    expect(warned({})).toEqual([]);
  });

  const refused: [string, JsonObject][] = [
    ["tool_choice", { tools: [TOOL], tool_choice: "required" }],
    ["n", { n: 2 }],
    ["logit_bias", { logit_bias: { 5: 1 } }],
    ["tools[0]", { tools: [{ type: "web_search" }] }],
    [
      "messages[0].content[0]",
      { messages: [{ role: "user", content: [{ type: "image_url", image_url: { url: "https://a.b/c" } }] }] },
    ],
    [
      "messages[0].content[0]",
      { messages: [{ role: "user", content: [{ type: "input_audio", input_audio: { data: "", format: "wav" } }] }] },
    ],
    [
      "messages[0].content[0]",
      {
        messages: [
          { role: "user", content: [{ type: "file", file: { file_data: "data:application/pdf;base64,AA" } }] },
        ],
      },
    ],
  ];
  for (const [field, asked] of refused) {
    test(`is refused for ${field}: ${JSON.stringify(asked).slice(0, 60)}`, () => {
      expect(() => sent(asked)).toThrow(UnsupportedFeature);
      expect(() => sent(asked)).toThrow(expect.objectContaining({ field }));
    });
  }
});

describe("a request in Ollama's dialect", () => {
  test("goes on in its own words, unknown fields included", () => {
    const body: JsonObject = {
      messages: [
        { role: "user", content: "see", images: ["iVBORw0KGgo"] },
        {
          role: "assistant",
          content: "",
          thinking: "Hm.",
          tool_calls: [{ function: { name: "f", arguments: { a: 1 } } }],
        },
        { role: "tool", content: "x", tool_name: "f", images: ["AAAA"], more: 1 },
      ],
      tools: [{ type: "function", function: { name: "f", x: 1 } }],
      options: { num_ctx: 8_192, num_predict: -1, seed: 3 },
      format: { type: "object" },
      think: "high",
      keep_alive: "5m",
      truncate: null,
      stream: true,
    };
    expect(own(body)).toMatchObject({ path: "/api/chat", body: { ...body, model: "llama3.2" }, warnings: [] });
  });

  test("goes where it came from: a prompt to /api/generate", () => {
    const body: JsonObject = {
      ...{ prompt: "Hi", system: "Be brief.", images: ["iVBORw0KGgo"], suffix: "", raw: true, context: [1] },
      ...{ stream: false, format: "json" },
    };
    const { path, body: written } = adapter.encode(ollamaGenerate.decode({ model: "m", ...body }), "llama3.2");
    expect([path, written]).toEqual(["/api/generate", { model: "llama3.2", ...body }]);
  });
});
