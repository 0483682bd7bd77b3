// Covers answer.ts, unary.ts, events.ts, errors.ts and index.ts.
import { describe, expect, test } from "bun:test";
import { faultsOf } from "../../../test/support/recordings.ts";
import type { JsonObject } from "../../kernel/json.ts";
import { MalformedAnswer } from "../../spec/adapter.ts";
import type { EventPart } from "../../spec/event.ts";
import { openaiChat } from "../../wire/openai-chat/index.ts";
import { errorOf, errorOfException } from "./errors.ts";
import { bedrock } from "./index.ts";

const request = (fields: JsonObject = {}) =>
  openaiChat.decode({ model: "m", messages: [{ role: "user", content: "hi" }], stream: true, ...fields });

const answer = (content: JsonObject[], rest: JsonObject = {}) =>
  JSON.stringify({ output: { message: { role: "assistant", content } }, stopReason: "end_turn", ...rest });

type Event = [event: string, payload: JsonObject];

function streamed(events: readonly Event[], fields: JsonObject = {}): EventPart[] {
  const decoder = bedrock.decoder(request(fields));
  const parts = events.flatMap(([event, payload]) => decoder.frame({ event, data: JSON.stringify(payload) }));
  return [...parts, ...decoder.close()];
}

const unary = (body: string, fields: JsonObject = {}) => bedrock.decoder(request(fields)).unary(body);
const types = (parts: readonly EventPart[]) =>
  parts.map((part) => ("block" in part ? `${part.type} ${part.block}` : part.type));
const delta = (contentBlockIndex: number, value: JsonObject): Event => [
  "contentBlockDelta",
  { contentBlockIndex, delta: value, p: "abc" },
];
const stop = (contentBlockIndex: number): Event => ["contentBlockStop", { contentBlockIndex }];

test("what was written to the cache for an hour is counted apart, at its own price", () => {
  const usage = { inputTokens: 3, cacheWriteInputTokens: 100, outputTokens: 7, totalTokens: 110 };
  const cacheDetails = [
    { ttl: "1h", inputTokens: 60 },
    { ttl: "5m", inputTokens: 40 },
  ];
  const told = { input: 103, cacheWrite: 100, output: 7 };
  const of = (counts: JsonObject) => unary(answer([], { usage: counts })).find(({ type }) => type === "usage");
  expect(of({ ...usage, cacheDetails })).toEqual({ type: "usage", usage: { ...told, cacheWriteLong: 60 } });
  // More than was written at all cannot be.
  expect(of({ ...usage, cacheDetails: [{ ttl: "1h", inputTokens: 101 }] })).toEqual({ type: "usage", usage: told });
});

