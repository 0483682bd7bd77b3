import { describe, expect, test } from "bun:test";
import type { JsonObject } from "../../kernel/json.ts";
import { UnsupportedFeature } from "../../spec/adapter.ts";
import { openaiChat } from "../../wire/openai-chat/index.ts";
import { guarded } from "../guarded.ts";
import { dashscopeNative } from "./index.ts";

const adapter = guarded(dashscopeNative);

/** `request.ts` and `messages.ts`: what leaves for DashScope. */

const HI = [{ role: "user", content: "Hi" }];
const encode = (over: JsonObject, model = "qwen-max") =>
  adapter.encode(openaiChat.decode({ model: "m", messages: HI, ...over }), model);
const parameters = (over: JsonObject, model?: string) => encode(over, model).body.parameters as JsonObject;
const messages = (given: JsonObject[], model?: string) =>
  (encode({ messages: given }, model).body.input as JsonObject).messages as JsonObject[];

const tool = (name: string) => ({ type: "function", function: { name, parameters: { type: "object" } } });
const image = { type: "image_url", image_url: { url: "data:image/png;base64,AAAA" } };
const IMAGE = { image: "data:image/png;base64,AAAA" };

test("texts of a tool's result stay apart", () => {
  const call = { id: "c", type: "function", function: { name: "f", arguments: "{}" } };
  const content = ["sunny", "or rain"].map((text) => ({ type: "text", text }));
  const turns = [
    ...HI,
    { role: "assistant", content: null, tool_calls: [call] },
    { role: "tool", tool_call_id: "c", content },
  ];
  expect(messages(turns)[2]!.content).toBe("sunny\n\nor rain");
});

describe("a request", () => {
  test("has its settings under parameters", () => {
    const settings = { ...{ temperature: 0.5, top_p: 0.9, seed: 7, n: 2 }, presence_penalty: 1, logprobs: true };
    const { path, headers, body } = encode({ ...settings, max_tokens: 50, top_k: 40, stop: "END", top_logprobs: 2 });
    expect(path).toBe("/api/v1/services/aigc/text-generation/generation");
    expect(headers).toEqual({ accept: "application/json" });
    expect(body).toEqual({
      model: "qwen-max",
      input: { messages: HI },
      parameters: { ...settings, result_format: "message", max_tokens: 50, top_k: 40, stop: ["END"], top_logprobs: 2 },
    });
  });

  test("is streamed by a header, in increments", () => {
    const { headers, body } = encode({ stream: true });
    expect(headers).toEqual({ accept: "text/event-stream", "x-dashscope-sse": "enable" });
    expect(body.parameters).toEqual({ result_format: "message", incremental_output: true });
  });

  const choices: [JsonObject, unknown][] = [
    [{ tool_choice: "auto" }, "auto"],
    [{ tool_choice: "none" }, "none"],
    [{ tool_choice: "required" }, { type: "function", function: { name: "a" } }],
    [{ tool_choice: { type: "function", function: { name: "a" } } }, { type: "function", function: { name: "a" } }],
  ];
  for (const [choice, written] of choices) {
    test(`leaves the model this choice of tools: ${JSON.stringify(choice)}`, () => {
      const told = parameters({ tools: [tool("a")], parallel_tool_calls: true, ...choice });
      expect(told).toMatchObject({ tools: [tool("a")], tool_choice: written, parallel_tool_calls: true });
    });
  }

  test("asks for JSON", () => {
    const wanted = { type: "json_schema", json_schema: { name: "x", schema: { type: "object" }, strict: true } };
    expect(parameters({ response_format: wanted }).response_format).toEqual(wanted);
    expect(parameters({ response_format: { type: "json_object" } }).response_format).toEqual({ type: "json_object" });
  });

  const thoughts: [string, JsonObject, JsonObject][] = [
    ["qwen-plus", { reasoning_effort: "low" }, { enable_thinking: true, thinking_budget: 4_096 }],
    ["qwen-plus", { reasoning_effort: "none" }, { enable_thinking: false }],
    ["qwen3-8b", { thinking: { type: "enabled", budget_tokens: 99 } }, { enable_thinking: true, thinking_budget: 99 }],
    ["qwen2.5-7b", { reasoning_effort: "low" }, {}],
  ];
  for (const [model, asked, written] of thoughts) {
    test(`asks ${model} to think: ${JSON.stringify(asked)}`, () => {
      expect(parameters(asked, model)).toEqual({ result_format: "message", ...written });
    });
  }
});

