import { describe, expect, test } from "bun:test";
import type { JsonObject } from "../../kernel/json.ts";
import type { ModelRequest } from "../../spec/request.ts";
import { InvalidRequest } from "../../spec/wire.ts";
import { gemini, geminiStream } from "./index.ts";

const HELLO = { contents: [{ role: "user", parts: [{ text: "Hello." }] }] };
const ADDRESS = { params: { model: "gemini-x" }, query: "" };

function decode(body: JsonObject): ModelRequest {
  return gemini.decode({ ...HELLO, ...body }, ADDRESS);
}

function faultOf(body: JsonObject): string | null {
  try {
    decode(body);
  } catch (thrown) {
    if (thrown instanceof InvalidRequest) return thrown.field;
    throw thrown;
  }
  throw new Error("taken");
}

test("the model stands in the address, and the method says whether the answer is a stream", () => {
  expect(decode({ model: "models/other" })).toEqual({
    dialect: "gemini",
    model: "gemini-x",
    messages: [{ role: "user", parts: [{ type: "text", text: "Hello." }] }],
    stream: false,
    includeUsage: true,
  });
  const stream = (query: string) => geminiStream.decode(HELLO, { ...ADDRESS, query });
  expect(stream("alt=sse")).toMatchObject({ stream: true });
  expect(stream("alt=sse").form).toBeUndefined();
  expect(stream("key=x&%24alt=sse").form).toBeUndefined();
  for (const query of ["", "alt=json", "xalt=sse"]) expect(stream(query).form).toEqual({ stream: "array" });
});

test("fields are read by both of their names", () => {
  const snake = decode({
    system_instruction: { parts: { text: "Be brief." } },
    generation_config: {
      max_output_tokens: 5,
      response_mime_type: "application/json",
      thinking_config: { thinking_budget: 0 },
    },
    tools: [{ function_declarations: [{ name: "f", parameters_json_schema: { type: "object" } }] }],
    tool_config: { function_calling_config: { mode: "any", allowed_function_names: ["f"] } },
  });
  const camel = decode({
    systemInstruction: "Be brief.",
    generationConfig: {
      maxOutputTokens: 5,
      responseMimeType: "application/json",
      thinkingConfig: { thinkingBudget: 0 },
    },
    tools: [{ functionDeclarations: [{ name: "f", parametersJsonSchema: { type: "object" } }] }],
    toolConfig: { functionCallingConfig: { mode: "ANY", allowedFunctionNames: ["f"] } },
  });
  expect(snake).toEqual(camel);
  expect(camel).toMatchObject({
    messages: [{ role: "system", parts: [{ text: "Be brief." }] }, { role: "user" }],
    maxOutputTokens: 5,
    responseFormat: { type: "json" },
    reasoning: { enabled: false },
    toolChoice: { type: "tool", name: "f" },
  });
  expect(faultOf({ generationConfig: {}, generation_config: {} })).toBe("generationConfig");
});

describe("settings have their canonical names", () => {
  const rows: [JsonObject, Partial<ModelRequest>][] = [
    [
      { temperature: 0.5, topP: 0.9, topK: 40.5, seed: 7 },
      { temperature: 0.5, topP: 0.9, topK: 40.5, seed: 7 },
    ],
    [
      { candidateCount: 2, stopSequences: ["a"] },
      { choices: 2, stop: ["a"] },
    ],
    [
      { presencePenalty: 1, frequencyPenalty: -1 },
      { presencePenalty: 1, frequencyPenalty: -1 },
    ],
    [
      { responseLogprobs: true, logprobs: 3 },
      { logprobs: true, topLogprobs: 3 },
    ],
    [{ thinkingConfig: { thinkingBudget: 512 } }, { reasoning: { enabled: true, budgetTokens: 512 } }],
    [{ thinkingConfig: { thinkingBudget: -1 } }, { reasoning: { enabled: true, dynamic: true } }],
    [{ thinkingConfig: { thinkingLevel: "HIGH" } }, { reasoning: { effort: "high" } }],
    [{ thinkingConfig: { includeThoughts: true } }, { reasoning: { enabled: true }, form: { includeThoughts: true } }],
    [
      { thinkingConfig: { thinkingBudget: 0, includeThoughts: false } },
      { reasoning: { enabled: false }, extra: { "generationConfig.thinkingConfig.includeThoughts": false } },
    ],
    [{ responseModalities: ["TEXT"] }, { form: { responseModalities: ["TEXT"] } }],
    [
      { responseMimeType: "application/json", responseSchema: { type: "STRING", nullable: true } },
      {
        responseFormat: { type: "json-schema", name: "response", schema: { type: ["string", "null"] } },
        form: { schema: "own" },
      },
    ],
    [
      { responseMimeType: "application/json", responseJsonSchema: { type: "string" } },
      {
        responseFormat: { type: "json-schema", name: "response", schema: { type: "string" } },
        form: { schema: "json" },
      },
    ],
    [{ responseMimeType: "text/plain" }, { responseFormat: { type: "text" } }],
    [{ mediaResolution: "LOW" }, { extra: { "generationConfig.mediaResolution": "LOW" } }],
  ];
  for (const [config, expected] of rows) {
    test(JSON.stringify(config), () => expect(decode({ generationConfig: config })).toMatchObject(expected));
  }
});

