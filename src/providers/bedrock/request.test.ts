// Covers request.ts, turns.ts, blocks.ts, media.ts, tools.ts, models.ts and names.ts.
import { describe, expect, test } from "bun:test";
import type { JsonObject } from "../../kernel/json.ts";
import { UnsupportedFeature } from "../../spec/adapter.ts";
import { seal } from "../../spec/sealed.ts";
import { anthropicMessages } from "../../wire/anthropic-messages/index.ts";
import { openaiChat } from "../../wire/openai-chat/index.ts";
import { familyOf, isClaude } from "./models.ts";
import { callersNames, nameForBedrock } from "./names.ts";
import { encodeRequest } from "./request.ts";

const CLAUDE = "eu.anthropic.claude-sonnet-4-5-20250929-v1:0";
const NOVA = "amazon.nova-pro-v1:0";
const GPT = "openai.gpt-oss-120b-1:0";
const LLAMA = "meta.llama3-3-70b-instruct-v1:0";

const HI = [{ role: "user", content: "hi" }];

function openai(fields: JsonObject, model = CLAUDE, options = {}) {
  return encodeRequest(openaiChat.decode({ model: "m", messages: HI, ...fields }), model, options);
}

function claudes(fields: JsonObject, model = CLAUDE) {
  return encodeRequest(anthropicMessages.decode({ model: "m", max_tokens: 99, messages: HI, ...fields }), model);
}

const fieldsOf = ({ warnings }: ReturnType<typeof encodeRequest>) => warnings.map(({ field }) => field);
const TOOL = { type: "function", function: { name: "f", parameters: { type: "object", properties: { a: {} } } } };
const SPEC = { toolSpec: { name: "f", inputSchema: { json: { type: "object", properties: { a: {} } } } } };

test("the model is in the path, whatever its id, and the verb says whether the answer is a stream", () => {
  expect(openai({}).path).toBe(`/model/${encodeURIComponent(CLAUDE)}/converse`);
  expect(openai({ stream: true }, "arn:aws:bedrock:eu:1:profile/x").path).toBe(
    "/model/arn%3Aaws%3Abedrock%3Aeu%3A1%3Aprofile%2Fx/converse-stream",
  );
  expect(openai({}).body).toEqual({ messages: [{ role: "user", content: [{ text: "hi" }] }] });
});

