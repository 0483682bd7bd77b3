// Covers capable.ts and guarded.ts: what an adapter declares false is never asked of it.
import { describe, expect, test } from "bun:test";
import type { JsonObject } from "../kernel/json.ts";
import { type ProviderAdapter, UnsupportedFeature, type Warning } from "../spec/adapter.ts";
import type { Capabilities, Feature } from "../spec/capability.ts";
import type { Dialect } from "../spec/dialect.ts";
import type { DocumentPart, ImagePart, Part } from "../spec/message.ts";
import type { ModelRequest } from "../spec/request.ts";
import { ADAPTERS } from "./adapters.ts";
import { withinCapabilities } from "./capable.ts";

const TEXT: Part = { type: "text", text: "x" };
const request = (over: Partial<ModelRequest>, dialect: Dialect = "openai-chat"): ModelRequest => ({
  dialect,
  model: "m",
  messages: [{ role: "user", parts: [TEXT] }],
  stream: false,
  includeUsage: true,
  ...over,
});
const shown = (part: Part): Partial<ModelRequest> => ({ messages: [{ role: "user", parts: [TEXT, part] }] });

const tools: ModelRequest["tools"] = [{ type: "function", name: "f", parameters: { type: "object", properties: {} } }];
const bytes = { kind: "base64", mediaType: "image/png", data: "AAAA" } as const;
const pdf = { kind: "base64", mediaType: "application/pdf", data: "AAAA" } as const;
const web = (path: string) => ({ kind: "url", url: `https://example.com/${path}` }) as const;
const image = (source: ImagePart["source"]): ImagePart => ({ type: "image", source });
const document = (source: DocumentPart["source"]): DocumentPart => ({ type: "document", source });

interface Ask {
  over: Partial<ModelRequest>;
  /** As a caller of OpenAI's Chat Completions knows it. */
  field: string;
  /** It is left out, with a warning; else the request is refused. */
  leftOut?: true;
  /** What is asked beside it, without which it would mean nothing. */
  beside?: Partial<ModelRequest>;
}

const PLACE = "messages[0].content[1]";
const ASKS: Readonly<Record<Feature, Ask>> = {
  tools: { over: { tools }, field: "tools" },
  forcedTool: { over: { toolChoice: { type: "required" } }, field: "tool_choice", beside: { tools } },
  parallelToolSwitch: {
    over: { parallelToolCalls: false },
    field: "parallel_tool_calls",
    leftOut: true,
    beside: { tools },
  },
  imageUrl: { over: shown(image(web("a.png"))), field: PLACE },
  imageBytes: { over: shown(image(bytes)), field: PLACE },
  documents: { over: shown(document(pdf)), field: PLACE },
  documentUrl: { over: shown(document(web("a.pdf"))), field: PLACE },
  audioInput: { over: shown({ type: "audio", format: "wav", data: "AAAA" }), field: PLACE },
  reasoning: { over: { reasoning: { effort: "low" } }, field: "reasoning_effort", leftOut: true },
  jsonObject: { over: { responseFormat: { type: "json" } }, field: "response_format" },
  jsonSchema: {
    over: { responseFormat: { type: "json-schema", name: "a", schema: { type: "object" } } },
    field: "response_format",
  },
  logprobs: { over: { logprobs: true }, field: "logprobs" },
  choices: { over: { choices: 2 }, field: "n" },
  seed: { over: { seed: 7 }, field: "seed", leftOut: true },
  logitBias: { over: { logitBias: { "5": 1 } }, field: "logit_bias" },
  penalties: { over: { presencePenalty: 1 }, field: "presence_penalty", leftOut: true },
  topK: { over: { topK: 5 }, field: "top_k", leftOut: true },
};
const FEATURES = Object.keys(ASKS) as Feature[];

/** As its API is asked for this request: an account may have several. */
function apiOf(adapter: ProviderAdapter, asked: ModelRequest): ProviderAdapter {
  return adapter.variant?.(asked, modelOf(adapter), {}) ?? adapter;
}
const modelOf = ({ models }: ProviderAdapter) => models[0] ?? "some-model";

