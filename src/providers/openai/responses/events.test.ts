import { describe, expect, test } from "bun:test";
import type { Json, JsonObject } from "../../../kernel/json.ts";
import { MalformedAnswer } from "../../../spec/adapter.ts";
import type { EventPart } from "../../../spec/event.ts";
import type { ModelRequest } from "../../../spec/request.ts";
import { ResponsesDecoder } from "./events.ts";
import { seal } from "./seal.ts";
import { readUsage } from "./usage.ts";

// With it items.ts.

const request = (dialect: ModelRequest["dialect"] = "openai-chat"): ModelRequest => ({
  dialect,
  model: "m",
  messages: [],
  stream: true,
  includeUsage: true,
});

const HEAD = { id: "resp_1", object: "response", created_at: 5, model: "served", status: "in_progress", output: [] };
const USAGE = {
  input_tokens: 3,
  input_tokens_details: { cached_tokens: 1 },
  output_tokens: 2,
  output_tokens_details: { reasoning_tokens: 1 },
};
const done = (output: Json[], over: JsonObject = {}) => ({
  ...HEAD,
  status: "completed",
  output,
  usage: USAGE,
  ...over,
});

function stream(events: JsonObject[], dialect?: ModelRequest["dialect"]): EventPart[] {
  const decoder = new ResponsesDecoder(request(dialect));
  const parts = events.flatMap((event) => decoder.frame({ event: String(event.type), data: JSON.stringify(event) }));
  return [...parts, ...decoder.close()];
}
const unary = (response: JsonObject, dialect?: ModelRequest["dialect"]) =>
  new ResponsesDecoder(request(dialect)).unary(JSON.stringify(response));

const CREATED = { type: "response.created", response: HEAD };
const added = (output_index: number, item: JsonObject) => ({ type: "response.output_item.added", output_index, item });
const ended = (output_index: number, item: JsonObject) => ({ type: "response.output_item.done", output_index, item });
const delta = (kind: string, output_index: number, delta: string, more: JsonObject = {}) => ({
  type: `response.${kind}.delta`,
  output_index,
  delta,
  ...more,
});
const message = (...content: Json[]) => ({
  type: "message",
  id: "msg_1",
  role: "assistant",
  status: "completed",
  content,
});
const said = (text: string, annotations: Json[] = []) => ({ type: "output_text", text, annotations });

const START: EventPart = { type: "start", id: "resp_1", model: "served", created: 5 };
const COUNTED: EventPart = { type: "usage", usage: { input: 3, output: 2, cacheRead: 1, reasoning: 1 } };
const finish = (reason: string, raw: string | null = "completed") =>
  [{ type: "finish", choice: 0, reason, raw }, { type: "end" }] as EventPart[];
const textBlock = (block: number, ...pieces: string[]): EventPart[] => [
  { type: "block-start", choice: 0, block, content: { kind: "text" } },
  ...pieces.map((text): EventPart => ({ type: "text-delta", choice: 0, block, text })),
  { type: "block-end", choice: 0, block },
];

describe("a text", () => {
  const whole = done([message(said("Hello."))]);

  test("comes in deltas, and what repeats them adds nothing", () => {
    const parts = stream([
      CREATED,
      added(0, message()),
      { type: "response.content_part.added", output_index: 0, content_index: 0, part: said("") },
      delta("output_text", 0, "Hel", { content_index: 0 }),
      delta("output_text", 0, "lo.", { content_index: 0 }),
      { type: "response.output_text.done", output_index: 0, content_index: 0, text: "Hello." },
      { type: "response.content_part.done", output_index: 0, content_index: 0, part: said("Hello.") },
      ended(0, message(said("Hello."))),
      { type: "response.completed", response: whole },
    ]);
    expect(parts).toEqual([START, ...textBlock(0, "Hel", "lo."), COUNTED, ...finish("stop")]);
  });

  test("comes whole, in a unary answer and where a server leaves its deltas out", () => {
    const wanted = [START, COUNTED, ...textBlock(0, "Hello."), ...finish("stop")];
    expect(unary(whole)).toEqual(wanted);
    expect(stream([CREATED, { type: "response.completed", response: whole }])).toEqual(wanted);
  });

  test("may begin with a delta, and end without its end", () => {
    const parts = stream([CREATED, delta("output_text", 0, "Hi"), { type: "response.completed", response: done([]) }]);
    expect(parts.filter(({ type }) => type.startsWith("block") || type === "text-delta")).toEqual(textBlock(0, "Hi"));
  });

  test("brings refusals, citations and log probabilities", () => {
    const url = { type: "url_citation", url: "u" };
    const parts = unary(
      done([
        message(
          { ...said("a", [url]), logprobs: [{ token: "a", logprob: -1, bytes: [97], top_logprobs: [] }] },
          { type: "refusal", refusal: "No." },
        ),
      ]),
    );
    expect(parts).toContainEqual({ type: "citation", choice: 0, block: 0, dialect: "openai-responses", value: url });
    expect(parts).toContainEqual({
      type: "logprobs",
      choice: 0,
      content: [{ token: "a", logprob: -1, bytes: [97], top: [] }],
      refusal: null,
    });
    expect(parts).toContainEqual({ type: "block-start", choice: 0, block: 1, content: { kind: "refusal" } });
    expect(parts).toContainEqual({ type: "text-delta", choice: 0, block: 1, text: "No." });
  });
});