describe("a conversation", () => {
  test("has its system texts apart, and its turns in turns", () => {
    const messages = [
      { role: "system", content: "be brief" },
      { role: "user", content: "a" },
      { role: "user", content: "b" },
      { role: "assistant", content: "" },
      { role: "developer", content: "later" },
      { role: "assistant", content: "c" },
      { role: "user", content: " \n" },
      { role: "user", content: "d" },
    ];
    const sent = openai({ messages });
    expect(sent.body).toMatchObject({
      system: [{ text: "be brief" }, { text: "later" }],
      messages: [
        { role: "user", content: [{ text: "a" }, { text: "b" }] },
        { role: "assistant", content: [{ text: "c" }] },
        { role: "user", content: [{ text: "d" }] },
      ],
    });
    expect(fieldsOf(sent)).toEqual(["messages[4]"]);
  });

  test("of nothing but system messages has the last of them as the user's", () => {
    const sent = openai({
      messages: [
        { role: "system", content: "a" },
        { role: "system", content: "b" },
      ],
    });
    expect(sent.body).toEqual({ system: [{ text: "a" }], messages: [{ role: "user", content: [{ text: "b" }] }] });
    expect(() => openai({ messages: [{ role: "user", content: "" }] })).toThrow(UnsupportedFeature);
  });

  test("with calls has their results first, with ids and names that Bedrock allows", () => {
    const call = { id: "functions.f:0", type: "function", function: { name: "my.tool", arguments: "" } };
    const messages = [
      ...HI,
      {
        role: "assistant",
        content: null,
        tool_calls: [call, { ...call, id: "b", function: { name: "f", arguments: "[1" } }],
      },
      { role: "tool", tool_call_id: "functions.f:0", content: "one" },
      { role: "user", content: "and?" },
      { role: "tool", tool_call_id: "b", content: "" },
    ];
    const tool = { type: "function", function: { name: "my.tool" } };
    const { body } = openai({ messages, tools: [tool, TOOL] });
    const [, assistant, user] = body.messages as { content: JsonObject[] }[];
    const [first, second] = assistant!.content.map((block) => block.toolUse as JsonObject);
    expect(first!.toolUseId).toMatch(/^[\w-]{1,64}$/);
    expect(first!.name).toBe(nameForBedrock("my.tool"));
    expect(first!.input).toEqual({});
    expect(second).toEqual({ toolUseId: "b", name: "f", input: { _raw_arguments: "[1" } });
    expect(user!.content).toEqual([
      { toolResult: { toolUseId: first!.toolUseId!, content: [{ text: "one" }] } },
      { toolResult: { toolUseId: "b", content: [] } },
      { text: "and?" },
    ]);
  });

  test("that names calls without declaring tools declares them, and asks for none", () => {
    const messages = [
      ...HI,
      {
        role: "assistant",
        content: null,
        tool_calls: [{ id: "a", type: "function", function: { name: "f", arguments: "{}" } }],
      },
      { role: "tool", tool_call_id: "a", content: "x" },
    ];
    expect(openai({ messages }).body).toMatchObject({
      toolConfig: { tools: [{ toolSpec: { name: "f", inputSchema: { json: { type: "object", properties: {} } } } }] },
      system: [{ text: "Answer without calling any tool." }],
    });
  });

  test("that ends with the assistant is continued without trailing space, by models that can", () => {
    const messages = [...HI, { role: "assistant", content: "so " }];
    expect(openai({ messages }).body.messages).toMatchObject([{}, { content: [{ text: "so" }] }]);
    expect(() => openai({ messages }, "us.anthropic.claude-opus-4-6")).toThrow(UnsupportedFeature);
  });
});

test("work that another provider's tools did in an earlier answer goes, with a warning; what shall be read does not", () => {
  const searched = [
    { type: "server_tool_use", id: "srvtoolu_1", name: "web_search", input: { query: "q" } },
    { type: "web_search_tool_result", tool_use_id: "srvtoolu_1", content: [] },
  ];
  const turn = (role: string, content: JsonObject[]) => ({ role, content });
  const written = claudes({
    messages: [...HI, turn("assistant", [...searched, { type: "text", text: "found" }]), ...HI],
  });
  expect(written.body.messages).toMatchObject([
    { role: "user" },
    { role: "assistant", content: [{ text: "found" }] },
    { role: "user" },
  ]);
  expect(fieldsOf(written)).toEqual(["server_tool_use", "web_search_tool_result"]);
  expect(() => claudes({ messages: [turn("user", searched)] })).toThrow(UnsupportedFeature);
});

describe("thoughts of earlier turns", () => {
  const thought = (block: JsonObject) => ({
    messages: [...HI, { role: "assistant", content: [block, { type: "text", text: "x" }] }, ...HI],
  });

  test("go back with Claude's signature, bare or sealed", () => {
    const signature = "c2ln";
    for (const signed of [signature, seal({ dialect: "bedrock-converse", place: "thought", data: signature })]) {
      const sent = claudes(thought({ type: "thinking", thinking: "hm", signature: signed }));
      expect(sent.body.messages).toMatchObject([
        {},
        { content: [{ reasoningContent: { reasoningText: { text: "hm", signature } } }, { text: "x" }] },
        {},
      ]);
    }
    expect(claudes(thought({ type: "redacted_thinking", data: "c2VhbGVk" })).body.messages).toMatchObject([
      {},
      { content: [{ reasoningContent: { redactedContent: "c2VhbGVk" } }, { text: "x" }] },
      {},
    ]);
  });

  test.each([
    ["unsigned", { type: "thinking", thinking: "hm", signature: "" }, CLAUDE],
    [
      "another's",
      { type: "thinking", thinking: "hm", signature: seal({ dialect: "gemini", place: "thought", data: "x" }) },
      CLAUDE,
    ],
    ["sealed in no base64", { type: "redacted_thinking", data: "%%" }, CLAUDE],
    ["to a model that takes none back", { type: "thinking", thinking: "hm", signature: "c2ln" }, NOVA],
  ])("%s are left out with a warning", (_, block, model) => {
    const sent = claudes(thought(block), model);
    expect(sent.body.messages).toMatchObject([{}, { content: [{ text: "x" }] }, {}]);
    expect(fieldsOf(sent)).toContain("messages[1].content");
  });
});

