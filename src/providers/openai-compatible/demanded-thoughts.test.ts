import { describe, expect, test } from "bun:test";
import type { JsonObject } from "../../kernel/json.ts";
import { anthropicMessages } from "../../wire/anthropic-messages/index.ts";
import { openaiChat } from "../../wire/openai-chat/index.ts";
import { AT_DEEPSEEK, AT_MOONSHOT, AT_NVIDIA, AT_OPENROUTER } from "./demanded-thoughts.ts";
import { openaiCompatible } from "./index.ts";

const USE = { type: "tool_use", id: "c", name: "f", input: {} };
const RESULT = { role: "user", content: [{ type: "tool_result", tool_use_id: "c", content: "42" }] };
const asking = (over: JsonObject, ...said: JsonObject[]) =>
  anthropicMessages.decode({
    model: "m",
    max_tokens: 4_000,
    tools: [{ name: "f", input_schema: { type: "object" } }],
    messages: [{ role: "user", content: "hi" }, { role: "assistant", content: [...said, USE] }, RESULT],
    ...over,
  });

function turnAt(kind: string, model: string, over: JsonObject = {}, ...said: JsonObject[]): JsonObject {
  const adapter = openaiCompatible.find((each) => each.kind === kind)!;
  const { body } = adapter.encode(asking(over, ...said), model);
  return (body.messages as JsonObject[])[1]!;
}

const OFF = { thinking: { type: "disabled" } };

describe("a call without a thought has something in its place", () => {
  test.each<[string, string, JsonObject, string | undefined]>([
    ["openrouter", "deepseek/deepseek-v4-flash", {}, " "],
    ["openrouter", "deepseek/deepseek-v3.2", {}, " "],
    ["openrouter", "deepseek/deepseek-v4-flash", OFF, undefined],
    ["openrouter", "deepseek/deepseek-chat-v3.1", {}, undefined],
    ["openrouter", "moonshotai/kimi-k2-thinking", OFF, " "],
    ["openrouter", "moonshotai/kimi-k2.6", {}, " "],
    ["openrouter", "moonshotai/kimi-k2.6", OFF, undefined],
    ["openrouter", "moonshotai/kimi-k2-0905", {}, undefined],
    ["openrouter", "google/gemini-3-pro-preview", {}, undefined],
    ["nvidia-nim", "moonshotai/kimi-k2-thinking", {}, " "],
    ["nvidia-nim", "deepseek-ai/DeepSeek-V4-Flash", {}, " "],
    ["nvidia-nim", "meta/llama-3.3-70b-instruct", {}, undefined],
    ["deepseek", "deepseek-v4-pro", {}, ""],
    ["moonshot", "kimi-k2.6", {}, " "],
    ["together", "moonshotai/Kimi-K2-Thinking", {}, undefined],
    ["fireworks", "accounts/fireworks/models/deepseek-v4-flash", {}, undefined],
    ["vllm", "deepseek-ai/DeepSeek-V3.2", {}, undefined],
  ])("at %s, of %s, asked with %j: %j", (kind, model, over, expected) => {
    expect(turnAt(kind, model, over).reasoning_content).toBe(expected!);
  });
});

test("a thought that there is goes to OpenRouter in both of its fields, for models that want the second", () => {
  const thought = { type: "thinking", thinking: "Hm.", signature: "" };
  const details = [{ type: "reasoning.text", text: "Hm.", index: 0 }];
  expect(turnAt("openrouter", "deepseek/deepseek-v4-pro", {}, thought)).toMatchObject({
    reasoning_details: details,
    reasoning_content: "Hm.",
  });
  const other = turnAt("openrouter", "qwen/qwen3-max", {}, thought);
  expect([other.reasoning_details, other.reasoning_content]).toEqual([details, undefined as never]);
});

test("a caller of Chat Completions writes the field itself", () => {
  const call = { id: "c", type: "function", function: { name: "f", arguments: "{}" } };
  const turn = { role: "assistant", content: null, tool_calls: [call] };
  const messages = [{ role: "user", content: "hi" }, turn, { role: "tool", tool_call_id: "c", content: "42" }];
  const openrouter = openaiCompatible.find(({ kind }) => kind === "openrouter")!;
  const { body } = openrouter.encode(openaiChat.decode({ model: "m", messages }), "deepseek/deepseek-v4-pro");
  expect((body.messages as JsonObject[])[1]).toEqual(turn);
});

test("each demand says when it is made", () => {
  const when = [AT_DEEPSEEK, AT_MOONSHOT, AT_OPENROUTER, AT_NVIDIA].map(({ demanded }) => [
    demanded("kimi-k2.5", undefined),
    demanded("kimi-k2.5", false),
    demanded("deepseek-chat", undefined),
  ]);
  expect(when).toEqual([
    [true, false, false],
    [true, false, false],
    [true, false, false],
    [true, true, false],
  ]);
});