describe("messages", () => {
  const call = { id: "c1", type: "function", function: { name: "weather", arguments: "" } };
  const talk: JsonObject[] = [
    { role: "developer", content: "Be brief." },
    { role: "assistant", content: "So.", reasoning_content: "Hm.", tool_calls: [call] },
    { role: "tool", tool_call_id: "c1", content: "sunny" },
  ];
  const said = {
    reasoning_content: "Hm.",
    tool_calls: [{ ...call, index: 0, function: { name: "weather", arguments: "{}" } }],
  };

  test("are texts for models that read", () => {
    expect(messages(talk)).toEqual([
      { role: "system", content: "Be brief." },
      { role: "assistant", content: "So.", ...said },
      { role: "tool", tool_call_id: "c1", content: "sunny" },
    ]);
  });

  test("are lists for models that see, whatever they are shown", () => {
    expect(messages(talk, "qwen3.5-plus").map(({ content }) => content!)).toEqual([
      [{ text: "Be brief." }],
      [{ text: "So." }],
      [{ text: "sunny" }],
    ]);
    expect(encode({}, "qwen-vl-max").path).toBe("/api/v1/services/aigc/multimodal-generation/generation");
  });

  test("bring images and sounds, and ask where these are taken", () => {
    const sound = { type: "input_audio", input_audio: { data: "BBBB", format: "wav" } };
    const shown = [{ role: "user", content: [{ type: "text", text: "Look" }, image, sound] }];
    expect(messages(shown)).toEqual([
      { role: "user", content: [{ text: "Look" }, IMAGE, { audio: "data:audio/wav;base64,BBBB" }] },
    ]);
    expect(encode({ messages: shown }).path).toContain("multimodal");
  });

  test("bring what a tool showed behind its results", () => {
    const results = [{ role: "tool", tool_call_id: "c1", content: [image] }];
    const shown = [{ text: "From the result of tool call c1:" }, IMAGE];
    const told = { role: "tool", tool_call_id: "c1", content: [{ text: "The result follows in the next message." }] };
    expect(messages(results)).toEqual([told, { role: "user", content: shown }]);
    expect(messages([...results, { role: "user", content: "And?" }])[1]).toEqual({
      role: "user",
      content: [...shown, { text: "And?" }],
    });
    expect(messages([...results, { role: "assistant", content: "So." }])).toHaveLength(3);
  });
});

describe("what DashScope cannot do", () => {
  const refused: [string, JsonObject][] = [
    ["logit_bias", { logit_bias: { 5: 1 } }],
    ["tool_choice", { tools: [tool("a"), tool("b")], tool_choice: "required" }],
    ["tools[0]", { tools: [{ type: "web_search" }] }],
    ["messages[0].content[0]", { messages: [{ role: "user", content: [{ type: "file", file: { file_id: "f" } }] }] }],
    ["modalities", { modalities: ["audio"] }],
  ];
  for (const [field, over] of refused) {
    test(`is refused: ${JSON.stringify(over).slice(0, 70)}`, () => {
      expect(() => encode(over)).toThrow(UnsupportedFeature);
      expect(() => encode(over)).toThrow(expect.objectContaining({ field }));
    });
  }

  test("and can be done without is left out with a warning", () => {
    const left = { user: "ada", service_tier: "flex", store: true, frequency_penalty: 1, reasoning_effort: "high" };
    const fields = encode(left).warnings.map(({ field }) => field);
    expect(fields.sort()).toEqual(["frequency_penalty", "reasoning_effort", "service_tier", "store", "user"]);
  });
});
