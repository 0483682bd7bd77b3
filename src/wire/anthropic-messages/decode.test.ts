import { describe, expect, test } from "bun:test";
import type { JsonObject } from "../../kernel/json.ts";
import { InvalidRequest } from "../../spec/wire.ts";
import { decodeRequest } from "./decode.ts";

const MESSAGES = [{ role: "user", content: "Hello" }];

function body(fields: JsonObject): JsonObject {
  return { model: "claude", max_tokens: 100, messages: MESSAGES, ...fields };
}

function fieldAtFault(value: JsonObject): string | null | undefined {
  try {
    decodeRequest(value);
    return undefined;
  } catch (thrown) {
    if (thrown instanceof InvalidRequest) return thrown.field;
    throw thrown;
  }
}

describe("a body that Anthropic would refuse is refused, naming the field", () => {
  test.each<[string, JsonObject, string]>([
    ["no model", { max_tokens: 1, messages: MESSAGES }, "model"],
    ["a model that is a number", body({ model: 1 }), "model"],
    ["an empty model", body({ model: "" }), "model"],
    ["no max_tokens", { model: "claude", messages: MESSAGES }, "max_tokens"],
    ["max_tokens null", body({ max_tokens: null }), "max_tokens"],
    ["max_tokens -1", body({ max_tokens: -1 }), "max_tokens"],
    ["max_tokens 0", body({ max_tokens: 0 }), "max_tokens"],
    ["max_tokens 1.5", body({ max_tokens: 1.5 }), "max_tokens"],
    ["max_tokens 2^53+1", body({ max_tokens: 2 ** 53 + 2 }), "max_tokens"],
    ["max_tokens 1e308", body({ max_tokens: 1e308 }), "max_tokens"],
    ["a new thread at the provider", body({ thread: { type: "create" } }), "thread"],
    ["the rest of a thread", body({ thread: { type: "continue", previous_message_id: "msg_1" } }), "thread"],
    ["max_tokens as text", body({ max_tokens: "10" }), "max_tokens"],
    ["no messages", { model: "claude", max_tokens: 1 }, "messages"],
    ["an empty list of messages", body({ messages: [] }), "messages"],
    ["messages that are an object", body({ messages: {} }), "messages"],
    ["a message that is a text", body({ messages: ["Hello"] }), "messages[0]"],
    ["a message without a role", body({ messages: [{ content: "x" }] }), "messages[0].role"],
    ["a role of another dialect", body({ messages: [{ role: "tool", content: "x" }] }), "messages[0].role"],
    ["a message without content", body({ messages: [{ role: "user" }] }), "messages[0].content"],
    ["content that is a number", body({ messages: [{ role: "user", content: 7 }] }), "messages[0].content"],
    ["system that is an object", body({ system: {} }), "system"],
    ["a system block without text", body({ system: [{ type: "text" }] }), "system[0].text"],
    ["stream as text", body({ stream: "true" }), "stream"],
    ["temperature above 1", body({ temperature: 1.1 }), "temperature"],
    ["temperature below 0", body({ temperature: -0.1 }), "temperature"],
    ["temperature as text", body({ temperature: "1" }), "temperature"],
    ["top_p above 1", body({ top_p: 2 }), "top_p"],
    ["top_k below 0", body({ top_k: -1 }), "top_k"],
    ["top_k that is no whole number", body({ top_k: 0.5 }), "top_k"],
    ["stop_sequences as text", body({ stop_sequences: "x" }), "stop_sequences"],
    ["a stop sequence that is a number", body({ stop_sequences: ["x", 1] }), "stop_sequences[1]"],
    ["tools that are an object", body({ tools: {} }), "tools"],
    ["a tool without a name", body({ tools: [{ input_schema: {} }] }), "tools[0].name"],
    ["a tool with an empty name", body({ tools: [{ name: "", input_schema: {} }] }), "tools[0].name"],
    ["a tool without a schema", body({ tools: [{ name: "t" }] }), "tools[0].input_schema"],
    ["a schema that is a text", body({ tools: [{ name: "t", input_schema: "{}" }] }), "tools[0].input_schema"],
    ["tool_choice as text", body({ tool_choice: "auto" }), "tool_choice"],
    ["tool_choice without a type", body({ tool_choice: {} }), "tool_choice.type"],
    ["a named tool_choice without a name", body({ tool_choice: { type: "tool" } }), "tool_choice.name"],
    [
      "disable_parallel_tool_use as text",
      body({ tool_choice: { type: "auto", disable_parallel_tool_use: "no" } }),
      "tool_choice.disable_parallel_tool_use",
    ],
    ["thinking as a truth value", body({ thinking: true }), "thinking"],
    ["thinking without a type", body({ thinking: { budget_tokens: 2000 } }), "thinking.type"],
    ["thinking without its budget", body({ thinking: { type: "enabled" } }), "thinking.budget_tokens"],
    ["a negative budget", body({ thinking: { type: "enabled", budget_tokens: -1 } }), "thinking.budget_tokens"],
    ["output_config as text", body({ output_config: "low" }), "output_config"],
    ["effort that is a number", body({ output_config: { effort: 1 } }), "output_config.effort"],
    ["a format without a type", body({ output_config: { format: {} } }), "output_config.format.type"],
    [
      "a format without a schema",
      body({ output_config: { format: { type: "json_schema" } } }),
      "output_config.format.schema",
    ],
    [
      "a format in both places",
      body({
        output_config: { format: { type: "json_schema", schema: {} } },
        output_format: { type: "json_schema", schema: {} },
      }),
      "output_format",
    ],
    ["metadata as text", body({ metadata: "me" }), "metadata"],
    ["a user that is a number", body({ metadata: { user_id: 1 } }), "metadata.user_id"],
    ["service_tier that is a number", body({ service_tier: 1 }), "service_tier"],
    ["a base URL", body({ base_url: "https://evil.example" }), "base_url"],
    ["another key", body({ api_key: "sk" }), "api_key"],
  ])("%s", (_, value, field) => {
    expect(fieldAtFault(value)).toBe(field);
  });
});