describe("a whole answer", () => {
  test("is its blocks, its usage and why it ended", () => {
    const content = [
      { reasoningContent: { reasoningText: { text: "hm", signature: "s" } } },
      { reasoningContent: { redactedContent: "AAAA" } },
      { text: "so" },
      { toolUse: { toolUseId: "t1", name: "f", input: { a: 1 } } },
      { toolUse: { toolUseId: "t2", name: "g", input: {} } },
    ];
    const usage = {
      inputTokens: 3,
      cacheReadInputTokens: 20,
      cacheWriteInputTokens: 100,
      outputTokens: 7,
      totalTokens: 130,
    };
    const parts = unary(answer(content, { stopReason: "tool_use", usage }));
    expect(faultsOf(parts)).toEqual([]);
    expect(types(parts)).toEqual([
      "start",
      "block-start 0",
      "text-delta 0",
      "signature-delta 0",
      "block-end 0",
      "block-start 1",
      "block-end 1",
      "block-start 2",
      "text-delta 2",
      "block-end 2",
      "block-start 3",
      "arguments-delta 3",
      "block-end 3",
      "block-start 4",
      "arguments-delta 4",
      "block-end 4",
      "usage",
      "finish",
      "end",
    ]);
    expect(parts).toContainEqual({ type: "usage", usage: { input: 123, cacheRead: 20, cacheWrite: 100, output: 7 } });
    expect(parts).toContainEqual({ type: "arguments-delta", choice: 0, block: 4, text: "{}" });
    expect(parts.at(-2)).toMatchObject({ reason: "tool-calls", raw: "tool_use" });
  });

  test("of the response tool is its arguments as text", () => {
    const body = answer([{ toolUse: { toolUseId: "t", name: "respond_with_json", input: { a: 1 } } }], {
      stopReason: "tool_use",
    });
    expect(unary(body, { response_format: { type: "json_object" } })).toEqual([
      { type: "start" },
      { type: "block-start", choice: 0, block: 0, content: { kind: "text" } },
      { type: "text-delta", choice: 0, block: 0, text: '{"a":1}' },
      { type: "block-end", choice: 0, block: 0 },
      { type: "finish", choice: 0, reason: "stop", raw: "end_turn" },
      { type: "end" },
    ]);
  });

  test("has the provider's own tools, and what nobody knows, apart from the client's calls", () => {
    const parts = unary(
      answer([
        { toolUse: { type: "server_tool_use", name: "nova_grounding", toolUseId: "t", input: {} } },
        { later: {} },
      ]),
    );
    const kinds = parts.flatMap((part) => (part.type === "block-start" ? [part.content.kind] : []));
    expect(kinds).toEqual(["opaque", "opaque"]);
    expect(parts.at(-2)).toMatchObject({ reason: "stop" });
  });

  test("names tools as the caller does", () => {
    const tools = [{ type: "function", function: { name: "my.tool" } }];
    const sent = bedrock.encode(request({ tools }), "amazon.nova-pro-v1:0").body as {
      toolConfig: { tools: { toolSpec: { name: string } }[] };
    };
    const { name } = sent.toolConfig.tools[0]!.toolSpec;
    const parts = unary(answer([{ toolUse: { toolUseId: "t", name, input: {} } }]), { tools });
    expect(parts[1]).toMatchObject({ content: { kind: "tool-call", name: "my.tool" } });
  });

  const places: [JsonObject, JsonObject][] = [
    [
      { documentChar: { documentIndex: 1, start: 2, end: 3 } },
      { type: "char_location", document_index: 1, start_char_index: 2, end_char_index: 3 },
    ],
    [
      { documentPage: { documentIndex: 0, start: 1, end: 2 } },
      { type: "page_location", start_page_number: 1, end_page_number: 2 },
    ],
    [
      { documentChunk: { documentIndex: 0, start: 0, end: 1 } },
      { type: "content_block_location", start_block_index: 0, end_block_index: 1 },
    ],
    [
      { web: { url: "https://x.example", domain: "x.example" } },
      { type: "web_search_result_location", url: "https://x.example" },
    ],
    [
      { searchResultLocation: { searchResultIndex: 4, start: 0, end: 1 } },
      { type: "search_result_location", search_result_index: 4 },
    ],
  ];
  test.each(places)("tells citations in Anthropic's words: %j", (location, told) => {
    const citation = { title: "t", sourceContent: [{ text: "c" }], location };
    const parts = unary(answer([{ citationsContent: { content: [{ text: "said" }], citations: [citation] } }]));
    expect(parts).toContainEqual({ type: "text-delta", choice: 0, block: 0, text: "said" });
    const cited = parts.find((part) => part.type === "citation");
    expect(cited).toMatchObject({ dialect: "anthropic-messages", value: { ...told, cited_text: "c" } });
  });

  test.each([
    "",
    "null",
    "[]",
    "{}",
    '{"output":{}}',
    '{"output":{"message":{"content":7}}}',
    '{"output":{"message":{"content":[7]}}}',
  ])("%s is none", (body) => expect(() => unary(body)).toThrow(MalformedAnswer));

  test("that is an error in a 200 is an error", () => {
    expect(unary('{"Output":{"__type":"com.amazon.coral.service#ThrottlingException"},"Version":"1.0"}')).toEqual([
      {
        type: "error",
        error: { status: 429, type: "ThrottlingException", message: "The provider reported ThrottlingException." },
      },
    ]);
  });
});

