// Covers parameters.ts and parameter-names.ts.
import { describe, expect, test } from "bun:test";
import type { JsonObject } from "../../kernel/json.ts";
import type { Dialect } from "../../spec/dialect.ts";
import type { Complete, Relay } from "../../spec/operation.ts";
import type { ModelRequest } from "../../spec/request.ts";
import { given, spelledFor, withoutAliases, withoutPath } from "./parameter-names.ts";
import { type ParameterPolicy, policed } from "./parameters.ts";

const request = (over: Partial<ModelRequest> = {}): ModelRequest => ({
  dialect: "openai-chat",
  model: "small",
  messages: [],
  stream: false,
  includeUsage: false,
  ...over,
});

/** What may go on, and the fields that are warned of. */
function on(over: Partial<ModelRequest>, policy: ParameterPolicy) {
  const judged = policed(request(over), policy);
  if ("refused" in judged) throw new Error(`refused: ${judged.refused.field}`);
  return { ...judged.request, warned: judged.warnings.map(({ field }) => field) };
}

function refused(over: Partial<ModelRequest>, policy: ParameterPolicy): string | undefined {
  const judged = policed(request(over), policy);
  return "refused" in judged ? judged.refused.field : undefined;
}

describe("a default", () => {
  test("is asked for where the caller says nothing, without a warning", () => {
    const { temperature, reasoning, warned } = on({}, { defaults: { temperature: 0.2, reasoning: "low" } });
    expect({ temperature, reasoning, warned }).toEqual({
      temperature: 0.2,
      reasoning: { enabled: true, effort: "low" },
      warned: [],
    });
  });

  test("gives way to the caller, whose zero is a word too", () => {
    const policy = { defaults: { temperature: 0.2, seed: 7, parallelToolCalls: false } };
    const { temperature, seed, parallelToolCalls } = on({ temperature: 0, seed: 0, parallelToolCalls: true }, policy);
    expect([temperature, seed, parallelToolCalls]).toEqual([0, 0, true]);
  });
});

describe("a pin", () => {
  test("stands whatever the caller says, who is warned in its own words where that is another thing", () => {
    const policy: ParameterPolicy = { pins: { temperature: 0, topP: 0.5 } };
    const { temperature, topP, warned } = on({ dialect: "gemini", temperature: 1, topP: 0.5 }, policy);
    expect([temperature, topP, warned]).toEqual([0, 0.5, ["generationConfig.temperature"]]);
  });

  test("of no thinking takes out every word for it", () => {
    const asked: Partial<ModelRequest> = {
      dialect: "anthropic-messages",
      reasoning: { enabled: true, budgetTokens: 9_000 },
      extra: { thinking: { display: "omitted" }, output_config: { effort: "max", task_budget: 1 }, other: 1 },
    };
    const { reasoning, extra, warned } = on(asked, { pins: { reasoning: "none" } });
    expect(reasoning).toEqual({ enabled: false });
    expect(extra).toEqual({ output_config: { task_budget: 1 }, other: 1 });
    expect(warned).toEqual(["thinking", "output_config.effort"]);
  });

  test("cannot be gone around by another name of the same", () => {
    const { extra, seed, warned } = on({ extra: { random_seed: 9, x: 1 } }, { pins: { seed: 1 } });
    expect([seed, extra, warned]).toEqual([1, { x: 1 }, ["random_seed"]]);
  });
});