describe("calls", () => {
  const call = (args: string) => ({ type: "function_call", id: "fc_1", call_id: "c1", name: "f", arguments: args });

  test("are told by their call_id, their arguments once", () => {
    const parts = stream([
      CREATED,
      added(0, call("")),
      delta("function_call_arguments", 0, '{"a"'),
      delta("function_call_arguments", 0, ":1}"),
      { type: "response.function_call_arguments.done", output_index: 0, arguments: '{"a":1}' },
      ended(0, call('{"a":1}')),
      { type: "response.completed", response: done([call('{"a":1}')]) },
    ]);
    const text = parts.map((part) => (part.type === "arguments-delta" ? part.text : "")).join("");
    expect(text).toBe('{"a":1}');
    expect(parts).toContainEqual({
      type: "block-start",
      choice: 0,
      block: 0,
      content: { kind: "tool-call", id: "c1", name: "f" },
    });
    expect(parts.slice(-2)).toEqual(finish("tool-calls"));
  });

  test("whose arguments stand only in an event that should repeat them are whole too", () => {
    const only = (...events: JsonObject[]) =>
      stream([CREATED, ...events, { type: "response.completed", response: done([]) }]).find(
        ({ type }) => type === "arguments-delta",
      );
    const wanted = expect.objectContaining({ text: '{"a":1}' });
    expect(
      only(added(0, call("")), {
        type: "response.function_call_arguments.done",
        output_index: 0,
        arguments: '{"a":1}',
      }),
    ).toEqual(wanted);
    expect(only(added(0, call('{"a":1}')))).toEqual(wanted);
    expect(only(ended(0, call('{"a":1}')))).toEqual(wanted);
  });

  test("that the provider runs itself are nobody's calls", () => {
    const search = { type: "web_search_call", id: "ws_1", status: "completed" };
    const parts = unary(done([search, message(said("Found."))]));
    expect(parts).toContainEqual({
      type: "block-start",
      choice: 0,
      block: 0,
      content: { kind: "opaque", dialect: "openai-responses", value: search },
    });
    expect(parts.slice(-2)).toEqual(finish("stop"));
  });
});

