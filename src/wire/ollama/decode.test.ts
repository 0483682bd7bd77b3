import { describe, expect, test } from "bun:test";
import type { JsonObject } from "../../kernel/json.ts";
import { InvalidRequest } from "../../spec/wire.ts";
import { ollamaChat, ollamaGenerate } from "./index.ts";

const HI = [{ role: "user", content: "Hi" }];
const chat = (over: JsonObject = {}) => ollamaChat.decode({ model: "m", messages: HI, ...over });
const generate = (over: JsonObject = {}) => ollamaGenerate.decode({ model: "m", prompt: "Hi", ...over });

describe("a chat", () => {
  test("streams unless it says otherwise", () => {
    expect(chat().stream).toBe(true);
    expect(chat({ stream: false }).stream).toBe(false);
  });

  test("has its settings under options, of which unknown ones are kept", () => {
    const options = {
      ...{ num_predict: 50, temperature: 0.5, top_p: 0.9, top_k: 40, seed: 7, stop: ["END"] },
      ...{ presence_penalty: 1, frequency_penalty: -1, num_ctx: 8_192, mirostat: null },
    };
    expect(chat({ options, keep_alive: "5m" })).toMatchObject({
      maxOutputTokens: 50,
      temperature: 0.5,
      topP: 0.9,
      topK: 40,
      seed: 7,
      stop: ["END"],
      presencePenalty: 1,
      frequencyPenalty: -1,
      extra: { options: { num_ctx: 8_192 }, keep_alive: "5m" },
    });
  });

  test("may have no bound, which is none", () => {
    const request = chat({ options: { num_predict: -1, stop: "END", top_k: 0 } });
    expect(request.maxOutputTokens).toBeUndefined();
    expect(request.form).toEqual({ numPredict: -1 });
    expect(request.stop).toEqual(["END"]);
    expect(request.extra).toEqual({ options: { top_k: 0 } });
  });

  test("says nothing by fields that its clients leave empty", () => {
    const request = chat({ format: "", options: {}, tools: [], keep_alive: null, think: null });
    expect(request.extra).toBeUndefined();
    expect(request.tools).toBeUndefined();
    expect(request.form).toEqual({ blank: { keep_alive: null } });
  });

  const formats: [unknown, object | undefined][] = [
    ["json", { type: "json" }],
    [{ type: "object" }, { type: "json-schema", name: "response", schema: { type: "object" } }],
    ["", undefined],
  ];
  for (const [format, read] of formats) {
    test(`asks for a form of the answer: ${JSON.stringify(format)}`, () => {
      expect(chat({ format: format as string }).responseFormat).toEqual(read as never);
    });
  }

  const thinks: [unknown, object][] = [
    [true, { enabled: true }],
    [false, { enabled: false }],
    ["high", { enabled: true, effort: "high" }],
  ];
  for (const [think, read] of thinks) {
    test(`asks for thoughts: ${think}`, () =>
      expect(chat({ think: think as string }).reasoning).toEqual(read as never));
  }

  test("brings tools, log probabilities and unknown fields of a tool", () => {
    const tool = { type: "function", strict: true, function: { name: "f", description: "d", parameters: {}, x: 1 } };
    expect(chat({ tools: [tool, { type: "other" }], logprobs: true, top_logprobs: 2 })).toMatchObject({
      logprobs: true,
      topLogprobs: 2,
      tools: [
        { type: "function", name: "f", description: "d", parameters: {}, extra: { strict: true, function: { x: 1 } } },
        { type: "opaque", value: { type: "other" } },
      ],
    });
  });
});

