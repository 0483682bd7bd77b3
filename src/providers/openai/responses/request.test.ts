import { describe, expect, test } from "bun:test";
import type { JsonObject } from "../../../kernel/json.ts";
import { UnsupportedFeature } from "../../../spec/adapter.ts";
import type { Part } from "../../../spec/message.ts";
import type { ModelRequest } from "../../../spec/request.ts";
import { openai } from "../index.ts";
import { isOnChatOnly, isOnResponsesOnly } from "../models.ts";
import { OPENAI_QUIRKS } from "../quirks.ts";
import { encodeResponses } from "./request.ts";
import { seal, unseal } from "./seal.ts";

// With it turns.ts, own-turns.ts, content.ts and adapter.ts.

const request = (over: Partial<ModelRequest> = {}): ModelRequest => ({
  dialect: "openai-chat",
  model: "m",
  messages: [{ role: "user", parts: [{ type: "text", text: "Hi." }] }],
  stream: false,
  includeUsage: true,
  ...over,
});
const encode = (over: Partial<ModelRequest>, model = "o3-pro") => encodeResponses(request(over), model, OPENAI_QUIRKS);
const body = (over: Partial<ModelRequest>, model?: string): JsonObject => encode(over, model).body;

describe("which API is asked", () => {
  const asked = (dialect: ModelRequest["dialect"], model: string) =>
    openai.variant!(request({ dialect }), model, {}).dialect;

  test("follows the caller's dialect where the model has both", () => {
    expect(asked("openai-responses", "gpt-5")).toBe("openai-responses");
    expect(asked("openai-chat", "gpt-5")).toBe("openai-chat");
    expect(asked("anthropic-messages", "gpt-5")).toBe("openai-chat");
  });

  test("is the one that the model has, where it has one only", () => {
    for (const model of ["o3-pro", "o1-pro-2025-03-19", "gpt-5-pro", "gpt-5.1-codex-mini", "codex-mini-latest"]) {
      expect([model, isOnResponsesOnly(model), asked("openai-chat", model)]).toEqual([model, true, "openai-responses"]);
    }
    for (const model of ["gpt-audio", "gpt-4o-audio-preview", "gpt-4o-mini-search-preview-2025-03-11"]) {
      expect([model, isOnChatOnly(model), asked("openai-responses", model)]).toEqual([model, true, "openai-chat"]);
    }
    for (const model of ["gpt-5", "gpt-4.1", "o3", "o4-mini"]) {
      expect([isOnResponsesOnly(model), isOnChatOnly(model)]).toEqual([false, false]);
    }
  });
});

describe("a conversation of another dialect", () => {
  const items = (...parts: Part[]) => body({ messages: [{ role: "assistant", parts }] }).input;

  test("becomes items, each call and each thought on its own, and nothing of it is stored", () => {
    const sealed = seal({ id: "rs_1", encrypted: "gAAA" });
    const written = body({
      messages: [
        { role: "system", parts: [{ type: "text", text: "Be brief." }] },
        {
          role: "user",
          parts: [
            { type: "text", text: "Look." },
            { type: "image", source: { kind: "base64", mediaType: "image/png", data: "AA" }, detail: "low" },
          ],
        },
        {
          role: "assistant",
          parts: [
            { type: "reasoning", text: "Hm.", signature: sealed },
            { type: "text", text: "I look." },
            { type: "tool-call", id: "c1", name: "f", arguments: "{}" },
          ],
        },
        { role: "tool", parts: [{ type: "tool-result", callId: "c1", content: [{ type: "text", text: "done" }] }] },
      ],
    });
    expect(written.store).toBe(false);
    expect(written.input).toEqual([
      { role: "system", content: "Be brief." },
      {
        role: "user",
        content: [
          { type: "input_text", text: "Look." },
          { type: "input_image", image_url: "data:image/png;base64,AA", detail: "low" },
        ],
      },
      { type: "reasoning", summary: [{ type: "summary_text", text: "Hm." }], encrypted_content: "gAAA", id: "rs_1" },
      { type: "message", role: "assistant", content: "I look." },
      { type: "function_call", call_id: "c1", name: "f", arguments: "{}" },
      { type: "function_call_output", call_id: "c1", output: "done" },
    ]);
  });

  test("leaves out thoughts that OpenAI did not seal, with a warning", () => {
    for (const part of [
      { type: "reasoning", text: "Hm." },
      { type: "reasoning", text: "Hm.", signature: "another provider's" },
      { type: "reasoning", text: "", redacted: "blob" },
    ] as const) {
      const { body, warnings } = encode({
        messages: [{ role: "assistant", parts: [part, { type: "text", text: "Hi." }] }],
      });
      expect(body.input).toEqual([{ type: "message", role: "assistant", content: "Hi." }]);
      expect(warnings).toHaveLength(1);
    }
  });

  test("keeps the texts of a tool's result apart, and no result empty", () => {
    const output = (...texts: string[]) => {
      const content = texts.map((text) => ({ type: "text" as const, text }));
      const parts = [{ type: "tool-result" as const, callId: "c", content }];
      return (body({ messages: [{ role: "tool", parts }] }).input as { output: unknown }[])[0]!.output;
    };
    expect(output("sunny", "or rain")).toEqual([
      { type: "input_text", text: "sunny" },
      { type: "input_text", text: "or rain" },
    ]);
    expect([output("done"), output()]).toEqual(["done", ""]);
  });

  test("shows images and documents that a tool gave back in the result itself", () => {
    const content = [
      { type: "text" as const, text: "See:" },
      { type: "image" as const, source: { kind: "url" as const, url: "https://x.test/a.png" } },
      { type: "document" as const, source: { kind: "base64" as const, mediaType: "application/pdf", data: "AA" } },
    ];
    const written = body({ messages: [{ role: "tool", parts: [{ type: "tool-result", callId: "c", content }] }] });
    expect(written.input).toMatchObject([
      {
        output: [
          { type: "input_text", text: "See:" },
          { type: "input_image", image_url: "https://x.test/a.png" },
          { type: "input_file", filename: "document.pdf", file_data: "data:application/pdf;base64,AA" },
        ],
      },
    ]);
  });

  test("with files of another provider's, or with sounds, is refused", () => {
    expect(() => items({ type: "image", source: { kind: "file", fileId: "f" } })).toThrow(UnsupportedFeature);
    expect(() => items({ type: "audio", format: "wav", data: "AA" })).toThrow(UnsupportedFeature);
  });
});