describe("thoughts", () => {
  const thought = {
    type: "reasoning",
    id: "rs_1",
    summary: [
      { type: "summary_text", text: "One." },
      { type: "summary_text", text: "Two." },
    ],
    encrypted_content: "gAAA",
  };
  const events = [
    CREATED,
    added(0, { type: "reasoning", id: "rs_1", summary: [] }),
    delta("reasoning_summary_text", 0, "One.", { summary_index: 0 }),
    delta("reasoning_summary_text", 0, "Two.", { summary_index: 1 }),
    ended(0, thought),
    { type: "response.completed", response: done([thought]) },
  ];
  const blocks = (parts: EventPart[]): EventPart[] => parts.filter((part) => "block" in part);

  test("are a block for each of their texts, the last one signed, streamed or not", () => {
    const signature = seal({ id: "rs_1", encrypted: "gAAA" });
    const wanted: EventPart[] = [
      { type: "block-start", choice: 0, block: 0, content: { kind: "reasoning" } },
      { type: "text-delta", choice: 0, block: 0, text: "One." },
      { type: "block-end", choice: 0, block: 0 },
      { type: "block-start", choice: 0, block: 1, content: { kind: "reasoning" } },
      { type: "text-delta", choice: 0, block: 1, text: "Two." },
      { type: "signature-delta", choice: 0, block: 1, signature },
      { type: "block-end", choice: 0, block: 1 },
    ] as EventPart[];
    expect(blocks(stream(events))).toEqual(wanted);
    expect(blocks(unary(done([thought])))).toEqual(wanted);
  });

  test("go to a caller of this dialect with the item's own fields, sealed as they came", () => {
    const parts = unary(done([thought]), "openai-responses");
    expect(parts).toContainEqual({
      type: "unknown",
      dialect: "openai-responses",
      value: { item: { type: "reasoning", id: "rs_1" } },
    });
    expect(parts).toContainEqual({ type: "signature-delta", choice: 0, block: 1, signature: "gAAA" });
  });

  test("without a text are sealed, or not there", () => {
    const bare = { type: "reasoning", id: "rs_1", summary: [] };
    const sealed = unary(done([{ ...bare, encrypted_content: "gAAA" }]));
    expect(blocks(sealed)[0]).toMatchObject({
      content: { kind: "redacted-reasoning", data: seal({ id: "rs_1", encrypted: "gAAA" }) },
    });
    expect(blocks(unary(done([bare])))).toEqual([]);
  });

  test("as DeepSeek tells them are content", () => {
    const parts = stream([
      CREATED,
      added(0, { type: "reasoning", id: "x", content: [] }),
      delta("reasoning_text", 0, "Hm.", { content_index: 0 }),
      { type: "response.completed", response: done([]) },
    ]);
    expect(parts).toContainEqual({ type: "text-delta", choice: 0, block: 0, text: "Hm." });
  });
});

describe("where a server counts no items", () => {
  const bare = ({ output_index: _, ...event }: JsonObject): JsonObject => event;
  const thought = { type: "reasoning", id: "rs_1", summary: [], content: [{ type: "reasoning_text", text: "Hm." }] };
  const text = message(said("Hello."));
  const calls = ["a", "b"].map((name) => ({
    type: "function_call",
    call_id: `fc_${name}`,
    name,
    arguments: `{"${name}":1}`,
  }));
  const args = (name: string, piece: string) => delta("function_call_arguments", 0, piece, { item_id: `fc_${name}` });
  const events = (output: JsonObject[], without: (event: JsonObject) => JsonObject) =>
    [
      CREATED,
      added(0, { ...thought, content: [] }),
      delta("reasoning_text", 0, "H", { item_id: "rs_1" }),
      delta("reasoning_text", 0, "m.", { item_id: "rs_1" }),
      added(1, { ...text, content: [] }),
      { type: "response.content_part.added", output_index: 1, item_id: "msg_1", part: said("") },
      delta("output_text", 1, "Hel", { item_id: "msg_1" }),
      delta("output_text", 1, "lo.", { item_id: "msg_1" }),
      added(2, { ...calls[0]!, arguments: "" }),
      args("a", '{"a":'),
      args("a", "1}"),
      added(3, { ...calls[1]!, arguments: "" }),
      args("b", '{"b":1}'),
      { type: "response.output_text.done", output_index: 1, item_id: "msg_1", text: "Hello." },
      ...output.map((item, index) => ended(index, item)),
      { type: "response.completed", response: done(output) },
    ].map(without);
  const block = (block: number, content: JsonObject, type: string, ...pieces: string[]) =>
    [
      { type: "block-start", choice: 0, block, content },
      ...pieces.map((text) => ({ type, choice: 0, block, text })),
    ] as EventPart[];
  const over = (block: number): EventPart => ({ type: "block-end", choice: 0, block });
  const told = [
    START,
    ...block(0, { kind: "reasoning" }, "text-delta", "H", "m."),
    ...block(1, { kind: "text" }, "text-delta", "Hel", "lo."),
    ...block(2, { kind: "tool-call", id: "fc_a", name: "a" }, "arguments-delta", '{"a":', "1}"),
    ...block(3, { kind: "tool-call", id: "fc_b", name: "b" }, "arguments-delta", '{"b":1}'),
    ...[0, 1, 2, 3].map(over),
    COUNTED,
    ...finish("tool-calls"),
  ];

  test("an item's events are known by its id, as llama.cpp tells them", () => {
    expect(stream(events([thought, text, ...calls], bare))).toEqual(told);
  });

  test("and by its kind where it has none", () => {
    const nameless = ({ item_id: _, ...event }: JsonObject) => bare(event);
    const parts = stream(events([thought, text, ...calls], nameless));
    expect(parts.filter(({ type }) => type !== "block-end")).toEqual(told.filter(({ type }) => type !== "block-end"));
  });

  test("a text that nothing announces is one text", () => {
    const pieces = ["Hel", "lo."].map((piece) => bare(delta("output_text", 0, piece, { item_id: "msg_1" })));
    const parts = stream([CREATED, ...pieces, { type: "response.completed", response: done([text]) }]);
    expect(parts).toEqual([
      START,
      ...block(0, { kind: "text" }, "text-delta", "Hel", "lo."),
      COUNTED,
      over(0),
      ...finish("stop"),
    ]);
  });
});

