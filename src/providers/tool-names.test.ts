import { describe, expect, test } from "bun:test";
import type { JsonObject } from "../kernel/json.ts";
import type { AccountOptions, ProviderAdapter } from "../spec/adapter.ts";
import type { Dialect } from "../spec/dialect.ts";
import type { EventPart } from "../spec/event.ts";
import type { ModelRequest } from "../spec/request.ts";
import { ADAPTERS } from "./adapters.ts";
import { nameForAnthropic } from "./anthropic/tool-names.ts";
import { nameForCohere } from "./cohere/tool-names.ts";
import { nameForDashscope } from "./dashscope/tool-names.ts";
import { nameForGemini } from "./google/tool-names.ts";
import { nameForServer } from "./openai/tool-names.ts";

/** Names of tools on their way to a provider of another dialect and back: `tool-names.ts` of anthropic, openai, cohere and dashscope. */

const NAMES = ["my.srv:get", "my/srv get", "my.srv.get", "plain_name-1", `mcp.${"x".repeat(140)}`];

const requestOf = (dialect: Dialect, chosen = NAMES[0]!): ModelRequest => ({
  dialect,
  model: "m",
  stream: false,
  includeUsage: true,
  tools: NAMES.map((name) => ({ type: "function", name, parameters: { type: "object", properties: {} } })),
  toolChoice: { type: "tool", name: chosen },
  messages: [
    { role: "user", parts: [{ type: "text", text: "Hi." }] },
    {
      role: "assistant",
      parts: [
        ...NAMES.map((name, index) => ({ type: "tool-call" as const, id: `call_${index}`, name, arguments: "{}" })),
        // Of a tool that is no longer offered.
        { type: "tool-call", id: "call_9", name: "gone.tool", arguments: "{}" },
      ],
    },
    {
      role: "tool",
      parts: [...NAMES.map((_, index) => `call_${index}`), "call_9"].map((callId) => ({
        type: "tool-result" as const,
        callId,
        content: [{ type: "text" as const, text: "ok" }],
      })),
    },
  ],
});

type List = { [name: string]: JsonObject }[];

interface Told {
  offered: unknown[];
  chosen: unknown;
  called: unknown[];
}

/** Where the names stand in a body, and an answer in which the model calls by a name, whole and as a stream. */
interface Form {
  told(body: JsonObject): Told;
  whole(name: string): JsonObject;
  frames(name: string): JsonObject[];
}

const chat: Form = {
  told: ({ tools, tool_choice, messages }) => ({
    offered: (tools as List).map((tool) => tool.function!.name),
    chosen: (tool_choice as { function?: JsonObject }).function!.name,
    called: (messages as unknown as { tool_calls?: List }[])
      .flatMap(({ tool_calls = [] }) => tool_calls)
      .map((call) => call.function!.name),
  }),
  whole: (name) => ({
    choices: [
      { index: 0, finish_reason: "tool_calls", message: { role: "assistant", tool_calls: [callInChat(name, "{}")] } },
    ],
  }),
  frames: (name) => [
    { choices: [{ index: 0, delta: { tool_calls: [callInChat(name, "")] } }] },
    { choices: [{ index: 0, delta: { tool_calls: [{ index: 0, function: { arguments: "{}" } }] } }] },
    { choices: [{ index: 0, delta: {}, finish_reason: "tool_calls" }] },
  ],
};

const callInChat = (name: string, given: string): JsonObject => ({
  index: 0,
  id: "c",
  type: "function",
  function: { name, arguments: given },
});

const callItem = (name: string): JsonObject => ({
  type: "function_call",
  id: "i",
  call_id: "c",
  name,
  arguments: "{}",
});
const response = (name: string): JsonObject => ({
  id: "r",
  object: "response",
  status: "completed",
  output: [callItem(name)],
});

const responses: Form = {
  told: ({ tools, tool_choice, input }) => ({
    offered: (tools as JsonObject[]).map((tool) => tool.name),
    chosen: (tool_choice as JsonObject).name,
    called: (input as JsonObject[]).filter(({ type }) => type === "function_call").map((item) => item.name),
  }),
  whole: response,
  frames: (name) => [
    { type: "response.output_item.added", output_index: 0, item: { ...callItem(name), arguments: "" } },
    { type: "response.output_item.done", output_index: 0, item: callItem(name) },
    { type: "response.completed", response: response(name) },
  ],
};

