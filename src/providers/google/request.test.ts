import { describe, expect, test } from "bun:test";
import type { JsonObject } from "../../kernel/json.ts";
import { UnsupportedFeature } from "../../spec/adapter.ts";
import type { ModelRequest } from "../../spec/request.ts";
import { Losses } from "../losses.ts";
import { google } from "./index.ts";
import { traitsOf } from "./models.ts";
import { geminiModelPath } from "./request.ts";
import { geminiJsonSchema } from "./schema.ts";
import { generationConfig } from "./settings.ts";
import { responseFunctionName } from "./structured.ts";
import { changedNames, nameForGemini } from "./tool-names.ts";
import { writeTools } from "./tools.ts";

const ASKED: ModelRequest = {
  dialect: "openai-chat",
  model: "m",
  messages: [{ role: "user", parts: [{ type: "text", text: "Hello." }] }],
  stream: false,
  includeUsage: false,
};
const NEW = "gemini-3.8-flash";

function encode(over: Partial<ModelRequest>, model = NEW) {
  const { body, warnings } = google.encode({ ...ASKED, ...over }, model);
  return { body, warned: warnings.map(({ field }) => field) };
}

const configOf = (over: Partial<ModelRequest>, model?: string) => encode(over, model).body.generationConfig;

function refusedField(over: Partial<ModelRequest>, model?: string): string {
  try {
    encode(over, model);
  } catch (thrown) {
    if (thrown instanceof UnsupportedFeature) return thrown.field;
    throw thrown;
  }
  return "";
}

const FUNCTION = {
  type: "function" as const,
  name: "f",
  parameters: { type: "object", properties: { a: { type: "string" } } },
};

test("a model is asked at its own address, streams always as server-sent events", () => {
  expect(google.encode(ASKED, NEW)).toEqual({
    method: "POST",
    path: `/models/${NEW}:generateContent`,
    headers: {},
    body: { contents: [{ role: "user", parts: [{ text: "Hello." }] }] },
    warnings: [],
  });
  expect(google.encode({ ...ASKED, stream: true }, "tunedModels/x-1").path).toBe(
    "/tunedModels/x-1:streamGenerateContent?alt=sse",
  );
});

test("a name that leads elsewhere is none", () => {
  for (const name of ["", "..", "../files", "a/../b", "a/b/c", "x?y", "x:count", "a b", "/x", "x/", "%2e"]) {
    expect(() => geminiModelPath(name)).toThrow(UnsupportedFeature);
  }
});

describe("settings", () => {
  const rows: [Partial<ModelRequest>, JsonObject | undefined, string[]][] = [
    [{ maxOutputTokens: 9 }, { maxOutputTokens: 9 }, []],
    [{ maxOutputTokens: 1_000_000 }, { maxOutputTokens: 65_536 }, ["max_tokens"]],
    [{ temperature: 3, topP: 0.5, topK: 4, seed: 1 }, { temperature: 2, topP: 0.5, topK: 4, seed: 1 }, ["temperature"]],
    [{ choices: 1 }, undefined, []],
    [{ choices: 3, stop: ["", "a"] }, { candidateCount: 3, stopSequences: ["a"] }, []],
    [{ presencePenalty: 1, frequencyPenalty: 1 }, { presencePenalty: 1, frequencyPenalty: 1 }, []],
    [{ logprobs: true, topLogprobs: 2 }, { responseLogprobs: true, logprobs: 2 }, []],
    [{ logprobs: false, topLogprobs: 0 }, undefined, []],
    [{ responseFormat: { type: "text" } }, undefined, []],
    [{ responseFormat: { type: "json" } }, { responseMimeType: "application/json" }, []],
    [
      { responseFormat: { type: "json-schema", name: "n", schema: { type: "object" }, description: "D." } },
      { responseMimeType: "application/json", responseJsonSchema: { type: "object", description: "D." } },
      [],
    ],
    [{ endUser: "ada" }, undefined, ["user"]],
  ];
  for (const [over, config, warned] of rows) {
    test(JSON.stringify(over), () => {
      expect(configOf(over)).toEqual(config as JsonObject);
      expect(encode(over).warned).toEqual(warned);
    });
  }

  test("what Gemini has no equivalent for is refused by name", () => {
    expect(refusedField({ stop: ["1", "2", "3", "4", "5", "6"] })).toBe("stop");
    expect(refusedField({ choices: 9 })).toBe("n");
    expect(refusedField({ logprobs: true, topLogprobs: 21 })).toBe("top_logprobs");
    expect(refusedField({ extra: { web_search_options: {} } })).toBe("web_search_options");
    expect(refusedField({ messages: [] })).toBe("messages");
  });

  test("tiers are Google's", () => {
    const tier = (serviceTier: string) => [encode({ serviceTier }).body.serviceTier, encode({ serviceTier }).warned];
    expect(tier("flex")).toEqual(["flex", []]);
    expect(tier("default")).toEqual(["standard", []]);
    expect(tier("auto")).toEqual([undefined, []]);
    expect(tier("scale")).toEqual([undefined, ["service_tier"]]);
  });
});

