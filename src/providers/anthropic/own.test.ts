import { describe, expect, test } from "bun:test";
import type { JsonObject } from "../../kernel/json.ts";
import type { Message, Part } from "../../spec/message.ts";
import type { ModelRequest } from "../../spec/request.ts";
import { ownBody } from "./own.ts";

function write(fields: Partial<ModelRequest>): JsonObject {
  const request: ModelRequest = {
    dialect: "anthropic-messages",
    model: "asked-for",
    messages: [{ role: "user", parts: [{ type: "text", text: "x" }] }],
    stream: false,
    includeUsage: true,
    maxOutputTokens: 5,
    ...fields,
  };
  return ownBody(request, "sent", () => {});
}

const say = (text: string): Part => ({ type: "text", text });
const call: Part = { type: "tool-call", id: "c", name: "f", arguments: "{}" };

const BASE = { model: "sent", max_tokens: 5, messages: [{ role: "user", content: "x" }] };

describe("a caller of the dialect is taken at its word", () => {
  test.each<[string, Partial<ModelRequest>, JsonObject]>([
    ["nothing is added", {}, {}],
    ["not even a default or a bound", { temperature: 1, topP: 1, topK: 0 }, { temperature: 1, top_p: 1, top_k: 0 }],
    ["unknown fields stay", { extra: { container: "c", n: 2 } }, { container: "c", n: 2 }],
    [
      "split objects are put together",
      { endUser: "u", extra: { metadata: { team: "t" } } },
      { metadata: { user_id: "u", team: "t" } },
    ],
    [
      "a budget",
      { reasoning: { enabled: true, budgetTokens: 1 } },
      { thinking: { type: "enabled", budget_tokens: 1 } },
    ],
    [
      "a display",
      { reasoning: { enabled: true }, extra: { thinking: { display: "omitted" } } },
      { thinking: { type: "adaptive", display: "omitted" } },
    ],
    ["no thinking", { reasoning: { enabled: false } }, { thinking: { type: "disabled" } }],
    [
      "no thinking, in another word",
      { reasoning: { enabled: false }, extra: { thinking: { type: "between_tools" } } },
      { thinking: { type: "between_tools" } },
    ],
    ["thinking of tomorrow", { extra: { thinking: { type: "later" } } }, { thinking: { type: "later" } }],
    [
      "effort and a task budget",
      { reasoning: { effort: "max" }, extra: { output_config: { task_budget: {} } } },
      { output_config: { effort: "max", task_budget: {} } },
    ],
    [
      "a format",
      { responseFormat: { type: "json-schema", name: "response", schema: {} } },
      { output_config: { format: { type: "json_schema", schema: {} } } },
    ],
    [
      "a format in its old place",
      { responseFormat: { type: "json-schema", name: "response", schema: {} }, form: { format: "output_format" } },
      { output_format: { type: "json_schema", schema: {} } },
    ],
    [
      "a tool choice",
      { toolChoice: { type: "tool", name: "t" }, parallelToolCalls: true, extra: { tool_choice: { later: 1 } } },
      { tool_choice: { type: "tool", name: "t", disable_parallel_tool_use: false, later: 1 } },
    ],
    [
      "a tool choice of tomorrow",
      { toolChoice: { type: "opaque", value: { type: "later" } } },
      { tool_choice: { type: "later" } },
    ],
    [
      "tools",
      {
        tools: [
          { type: "function", name: "t", parameters: {}, strict: false, extra: { defer_loading: true } },
          { type: "opaque", value: { type: "web_search_20250305", name: "web_search" } },
        ],
      },
      {
        tools: [
          { name: "t", input_schema: {}, strict: false, defer_loading: true },
          { type: "web_search_20250305", name: "web_search" },
        ],
      },
    ],
    [
      "a system prompt in blocks",
      {
        messages: [
          { role: "system", parts: [{ type: "text", text: "s" }], form: { content: "blocks" } },
          { role: "user", parts: [{ type: "text", text: "x" }], extra: { clear_at: 1 } },
          { role: "system", parts: [{ type: "text", text: "t" }] },
        ],
      },
      {
        system: [{ type: "text", text: "s" }],
        messages: [
          { role: "user", content: "x", clear_at: 1 },
          { role: "system", content: "t" },
        ],
      },
    ],
  ])("%s", (_, fields, expected) => {
    expect(write(fields)).toEqual({ ...BASE, ...expected });
  });

  test.each<[string, Message, JsonObject]>([
    [
      "without empty texts in a model's turn, which Anthropic refuses",
      { role: "assistant", parts: [say("a"), say(""), call, say("")], form: { content: "blocks" } },
      {
        role: "assistant",
        content: [
          { type: "text", text: "a" },
          { type: "tool_use", id: "c", name: "f", input: {} },
        ],
      },
    ],
    [
      "but for a model's turn that has nothing else",
      { role: "assistant", parts: [say("")], form: { content: "blocks" } },
      { role: "assistant", content: [{ type: "text", text: "" }] },
    ],
    [
      "but for a user's turn, which no model wrote",
      { role: "user", parts: [say("a"), say("")], form: { content: "blocks" } },
      {
        role: "user",
        content: [
          { type: "text", text: "a" },
          { type: "text", text: "" },
        ],
      },
    ],
  ])("%s", (_, message, expected) => {
    expect(write({ messages: [message] }).messages).toEqual([expected]);
  });

  test("what a policy changed is what is sent", () => {
    expect(write({ maxOutputTokens: 1, extra: { max_tokens: 99, model: "evil" } })).toMatchObject({
      model: "sent",
      max_tokens: 1,
    });
  });
});