test("a result of a tool that is nothing is one that the model takes", () => {
  const call = { id: "c", type: "function", function: { name: "f", arguments: "{}" } };
  const result = { role: "tool", tool_call_id: "c", content: "" };
  const messages = [...HI, { role: "assistant", content: null, tool_calls: [call] }, result];
  const contentOf = ({ body }: { body: JsonObject }) => JSON.stringify((body.messages as JsonObject[]).at(-1));
  expect(contentOf(openai({ messages, tools: [TOOL] }))).toContain('"content":[]');
  expect(contentOf(openai({ messages, tools: [TOOL] }, NOVA))).toContain('"content":[{"text":"(empty)"}]');
  const failed = { type: "tool_result", tool_use_id: "c", is_error: true };
  const use = { type: "tool_use", id: "c", name: "f", input: {} };
  const turns = [...HI, { role: "assistant", content: [use] }, { role: "user", content: [failed] }];
  expect(contentOf(claudes({ messages: turns }))).toContain('"content":[{"text":"The tool failed without a word."}]');
});

describe("media", () => {
  const content = (...parts: JsonObject[]) => {
    const sent = openai({ messages: [{ role: "user", content: parts }] });
    return (sent.body.messages as { content: JsonObject[] }[])[0]!.content;
  };
  const image = (url: string) => ({ type: "image_url", image_url: { url } });
  const file = (data: string, filename?: string) => ({
    type: "file",
    file: { file_data: data, ...(filename && { filename }) },
  });

  test("go as bytes, or as a place in S3", () => {
    expect(content(image("data:image/jpeg;base64,AAAA"), image("s3://bucket/a.png"))).toEqual([
      { image: { format: "jpeg", source: { bytes: "AAAA" } } },
      { image: { format: "png", source: { s3Location: { uri: "s3://bucket/a.png" } } } },
    ]);
  });

  test("lie at a place in S3 whose ending is found without a search from every dot on", () => {
    const uri = `s3://bucket/${".a?".repeat(200_000)}\nx.png`;
    const begun = performance.now();
    expect(() => content(image(uri))).toThrow("not as .a");
    // By its square it would be minutes.
    expect(performance.now() - begun).toBeLessThan(2_000);
    const source = { s3Location: { uri: "s3://bucket/a.b/c.PNG?x=.gif#.jpg" } };
    expect(content(image(source.s3Location.uri))).toEqual([{ image: { format: "png", source } }]);
  });

  test("that are documents have a name that is allowed and differs, and a text beside them", () => {
    expect(
      content(file("data:application/pdf;base64,AAAA", "My_Report  (1).pdf"), file("data:text/csv;base64,AAAA")),
    ).toEqual([
      { document: { format: "pdf", name: "My-Report (1)", source: { bytes: "AAAA" } } },
      { document: { format: "csv", name: "document-2", source: { bytes: "AAAA" } } },
      { text: "My-Report (1), document-2" },
    ]);
  });

  test("that are texts to be cited stay texts", () => {
    const source = { type: "text", media_type: "text/plain", data: "x" };
    const document = { type: "document", source, citations: { enabled: true }, context: "c", title: "t" };
    const sent = claudes({ messages: [{ role: "user", content: [document, { type: "text", text: "?" }] }] });
    expect(sent.body.messages).toMatchObject([
      {
        content: [
          { document: { format: "txt", name: "t", source: { text: "x" }, citations: { enabled: true }, context: "c" } },
          {},
        ],
      },
    ]);
  });

  test("that are sound have their format", () => {
    expect(content({ type: "input_audio", input_audio: { format: "wav", data: "AAAA" } })).toEqual([
      { audio: { format: "wav", source: { bytes: "AAAA" } } },
    ]);
  });

  test.each([
    ["on the web", image("https://example.com/a.png")],
    ["of another format", image("data:image/tiff;base64,AAAA")],
    ["of another kind", file("data:application/zip;base64,AAAA")],
    ["that another provider keeps", { type: "file", file: { file_id: "file-1" } }],
  ])("%s are refused", (_, part) => expect(() => content(part)).toThrow(UnsupportedFeature));
});