describe("how much to think", () => {
  const PRO = "gemini-2.5-pro";
  const FLASH = "gemini-2.5-flash";
  const rows: [string, ModelRequest["reasoning"], JsonObject | undefined, number][] = [
    [NEW, { effort: "high" }, { includeThoughts: true, thinkingLevel: "HIGH" }, 0],
    [NEW, { effort: "minimal" }, { includeThoughts: true, thinkingLevel: "LOW" }, 1],
    ["gemini-3-flash-preview", { effort: "minimal" }, { includeThoughts: true, thinkingLevel: "MINIMAL" }, 0],
    ["gemini-3-pro-preview", { effort: "medium" }, { includeThoughts: true, thinkingLevel: "LOW" }, 1],
    [NEW, { effort: "max" }, { includeThoughts: true, thinkingLevel: "HIGH" }, 1],
    [NEW, { effort: "wild" }, { includeThoughts: true }, 1],
    [NEW, { budgetTokens: 10_000 }, { includeThoughts: true, thinkingLevel: "MEDIUM" }, 0],
    [NEW, { enabled: false }, { thinkingLevel: "LOW" }, 1],
    [NEW, { enabled: true }, { includeThoughts: true }, 0],
    [NEW, {}, undefined, 0],
    [FLASH, { effort: "medium" }, { includeThoughts: true, thinkingBudget: 8_192 }, 0],
    [FLASH, { effort: "none" }, { thinkingBudget: 0 }, 0],
    [FLASH, { budgetTokens: 99_999 }, { includeThoughts: true, thinkingBudget: 24_576 }, 0],
    [PRO, { budgetTokens: 1 }, { includeThoughts: true, thinkingBudget: 128 }, 0],
    [PRO, { enabled: false }, { thinkingBudget: 128 }, 1],
    // Flash-Lite does not think unless it is told how much, or to decide itself.
    ["gemini-2.5-flash-lite", { enabled: true }, { includeThoughts: true, thinkingBudget: -1 }, 0],
    ["gemini-2.0-flash", { effort: "high" }, undefined, 1],
    ["gemini-2.0-flash", { enabled: false }, undefined, 0],
  ];
  for (const [model, reasoning, thinking, warnings] of rows) {
    test(`${model} ${JSON.stringify(reasoning)}`, () => {
      const { body, warned } = encode({ reasoning: reasoning! }, model);
      expect((body.generationConfig as JsonObject | undefined)?.thinkingConfig).toEqual(thinking as JsonObject);
      expect(warned).toHaveLength(warnings);
    });
  }
});

