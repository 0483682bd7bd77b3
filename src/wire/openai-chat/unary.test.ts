import { describe, expect, test } from "bun:test";
import { at, begin, call, END, finish, over, START, say, text, usage } from "../../../test/support/event-parts.ts";
import type { JsonObject } from "../../kernel/json.ts";
import type { EventPart } from "../../spec/event.ts";
import type { ModelRequest } from "../../spec/request.ts";
import { ChatEncoder } from "./encode.ts";
import { unaryAnswer } from "./unary.ts";

const context = { requestId: "call_01abc", created: 1_700_000_000 };
const request: ModelRequest = {
  dialect: "openai-chat",
  model: "small",
  messages: [],
  stream: true,
  includeUsage: false,
};
const legacy = { ...request, form: { functions: true } };

const message = (parts: readonly EventPart[], asked: ModelRequest = request): JsonObject => {
  const body = JSON.parse(new ChatEncoder(asked, context).unary(parts)) as { choices: { message: JsonObject }[] };
  return body.choices[0]!.message;
};

test("what Mistral's content holds beside text keeps its place, as it does in a stream", () => {
  const reference = { type: "reference", reference_ids: [0, 1] };
  const cited: EventPart[] = [
    {
      type: "block-start",
      choice: 0,
      block: 1,
      content: { kind: "opaque", dialect: "openai-chat", value: { content: [reference] } },
    },
    { type: "block-end", choice: 0, block: 1 },
  ];
  expect(message([START, ...text(0, "Paris"), ...cited, ...text(2, " is."), finish("stop"), END]).content).toEqual([
    { type: "text", text: "Paris" },
    reference,
    { type: "text", text: " is." },
  ]);
});

describe("a whole answer", () => {
  test("is the stream collected", () => {
    const parts = [
      { ...START, extra: { system_fingerprint: "fp_1", other: 1 } } as EventPart,
      ...text(0, "Hel", "lo"),
      ...text(1, " world"),
      ...call(2, "c1", "f"),
      finish("tool-calls"),
      usage,
      END,
    ];
    expect(unaryAnswer(parts, request, context, false)).toEqual({
      id: "a1",
      object: "chat.completion",
      created: 5,
      model: "big-2026",
      choices: [
        {
          index: 0,
          message: {
            role: "assistant",
            content: "Hello world",
            refusal: null,
            tool_calls: [{ id: "c1", type: "function", function: { name: "f", arguments: "{}" } }],
          },
          logprobs: null,
          finish_reason: "tool_calls",
        },
      ],
      usage: {
        prompt_tokens: 10,
        completion_tokens: 4,
        total_tokens: 14,
        prompt_tokens_details: { cached_tokens: 6, audio_tokens: 0 },
        completion_tokens_details: { reasoning_tokens: 2, audio_tokens: 0 },
      },
      system_fingerprint: "fp_1",
    });
  });

  test.each<[string, EventPart[], JsonObject]>([
    ["said nothing", [], { content: "", refusal: null }],
    ["only called", call(0, "c", "f", "{}"), { content: null }],
    ["refused", [begin(0, { kind: "refusal" }), say(0, "no"), over(0)], { content: null, refusal: "no" }],
  ])("that %s", (_, blocks, expected) => {
    expect(message([START, ...blocks, finish("stop"), END])).toMatchObject(expected);
  });

  test("in the form of 2023", () => {
    const told = message([START, ...call(0, "c1", "f", '{"a":1}'), finish("tool-calls"), END], legacy);
    expect(told).toMatchObject({ content: null, function_call: { name: "f", arguments: '{"a":1}' } });
    expect(told).not.toHaveProperty("tool_calls");
  });

  test("has its choices in order, and fields that only this dialect knows", () => {
    const filter = { choices: [{ index: 0, content_filter_results: { hate: { filtered: false } } }] };
    const body = JSON.parse(
      new ChatEncoder(request, context).unary([
        START,
        ...[begin(0, { kind: "text" }, 1), say(0, "b", 1), over(0, 1), finish("stop", 1)],
        ...[...text(0, "a"), finish("length")],
        {
          type: "unknown",
          dialect: "openai-chat",
          value: { ...filter, citations: ["https://a.example/"], id: "evil" },
        },
        END,
      ]),
    );
    expect(body).toMatchObject({
      id: "a1",
      citations: ["https://a.example/"],
      choices: [
        {
          index: 0,
          message: { content: "a" },
          finish_reason: "length",
          content_filter_results: { hate: { filtered: false } },
        },
        { index: 1, message: { content: "b" } },
      ],
    });
  });

  test("lets no key of a provider's reach what all objects inherit", () => {
    const value = JSON.parse('{"a":{"__proto__":{"polluted":true},"constructor":{"prototype":{"polluted":true}}}}');
    const unknown: EventPart = { type: "unknown", dialect: "openai-chat", value };
    new ChatEncoder(request, context).unary([START, unknown, unknown, finish("stop"), END]);
    expect(({} as { polluted?: boolean }).polluted).toBeUndefined();
  });

  test("with sound and calls of other kinds", () => {
    const audio = { id: "au_1", data: "AA", transcript: "Hel" };
    const custom = { id: "c9", type: "custom", custom: { name: "sh", input: "ls" } };
    const told = message([
      START,
      begin(0, { kind: "opaque", dialect: "openai-chat", value: { audio } }),
      { type: "opaque-delta", ...at(0), value: { audio: { data: "BB", transcript: "lo" } } },
      over(0),
      ...call(1, "c1", "f"),
      begin(2, { kind: "opaque", dialect: "openai-chat", value: { tool_calls: [custom] } }),
      over(2),
      finish("tool-calls"),
      END,
    ]);
    expect(told.audio).toEqual({ id: "au_1", data: "AABB", transcript: "Hello" });
    expect(told.tool_calls).toEqual([expect.objectContaining({ id: "c1" }), custom]);
  });
});