describe("tools and the choice among them", () => {
  test("functions and Google's own tools are told apart", () => {
    const { tools } = decode({
      tools: [
        { googleSearch: {} },
        {
          functionDeclarations: [
            { name: "f", description: "F.", parameters: { type: "OBJECT" }, behavior: "BLOCKING" },
          ],
          codeExecution: {},
        },
      ],
    });
    expect(tools).toEqual([
      { type: "opaque", value: { googleSearch: {} } },
      {
        type: "function",
        name: "f",
        description: "F.",
        parameters: { type: "object" },
        form: { schema: "own" },
        extra: { behavior: "BLOCKING" },
      },
      { type: "opaque", value: { codeExecution: {} } },
    ]);
  });

  const several = { mode: "ANY", allowedFunctionNames: ["f", "g"] };
  const rows: [JsonObject, ModelRequest["toolChoice"]][] = [
    [{}, undefined],
    [{ mode: "MODE_UNSPECIFIED" }, undefined],
    [{ mode: "AUTO" }, { type: "auto" }],
    [{ mode: "none" }, { type: "none" }],
    [{ mode: 2 }, { type: "required" }],
    [{ mode: "VALIDATED" }, { type: "auto" }],
    [
      { mode: "ANY", allowedFunctionNames: ["f"] },
      { type: "tool", name: "f" },
    ],
    [several, { type: "opaque", value: several, among: { type: "required", names: ["f", "g"] } }],
    [
      { ...several, mode: "VALIDATED" },
      { type: "opaque", value: { ...several, mode: "VALIDATED" }, among: { type: "auto", names: ["f", "g"] } },
    ],
    [
      { ...several, mode: "AUTO" },
      { type: "opaque", value: { ...several, mode: "AUTO" } },
    ],
    [{ mode: "SOMEDAY" }, { type: "opaque", value: { mode: "SOMEDAY" } }],
  ];
  for (const [calling, choice] of rows) {
    test(JSON.stringify(calling), () => {
      expect(decode({ toolConfig: { functionCallingConfig: calling } }).toolChoice).toEqual(choice as never);
    });
  }
});

test("what only Google can do binds the request to it, and the rest is kept", () => {
  const request = decode({
    cachedContent: "cachedContents/1",
    safetySettings: [],
    labels: { a: "b" },
    generationConfig: { responseModalities: ["IMAGE"], responseMimeType: "text/x.enum" },
    toolConfig: { retrievalConfig: { languageCode: "de" } },
  });
  expect(request.dialectBound).toEqual([
    "cachedContent",
    "generationConfig.responseModalities",
    "generationConfig.responseMimeType",
  ]);
  expect(Object.keys(request.extra ?? {}).sort()).toEqual([
    "cachedContent",
    "generationConfig.responseMimeType",
    "generationConfig.responseModalities",
    "labels",
    "safetySettings",
    "toolConfig.retrievalConfig",
  ]);
});

describe("a wrong value is named", () => {
  const rows: [JsonObject, string | null][] = [
    [{ contents: [] }, "contents"],
    [{ contents: [7] }, "contents[0]"],
    [{ contents: [{ role: "system", parts: [] }] }, "contents[0].role"],
    [{ contents: [{ parts: [{ text: 7 }] }] }, "contents[0].parts[0].text"],
    [{ contents: [{ parts: [{ functionCall: { args: {} } }] }] }, "contents[0].parts[0].functionCall.name"],
    [{ contents: [{ parts: [{ inlineData: { data: "" } }] }] }, "contents[0].parts[0].inlineData.mimeType"],
    [{ generationConfig: { maxOutputTokens: -1 } }, "generationConfig.maxOutputTokens"],
    [{ generationConfig: { temperature: 1e308 } }, "generationConfig.temperature"],
    [{ generationConfig: { stopSequences: [1] } }, "generationConfig.stopSequences[0]"],
    [{ generationConfig: { responseSchema: {}, responseJsonSchema: {} } }, "generationConfig.responseJsonSchema"],
    [
      { generationConfig: { thinkingConfig: { thinkingBudget: 1.5 } } },
      "generationConfig.thinkingConfig.thinkingBudget",
    ],
    [{ tools: [{ functionDeclarations: [{}] }] }, "tools[0].functionDeclarations[0].name"],
    [{ tools: [{ functionDeclarations: [{ name: "" }] }] }, "tools[0].functionDeclarations[0].name"],
    [
      { toolConfig: { functionCallingConfig: { allowedFunctionNames: [1] } } },
      "toolConfig.functionCallingConfig.allowedFunctionNames[0]",
    ],
    [{ base_url: "http://x" }, "baseUrl"],
  ];
  for (const [body, field] of rows) test(JSON.stringify(body), () => expect(faultOf(body)).toBe(field));

  test("and so is a model that has no name, or too long a one", () => {
    for (const model of ["", "x".repeat(300)]) {
      expect(() => gemini.decode(HELLO, { params: { model }, query: "" })).toThrow("model");
    }
  });
});