describe("tools", () => {
  test("functions stand in one entry, with schemas that Google takes", () => {
    const bare = { type: "function" as const, name: "g", description: "G.", strict: true };
    const { body, warned } = encode({
      tools: [FUNCTION, bare],
      toolChoice: { type: "auto" },
    });
    expect(body.tools).toEqual([
      {
        functionDeclarations: [
          { name: "f", parametersJsonSchema: FUNCTION.parameters },
          { name: "g", description: "G." },
        ],
      },
    ]);
    expect(body.toolConfig).toEqual({ functionCallingConfig: { mode: "AUTO" } });
    expect(warned).toEqual(["strict"]);
  });

  const choices: [ModelRequest["toolChoice"], JsonObject][] = [
    [{ type: "none" }, { mode: "NONE" }],
    [{ type: "required" }, { mode: "ANY" }],
    [
      { type: "tool", name: "f" },
      { mode: "ANY", allowedFunctionNames: ["f"] },
    ],
  ];
  for (const [toolChoice, calling] of choices) {
    test(`choice ${JSON.stringify(toolChoice)}`, () => {
      const { body } = encode({ tools: [FUNCTION], toolChoice: toolChoice! });
      expect(body.toolConfig).toEqual({ functionCallingConfig: calling });
      expect(encode({ toolChoice: toolChoice! }).body.toolConfig).toBeUndefined();
    });
  }

  test("another provider's own tools, and choices among them, are refused", () => {
    expect(refusedField({ tools: [{ type: "opaque", value: { type: "web_search" } }] })).toBe("tools[0]");
    expect(refusedField({ tools: [FUNCTION], toolChoice: { type: "opaque", value: {} } })).toBe("tool_choice");
  });

  test("names that Google refuses are changed, always in the same way, and are known again", () => {
    for (const name of ["f", "_f", "a.b:c-d", "x".repeat(64)]) expect(nameForGemini(name)).toBe(name);
    const strange = ["1st", "a b", "füge", "a/b", "x".repeat(65)];
    for (const name of strange) expect(nameForGemini(name)).toMatch(/^[A-Za-z_][\w:.-]{0,63}$/);
    expect(new Set(["a b", "a/b"].map(nameForGemini)).size).toBe(2);
    const tools = strange.map((name) => ({ type: "function" as const, name }));
    const names = changedNames({ ...ASKED, tools });
    expect(strange.map((name) => names?.get(nameForGemini(name)))).toEqual(strange);
    expect(changedNames({ ...ASKED, tools: [FUNCTION] })).toBeUndefined();
  });
});

describe("a schema for the answer beside functions", () => {
  const format = { type: "json-schema" as const, name: "n", schema: { type: "object" } };
  test("is asked for as it is where the model takes both", () => {
    const { body } = encode({ tools: [FUNCTION], responseFormat: format });
    expect(body.generationConfig).toEqual({
      responseMimeType: "application/json",
      responseJsonSchema: { type: "object" },
    });
  });

  test("is a function of its own where it does not", () => {
    const asked = { tools: [FUNCTION, { ...FUNCTION, name: "respond_with_json" }], responseFormat: format };
    const { body } = encode(asked, "gemini-2.5-flash");
    expect(body.generationConfig).toBeUndefined();
    expect(body.toolConfig).toEqual({ functionCallingConfig: { mode: "ANY" } });
    const [{ functionDeclarations }] = body.tools as [{ functionDeclarations: JsonObject[] }];
    expect(functionDeclarations.map(({ name }) => name)).toEqual(["f", "respond_with_json", "respond_with_json_"]);
    expect(responseFunctionName({ ...ASKED, ...asked })).toBe("respond_with_json_");
    const none = encode({ ...asked, toolChoice: { type: "none" } }, "gemini-2.5-flash").body;
    expect(none.toolConfig).toEqual({
      functionCallingConfig: { mode: "ANY", allowedFunctionNames: ["respond_with_json_"] },
    });
  });

  test("is left to the function that is forced", () => {
    const asked = { tools: [FUNCTION], responseFormat: format, toolChoice: { type: "tool" as const, name: "f" } };
    expect(responseFunctionName({ ...ASKED, ...asked })).toBeUndefined();
  });
});

describe("JSON Schema as Google takes it", () => {
  const rows: [JsonObject, JsonObject][] = [
    [{ type: "object", $schema: "x", examples: [] }, { type: "object" }],
    [{ const: "a" }, { enum: ["a"] }],
    [{ oneOf: [{ type: "string" }, { type: "null" }] }, { anyOf: [{ type: "string" }, { type: "null" }] }],
    [{ allOf: [{ type: "string" }] }, { type: "string" }],
    [
      { type: "string", minLength: 2, description: "D." },
      { type: "string", description: 'D.\nMust also satisfy: {"minLength":2}' },
    ],
    [
      { type: "object", properties: { const: { const: 1 } }, additionalProperties: false },
      { type: "object", properties: { const: { enum: [1] } }, additionalProperties: false },
    ],
    [
      { $ref: "#/$defs/a", $defs: { a: { type: "array", items: { $ref: "#/$defs/a", title: "x" } } } },
      { $ref: "#/$defs/a", $defs: { a: { type: "array", items: { $ref: "#/$defs/a" } } } },
    ],
    [
      { type: "array", items: { $ref: "#/definitions/a" }, definitions: { a: { type: "string" } } },
      { type: "array", items: { $ref: "#/$defs/a" }, $defs: { a: { type: "string" } } },
    ],
  ];
  for (const [schema, written] of rows) {
    test(JSON.stringify(schema), () => expect(geminiJsonSchema(schema)).toEqual(written));
  }
});