describe("a stream", () => {
  const events: Event[] = [
    ["messageStart", { role: "assistant" }],
    delta(0, { reasoningContent: { text: "hm" } }),
    delta(0, { reasoningContent: { signature: "s" } }),
    stop(0),
    delta(1, { text: "so" }),
    delta(1, { citation: { location: { documentChar: {} }, title: "t" } }),
    stop(1),
    ["contentBlockStart", { contentBlockIndex: 2, start: { toolUse: { toolUseId: "t1", name: "f" } } }],
    delta(2, { toolUse: { input: '{"a"' } }),
    delta(2, { toolUse: { input: ":1}" } }),
    stop(2),
    ["contentBlockStart", { contentBlockIndex: 3, start: { toolUse: { toolUseId: "t2", name: "g" } } }],
    stop(3),
    ["messageStop", { stopReason: "tool_use", additionalModelResponseFields: { delta: { stop_sequence: null } } }],
    ["metadata", { usage: { inputTokens: 3, outputTokens: 7, totalTokens: 10 }, metrics: { latencyMs: 1 } }],
  ];

  test("has blocks that begin with their first delta, and ends behind its usage", () => {
    const parts = streamed(events);
    expect(faultsOf(parts)).toEqual([]);
    expect(types(parts)).toEqual([
      "start",
      "block-start 0",
      "text-delta 0",
      "signature-delta 0",
      "block-end 0",
      "block-start 1",
      "text-delta 1",
      "citation 1",
      "block-end 1",
      "block-start 2",
      "arguments-delta 2",
      "arguments-delta 2",
      "block-end 2",
      "block-start 3",
      "arguments-delta 3",
      "block-end 3",
      "finish",
      "usage",
      "end",
    ]);
    expect(parts).toContainEqual({ type: "arguments-delta", choice: 0, block: 3, text: "{}" });
  });

  test("that changes its kind within one block begins another", () => {
    const parts = streamed([
      delta(0, { reasoningContent: { text: "a" } }),
      delta(0, { reasoningContent: { redactedContent: "AA" } }),
      delta(0, { text: "b" }),
    ]);
    expect(parts.flatMap((part) => (part.type === "block-start" ? [part.content.kind] : []))).toEqual([
      "reasoning",
      "redacted-reasoning",
      "text",
    ]);
  });

  test("of the response tool is text", () => {
    const parts = streamed(
      [
        [
          "contentBlockStart",
          { contentBlockIndex: 0, start: { toolUse: { toolUseId: "t", name: "respond_with_json" } } },
        ],
        delta(0, { toolUse: { input: "{}" } }),
        stop(0),
        ["messageStop", { stopReason: "tool_use" }],
      ],
      { response_format: { type: "json_object" } },
    );
    expect(parts).toContainEqual({ type: "text-delta", choice: 0, block: 0, text: "{}" });
    expect(parts.at(-2)).toMatchObject({ type: "finish", reason: "stop" });
  });

  test("has the provider's own tools apart", () => {
    const parts = streamed([
      [
        "contentBlockStart",
        {
          contentBlockIndex: 0,
          start: { toolUse: { type: "server_tool_use", toolUseId: "t", name: "nova_code_interpreter" } },
        },
      ],
      delta(0, { toolUse: { input: "{}" } }),
      stop(0),
      ["contentBlockStart", { contentBlockIndex: 1, start: { toolResult: { toolUseId: "t" } } }],
      delta(1, { toolResult: [{ text: "x" }] }),
      stop(1),
      ["messageStop", { stopReason: "end_turn" }],
    ]);
    expect(types(parts)).toEqual([
      "block-start 0",
      "opaque-delta 0",
      "block-end 0",
      "block-start 1",
      "opaque-delta 1",
      "block-end 1",
      "finish",
      "end",
    ]);
  });

  test("without its usage is whole; without its reason it was cut", () => {
    expect(streamed(events.slice(0, -1)).at(-1)).toEqual({ type: "end" });
    const cut = streamed(events.slice(0, 6));
    expect(faultsOf(cut)).toEqual([]);
    expect(cut.at(-1)).toMatchObject({ type: "error", error: { code: "upstream_cut" } });
  });

  test("that fails ends in its error, and nothing behind it counts", () => {
    const decoder = bedrock.decoder(request());
    decoder.frame({ event: "contentBlockDelta", data: '{"contentBlockIndex":0,"delta":{"text":"a"}}' });
    expect(decoder.frame({ event: "throttlingException", data: '{"message":"slow down"}', failed: true })).toEqual([
      { type: "block-end", choice: 0, block: 0 },
      { type: "error", error: { status: 429, message: "slow down", type: "throttlingException" } },
    ]);
    expect(decoder.frame({ event: "metadata", data: "{}" })).toEqual([]);
    expect(decoder.close()).toEqual([]);
  });

  test("with a frame that is no object is malformed; events of later versions are passed over", () => {
    expect(() => bedrock.decoder(request()).frame({ event: "contentBlockDelta", data: "[" })).toThrow(MalformedAnswer);
    expect(bedrock.decoder(request()).frame({ event: "later", data: "{}" })).toEqual([]);
  });
});