describe("a cap", () => {
  const rows: {
    what: string;
    asked: Partial<ModelRequest>;
    policy: ParameterPolicy["caps"];
    want: object;
    warned: string[];
  }[] = [
    {
      what: "lowers",
      asked: { temperature: 1.5 },
      policy: { temperature: 1 },
      want: { temperature: 1 },
      warned: ["temperature"],
    },
    {
      what: "leaves what is not above it",
      asked: { temperature: 1 },
      policy: { temperature: 1 },
      want: { temperature: 1 },
      warned: [],
    },
    {
      what: "lowers the answers wanted",
      asked: { choices: 5 },
      policy: { choices: 2 },
      want: { choices: 2 },
      warned: ["n"],
    },
    {
      what: "bounds the output that nobody bounded",
      asked: {},
      policy: { maxOutputTokens: 9 },
      want: { maxOutputTokens: 9 },
      warned: [],
    },
    {
      what: "names the bound as the caller did",
      asked: { maxOutputTokens: 10, form: { maxTokens: "max_tokens" } },
      policy: { maxOutputTokens: 9 },
      want: { maxOutputTokens: 9 },
      warned: ["max_tokens"],
    },
    {
      what: "lowers an effort",
      asked: { reasoning: { effort: "xhigh" } },
      policy: { reasoning: "medium" },
      want: { reasoning: { effort: "medium" } },
      warned: ["reasoning_effort"],
    },
    {
      what: "lowers an effort that nobody knows",
      asked: { reasoning: { effort: "ultra" } },
      policy: { reasoning: "medium" },
      want: { reasoning: { effort: "medium" } },
      warned: ["reasoning_effort"],
    },
    {
      what: "says how much where the caller only wants thinking",
      asked: { reasoning: { enabled: true } },
      policy: { reasoning: "low" },
      want: { reasoning: { enabled: true, effort: "low" } },
      warned: [],
    },
    {
      what: "lowers a budget",
      asked: { dialect: "anthropic-messages", reasoning: { enabled: true, budgetTokens: 30_000 } },
      policy: { reasoningTokens: 4_000 },
      want: { reasoning: { enabled: true, budgetTokens: 4_000 } },
      warned: ["thinking"],
    },
    {
      what: "bounds a budget that is left to the model",
      asked: { dialect: "gemini", reasoning: { enabled: true, dynamic: true } },
      policy: { reasoningTokens: 4_000 },
      want: { reasoning: { enabled: true, budgetTokens: 4_000 } },
      warned: ["generationConfig.thinkingConfig"],
    },
    {
      what: "of an effort stands for a budget that is left to the model",
      asked: { dialect: "gemini", reasoning: { enabled: true, dynamic: true } },
      policy: { reasoning: "low", reasoningTokens: 4_000 },
      want: { reasoning: { enabled: true, effort: "low" } },
      warned: ["generationConfig.thinkingConfig"],
    },
    {
      what: "of none lets nothing think",
      asked: { reasoning: { effort: "high" } },
      policy: { reasoning: "none" },
      want: { reasoning: { effort: "none", enabled: false } },
      warned: ["reasoning_effort"],
    },
    { what: "asks nobody to think", asked: {}, policy: { reasoning: "low" }, want: {}, warned: [] },
    {
      what: "takes a budget below the bound of the output with it",
      asked: {
        dialect: "anthropic-messages",
        maxOutputTokens: 20_000,
        reasoning: { enabled: true, budgetTokens: 10_000 },
      },
      policy: { maxOutputTokens: 5_000 },
      want: { maxOutputTokens: 5_000, reasoning: { enabled: true, budgetTokens: 4_999 } },
      warned: ["max_tokens", "thinking"],
    },
    {
      what: "leaves no thinking where no budget would be left",
      asked: {
        dialect: "anthropic-messages",
        maxOutputTokens: 20_000,
        reasoning: { enabled: true, budgetTokens: 10_000 },
      },
      policy: { maxOutputTokens: 1_024 },
      want: { maxOutputTokens: 1_024, reasoning: { enabled: false } },
      warned: ["max_tokens", "thinking"],
    },
    {
      what: "cannot be gone around by another name of the same",
      asked: { extra: { max_new_tokens: 99, n_predict: -1, y: 1 } },
      policy: { maxOutputTokens: 9 },
      want: { maxOutputTokens: 9, extra: { y: 1 } },
      warned: ["max_new_tokens", "n_predict"],
    },
    {
      what: "cannot be gone around by another spelling of it",
      asked: { extra: { MAX_TOKENS: 99, "Min-Tokens": 50, y: { max_tokens: 1 } } },
      policy: { maxOutputTokens: 9 },
      want: { maxOutputTokens: 9, extra: { y: { max_tokens: 1 } } },
      warned: ["MAX_TOKENS", "Min-Tokens"],
    },
    {
      what: "holds for answers that are written and thrown away",
      asked: { extra: { n_samples: 4, y: 1, num_beams: 9 } },
      policy: { choices: 2 },
      want: { extra: { y: 1 } },
      warned: ["n_samples", "num_beams"],
    },
  ];
  test.each(rows)("$what", ({ asked, policy, want, warned }) => {
    const { warned: told, ...left } = on(asked, { caps: policy! });
    expect(left).toEqual({ ...request(asked), ...want });
    expect(told).toEqual(warned);
  });

  test("holds for a default", () => {
    expect(on({}, { defaults: { maxOutputTokens: 50 }, caps: { maxOutputTokens: 100 } }).maxOutputTokens).toBe(50);
  });

  test("does not change the caller's own request", () => {
    const asked = request({ temperature: 2, extra: { random_seed: 1 } });
    policed(asked, { caps: { temperature: 1 }, pins: { seed: 1 } });
    expect(asked).toEqual(request({ temperature: 2, extra: { random_seed: 1 } }));
  });
});