describe("cache points", () => {
  const mark = { cache_control: { type: "ephemeral" } };
  const fields = {
    system: [{ type: "text", text: "s", ...mark }],
    tools: [{ name: "f", input_schema: { type: "object" }, ...mark }],
    messages: [
      { role: "user", content: [{ type: "text", text: "x", cache_control: { type: "ephemeral", ttl: "1h" } }] },
    ],
  };
  const point = { cachePoint: { type: "default" } };

  test("stand behind what was marked", () => {
    const { body } = claudes(fields);
    expect(body.system).toEqual([{ text: "s" }, point]);
    expect(body.toolConfig).toMatchObject({ tools: [{ toolSpec: { name: "f" } }, point] });
    expect(body.messages).toEqual([
      { role: "user", content: [{ text: "x" }, { cachePoint: { type: "default", ttl: "1h" } }] },
    ]);
  });

  test("are left out, with a warning, where the model takes none", () => {
    expect(claudes(fields, NOVA).body.toolConfig).toEqual({
      tools: [{ toolSpec: { name: "f", inputSchema: { json: { type: "object" } } } }],
    });
    const sent = claudes(fields, LLAMA);
    expect(JSON.stringify(sent.body)).not.toContain("cachePoint");
    expect(fieldsOf(sent)).toEqual(["cache_control"]);
  });
});

describe("the choice among tools", () => {
  const chosen = (fields: JsonObject, model = CLAUDE) => openai({ tools: [TOOL], ...fields }, model).body;

  test.each<[JsonObject, string, JsonObject | undefined]>([
    [{}, CLAUDE, undefined],
    [{ tool_choice: "auto" }, CLAUDE, { auto: {} }],
    [{ tool_choice: "auto" }, LLAMA, undefined],
    [{ tool_choice: "required" }, NOVA, { any: {} }],
    [{ tool_choice: { type: "function", function: { name: "f" } } }, GPT, { tool: { name: "f" } }],
  ])("%j at %s", (fields, model, toolChoice) => {
    expect(chosen(fields, model).toolConfig).toEqual({ tools: [SPEC], ...(toolChoice && { toolChoice }) });
  });

  test("none means no tools at all, as long as no earlier turn names one", () => {
    expect(chosen({ tool_choice: "none" }).toolConfig).toBeUndefined();
  });

  test("is refused where the model cannot be forced", () => {
    expect(() => chosen({ tool_choice: "required" }, LLAMA)).toThrow(UnsupportedFeature);
  });

  test("of one at a time is told to Claude in its own words, and cannot be told to others", () => {
    expect(chosen({ parallel_tool_calls: false, tool_choice: "required" }).additionalModelRequestFields).toEqual({
      tool_choice: { type: "any", disable_parallel_tool_use: true },
    });
    expect(fieldsOf(openai({ tools: [TOOL], parallel_tool_calls: false }, NOVA))).toEqual(["parallel_tool_calls"]);
  });
});

