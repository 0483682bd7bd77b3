import { describe, expect, test } from "bun:test";
import { isObject, type JsonObject } from "../../kernel/json.ts";
import type { EventPart } from "../../spec/event.ts";
import { decodeRequest } from "./decode.ts";
import { openaiResponses } from "./index.ts";
import { isWrapped, unwrapped } from "./thoughts.ts";

// With it blocks.ts, items.ts, response.ts and input-text.ts.

const context = { requestId: "call_01ab", created: 1_700_000_000 };
const START: EventPart = { type: "start", id: "resp_1", model: "served" };
const END: EventPart[] = [{ type: "finish", choice: 0, reason: "stop", raw: null }, { type: "end" }];

const ask = (body: JsonObject = {}) => decodeRequest({ model: "m", input: "x", ...body });

/** The events of a stream: `event:` and `data.type` agree, and `sequence_number` counts from 0. */
function stream(parts: EventPart[], body: JsonObject = {}): JsonObject[] {
  const encoder = openaiResponses.encoder(ask({ ...body, stream: true }), context);
  return eventsOf(parts.map((part) => encoder.frames([part])).join(""));
}

function eventsOf(text: string): JsonObject[] {
  const frames = text.split("\n\n").filter((frame) => frame !== "");
  return frames.map((frame, index) => {
    const [name, data] = frame.split("\n");
    const event = JSON.parse(data!.slice("data: ".length)) as JsonObject;
    expect(name).toBe(`event: ${event.type}`);
    expect(event.sequence_number).toBe(index);
    return event;
  });
}

const types = (events: JsonObject[]) => events.map(({ type }) => String(type).replace(/^response\./, ""));

/** The response of the last event, which the unary answer equals. */
function whole(parts: EventPart[], body: JsonObject = {}): JsonObject {
  const last = stream(parts, body).at(-1)!.response as JsonObject;
  const unary = JSON.parse(openaiResponses.encoder(ask(body), context).unary(parts)) as JsonObject;
  expect(unary).toEqual(last);
  return unary;
}

const block = (
  number: number,
  content: Extract<EventPart, { type: "block-start" }>["content"],
  ...inner: EventPart[]
): EventPart[] => [
  { type: "block-start", choice: 0, block: number, content },
  ...inner,
  { type: "block-end", choice: 0, block: number },
];
const text = (block: number, text: string): EventPart => ({ type: "text-delta", choice: 0, block, text });
const args = (block: number, text: string): EventPart => ({ type: "arguments-delta", choice: 0, block, text });

describe("a text", () => {
  const parts = [
    START,
    ...block(0, { kind: "text" }, text(0, "Hel"), text(0, "lo.")),
    { type: "usage", usage: { input: 5, output: 2, cacheRead: 1, reasoning: 1 } } as EventPart,
    ...END,
  ];

  test("is told in the order in which OpenAI tells it", () => {
    const events = stream(parts);
    expect(types(events)).toEqual([
      "created",
      "in_progress",
      "output_item.added",
      "content_part.added",
      "output_text.delta",
      "output_text.delta",
      "output_text.done",
      "content_part.done",
      "output_item.done",
      "completed",
    ]);
    expect(events[4]).toMatchObject({
      item_id: "msg_sp_01ab_0",
      output_index: 0,
      content_index: 0,
      delta: "Hel",
      logprobs: [],
    });
    expect(events[6]).toMatchObject({ text: "Hello." });
  });

  test("stands in the response, with usage, model and id", () => {
    expect(whole(parts)).toMatchObject({
      id: "resp_1",
      object: "response",
      created_at: 1_700_000_000,
      status: "completed",
      model: "served",
      store: false,
      error: null,
      incomplete_details: null,
      output: [
        {
          type: "message",
          role: "assistant",
          status: "completed",
          content: [{ type: "output_text", text: "Hello.", annotations: [] }],
        },
      ],
      usage: {
        input_tokens: 5,
        input_tokens_details: { cached_tokens: 1 },
        output_tokens: 2,
        output_tokens_details: { reasoning_tokens: 1 },
        total_tokens: 7,
      },
    });
  });

  test("that was cut is incomplete, and says why", () => {
    const cut = (reason: "length" | "content-filter" | "refusal") =>
      whole([
        START,
        ...block(0, { kind: "text" }, text(0, "Hel")),
        { type: "finish", choice: 0, reason, raw: null },
        { type: "end" },
      ]);
    expect(cut("length")).toMatchObject({ status: "incomplete", incomplete_details: { reason: "max_output_tokens" } });
    expect(cut("content-filter")).toMatchObject({
      status: "incomplete",
      incomplete_details: { reason: "content_filter" },
    });
    expect(cut("refusal")).toMatchObject({ status: "incomplete", incomplete_details: { reason: "content_filter" } });
  });

  test("that came to nothing has failed, in the provider's word, whole and streamed", () => {
    const nothing: EventPart[] = [
      START,
      { type: "finish", choice: 0, reason: "failed", raw: "MALFORMED_FUNCTION_CALL" },
      { type: "end" },
    ];
    const error = { code: "server_error", message: "The answer came to nothing: MALFORMED_FUNCTION_CALL." };
    expect(whole(nothing)).toMatchObject({ status: "failed", error, incomplete_details: null, output: [] });
    expect(stream(nothing).at(-1)).toMatchObject({ type: "response.failed", response: { status: "failed", error } });
  });

  test("brings log probabilities and citations along", () => {
    const logprobs: EventPart = {
      type: "logprobs",
      choice: 0,
      content: [{ token: "a", logprob: -1, bytes: null, top: [] }],
      refusal: null,
    };
    const cited = (
      dialect: "anthropic-messages" | "openai-chat" | "openai-responses",
      value: JsonObject,
    ): EventPart => ({ type: "citation", choice: 0, block: 0, dialect, value });
    const encoder = openaiResponses.encoder(ask(), context);
    const said = [
      START,
      ...block(
        0,
        { kind: "text" },
        text(0, "a"),
        logprobs,
        cited("anthropic-messages", { type: "web", url: "u", title: "t" }),
        cited("openai-chat", { type: "url_citation", url_citation: { url: "v", start_index: 0, end_index: 1 } }),
        cited("openai-responses", { type: "file_citation", file_id: "f" }),
      ),
      ...END,
    ];
    const events = eventsOf(encoder.frames(said));
    const told = [{ token: "a", logprob: -1, bytes: [], top_logprobs: [] }];
    expect(events.find(({ type }) => type === "response.output_text.delta")).toMatchObject({ logprobs: told });
    expect((events.at(-1)!.response as JsonObject).output).toMatchObject([
      {
        content: [
          {
            logprobs: told,
            annotations: [
              { type: "url_citation", url: "u", title: "t", start_index: 0, end_index: 1 },
              { type: "url_citation", url: "v", title: "v", start_index: 0, end_index: 1 },
              { type: "file_citation", file_id: "f" },
            ],
          },
        ],
      },
    ]);
  });
});