describe("a list", () => {
  const everything: Partial<ModelRequest> = { temperature: 1, maxOutputTokens: 5, extra: { top_a: 1 } };
  const rows: { policy: ParameterPolicy; asked?: Partial<ModelRequest>; want: string | undefined }[] = [
    { policy: { allow: ["temperature", "maxOutputTokens", "top_a"] }, want: undefined },
    { policy: { allow: ["temperature", "max_completion_tokens", "top_a"] }, want: undefined },
    { policy: { allow: ["temperature", "top_a"] }, want: "max_completion_tokens" },
    { policy: { allow: ["temperature", "maxOutputTokens"] }, want: "top_a" },
    { policy: { allow: [] }, asked: {}, want: undefined },
    { policy: { deny: ["top_a"] }, want: "top_a" },
    { policy: { allow: ["temperature", "maxOutputTokens", "top_a"], deny: ["temperature"] }, want: "temperature" },
    { policy: { deny: ["seed"] }, asked: { extra: { random_seed: 1 } }, want: "random_seed" },
    {
      policy: { deny: ["reasoning"] },
      asked: { dialect: "anthropic-messages", extra: { thinking: { type: "x" } } },
      want: "thinking",
    },
    {
      policy: { deny: ["topK"] },
      asked: { dialect: "ollama", extra: { options: { num_ctx: 1, top_k: 0 } } },
      want: "options.top_k",
    },
    {
      policy: { allow: ["topK"] },
      asked: { dialect: "ollama", extra: { options: { num_ctx: 1 } } },
      want: "options.num_ctx",
    },
    { policy: { deny: ["anthropic-beta"] }, asked: { headers: { "anthropic-beta": "x" } }, want: "anthropic-beta" },
    { policy: { allow: [] }, asked: { headers: { "anthropic-beta": "x" } }, want: undefined },
  ];
  test.each(rows)("%j", ({ policy, asked = everything, want }) => {
    expect(refused(asked, policy)).toBe(want!);
  });
});

test("a field of the caller's is told in one line, however long it is", () => {
  const judged = policed(request({ extra: { [`a\n${"b".repeat(100_000)}`]: 1 } }), { allow: [] });
  expect("refused" in judged && judged.refused.message).toMatch(/^This API does not take "a\\nb{1,200}"\.$/);
});

describe("privacy", () => {
  test("is demanded of the provider, and what the caller wants stored is not", () => {
    const { store, training, extra, warned } = on({ extra: { store: true, a: 1 } }, { store: false, training: false });
    expect({ store, training, extra, warned }).toEqual({
      store: false,
      training: false,
      extra: { a: 1 },
      warned: ["store"],
    });
  });

  test("is nobody's to claim that asks for what the API demands anyhow", () => {
    expect(on({ extra: { store: false } }, { store: false }).warned).toEqual([]);
  });

  test("is not touched by an API that says nothing of it", () => {
    expect(on({ extra: { store: true } }, {})).toEqual({ ...request({ extra: { store: true } }), warned: [] });
  });
});