describe("why an answer ended", () => {
  test.each([
    ["end_turn", "stop"],
    ["max_tokens", "length"],
    ["model_context_window_exceeded", "length"],
    ["guardrail_intervened", "content-filter"],
    ["content_filtered", "content-filter"],
    ["malformed_tool_use", "failed"],
    ["invented_later", "other"],
  ])("%s is %s", (stopReason, reason) => {
    expect(unary(answer([], { stopReason })).at(-2)).toMatchObject({ reason, raw: stopReason });
  });

  test("tells which stop sequence was met, where Claude told it", () => {
    const rest = { stopReason: "stop_sequence", additionalModelResponseFields: { stop_sequence: "END" } };
    expect(unary(answer([], rest)).at(-2)).toMatchObject({ reason: "stop-sequence", stopSequence: "END" });
  });
});

describe("an error", () => {
  const header = (values: Record<string, string>) => (name: string) => values[name] ?? null;

  test.each([
    ["ValidationException", 400, 400],
    ["ModelTimeoutException", 408, 504],
    ["ModelErrorException", 424, 502],
    ["ModelNotReadyException", 429, 503],
    ["ServiceQuotaExceededException", 400, 429],
    ["LaterException", 418, 418],
  ])("%s with status %d stands for %d", (type, status, told) => {
    const named = header({ "x-amzn-errortype": `${type}:http://internal.amazon.com/coral/` });
    expect(errorOf(status, '{"message":"m"}', named)).toEqual({ status: told, type, message: "m" });
  });

  test("of a prompt that is too long says so in a word that programs know", () => {
    const error = errorOf(400, '{"message":"Input is too long for requested model."}', header({}));
    expect(error.code).toBe("context_length_exceeded");
  });

  test("does not name the account", () => {
    const message = "Access to arn:aws:bedrock:eu-central-1:123456789012:model/x is denied";
    expect(errorOf(400, JSON.stringify({ Message: message }), header({})).message).toBe(
      "Access to arn:aws:bedrock:eu-central-1:*****:model/x is denied",
    );
  });

  test("that is a page, or nothing, still has its status, and says when to come back", () => {
    expect(errorOf(503, "<html>", header({ "retry-after": "2" }))).toEqual({
      status: 503,
      message: "The provider answered with status 503.",
      retryAfterMs: 2_000,
    });
    expect(errorOfException("500", undefined)).toMatchObject({ status: 500 });
    expect(errorOfException("laterException", { originalMessage: "why" })).toMatchObject({
      status: 502,
      message: "why",
    });
  });
});