describe("what has a canonical form takes it", () => {
  test("the system prompt is the first message, whatever its form", () => {
    const plain = decodeRequest(body({ system: "Be brief." }));
    expect(plain.messages[0]).toEqual({ role: "system", parts: [{ type: "text", text: "Be brief." }] });
    const cached = { type: "text", text: "Be brief.", cache_control: { type: "ephemeral" } };
    expect(decodeRequest(body({ system: [cached] })).messages[0]?.parts).toEqual([
      { type: "text", text: "Be brief.", extra: { cache_control: { type: "ephemeral" } } },
    ]);
  });

  test.each<[string, JsonObject]>([
    ["an empty text", { system: "" }],
    ["an empty list", { system: [] }],
    ["null", { system: null }],
  ])("a system prompt of %s is none", (_, fields) => {
    expect(decodeRequest(body(fields)).messages).toHaveLength(1);
  });

  test("a system turn in mid-conversation keeps its place", () => {
    const messages = [...MESSAGES, { role: "system", content: "Now in French." }];
    expect(decodeRequest(body({ messages })).messages.map((message) => message.role)).toEqual(["user", "system"]);
  });

  test("sampling, limits and the caller are read", () => {
    const request = decodeRequest(
      body({
        stream: true,
        temperature: 0,
        top_p: 1,
        top_k: 40,
        stop_sequences: ["END"],
        metadata: { user_id: "u-1" },
        service_tier: "auto",
      }),
    );
    expect(request).toMatchObject({
      dialect: "anthropic-messages",
      model: "claude",
      stream: true,
      includeUsage: true,
      maxOutputTokens: 100,
      temperature: 0,
      topP: 1,
      topK: 40,
      stop: ["END"],
      endUser: "u-1",
      serviceTier: "auto",
    });
    expect(request.extra).toBeUndefined();
  });

  test.each<[JsonObject, JsonObject, boolean | undefined]>([
    [{ type: "auto" }, { type: "auto" }, undefined],
    [{ type: "any" }, { type: "required" }, undefined],
    [{ type: "none" }, { type: "none" }, undefined],
    [{ type: "tool", name: "t", disable_parallel_tool_use: true }, { type: "tool", name: "t" }, false],
    [{ type: "auto", disable_parallel_tool_use: false }, { type: "auto" }, true],
    [{ type: "later" }, { type: "opaque", value: { type: "later" } }, undefined],
  ])("tool_choice %j", (tool_choice, choice, parallel) => {
    const request = decodeRequest(body({ tool_choice }));
    expect<unknown>(request.toolChoice).toEqual(choice);
    expect(request.parallelToolCalls).toBe(parallel);
  });

  test.each<[JsonObject, JsonObject | undefined, JsonObject | undefined]>([
    [{ type: "enabled", budget_tokens: 2048 }, { enabled: true, budgetTokens: 2048 }, undefined],
    [{ type: "adaptive" }, { enabled: true }, undefined],
    [{ type: "adaptive", display: "omitted" }, { enabled: true }, { thinking: { display: "omitted" } }],
    [{ type: "disabled" }, { enabled: false }, undefined],
    [{ type: "between_tools" }, { enabled: false }, { thinking: { type: "between_tools" } }],
    [{ type: "later", depth: 3 }, undefined, { thinking: { type: "later", depth: 3 } }],
  ])("thinking %j", (thinking, reasoning, extra) => {
    const request = decodeRequest(body({ thinking }));
    expect<unknown>(request.reasoning).toEqual(reasoning);
    expect(request.extra).toEqual(extra);
  });

  test("effort stands beside the budget", () => {
    const thinking = { type: "enabled", budget_tokens: 2048 };
    const request = decodeRequest(body({ thinking, output_config: { effort: "low" } }));
    expect(request.reasoning).toEqual({ enabled: true, budgetTokens: 2048, effort: "low" });
  });

  test.each<[string, JsonObject]>([
    ["output_config.format", { output_config: { format: { type: "json_schema", schema: { type: "object" } } } }],
    ["output_format", { output_format: { type: "json_schema", schema: { type: "object" } } }],
  ])("a schema in %s is the response's format", (_, fields) => {
    expect(decodeRequest(body(fields)).responseFormat).toEqual({
      type: "json-schema",
      name: "response",
      schema: { type: "object" },
    });
  });

  test("a tool of the caller's is a function, one of Anthropic's is kept whole", () => {
    const custom = { name: "t", description: "d", input_schema: { type: "object" }, strict: true };
    const server = { type: "web_search_20250305", name: "web_search", max_uses: 3 };
    const request = decodeRequest(
      body({ tools: [custom, { ...custom, type: "custom", defer_loading: true }, server] }),
    );
    const tool = { type: "function", name: "t", description: "d", parameters: { type: "object" }, strict: true };
    expect<unknown>(request.tools).toEqual([
      tool,
      { ...tool, extra: { defer_loading: true, type: "custom" } },
      { type: "opaque", value: server },
    ]);
  });
});

test("what has no canonical name is kept, on every level", () => {
  const request = decodeRequest(
    body({
      context_management: { edits: [] },
      container: "c-1",
      metadata: { user_id: "u", team: "t" },
      output_config: { effort: "low", task_budget: { total: 1 } },
      tool_choice: { type: "auto", later: 1 },
      messages: [{ role: "user", content: "x", clear_at: "next" }],
    }),
  );
  expect(request.extra).toEqual({
    context_management: { edits: [] },
    container: "c-1",
    metadata: { team: "t" },
    output_config: { task_budget: { total: 1 } },
    tool_choice: { later: 1 },
  });
  expect(request.messages[0]?.extra).toEqual({ clear_at: "next" });
});
