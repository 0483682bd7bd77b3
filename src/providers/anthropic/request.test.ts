import { describe, expect, test } from "bun:test";
import type { JsonObject } from "../../kernel/json.ts";
import { UnsupportedFeature } from "../../spec/adapter.ts";
import type { Message } from "../../spec/message.ts";
import type { ModelRequest } from "../../spec/request.ts";
import { encodeRequest } from "./request.ts";

/** Requests of another dialect, through request.ts, settings.ts, tools.ts, structured.ts and unsupported.ts. */

const OLD = "claude-sonnet-4-0";
const BUDGET = "claude-sonnet-4-5";
const ADAPTIVE = "claude-opus-4-6";
const UNSAMPLED = "claude-opus-4-8";
const UNFORCED = "claude-opus-5-5";

const HELLO: Message[] = [{ role: "user", parts: [{ type: "text", text: "Hello" }] }];

function request(fields: Partial<ModelRequest>): ModelRequest {
  return { dialect: "openai-chat", model: "m", messages: HELLO, stream: false, includeUsage: false, ...fields };
}

function encode(fields: Partial<ModelRequest>, model = BUDGET): { body: JsonObject; warned: string[] } {
  const { body, warnings } = encodeRequest(request(fields), model);
  return { body, warned: warnings.map((warning) => warning.field) };
}

function fieldRefused(fields: Partial<ModelRequest>, model = BUDGET): string | undefined {
  try {
    encode(fields, model);
    return undefined;
  } catch (thrown) {
    if (thrown instanceof UnsupportedFeature) return thrown.field;
    throw thrown;
  }
}

const weather = { type: "function", name: "weather", parameters: { type: "object", properties: {} } } as const;
const schema: JsonObject = { type: "object", properties: { a: { type: "string" } }, additionalProperties: false };
const answer = { type: "json-schema", name: "answer", schema } as const;

test("the smallest request has what Anthropic requires, and no more", () => {
  expect(encodeRequest(request({}), BUDGET)).toEqual({
    method: "POST",
    path: "/v1/messages",
    headers: { "anthropic-version": "2023-06-01" },
    body: { model: BUDGET, max_tokens: 64_000, messages: [{ role: "user", content: "Hello" }] },
    warnings: [],
  });
});

describe("what Anthropic has no place for", () => {
  test.each<[string, Partial<ModelRequest>, string]>([
    ["a stop sequence of white space", { stop: ["END", "\n"] }, "stop"],
    ["another provider's tool", { tools: [{ type: "opaque", value: {} }] }, "tools[0]"],
    ["another provider's tool choice", { tools: [weather], toolChoice: { type: "opaque", value: {} } }, "tool_choice"],
  ])("is refused where the answer would mean something else: %s", (_, fields, field) => {
    expect(fieldRefused(fields)).toBe(field);
  });

  test.each<[string, Partial<ModelRequest>, string[]]>([
    ["a field of another dialect", { extra: { store: true } }, ["store"]],
    ["a tier that it does not sell", { serviceTier: "flex" }, ["service_tier"]],
    ["a user's name that is a letter", { endUser: "x".repeat(300) }, ["user"]],
  ])("is a warning otherwise: %s", (_, fields, warned) => {
    expect(encode(fields).warned).toEqual(warned);
  });

  test("what asks for nothing is neither", () => {
    const fields = { choices: 1, logprobs: false, logitBias: {}, presencePenalty: 0, frequencyPenalty: 0, stop: [""] };
    expect(encode(fields).warned).toEqual([]);
    expect(fieldRefused(fields)).toBeUndefined();
  });
});