function send(adapter: ProviderAdapter, asked: ModelRequest): { body: unknown; warnings: Warning[] } {
  const api = apiOf(adapter, asked);
  if (api.local === undefined) return api.encode(asked, modelOf(adapter), {});
  const warnings: Warning[] = [];
  return { body: [...api.local(asked, "m", (warning) => warnings.push(warning))], warnings };
}

const NOTHING: Capabilities = Object.fromEntries(FEATURES.map((name) => [name, false])) as unknown as Capabilities;
const ALL: Capabilities = Object.fromEntries(FEATURES.map((name) => [name, true])) as unknown as Capabilities;

const lacking = ADAPTERS.flatMap((adapter) =>
  FEATURES.flatMap((feature) => {
    const { over, beside } = ASKS[feature];
    const asked = request({ ...beside, ...over });
    const { capabilities } = apiOf(adapter, asked);
    if (capabilities[feature]) return [];
    // One call at a time of no calls at all, and any object where a schema says the same.
    if ((feature === "parallelToolSwitch" || feature === "forcedTool") && !capabilities.tools) return [];
    if (feature === "jsonObject" && capabilities.jsonSchema) return [];
    // And a schema that is told.
    if (feature === "jsonSchema" && capabilities.jsonObject) return [];
    return [[adapter.kind, feature, adapter, asked] as const];
  }),
);

describe("what a provider declares that it cannot", () => {
  test.each(lacking)("%s is never asked for %s: the caller hears of it by the field", (_, feature, adapter, asked) => {
    const { field, leftOut, beside = {} } = ASKS[feature];
    if (leftOut) {
      const { body, warnings } = send(adapter, asked);
      expect(warnings.map((warning) => warning.field)).toContain(field);
      expect(body).toEqual(send(adapter, request(beside)).body);
    } else {
      expect(() => send(adapter, asked)).toThrow(UnsupportedFeature);
      expect(() => send(adapter, asked)).toThrow(expect.objectContaining({ field }));
    }
  });

  test("is much: every feature is lacked by some provider, and none of them by all", () => {
    const lacked = new Set(lacking.map(([, feature]) => feature));
    // Who lacks one of these has the other.
    expect(FEATURES.filter((feature) => !lacked.has(feature))).toEqual(["jsonObject", "jsonSchema"]);
    for (const feature of FEATURES)
      expect(lacking.filter((row) => row[1] === feature).length).toBeLessThan(ADAPTERS.length);
  });

  test.each(FEATURES)("of an API that can everything, %s is asked as it came", (feature) => {
    const asked = request({ ...ASKS[feature].beside, ...ASKS[feature].over });
    const { known, warnings } = withinCapabilities(asked, ALL);
    expect(known).toBe(asked);
    expect(warnings).toEqual([]);
  });
});

describe("what asks for nothing", () => {
  const rows: [string, Partial<ModelRequest>][] = [
    ["one answer", { choices: 1 }],
    ["no log probabilities", { logprobs: false, topLogprobs: 0 }],
    ["an empty bias", { logitBias: {} }],
    ["penalties of 0", { presencePenalty: 0, frequencyPenalty: 0 }],
    ["no thinking", { reasoning: { enabled: false, effort: "none" } }],
    ["tools that must not be called", { tools, toolChoice: { type: "none" }, parallelToolCalls: false }],
    ["no tools", { tools: [], toolChoice: { type: "auto" } }],
    ["several calls at a time", { parallelToolCalls: true }],
  ];
  test.each(rows)("goes without a word: %s", (_, over) => {
    expect(withinCapabilities(request(over), NOTHING)).toEqual({ known: request({}), warnings: [] });
  });

  test("is one call at a time where none may be made", () => {
    const asked = request({ tools, toolChoice: { type: "none" }, parallelToolCalls: false });
    expect(withinCapabilities(asked, { ...ALL, parallelToolSwitch: false })).toEqual({
      known: request({ tools, toolChoice: { type: "none" } }),
      warnings: [],
    });
  });

  test("is text: it is said to every model", () => {
    const asked = request({
      ...shown(document({ kind: "text", mediaType: "text/plain", text: "y" })),
      responseFormat: { type: "text" },
    });
    expect(withinCapabilities(asked, NOTHING).known).toBe(asked);
  });
});