describe("settings of another dialect", () => {
  test("have their own names here", () => {
    const written = body({
      stream: true,
      maxOutputTokens: 200_000,
      temperature: 1,
      tools: [
        { type: "function", name: "f", parameters: { type: "object", properties: { a: {} } } },
        { type: "function", name: "g" },
      ],
      toolChoice: { type: "tool", name: "f" },
      parallelToolCalls: false,
      responseFormat: { type: "json-schema", name: "n", schema: { type: "object", properties: {} } },
      reasoning: { budgetTokens: 10_000 },
      extra: { verbosity: "low", prompt_cache_key: "k", unknown: 1 },
    });
    expect(written).toMatchObject({
      stream: true,
      max_output_tokens: 100_000,
      temperature: 1,
      tool_choice: { type: "function", name: "f" },
      parallel_tool_calls: false,
      text: { format: { type: "json_schema", name: "n", strict: false }, verbosity: "low" },
      reasoning: { effort: "medium" },
      include: ["reasoning.encrypted_content"],
      prompt_cache_key: "k",
    });
    // Here a tool that does not say is strict.
    expect((written.tools as JsonObject[]).map(({ name, strict }) => [name, strict])).toEqual([
      ["f", false],
      ["g", false],
    ]);
    expect(written).not.toHaveProperty("unknown");
  });

  test("without which the answer would be another one are refused by name", () => {
    const ROWS: [string, Partial<ModelRequest>][] = [
      ["stop", { stop: ["END"] }],
      ["modalities", { extra: { modalities: ["text", "audio"] } }],
      ["tools[0]", { tools: [{ type: "opaque", value: { type: "computer" } }] }],
    ];
    for (const [field, over] of ROWS) {
      let thrown: unknown;
      try {
        encode(over);
      } catch (error) {
        thrown = error;
      }
      expect([field, (thrown as UnsupportedFeature).field]).toEqual([field, field]);
    }
  });

  test("that are too small become the least, with a warning", () => {
    const { warnings } = encode({ maxOutputTokens: 1 });
    expect(warnings.map(({ field }) => field)).toEqual(["max_tokens"]);
  });
});

test("a caller of this dialect is never asked to store less than it wished, and a lookalike's own switches stay closed", () => {
  const own = request({ dialect: "openai-responses", extra: { store: true, preset: "p" } });
  expect(encodeResponses(own, "gpt-5", OPENAI_QUIRKS).body.store).toBe(true);
  expect(() => encodeResponses(own, "gpt-5", { ...OPENAI_QUIRKS, refused: ["preset"] })).toThrow("preset");
});

test("thoughts of another provider's do not go to OpenAI, which would refuse them", () => {
  const reasoning = (form: JsonObject): Part => ({ type: "reasoning", text: "Hm.", form });
  const input = (form: JsonObject) => {
    const messages = [
      {
        role: "assistant" as const,
        parts: [reasoning(form), { type: "text" as const, text: "Hi.", form: { item: 1, content: "string" } }],
      },
    ];
    return encodeResponses(request({ dialect: "openai-responses", messages }), "gpt-5", OPENAI_QUIRKS).body.input;
  };
  expect(input({ item: 0, wrapped: true })).toEqual([{ role: "assistant", content: "Hi." }]);
  expect(input({ item: 0, list: "content", head: { id: "rs_sp_01_0" } })).toEqual([
    { role: "assistant", content: "Hi." },
  ]);
  expect(input({ item: 0, list: "content", head: { id: "rs_real" } })).toHaveLength(2);
});

test("a seal is read again, and nothing else is taken for one", () => {
  for (const sealed of [
    { id: "rs_1", encrypted: "a:b/c=%" },
    { id: "", encrypted: "gAAA" },
  ]) {
    expect(unseal(seal(sealed))).toEqual(sealed);
  }
  for (const text of [undefined, "", "gAAA", "sp1:gemini:thought:AA:", "sp1:openai-responses:thought:%E0:"]) {
    expect(unseal(text)).toBeUndefined();
  }
});