describe("settings", () => {
  test.each<[string, Partial<ModelRequest>, string, JsonObject, string[]]>([
    ["a limit", { maxOutputTokens: 10 }, BUDGET, { max_tokens: 10 }, []],
    ["a limit beyond the model's", { maxOutputTokens: 99_999 }, BUDGET, { max_tokens: 64_000 }, ["max_tokens"]],
    ["no limit", {}, "claude-3-haiku-20240307", { max_tokens: 4_096 }, []],
    ["stop sequences", { stop: ["END"] }, BUDGET, { stop_sequences: ["END"] }, []],
    ["a stream", { stream: true }, BUDGET, { stream: true }, []],
    ["a user", { endUser: "u-1" }, BUDGET, { metadata: { user_id: "u-1" } }, []],
    ["a tier", { serviceTier: "default" }, BUDGET, { service_tier: "standard_only" }, []],
    ["temperature", { temperature: 0.2 }, BUDGET, { temperature: 0.2 }, []],
    ["a temperature that only OpenAI has", { temperature: 1.5 }, BUDGET, { temperature: 1 }, ["temperature"]],
    ["both where both are taken", { temperature: 0.2, topP: 0.9 }, OLD, { temperature: 0.2, top_p: 0.9 }, []],
    [
      "both where one is taken",
      { temperature: 0.2, topP: 0.9, topK: 3 },
      BUDGET,
      { temperature: 0.2, top_k: 3 },
      ["top_p"],
    ],
    ["both, the second being the default", { temperature: 0.2, topP: 1 }, BUDGET, { temperature: 0.2 }, []],
    [
      "sampling where none is taken",
      { temperature: 0, topP: 0.9, topK: 3 },
      UNSAMPLED,
      {},
      ["temperature", "top_p", "top_k"],
    ],
    ["the defaults where none is taken", { temperature: 1, topP: 1 }, UNSAMPLED, {}, []],
  ])("%s", (_, fields, model, expected, warned) => {
    const encoded = encode(fields, model);
    const { model: _model, messages: _messages, ...rest } = encoded.body;
    expect(rest).toEqual({ max_tokens: rest.max_tokens!, ...expected });
    expect(encoded.warned).toEqual(warned);
  });
});

describe("thinking", () => {
  const effort = (word: string): Partial<ModelRequest> => ({ reasoning: { effort: word } });
  const enabled = (budget_tokens: number): JsonObject => ({ thinking: { type: "enabled", budget_tokens } });
  const adaptive = { thinking: { type: "adaptive", display: "summarized" } };
  test.each<[string, Partial<ModelRequest>, string, JsonObject, string[]]>([
    ["effort is a budget", effort("medium"), BUDGET, enabled(8_192), []],
    ["low effort", effort("minimal"), BUDGET, enabled(1_024), []],
    ["leaves room for an answer", { ...effort("high"), maxOutputTokens: 10_000 }, BUDGET, enabled(8_000), []],
    ["a limit too small for it", { ...effort("high"), maxOutputTokens: 1_000 }, BUDGET, {}, ["reasoning_effort"]],
    ["a budget", { reasoning: { budgetTokens: 5_000 } }, BUDGET, enabled(5_000), []],
    ["none", effort("none"), BUDGET, {}, []],
    ["none wanted in a word", { reasoning: { enabled: false } }, BUDGET, {}, []],
    ["an empty wish", { reasoning: {} }, BUDGET, {}, []],
    ["a model that does not think", effort("high"), "claude-3-haiku-20240307", {}, ["reasoning_effort"]],
    [
      "effort is effort where the model decides",
      effort("low"),
      ADAPTIVE,
      { ...adaptive, output_config: { effort: "low" } },
      [],
    ],
    ["minimal is low", effort("minimal"), UNSAMPLED, { ...adaptive, output_config: { effort: "low" } }, []],
    [
      "the next lower word",
      effort("xhigh"),
      ADAPTIVE,
      { ...adaptive, output_config: { effort: "high" } },
      ["reasoning_effort"],
    ],
    ["a word of tomorrow", effort("colossal"), ADAPTIVE, adaptive, ["reasoning_effort"]],
    ["a budget where the model decides", { reasoning: { budgetTokens: 5_000 } }, ADAPTIVE, adaptive, ["reasoning"]],
    ["none, by a word", effort("none"), "claude-opus-5", { thinking: { type: "disabled" } }, []],
    ["none, by another word", effort("none"), "claude-sonnet-5-5", { thinking: { type: "between_tools" } }, []],
    ["none, where it cannot be", effort("none"), UNFORCED, { output_config: { effort: "low" } }, ["reasoning_effort"]],
    [
      "beside a forced tool there is none",
      { ...effort("high"), tools: [weather], toolChoice: { type: "required" } },
      BUDGET,
      { tools: [{ name: "weather", input_schema: weather.parameters }], tool_choice: { type: "any" } },
      ["reasoning_effort"],
    ],
    [
      "Anthropic's own words",
      { extra: { thinking: { type: "enabled", budget_tokens: 2_000 } } },
      BUDGET,
      enabled(2_000),
      [],
    ],
    [
      "it takes the dice's defaults only",
      { ...effort("low"), temperature: 0 },
      BUDGET,
      enabled(1_024),
      ["temperature"],
    ],
  ])("%s", (_, fields, model, expected, warned) => {
    const encoded = encode(fields, model);
    const { model: _model, messages: _messages, max_tokens: _limit, ...rest } = encoded.body;
    expect(rest).toEqual(expected);
    expect(encoded.warned).toEqual(warned);
  });

  test("in a tool loop whose thoughts were lost on the way, a model with a budget is not asked to think", () => {
    const call = { type: "tool-call", id: "a", name: "weather", arguments: "{}" } as const;
    const result = { type: "tool-result", callId: "a", content: [] } as const;
    const loop = (thought: Message["parts"]): Message[] => [
      ...HELLO,
      { role: "assistant", parts: [...thought, call] },
      { role: "tool", parts: [{ ...result, content: [] }] },
    ];
    const fields = { ...effort("low"), tools: [weather] };
    expect(encode({ ...fields, messages: loop([]) })).toMatchObject({ warned: ["reasoning_effort"] });
    expect(encode({ ...fields, messages: loop([]) }).body.thinking).toBeUndefined();
    const signed = loop([{ type: "reasoning", text: "hm", signature: "s" }]);
    expect(encode({ ...fields, messages: signed }).body.thinking).toEqual(enabled(1_024).thinking!);
    expect(encode({ ...fields, messages: [...loop([]), ...HELLO] }).body.thinking).toBeDefined();
  });

  test("a model with a budget is not asked to think where it continues an answer that begins without a thought", () => {
    const begun = (...parts: Message["parts"]): Message[] => [...HELLO, { role: "assistant", parts }];
    const text = { type: "text", text: "{" } as const;
    const unthought = encode({ ...effort("low"), messages: begun(text) });
    expect(unthought).toMatchObject({ warned: ["reasoning_effort"] });
    expect(unthought.body.thinking).toBeUndefined();
    const thought = { type: "reasoning", text: "hm", signature: "s" } as const;
    expect(encode({ ...effort("low"), messages: begun(thought, text) }).body.thinking).toEqual(
      enabled(1_024).thinking!,
    );
  });
});