describe("the field", () => {
  test.each<[Dialect, Partial<ModelRequest>, string]>([
    ["openai-responses", { logprobs: true }, "include"],
    ["openai-responses", { responseFormat: { type: "json" } }, "text.format"],
    ["anthropic-messages", { responseFormat: { type: "json-schema", name: "a" } }, "output_config.format"],
    ["gemini", { choices: 2 }, "generationConfig.candidateCount"],
    ["gemini", shown(image(bytes)), "contents"],
    ["ollama", { responseFormat: { type: "json" } }, "format"],
    ["openai-chat", { topLogprobs: 2 }, "top_logprobs"],
  ])("has the name that callers of %s know: %j", (dialect, over, field) => {
    expect(() => withinCapabilities(request(over, dialect), NOTHING)).toThrow(expect.objectContaining({ field }));
  });

  test.each<[Dialect, Partial<ModelRequest>, string[]]>([
    ["anthropic-messages", { reasoning: { budgetTokens: 1_024 }, topK: 3 }, ["thinking", "top_k"]],
    ["gemini", { topK: 3, seed: 1 }, ["generationConfig.seed", "generationConfig.topK"]],
    ["ollama", { frequencyPenalty: 1 }, ["options.frequency_penalty"]],
    ["openai-responses", { reasoning: {} }, ["reasoning"]],
  ])("of a warning too: %s, %j", (dialect, over, fields) => {
    expect(withinCapabilities(request(over, dialect), NOTHING).warnings.map(({ field }) => field)).toEqual(fields);
  });

  test("of one call at a time is Anthropic's own", () => {
    const asked = request({ tools, parallelToolCalls: false }, "anthropic-messages");
    const { known, warnings } = withinCapabilities(asked, { ...NOTHING, tools: true });
    expect(known).toEqual(request({ tools }, "anthropic-messages"));
    expect(warnings.map(({ field }) => field)).toEqual(["tool_choice.disable_parallel_tool_use"]);
  });
});

describe("content", () => {
  const refused = (part: Part, over: Partial<Capabilities>) => {
    try {
      withinCapabilities(request(shown(part)), { ...NOTHING, ...over });
    } catch (thrown) {
      return (thrown as Error).message;
    }
    return null;
  };

  test.each<[string, Part, Partial<Capabilities>, string | null]>([
    ["an address, where bytes are taken", image(web("a")), { imageBytes: true }, "bytes only"],
    ["bytes, where addresses are taken", image(bytes), { imageUrl: true }, "by address only"],
    ["any image, where none is", image({ kind: "file", fileId: "f" }), {}, "no images"],
    ["a place that only some providers know", image({ kind: "url", url: "s3://b/a.png" }), { imageBytes: true }, null],
    ["a document by address, where bytes are taken", document(web("a")), { documents: true }, "bytes only"],
    ["a document by address, where only that is", document(web("a")), { documentUrl: true }, null],
    ["a document as bytes, where only addresses are", document(pdf), { documentUrl: true }, "plain text"],
    ["a document at a place of a provider's", document({ kind: "url", url: "gs://b/a" }), { documents: true }, null],
    ["a call of an earlier turn", { type: "tool-call", id: "c", name: "f", arguments: "{}" }, {}, "no tools"],
    [
      "an image in a tool's result",
      { type: "tool-result", callId: "c", content: [image(bytes)] },
      { tools: true },
      "no images",
    ],
  ])("%s", (_, part, capabilities, says) => {
    const message = refused(part, capabilities);
    if (says === null) expect(message).toBeNull();
    else expect(message).toContain(says);
  });
});