const use = (name: string): JsonObject => ({ type: "tool_use", id: "c", name, input: {} });

const messages: Form = {
  told: ({ tools, tool_choice, messages }) => ({
    offered: (tools as JsonObject[]).map((tool) => tool.name),
    chosen: (tool_choice as JsonObject).name,
    called: (messages as unknown as { content: JsonObject[] }[])
      .flatMap(({ content }) => (Array.isArray(content) ? content : []))
      .filter(({ type }) => type === "tool_use")
      .map((block) => block.name),
  }),
  whole: (name) => ({ type: "message", content: [use(name)], stop_reason: "tool_use" }),
  frames: (name) => [
    { type: "message_start", message: { id: "m", type: "message", content: [] } },
    { type: "content_block_start", index: 0, content_block: use(name) },
    { type: "content_block_stop", index: 0 },
    { type: "message_delta", delta: { stop_reason: "tool_use" } },
    { type: "message_stop" },
  ],
};

const cohere: Form = {
  told: ({ tools, messages }) => ({
    offered: (tools as List).map((tool) => tool.function!.name),
    // A tool that must be called is the only one offered.
    chosen: (tools as List)[0]!.function!.name,
    called: calledInMessages(messages as JsonObject[]),
  }),
  whole: (name) => ({
    message: { tool_calls: [{ id: "c", type: "function", function: { name, arguments: "{}" } }] },
    finish_reason: "TOOL_CALL",
  }),
  frames: (name) => [
    { type: "message-start", id: "x" },
    {
      type: "tool-call-start",
      index: 0,
      delta: { message: { tool_calls: { id: "c", type: "function", function: { name, arguments: "{}" } } } },
    },
    { type: "tool-call-end", index: 0 },
    { type: "message-end", delta: { finish_reason: "TOOL_CALL" } },
  ],
};

const dashscope: Form = {
  told: ({ parameters, input }) => {
    const { tools, tool_choice } = parameters as JsonObject;
    return {
      offered: (tools as List).map((tool) => tool.function!.name),
      chosen: (tool_choice as { function?: JsonObject }).function!.name,
      called: calledInMessages((input as { messages: JsonObject[] }).messages),
    };
  },
  whole: (name) => ({
    output: { choices: [{ finish_reason: "tool_calls", message: { tool_calls: [callInChat(name, "{}")] } }] },
  }),
  frames: (name) => [
    { output: { choices: [{ finish_reason: "null", message: { tool_calls: [callInChat(name, "")] } }] } },
    { output: { choices: [{ finish_reason: "tool_calls", message: { tool_calls: [callInChat("", "{}")] } }] } },
  ],
};

function calledInMessages(messages: readonly JsonObject[]): unknown[] {
  const calls = messages.flatMap(({ tool_calls }) => (tool_calls ?? []) as List);
  return calls.map((call) => call.function!.name);
}

const FORMS: Partial<Record<Dialect, Form>> = {
  "openai-chat": chat,
  "openai-responses": responses,
  "anthropic-messages": messages,
  "cohere-chat": cohere,
  dashscope,
};

/** What a provider's dialect allows, and how many letters. */
const RULES: Partial<Record<Dialect, RegExp>> = {
  "openai-chat": /^[a-zA-Z0-9_-]{1,64}$/,
  "openai-responses": /^[a-zA-Z0-9_-]{1,64}$/,
  "anthropic-messages": /^[a-zA-Z0-9_-]{1,128}$/,
  "cohere-chat": /^[a-zA-Z_][a-zA-Z0-9_]{0,63}$/,
  dashscope: /^[a-zA-Z0-9_-]{1,64}$/,
};

const AWS = { region: "us-east-1", claude: "invoke" };
const GCP = { project: "project-1" };