describe("answers in JSON", () => {
  const schema = {
    type: "object",
    properties: { a: { type: "string" } },
    required: ["a"],
    additionalProperties: false,
  };
  const response_format = { type: "json_schema", json_schema: { name: "city", schema, description: "A city." } };

  test("are asked for natively where the model can", () => {
    expect(openai({ response_format }, GPT).body).toMatchObject({
      outputConfig: {
        textFormat: {
          type: "json_schema",
          structure: { jsonSchema: { name: "city", description: "A city.", schema: expect.stringContaining('"a"') } },
        },
      },
    });
    const own = { output_config: { format: { type: "json_schema", schema } } };
    expect(claudes(own).body.outputConfig).toBeDefined();
    expect(claudes(own).body.additionalModelRequestFields).toBeUndefined();
  });

  test("are the arguments of a tool elsewhere, forced where that is possible", () => {
    expect(openai({ response_format }, NOVA).body.toolConfig).toMatchObject({
      tools: [{ toolSpec: { name: "city", inputSchema: { json: schema } } }],
      toolChoice: { tool: { name: "city" } },
    });
    expect(openai({ response_format, tools: [TOOL] }, NOVA).body.toolConfig).toMatchObject({ toolChoice: { any: {} } });
    const asked = openai({ response_format: { type: "json_object" } }, LLAMA).body;
    expect(asked.toolConfig).not.toHaveProperty("toolChoice");
    expect(asked.system).toMatchObject([{ text: expect.stringContaining("respond_with_json") }]);
  });

  test("may be asked for by Anthropic's callers of models that are not Claude", () => {
    const own = { output_config: { format: { type: "json_schema", schema } } };
    expect(claudes(own, NOVA).body.toolConfig).toMatchObject({ toolChoice: { tool: { name: "response" } } });
  });
});

describe("what Bedrock has no place for", () => {
  test.each([{ stop: [" "] }, { web_search_options: {} }])(
    "is refused where the answer would be another one: %j",
    (fields) => expect(() => openai(fields as unknown as JsonObject)).toThrow(UnsupportedFeature),
  );

  test("is warned of where it has no name for it", () => {
    expect(fieldsOf(openai({ later: 1, metadata: { k: "v" } }))).toEqual(["later", "metadata"]);
    expect(fieldsOf(claudes({ metadata: { user_id: "u" } }))).toEqual([]);
  });
});

describe("names", () => {
  test("that Bedrock refuses become ones that it takes, and differ as they did", () => {
    const long = "x".repeat(100);
    const names = ["a.b", "a/b", long, `${long}y`].map(nameForBedrock);
    expect(new Set(names).size).toBe(4);
    for (const name of names) expect(name).toMatch(/^[\w-]{1,64}$/);
    expect(nameForBedrock("get_weather-2")).toBe("get_weather-2");
  });

  test("are the caller's own again in the answer", () => {
    const request = anthropicMessages.decode({
      model: "m",
      max_tokens: 9,
      messages: HI,
      tools: [{ name: "x".repeat(70), input_schema: { type: "object" } }],
    });
    expect(callersNames(request)?.get(nameForBedrock("x".repeat(70)))).toBe("x".repeat(70));
    expect(callersNames(openaiChat.decode({ model: "m", messages: HI, tools: [TOOL] }))).toBeUndefined();
  });
});

test("families are known by name, behind the prefix of a region too", () => {
  expect(familyOf("global.anthropic.claude-opus-4-5-20251101-v1:0").claude?.maxOutput).toBe(64_000);
  expect(isClaude("us.amazon.nova-lite-v1:0")).toBe(false);
  expect(familyOf("arn:aws:bedrock:eu:1:application-inference-profile/abc")).toMatchObject({
    thinking: "none",
    toolChoice: "unknown",
  });
});