test("models are known by their names, and strangers are taken for the newest", () => {
  const thinking = (name: string) => traitsOf(name).thinking;
  expect(["gemini-1.5-pro", "gemini-2.0-flash-001", "gemini-pro", "gemma-3-27b-it"].map(thinking)).toEqual(
    Array(4).fill("none"),
  );
  expect(["models/gemini-2.5-flash-preview-05-20", "gemini-2.5-pro"].map(thinking)).toEqual(["budget", "budget"]);
  expect(["gemini-2.5-flash-image", "gemini-2.5-flash-preview-tts"].map(thinking)).toEqual(["none", "none"]);
  expect(["gemini-flash-latest", "gemini-3.8-flash", "gemini-9-ultra"].map(thinking)).toEqual(Array(3).fill("level"));
  for (const name of google.models) expect(traitsOf(name).maxOutput).toBe(65_536);
});

test("a caller of Google's own dialect is taken at its word", () => {
  const own: ModelRequest = {
    ...ASKED,
    dialect: "gemini",
    reasoning: { budgetTokens: 5, enabled: true },
    temperature: 9,
    stop: ["1", "2", "3", "4", "5", "6"],
    serviceTier: "flex",
    responseFormat: { type: "json-schema", name: "response", schema: { type: ["string", "null"] } },
    tools: [
      { type: "opaque", value: { googleSearch: {} } },
      { ...FUNCTION, form: { schema: "own" } },
    ],
    toolChoice: { type: "auto" },
    form: { schema: "own", mode: "VALIDATED", responseModalities: ["TEXT"], includeThoughts: true },
    extra: {
      "generationConfig.thinkingConfig.otherField": true,
      "generationConfig.mediaResolution": "LOW",
      "toolConfig.retrievalConfig": { languageCode: "de" },
      safetySettings: [],
    },
  };
  expect(encode(own, "gemini-2.0-flash")).toEqual({
    body: {
      contents: [{ role: "user", parts: [{ text: "Hello." }] }],
      tools: [
        { googleSearch: {} },
        {
          functionDeclarations: [{ name: "f", parameters: { type: "OBJECT", properties: { a: { type: "STRING" } } } }],
        },
      ],
      toolConfig: { functionCallingConfig: { mode: "VALIDATED" }, retrievalConfig: { languageCode: "de" } },
      generationConfig: {
        temperature: 9,
        stopSequences: ["1", "2", "3", "4", "5", "6"],
        responseMimeType: "application/json",
        responseSchema: { type: "STRING", nullable: true },
        thinkingConfig: { thinkingBudget: 5, includeThoughts: true, otherField: true },
        responseModalities: ["TEXT"],
        mediaResolution: "LOW",
      },
      serviceTier: "flex",
      safetySettings: [],
    },
    warned: [],
  });
});

describe("how much to think, by a caller of Google's own dialect, comes as it was said", () => {
  const rows: [ModelRequest["reasoning"], JsonObject | undefined][] = [
    [{ enabled: true, dynamic: true }, { thinkingBudget: -1 }],
    [{ enabled: false }, { thinkingBudget: 0 }],
    [{ enabled: true, budgetTokens: 99_999 }, { thinkingBudget: 99_999 }],
    [{ effort: "medium" }, { thinkingLevel: "MEDIUM" }],
    [{ enabled: true }, undefined],
    [{}, undefined],
  ];
  for (const [reasoning, thinking] of rows) {
    test(JSON.stringify(reasoning), () => {
      for (const model of ["gemini-2.5-flash-lite", NEW]) {
        const { body, warned } = encode({ dialect: "gemini", reasoning: reasoning! }, model);
        expect((body.generationConfig as JsonObject | undefined)?.thinkingConfig).toEqual(thinking!);
        expect(warned).toEqual([]);
        const shown = configOf({ dialect: "gemini", reasoning: reasoning!, form: { includeThoughts: true } }, model);
        const told = reasoning?.enabled === false ? {} : { includeThoughts: true };
        expect(shown).toEqual({ thinkingConfig: { ...thinking, ...told } });
      }
    });
  }
});

test("nothing asked is nothing written", () => {
  const body: JsonObject = {};
  writeTools({ ...ASKED, tools: [], toolChoice: { type: "auto" } }, undefined, new Losses(false), body);
  expect(body).toEqual({});
  expect(generationConfig(ASKED, traitsOf(NEW), false, new Losses(false))).toEqual({});
});