describe("tools", () => {
  test("a tool has an object for its schema, whatever it came with", () => {
    const tools = [
      { type: "function", name: "a" },
      { type: "function", name: "b", description: "B", parameters: {} },
      { type: "function", name: "c", parameters: schema, extra: { cache_control: { type: "ephemeral" } } },
    ] as const;
    expect(encode({ tools: [...tools] }).body.tools).toEqual([
      { name: "a", input_schema: { type: "object", properties: {} } },
      { name: "b", description: "B", input_schema: { type: "object" } },
      { name: "c", input_schema: schema, cache_control: { type: "ephemeral" } },
    ]);
  });

  test("strict is kept where the schema can be enforced, else it is a warning", () => {
    const strict = { type: "function", name: "a", parameters: schema, strict: true } as const;
    expect(encode({ tools: [strict] }).body.tools).toEqual([{ name: "a", input_schema: schema, strict: true }]);
    expect(encode({ tools: [strict] }, OLD).warned).toEqual(["strict"]);
    expect(encode({ tools: [{ ...strict, parameters: { type: "object" } }] }).warned).toEqual(["strict"]);
    expect(encode({ tools: [{ ...strict, strict: false }] }).warned).toEqual([]);
  });

  test.each<[Partial<ModelRequest>, JsonObject | undefined]>([
    [{}, undefined],
    [{ toolChoice: { type: "auto" } }, { type: "auto" }],
    [{ toolChoice: { type: "none" } }, { type: "none" }],
    [{ toolChoice: { type: "required" } }, { type: "any" }],
    [{ toolChoice: { type: "tool", name: "weather" } }, { type: "tool", name: "weather" }],
    [{ parallelToolCalls: false }, { type: "auto", disable_parallel_tool_use: true }],
    [
      { parallelToolCalls: false, toolChoice: { type: "required" } },
      { type: "any", disable_parallel_tool_use: true },
    ],
    [{ parallelToolCalls: false, toolChoice: { type: "none" } }, { type: "none" }],
    [{ parallelToolCalls: true }, undefined],
  ])("the choice of %j", (fields, choice) => {
    expect(encode({ tools: [weather], ...fields }).body.tool_choice).toEqual(choice as JsonObject);
  });

  test("without tools there is no choice", () => {
    expect(encode({ tools: [], toolChoice: { type: "auto" }, parallelToolCalls: false }).body).not.toHaveProperty(
      "tool_choice",
    );
  });

  test("a model that cannot be forced is not asked", () => {
    expect(fieldRefused({ tools: [weather], toolChoice: { type: "required" } }, UNFORCED)).toBe("tool_choice");
    expect(fieldRefused({ tools: [weather], toolChoice: { type: "auto" } }, UNFORCED)).toBeUndefined();
  });
});