describe("an end", () => {
  test.each([
    ["length", { reason: "max_output_tokens" }],
    ["content-filter", { reason: "content_filter" }],
    ["other", { reason: "tired" }],
  ])("that is incomplete is %s", (reason, details) => {
    const parts = unary(done([message(said("x"))], { status: "incomplete", incomplete_details: details }));
    expect(parts.slice(-2)).toEqual(finish(reason, details.reason));
  });

  test("that never came is an error", () => {
    expect(stream([CREATED, delta("output_text", 0, "Hi")]).at(-1)).toMatchObject({
      type: "error",
      error: { code: "upstream_cut" },
    });
  });

  test("that failed is an error, in every form in which it is told, and nothing follows it", () => {
    const error = { code: "rate_limit_exceeded", message: "Too much." };
    const wanted = { type: "error", error: { status: 429, message: "Too much.", code: "rate_limit_exceeded" } };
    const end = { type: "response.completed", response: done([]) };
    for (const event of [
      { type: "error", ...error, param: null },
      { type: "error", error: { ...error, type: "tokens" } },
      { type: "response.failed", response: { ...HEAD, status: "failed", error } },
    ]) {
      expect(stream([CREATED, event, end]).at(-1)).toMatchObject({
        ...wanted,
        error: { ...wanted.error, final: true },
      });
      // In the middle it may be the telling alone that fails, where the provider does not say it of the response.
      const [told] = stream([CREATED, delta("output_text", 0, "Hi"), event, end]).slice(-1) as [typeof wanted];
      expect(told).toMatchObject(wanted);
      expect("final" in told.error).toBe("response" in event);
    }
    expect(unary({ ...HEAD, status: "failed", error }).at(-1)).toMatchObject(wanted);
    expect(unary({ error }).at(-1)).toMatchObject(wanted);
  });
});

test("events that nobody knows reach callers of this dialect", () => {
  const event = { type: "response.new_thing", at: 1 };
  expect(stream([CREATED, event], "openai-responses")).toContainEqual({
    type: "unknown",
    dialect: "openai-responses",
    value: event,
  });
});

test("what is no response is malformed", () => {
  for (const body of ["", "[]", "{}", '{"object":"list"}', "{", "[".repeat(100_000)]) {
    expect(() => new ResponsesDecoder(request()).unary(body)).toThrow(MalformedAnswer);
  }
  expect(() => new ResponsesDecoder(request()).frame({ event: "", data: "{" })).toThrow(MalformedAnswer);
});

test("counts that cannot be are left out", () => {
  expect(readUsage({ input_tokens: -1, output_tokens: 2, output_tokens_details: { reasoning_tokens: 3 } })).toEqual({
    output: 2,
  });
  expect(
    readUsage({ input_tokens: 3, output_tokens: 2, input_tokens_details: { cached_tokens: 2, cache_write_tokens: 1 } }),
  ).toEqual({ input: 3, output: 2, cacheRead: 2, cacheWrite: 1 });
  for (const nothing of [undefined, null, {}, "x"]) expect(readUsage(nothing)).toBeUndefined();
});

test.each(["queued", "in_progress"])(
  "a whole body that is %s is no answer: what it will cost is not in it",
  (status) => {
    const refused = { type: "error", error: { status: 502, code: "upstream_malformed", unfinished: true } };
    expect(unary({ ...done([message(said("so far"))]), status })).toMatchObject([refused]);
    expect(unary({ ...done([]), status, background: true, usage: null }, "openai-responses")).toMatchObject([refused]);
  },
);