/** Callers, kinds of provider, models, and the dialect in which these are asked. */
const ROADS: [Dialect, string, string, AccountOptions, Dialect][] = [
  ["gemini", "openai", "gpt-4.1", {}, "openai-chat"],
  ["anthropic-messages", "openai", "gpt-4.1", {}, "openai-chat"],
  ["openai-responses", "mistral", "mistral-large-latest", {}, "openai-chat"],
  ["gemini", "openai-compatible", "m", {}, "openai-chat"],
  ["gemini", "openai", "o3-pro", {}, "openai-responses"],
  ["openai-chat", "openai", "o3-pro", {}, "openai-responses"],
  ["openai-chat", "openai-compatible", "m", { api: "responses" }, "openai-responses"],
  ["gemini", "anthropic", "claude-sonnet-4-5", {}, "anthropic-messages"],
  ["openai-chat", "anthropic", "claude-sonnet-4-5", {}, "anthropic-messages"],
  ["gemini", "vertex", "claude-sonnet-4-5@20250929", GCP, "anthropic-messages"],
  ["openai-chat", "bedrock", "anthropic.claude-sonnet-4-5-20250929-v1:0", AWS, "anthropic-messages"],
  ["openai-chat", "dashscope-native", "qwen-plus", {}, "dashscope"],
  ["gemini", "dashscope-native", "qwen3.8-max", {}, "dashscope"],
];

const OWN: [Dialect, string, string, AccountOptions, Dialect][] = [
  ["openai-chat", "openai-compatible", "m", {}, "openai-chat"],
  ["openai-chat", "openai", "gpt-4.1", {}, "openai-chat"],
  ["openai-responses", "openai", "gpt-5", {}, "openai-responses"],
  ["anthropic-messages", "anthropic", "claude-sonnet-4-5", {}, "anthropic-messages"],
  ["anthropic-messages", "vertex", "claude-sonnet-4-5@20250929", GCP, "anthropic-messages"],
  ["anthropic-messages", "bedrock", "anthropic.claude-sonnet-4-5-20250929-v1:0", AWS, "anthropic-messages"],
];

function adapterOf(kind: string, request: ModelRequest, model: string, options: AccountOptions): ProviderAdapter {
  const adapter = ADAPTERS.find((known) => known.kind === kind)!;
  return adapter.variant?.(request, model, options) ?? adapter;
}

const namesIn = (parts: readonly EventPart[]) =>
  parts.flatMap((part) =>
    part.type === "block-start" && part.content.kind === "tool-call" ? [part.content.name] : [],
  );

const ended = (parts: readonly EventPart[]) => parts.at(-1)?.type;

function streamed(adapter: ProviderAdapter, request: ModelRequest, frames: readonly JsonObject[]): EventPart[] {
  const decoder = adapter.decoder({ ...request, stream: true });
  const parts = frames.flatMap((frame) =>
    decoder.frame({ event: String(frame.type ?? ""), data: JSON.stringify(frame) }),
  );
  return [...parts, ...decoder.close()];
}

describe.each(ROADS)("a caller of %s at %s, model %s", (dialect, kind, model, options, asked) => {
  const request = requestOf(dialect);
  const adapter = adapterOf(kind, request, model, options);
  const form = FORMS[asked]!;
  const told = form.told(adapter.encode(request, model, options).body);

  test("has every name sent in letters that the provider's dialect allows, each tool under its own", () => {
    expect(adapter.dialect).toBe(asked);
    expect(told.offered).toHaveLength(NAMES.length);
    for (const name of [...told.offered, told.chosen, ...told.called]) expect(name).toMatch(RULES[asked]!);
    expect(new Set(told.offered).size).toBe(NAMES.length);
  });

  test("has a tool chosen, and earlier calls told, under the names that are offered", () => {
    expect(told.chosen).toBe(told.offered[0]!);
    expect(told.called.slice(0, -1)).toEqual(told.offered);
    const nameFor = asked === "anthropic-messages" ? nameForAnthropic : nameForServer;
    expect(told.called.at(-1)).toBe(nameFor("gone.tool"));
  });

  test("has a name that is allowed sent as it is", () => {
    expect(told.offered[3]).toBe("plain_name-1");
    expect(form.told(adapter.encode(requestOf(dialect, "plain_name-1"), model, options).body).chosen).toBe(
      "plain_name-1",
    );
  });

  test("hears the model call its tools by its own names, whole and streamed", () => {
    for (const [index, name] of NAMES.entries()) {
      const given = told.offered[index] as string;
      for (const parts of [
        adapter.decoder(request).unary(JSON.stringify(form.whole(given))),
        streamed(adapter, request, form.frames(given)),
      ]) {
        expect([namesIn(parts), ended(parts)]).toEqual([[name], "end"]);
      }
    }
  });

  test("hears a name that the model made up as the model wrote it", () => {
    const parts = adapter.decoder(request).unary(JSON.stringify(form.whole("no_such_tool")));
    expect(namesIn(parts)).toEqual(["no_such_tool"]);
  });
});

