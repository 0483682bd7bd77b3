import { describe, expect, test } from "bun:test";
import type { Json, JsonObject } from "../kernel/json.ts";
import { type ProviderAdapter, UnsupportedFeature } from "../spec/adapter.ts";
import type { ModelRequest } from "../spec/request.ts";
import { anthropicMessages } from "../wire/anthropic-messages/index.ts";
import { gemini } from "../wire/gemini/index.ts";
import { ollamaChat } from "../wire/ollama/index.ts";
import { openaiChat } from "../wire/openai-chat/index.ts";
import { openaiResponses } from "../wire/openai-responses/index.ts";
import { ADAPTERS } from "./adapters.ts";
import { Echo, unfinishedText } from "./unfinished.ts";

/** How openai/unfinished.ts, openai/responses, dashscope and cohere ask for an unfinished turn to be continued. */

const TURNS = [
  { role: "user", content: "A list, please." },
  { role: "assistant", content: '{"a' },
];
const PREFILL = { model: "m", max_tokens: 9, messages: TURNS };
const request = anthropicMessages.decode(PREFILL);
const adapterOf = (kind: string): ProviderAdapter => ADAPTERS.find((each) => each.kind === kind)!;

function sent(kind: string, asked: ModelRequest = request, model = "m") {
  const { body, warnings } = adapterOf(kind).encode(asked, model);
  const turns = (body.messages ?? (body.input as JsonObject).messages) as JsonObject[];
  return { body, last: turns.at(-1)!, warned: warnings.map(({ field }) => field) };
}

describe("an unfinished turn", () => {
  const rows: [kind: string, last: JsonObject, body: JsonObject, warned: string[]][] = [
    ["mistral", { prefix: true }, {}, []],
    ["deepseek", { prefix: true }, {}, []],
    ["moonshot", { partial: true }, {}, []],
    ["dashscope", { partial: true }, {}, []],
    ["dashscope-native", { partial: true }, {}, []],
    ["vllm", {}, { continue_final_message: true, add_generation_prompt: false }, []],
    ["llamacpp", {}, {}, []],
    ["groq", {}, {}, []],
    ["openrouter", {}, {}, []],
    ["ollama", {}, {}, []],
    ["ollama-compatible", {}, {}, []],
    ["openai-compatible", {}, {}, ["messages"]],
    ["together", {}, {}, ["messages"]],
    ["cohere", {}, {}, ["messages"]],
  ];
  test.each(rows)("goes to %s in its words", (kind, last, body, warned) => {
    const written = sent(kind);
    const bare = { role: "assistant", content: '{"a' };
    expect({ ...written.last, content: textOf(written.last.content) }).toEqual({ ...bare, ...last });
    expect(written.body).toMatchObject(body);
    if (Object.keys(body).length === 0) expect(written.body.continue_final_message).toBeUndefined();
    expect(written.warned).toEqual(warned);
  });

  test.each(["openai", "azure-openai", "perplexity"])("is not sent to %s, which would begin anew", (kind) => {
    expect(() => sent(kind)).toThrow(UnsupportedFeature);
    expect(() => sent(kind)).toThrow("unfinished turn");
  });

  test("is not sent to a model that is asked by Responses", () => {
    const responses = adapterOf("openai").variant!(request, "o3-pro", {});
    expect(() => responses.encode(request, "o3-pro")).toThrow("unfinished turn");
  });

  test("is one in the dialects that have such turns", () => {
    const turns = [...TURNS];
    const contents = [{ role: "model", parts: [{ text: "So" }] }];
    expect(unfinishedText(gemini.decode({ contents }, { params: { model: "m" }, query: "" }))).toBe("So");
    expect(unfinishedText(ollamaChat.decode({ model: "m", messages: turns }))).toBe('{"a');
    expect(unfinishedText(openaiChat.decode({ model: "m", messages: turns }))).toBeUndefined();
    expect(unfinishedText(openaiResponses.decode({ model: "m", input: turns }))).toBeUndefined();
    const calling = [{ role: "assistant", content: [{ type: "text", text: "x" }, { type: "tool_use", id: "a", name: "f", input: {} }] }]; // biome-ignore format: one turn
    expect(unfinishedText(anthropicMessages.decode({ ...PREFILL, messages: calling }))).toBeUndefined();
    expect(unfinishedText(anthropicMessages.decode({ ...PREFILL, messages: [TURNS[0]!] }))).toBeUndefined();
  });

  test("that a caller of Chat Completions sends goes out in the caller's words", () => {
    const asked = openaiChat.decode({ model: "m", messages: [TURNS[0]!, { ...TURNS[1]!, partial: true }] });
    expect(sent("mistral", asked).last).toEqual({ ...TURNS[1]!, partial: true });
    expect(sent("openai", openaiChat.decode({ model: "m", messages: TURNS })).last).toEqual(TURNS[1]!);
  });
});

function textOf(content: Json | undefined): Json | undefined {
  return Array.isArray(content) ? content.map((item) => (item as JsonObject).text).join("") : content;
}

describe("what repeats the turn before it goes on", () => {
  const chunk = (content: string, finish: string | null = null): string =>
    JSON.stringify({ id: "x", choices: [{ index: 0, delta: { content }, finish_reason: finish }] });
  const told = (kind: string, ...pieces: string[]) => {
    const decoder = adapterOf(kind).decoder(request);
    const frames = [...pieces.map((piece) => chunk(piece)), chunk("", "stop")];
    const parts = [...frames.flatMap((data) => decoder.frame({ event: "", data })), ...decoder.close()];
    return parts.map((part) => (part.type === "text-delta" ? part.text : "")).join("");
  };

  test.each([[["{", '"a', '": 1}']], [['{"a": 1}']], [['{"', 'a"', ": 1}"]]])("is told without it: %j", (pieces) => {
    expect(told("mistral", ...pieces)).toBe('": 1}');
  });

  test("is told as it is where it does not repeat, also where it only seems to, and where it stops within", () => {
    expect(told("mistral", "{", "}")).toBe("{}");
    expect(told("mistral", "{", '"')).toBe('{"');
    expect(told("mistral", '{"a')).toBe("");
    expect(told("deepseek", '{"a', '": 1}')).toBe('{"a": 1}');
  });

  test("is read whole, too", () => {
    const answer = { choices: [{ message: { content: '{"a": 1}' }, finish_reason: "stop" }] };
    const parts = adapterOf("mistral").decoder(request).unary(JSON.stringify(answer));
    expect(parts.filter((part) => part.type === "text-delta").map(({ text }) => text)).toEqual(['": 1}']);
  });

  test("is known by its letters, however they come", () => {
    for (const at of [0, 1, 2, 3, 4]) {
      const echo = new Echo("abc");
      expect(echo.push("abcd".slice(0, at)) + echo.push("abcd".slice(at)) + echo.end()).toBe("d");
    }
    const other = new Echo("abc");
    expect([other.push("ab"), other.end(), other.push("abc")]).toEqual(["", "ab", "abc"]);
  });
});