describe("a document that is text, though it came as bytes", () => {
  const said = "größer 1 < 2";
  const asBytes = (mediaType: string) =>
    document({ kind: "base64", mediaType, data: Buffer.from(said).toString("base64") });
  const sourceOf = (part: Part, capabilities: Partial<Capabilities>) => {
    const none = Object.fromEntries(FEATURES.map((name) => [name, false])) as unknown as Capabilities;
    const { known, warnings } = withinCapabilities(request(shown(part)), { ...none, tools: true, ...capabilities });
    expect(warnings).toEqual([]);
    const read = known.messages[0]!.parts[1]!;
    const inner = read.type === "tool-result" ? read.content[0]! : read;
    return inner.type === "document" ? inner.source : undefined;
  };

  test.each(["text/plain", "text/markdown; charset=utf-8", "application/json"])("%s is told as text", (mediaType) => {
    const part = { ...asBytes(mediaType), name: "a" };
    expect(sourceOf(part, {})).toEqual({ kind: "text", mediaType, text: said });
    const result: Part = { type: "tool-result", callId: "c", content: [part] };
    expect(sourceOf(result, {})).toEqual({ kind: "text", mediaType, text: said });
    // Who reads documents gets it as it came.
    expect(sourceOf(part, { documents: true })).toEqual(part.source);
  });

  test("what is none is refused", () => {
    for (const mediaType of ["application/pdf", "application/jsonl", "image/svg+xml"]) {
      expect(() => sourceOf(asBytes(mediaType), {})).toThrow("plain text");
    }
  });
});

test.each(["lmstudio", "perplexity"])("%s is asked for any JSON by the schema of any object", (kind) => {
  const adapter = ADAPTERS.find((each) => each.kind === kind)!;
  const { body, warnings } = send(adapter, request({ responseFormat: { type: "json" } }));
  expect((body as JsonObject).response_format).toEqual({
    type: "json_schema",
    json_schema: { name: "response", schema: { type: "object" } },
  });
  expect(warnings).toEqual([]);
});

describe.each(["deepseek", "zai"])("%s, which cannot hold an answer to a schema", (kind) => {
  const adapter = ADAPTERS.find((each) => each.kind === kind)!;
  const schema = { type: "object", properties: { a: { type: "string" } } };
  const responseFormat = { type: "json-schema" as const, name: "a", schema, description: "The letter." };
  const messagesOf = (over: Partial<ModelRequest>) => {
    const { body, warnings } = send(adapter, request({ responseFormat, ...over }));
    expect((body as JsonObject).response_format).toEqual({ type: "json_object" });
    expect(warnings.map(({ field }) => field)).toEqual(["response_format"]);
    return (body as JsonObject).messages as { role: string; content: string }[];
  };

  test("is told of it, and asked for JSON, with a warning", () => {
    const messages = messagesOf({});
    expect(messages.map(({ role }) => role)).toEqual(["system", "user"]);
    expect(messages[0]!.content).toContain(JSON.stringify(schema));
    expect(messages[0]!.content).toContain("The letter.");
  });

  test("is told in the system's last message, where there is one", () => {
    const system = (text: string) => ({ role: "system" as const, parts: [{ type: "text" as const, text }] });
    const user = { role: "user" as const, parts: [TEXT] };
    const messages = messagesOf({ messages: [system("One."), system("Two."), user, system("Three.")] });
    expect(messages.map(({ role }) => role)).toEqual(["system", "system", "user", "system"]);
    expect(messages.map(({ content }) => content.includes(JSON.stringify(schema)))).toEqual([
      false,
      true,
      false,
      false,
    ]);
    expect(messages[1]!.content).toStartWith("Two.\n\n");
  });

  test("is only asked for JSON where no schema came", () => {
    const messages = messagesOf({ responseFormat: { type: "json-schema", name: "a" } });
    expect(messages).toEqual([{ role: "user", content: "x" }]);
  });
});

test("an unknown server gets the addresses that its own callers write, and others' not", () => {
  const adapter = ADAPTERS.find(({ kind }) => kind === "openai-compatible")!;
  const asked = request(shown(document(web("a.pdf"))));
  expect(JSON.stringify(send(adapter, asked).body)).toContain("https://example.com/a.pdf");
  const foreign = { ...asked, dialect: "anthropic-messages" as const };
  expect(() => send(adapter, foreign)).toThrow("bytes only");
});