describe.each(OWN)(
  "a caller of %s at %s, which is asked in the same, model %s",
  (dialect, kind, model, options, asked) => {
    const request = requestOf(dialect);
    const adapter = adapterOf(kind, request, model, options);
    const form = FORMS[asked]!;

    test("has its names sent as it wrote them, whatever the server may take", () => {
      expect(adapter.dialect).toBe(asked);
      expect(form.told(adapter.encode(request, model, options).body)).toEqual({
        offered: NAMES,
        chosen: NAMES[0],
        called: [...NAMES, "gone.tool"],
      });
    });

    test("hears the names that the server wrote", () => {
      for (const name of ["my.srv:get", nameForServer("my.srv:get"), nameForAnthropic("my.srv:get")]) {
        expect(namesIn(adapter.decoder(request).unary(JSON.stringify(form.whole(name))))).toEqual([name]);
      }
    });
  },
);

describe("a caller at Cohere, which takes neither - nor a digit in front", () => {
  const names = [...NAMES, "1st", "füge"];
  const request: ModelRequest = {
    ...requestOf("openai-chat"),
    tools: names.map((name) => ({ type: "function", name })),
    toolChoice: { type: "auto" },
  };
  const adapter = adapterOf("cohere", request, "command-a-03-2025", {});
  const told = cohere.told(adapter.encode(request, "command-a-03-2025").body);

  test("has every name sent in letters that Cohere allows, earlier calls too, and hears its own", () => {
    for (const name of [...told.offered, ...told.called]) expect(name).toMatch(RULES["cohere-chat"]!);
    expect(new Set(told.offered).size).toBe(names.length);
    expect(told.called.slice(0, -1)).toEqual(told.offered.slice(0, NAMES.length));
    for (const [index, name] of names.entries()) {
      const given = told.offered[index] as string;
      const whole = adapter.decoder(request).unary(JSON.stringify(cohere.whole(given)));
      expect([namesIn(whole), namesIn(streamed(adapter, request, cohere.frames(given)))]).toEqual([[name], [name]]);
    }
  });

  test("has a name that is allowed sent as it is, and the one that must be called", () => {
    const plain = { ...request, tools: [{ type: "function" as const, name: "get_weather2" }] };
    expect(cohere.told(adapter.encode(plain, "command-a-03-2025").body).offered).toEqual(["get_weather2"]);
    const forced: ModelRequest = { ...request, toolChoice: { type: "tool", name: "1st" } };
    const { offered } = cohere.told(adapter.encode(forced, "command-a-03-2025").body);
    expect(offered).toEqual([nameForCohere("1st")]);
  });
});

test.each([
  ["OpenAI", 64, nameForServer],
  ["Cohere", 64, nameForCohere],
  ["DashScope", 64, nameForDashscope],
  ["Gemini", 64, nameForGemini],
  ["Anthropic", 128, nameForAnthropic],
] as const)("a name of %s's may have %d letters and no more", (_, most, nameFor) => {
  expect(nameFor("x".repeat(most))).toBe("x".repeat(most));
  expect(nameFor("x".repeat(most + 1))).toMatch(new RegExp(`^x{${most - 9}}_[0-9a-f]{8}$`));
});

test("a tool that Anthropic runs is called what Anthropic calls it", () => {
  const request = requestOf("gemini");
  const adapter = adapterOf("anthropic", request, "claude-sonnet-4-5", {});
  const block = { type: "server_tool_use", id: "s", name: nameForAnthropic("my.srv:get"), input: {} };
  const parts = adapter.decoder(request).unary(JSON.stringify({ type: "message", content: [block] }));
  expect(parts).toContainEqual({
    type: "block-start",
    choice: 0,
    block: 0,
    content: { kind: "opaque", dialect: "anthropic-messages", value: block },
  });
});