describe("answers in JSON", () => {
  const forced = { type: "tool", name: "answer", disable_parallel_tool_use: true };
  const names = (body: JsonObject) => (body.tools as JsonObject[] | undefined)?.map((tool) => tool.name);

  test("a schema goes to output_config where model and schema allow", () => {
    const { body } = encode({ responseFormat: answer });
    expect(body.output_config).toEqual({ format: { type: "json_schema", schema } });
    expect(body).not.toHaveProperty("tools");
  });

  test("it stands beside effort and the caller's tools", () => {
    const { body } = encode({ responseFormat: answer, reasoning: { effort: "low" }, tools: [weather] }, ADAPTIVE);
    expect(body.output_config).toEqual({ effort: "low", format: { type: "json_schema", schema } });
    expect(names(body)).toEqual(["weather"]);
  });

  test("elsewhere the model is forced to answer by a tool", () => {
    const { body } = encode({ responseFormat: answer }, OLD);
    expect(body.tools).toEqual([expect.objectContaining({ name: "answer", input_schema: schema })]);
    expect(body.tool_choice).toEqual(forced);
    expect(body).not.toHaveProperty("system");
  });

  test("JSON without a schema is answered by a tool that takes anything", () => {
    const { body } = encode({ responseFormat: { type: "json" } });
    expect(body.tools).toEqual([expect.objectContaining({ name: "respond_with_json" })]);
    expect(body.tool_choice).toEqual({ ...forced, name: "respond_with_json" });
  });

  test.each<[string, Partial<ModelRequest>, string[], JsonObject]>([
    ["any of them may be called", {}, ["weather", "answer"], { type: "any" }],
    ["required is the same", { toolChoice: { type: "required" } }, ["weather", "answer"], { type: "any" }],
    ["none leaves the answer", { toolChoice: { type: "none" } }, ["weather", "answer"], forced],
    [
      "a named one is called first",
      { toolChoice: { type: "tool", name: "weather" } },
      ["weather"],
      { type: "tool", name: "weather" },
    ],
    [
      "one at a time",
      { parallelToolCalls: false },
      ["weather", "answer"],
      { type: "any", disable_parallel_tool_use: true },
    ],
  ])("beside the caller's tools %s", (_, fields, expected, choice) => {
    const { body } = encode({ responseFormat: answer, tools: [weather], ...fields }, OLD);
    expect(names(body)).toEqual(expected);
    expect(body.tool_choice).toEqual(choice);
  });

  test("where it cannot be forced it is asked for", () => {
    for (const [fields, model] of [
      [{ responseFormat: answer, reasoning: { effort: "low" } }, OLD],
      [{ responseFormat: { type: "json" } }, UNFORCED],
    ] as const) {
      const { body } = encode(fields, model);
      expect(body.tool_choice).toEqual({ type: "auto" });
      expect(body.system).toContain(`calling the tool ${names(body)?.[0]}`);
    }
  });

  test("the tool's name is never one of the caller's", () => {
    const { body } = encode({ responseFormat: answer, tools: [{ ...weather, name: "answer" }] }, OLD);
    expect(names(body)).toEqual(["answer", "answer_"]);
  });

  test("a schema whose root is no object is refused where only a tool is left", () => {
    const list = { type: "json-schema", name: "list", schema: { type: "array", items: {} } } as const;
    expect(fieldRefused({ responseFormat: list }, OLD)).toBe("response_format");
  });
});

test("headers of the dialect go upstream for its own callers only, and only as names", () => {
  const headers = { "anthropic-beta": "context-1m-2025-08-07, other_1" };
  const sent = (fields: Partial<ModelRequest>) => encodeRequest(request(fields), BUDGET).headers["anthropic-beta"];
  expect(sent({ dialect: "anthropic-messages", headers })).toBe(headers["anthropic-beta"]);
  expect(sent({ headers })).toBeUndefined();
  expect(sent({ dialect: "anthropic-messages", headers: { "anthropic-beta": "a\r\nx-api-key: b" } })).toBeUndefined();
  expect(sent({ dialect: "anthropic-messages", headers: { "x-api-key": "b" } })).toBeUndefined();
});