/** `messages.ts` */
describe("messages", () => {
  test("bring images as bytes, whose kind is told by how they begin", () => {
    const images = ["iVBORw0KGgoAAA", "/9j/4AAQ", "R0lGODlh", "UklGRgAA", "data:image/webp;base64,UklG", "AAAA"];
    const [message] = chat({ messages: [{ role: "user", content: "see", images }] }).messages;
    const types = message!.parts.map((part) => (part.type === "image" ? part.source : part.type));
    expect(types as unknown[]).toEqual([
      "text",
      { kind: "base64", mediaType: "image/png", data: "iVBORw0KGgoAAA" },
      { kind: "base64", mediaType: "image/jpeg", data: "/9j/4AAQ" },
      { kind: "base64", mediaType: "image/gif", data: "R0lGODlh" },
      { kind: "base64", mediaType: "image/webp", data: "UklGRgAA" },
      { kind: "base64", mediaType: "image/webp", data: "UklG" },
      { kind: "base64", mediaType: "image/png", data: "AAAA" },
    ]);
  });

  const call = (name: string, id?: string) => ({
    ...(id === undefined ? {} : { id }),
    function: { name, arguments: { of: name } },
  });
  const results = (...messages: JsonObject[]) =>
    chat({ messages: [...HI, ...messages] })
      .messages.flatMap(({ parts }) => parts)
      .flatMap((part) => (part.type === "tool-call" ? [part.id] : part.type === "tool-result" ? [part.callId] : []));

  test("of tools belong to calls by id, by name, or by order", () => {
    const asked = { role: "assistant", content: "", tool_calls: [call("a"), call("b"), call("a", "given")] };
    const answered = [
      { role: "tool", content: "b", tool_name: "b" },
      { role: "tool", content: "given", tool_call_id: "given" },
      { role: "tool", content: "a" },
      { role: "tool", content: "stray" },
    ];
    const [a, b, given, ...told] = results(asked, ...answered);
    expect([a, b, given]).toEqual(["call_1_0", "call_1_1", "given"]);
    expect(told).toEqual([b!, "given", a!, "call_5"]);
  });

  test("of two rounds are not mixed up", () => {
    const round = [
      { role: "assistant", content: "", tool_calls: [call("a")] },
      { role: "tool", content: "x", tool_name: "a" },
    ];
    expect(results(...round, ...round)).toEqual(["call_1_0", "call_1_0", "call_3_0", "call_3_0"]);
  });

  test("keep arguments as text and thoughts with what signed them", () => {
    const message = {
      role: "assistant",
      content: "So.",
      thinking: "Hm.",
      tool_calls: [{ function: { name: "f" } }, { function: { name: "g", arguments: { a: [1] } } }],
      reasoning_details: [{ type: "reasoning.text", text: "Hm.", signature: "s", index: 0 }],
      unknown: 1,
    };
    const [, read] = chat({ messages: [...HI, message] }).messages;
    expect(read).toMatchObject({
      extra: { unknown: 1 },
      parts: [
        { type: "reasoning", text: "Hm.", signature: "s" },
        { type: "text", text: "So." },
        { type: "tool-call", name: "f", arguments: "{}", form: { madeUp: true } },
        { type: "tool-call", name: "g", arguments: '{"a":[1]}' },
      ],
    });
  });

  test("may say nothing", () => {
    const { messages } = chat({ messages: [{ role: "user", content: "" }, { role: "assistant" }] });
    expect(messages.map(({ parts }) => parts)).toEqual([[{ type: "text", text: "" }], [{ type: "text", text: "" }]]);
  });
});

describe("a completion", () => {
  test("is a prompt, perhaps with a system prompt and images", () => {
    const request = generate({ system: "Be brief.", images: ["iVBORw0KGgo"], suffix: "", context: [] });
    expect(request.messages.map(({ role, parts }) => [role, ...parts.map(({ type }) => type)])).toEqual([
      ["system", "text"],
      ["user", "text", "image"],
    ]);
    expect(request.form).toEqual({ generate: true, blank: { suffix: "", context: [] } });
    expect(generate({ system: "" }).messages).toHaveLength(1);
  });

  test("keeps what only Ollama understands", () => {
    const request = generate({ raw: true, template: "{{ .Prompt }}", context: [] });
    expect(request.extra).toEqual({ raw: true, template: "{{ .Prompt }}" });
    expect(request.dialectBound).toEqual(["template", "raw"]);
    expect(generate({ suffix: "" }).dialectBound).toBeUndefined();
  });
});

describe("what is refused names its field", () => {
  const rows: [string, () => unknown][] = [
    ["messages", () => chat({ messages: [] })],
    ["messages[0].role", () => chat({ messages: [{ role: "developer", content: "x" }] })],
    ["messages[0].content", () => chat({ messages: [{ role: "user", content: ["x"] }] })],
    ["messages[0].images[0]", () => chat({ messages: [{ role: "user", images: ["https://a.example/b.png"] }] })],
    ["messages[0].images[0]", () => chat({ messages: [{ role: "user", images: [1] }] })],
    ["messages[0].tool_calls[0].function", () => chat({ messages: [{ role: "assistant", tool_calls: [{}] }] })],
    ["model", () => chat({ model: "" })],
    ["options.stop[1]", () => chat({ options: { stop: ["a", 1] } })],
    ["options.num_predict", () => chat({ options: { num_predict: 1.5 } })],
    ["format", () => chat({ format: "yaml" })],
    ["think", () => chat({ think: 3 })],
    ["tools[0].function", () => chat({ tools: [{ type: "function" }] })],
    ["tools[0].function.name", () => chat({ tools: [{ type: "function", function: { name: "" } }] })],
    ["prompt", () => generate({ prompt: "" })],
    ["stream", () => generate({ stream: "yes" })],
    ["api_key", () => chat({ api_key: "x" })],
  ];
  for (const [field, decode] of rows) {
    test(field, () => {
      try {
        decode();
      } catch (thrown) {
        expect(thrown).toBeInstanceOf(InvalidRequest);
        expect((thrown as InvalidRequest).field).toBe(field);
        return;
      }
      throw new Error("it was not refused");
    });
  }
});