describe("an operation", () => {
  const completing = (over: Partial<Complete> = {}): Partial<ModelRequest> => {
    return { dialect: "openai-completions", operation: { type: "complete", prompts: ["a"], ...over } };
  };
  const drawing = (fields: JsonObject, choices?: number): Partial<ModelRequest> => {
    const operation: Relay = { type: "relay", name: "images.generate", fields, texts: ["prompt"] };
    return { dialect: "openai-images", operation, ...(choices === undefined ? {} : { choices }) };
  };

  test("that completes a text is no way around pins, caps and defaults", () => {
    const policy = { pins: { temperature: 0 }, caps: { maxOutputTokens: 9, choices: 2 }, defaults: { seed: 7 } };
    const asked = { ...completing({ bestOf: 5 }), temperature: 2, maxOutputTokens: 100, choices: 3 };
    expect(on(asked, policy)).toMatchObject({
      temperature: 0,
      maxOutputTokens: 9,
      choices: 2,
      seed: 7,
      operation: { bestOf: 2 },
      warned: ["temperature", "max_tokens", "n", "best_of"],
    });
  });

  test("that draws makes no more pictures than the cap", () => {
    const { choices, operation, warned } = on(drawing({ prompt: "a", n: 8 }, 8), { caps: { choices: 2 } });
    expect({ choices, operation, warned }).toMatchObject({
      choices: 2,
      operation: { fields: { n: 2 } },
      warned: ["n"],
    });
    expect(on(drawing({ prompt: "a", n: 1 }, 1), { caps: { choices: 2 } }).warned).toEqual([]);
  });

  test.each<[string, Partial<ModelRequest>]>([
    ["size", drawing({ prompt: "a", size: "1024x1024" })],
    ["suffix", completing({ suffix: "z" })],
    ["best_of", completing({ bestOf: 2 })],
    ["dimensions", { operation: { type: "embed", inputs: [{ text: "a" }], dimensions: 8, encoding: "base64" } }],
  ])("has %s judged by the lists of what is taken", (field, asked) => {
    expect(refused(asked, { allow: ["seed"] })).toBe(field);
    expect(refused(asked, { deny: [field] })).toBe(field);
    expect(refused(asked, { allow: [field] })).toBeUndefined();
  });
});

test("what is no answer in a conversation keeps its shape, and its lists", () => {
  const asked = request({ operation: { type: "embed", inputs: [{ text: "a" }] } });
  const judged = policed(asked, { caps: { maxOutputTokens: 9 }, defaults: { temperature: 1 }, store: false });
  expect(judged).toMatchObject({ request: { store: false } });
  expect(judged).not.toHaveProperty("request.maxOutputTokens");
  expect(judged).not.toHaveProperty("request.temperature");
});

test.each<[Dialect, string]>([
  ["openai-chat", "max_completion_tokens"],
  ["openai-responses", "max_output_tokens"],
  ["anthropic-messages", "max_tokens"],
  ["gemini", "generationConfig.maxOutputTokens"],
  ["ollama", "options.num_predict"],
])("in %s the bound of the output is %s", (dialect, name) => {
  expect(spelledFor({ dialect }, "maxOutputTokens")).toBe(name);
});

test("a parameter that a dialect has no name for keeps its canonical one", () => {
  expect(spelledFor({ dialect: "ollama" }, "logitBias")).toBe("logitBias");
});

test("functions of 2023 are named as they were", () => {
  const asked = request({ tools: [], toolChoice: { type: "auto" }, form: { functions: true } });
  expect(given(asked).map(({ field }) => field)).toEqual(["functions", "function_call"]);
});

test("a path leads through objects and through names with dots, and leaves no empty object behind", () => {
  expect(withoutPath({ "a.b": 1, c: 2 }, "a.b")).toEqual({ c: 2 });
  expect(withoutPath({ a: { b: 1, d: 3 }, c: 2 }, "a.b")).toEqual({ a: { d: 3 }, c: 2 });
  expect(withoutPath({ a: { b: 1 }, c: 2 }, "a.b")).toEqual({ c: 2 });
  expect(withoutPath({ a: 1 }, "a.b")).toBeUndefined();
  expect(withoutPath({ a: 1 }, "toString")).toBeUndefined();
  expect(withoutAliases({ x: 1 }, "seed")).toEqual({ extra: { x: 1 }, removed: [] });
});