test("a refusal is a part of its own", () => {
  const events = stream([START, ...block(0, { kind: "refusal" }, text(0, "No.")), ...END]);
  expect(types(events)).toContain("refusal.delta");
  expect(types(events)).toContain("refusal.done");
  expect((events.at(-1)!.response as JsonObject).output).toMatchObject([
    { content: [{ type: "refusal", refusal: "No." }] },
  ]);
});

describe("calls", () => {
  test("may be told side by side, and one without arguments gets an empty object in a delta", () => {
    const parts: EventPart[] = [
      START,
      { type: "block-start", choice: 0, block: 0, content: { kind: "tool-call", id: "c1", name: "a" } },
      args(0, '{"x":'),
      { type: "block-start", choice: 0, block: 1, content: { kind: "tool-call", id: "c2", name: "b" } },
      args(0, "1}"),
      { type: "block-end", choice: 0, block: 0 },
      { type: "block-end", choice: 0, block: 1 },
      ...END,
    ];
    const events = stream(parts);
    const deltas = events.filter(({ type }) => type === "response.function_call_arguments.delta");
    expect(deltas.map(({ output_index, delta }) => [output_index, delta])).toEqual([
      [0, '{"x":'],
      [0, "1}"],
      [1, "{}"],
    ]);
    expect(whole(parts).output).toMatchObject([
      { type: "function_call", call_id: "c1", name: "a", arguments: '{"x":1}', status: "completed" },
      { type: "function_call", call_id: "c2", name: "b", arguments: "{}", status: "completed" },
    ]);
  });
});

describe("thoughts", () => {
  const thought = block(0, { kind: "reasoning" }, text(0, "Hm."), {
    type: "signature-delta",
    choice: 0,
    block: 0,
    signature: "sig",
  });

  test("are content, or a summary for whoever asked for one; their signature comes back wrapped", () => {
    const content = whole([START, ...thought, ...END]).output as JsonObject[];
    expect(content).toMatchObject([
      { type: "reasoning", summary: [], content: [{ type: "reasoning_text", text: "Hm." }] },
    ]);
    const summary = whole([START, ...thought, ...END], { reasoning: { summary: "auto" } }).output as JsonObject[];
    expect(summary).toMatchObject([{ type: "reasoning", summary: [{ type: "summary_text", text: "Hm." }] }]);
    expect(unwrapped(String(summary[0]!.encrypted_content))).toEqual({ signature: "sig" });
  });

  test("that are sealed have no text", () => {
    const [item] = whole([START, ...block(0, { kind: "redacted-reasoning", data: "blob" }), ...END])
      .output as JsonObject[];
    expect(item).toMatchObject({ type: "reasoning", summary: [] });
    expect(unwrapped(String(item!.encrypted_content))).toEqual({ redacted: "blob" });
  });

  test("of OpenAI's own are one item of several parts, sealed as it came", () => {
    const parts: EventPart[] = [
      START,
      { type: "unknown", dialect: "openai-responses", value: { item: { type: "reasoning", id: "rs_1" } } },
      ...block(0, { kind: "reasoning", extra: { type: "reasoning.summary" } }, text(0, "One.")),
      ...block(1, { kind: "reasoning", extra: { type: "reasoning.summary" } }, text(1, "Two."), {
        type: "signature-delta",
        choice: 0,
        block: 1,
        signature: "gAAA",
      }),
      ...block(2, { kind: "text" }, text(2, "Hi.")),
      ...END,
    ];
    const output = whole(parts).output as JsonObject[];
    expect(output).toMatchObject([
      { type: "reasoning", id: "rs_1", summary: [{ text: "One." }, { text: "Two." }], encrypted_content: "gAAA" },
      { type: "message" },
    ]);
    expect(isWrapped(String(output[0]!.encrypted_content))).toBe(false);
  });
});

test("what only this dialect knows goes on item by item, and another dialect's does not", () => {
  const search = { type: "web_search_call", id: "ws_1", status: "in_progress" };
  const parts: EventPart[] = [
    START,
    ...block(
      0,
      { kind: "opaque", dialect: "openai-responses", value: search },
      {
        type: "opaque-delta",
        choice: 0,
        block: 0,
        value: { type: "response.web_search_call.searching", item_id: "ws_1", output_index: 7, sequence_number: 99 },
      },
      {
        type: "opaque-delta",
        choice: 0,
        block: 0,
        value: { type: "response.output_item.done", item: { ...search, status: "completed" } },
      },
    ),
    ...block(1, { kind: "opaque", dialect: "anthropic-messages", value: { type: "server_tool_use" } }),
    ...END,
  ];
  expect(types(stream(parts))).toEqual([
    "created",
    "in_progress",
    "output_item.added",
    "web_search_call.searching",
    "output_item.done",
    "completed",
  ]);
  expect(whole(parts).output).toEqual([{ ...search, status: "completed" }]);
});

test("the response repeats the request, its tools as they were given", () => {
  const tools = [
    { type: "function", name: "f", description: null, parameters: { type: "object" }, strict: true },
    { type: "custom", name: "p", description: "d", format: { type: "grammar", syntax: "regex", definition: "a" } },
    { type: "local_shell" },
    { type: "web_search" },
  ];
  const response = whole([START, ...END], {
    instructions: "Be brief.",
    temperature: 0.5,
    tools,
    metadata: { a: "b" },
    text: { verbosity: "low" },
  });
  expect(response).toMatchObject({
    instructions: "Be brief.",
    temperature: 0.5,
    tools,
    metadata: { a: "b" },
    text: { format: { type: "text" }, verbosity: "low" },
    output: [],
  });
});

describe("an error", () => {
  const error = {
    status: 502,
    code: "upstream_cut",
    message: "The answer was cut.",
    param: null,
    requestId: "call_01ab",
  };

  test("in a stream is told in both forms that clients look for, and nothing follows that looks whole", () => {
    const encoder = openaiResponses.encoder(ask({ stream: true }), context);
    const told = encoder.frames([
      START,
      { type: "block-start", choice: 0, block: 0, content: { kind: "text" } },
      text(0, "Hel"),
    ]);
    const events = eventsOf(told + encoder.errorFrame(error) + encoder.frames(END));
    expect(types(events).slice(-2)).toEqual(["error", "failed"]);
    expect(events.at(-2)).toMatchObject({
      code: "upstream_cut",
      message: "The answer was cut.",
      error: { code: "upstream_cut" },
    });
    expect(events.at(-1)!.response).toMatchObject({
      id: "resp_1",
      status: "failed",
      error: { code: "server_error", message: "The answer was cut." },
    });
  });

  test.each([
    ["context_length_exceeded", 400, "context_length_exceeded"],
    ["tool_use_failed", 400, "invalid_prompt"],
    ["slow_down", 503, "server_error"],
    ["throttled", 429, "rate_limit_exceeded"],
  ])("with a provider's %s is said in a word of OpenAI's", (providerCode, status, code) => {
    const events = eventsOf(
      openaiResponses.encoder(ask({ stream: true }), context).errorFrame({ ...error, status, providerCode }),
    );
    expect(events.at(-1)).toMatchObject({ type: "response.failed", response: { error: { code } } });
    expect(events.at(-2)).toMatchObject({ type: "error", code: providerCode });
  });

  test("after the provider's own bytes goes on counting where they stopped", () => {
    const encoder = openaiResponses.encoder(ask({ stream: true }), context);
    encoder.relayed([START]);
    encoder.relayed([]);
    const [first] = encoder.errorFrame(error).split("\n\n");
    expect(JSON.parse(first!.split("data: ")[1]!)).toMatchObject({ type: "error", sequence_number: 2 });
  });

  test("of the provider's within an answer that is told whole is a failed response", () => {
    const failed = JSON.parse(
      openaiResponses
        .encoder(ask(), context)
        .unary([START, { type: "error", error: { status: 500, message: "Broken." } }]),
    ) as JsonObject;
    expect(failed).toMatchObject({ status: "failed", error: { code: "server_error", message: "Broken." } });
  });

  test("before the first byte has OpenAI's envelope", () => {
    const body = openaiResponses.errorBody({ ...error, status: 400, code: "invalid_request", param: "input" });
    expect(isObject(body.error) && body.error).toMatchObject({
      type: "invalid_request_error",
      param: "input",
      code: "invalid_request",
    });
  });
});
