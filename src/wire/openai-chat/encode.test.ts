import { describe, expect, test } from "bun:test";
import { at, begin, call, END, finish, over, START, say, text, usage } from "../../../test/support/event-parts.ts";
import { framesOf } from "../../../test/support/recordings.ts";
import type { JsonObject } from "../../kernel/json.ts";
import type { EventPart, FinishReason } from "../../spec/event.ts";
import type { ModelRequest } from "../../spec/request.ts";
import { annotationOf, answerId, finishWord, usageBody } from "./answer.ts";
import { ChatEncoder } from "./encode.ts";

const context = { requestId: "call_01abc", created: 1_700_000_000 };
const request: ModelRequest = {
  dialect: "openai-chat",
  model: "small",
  messages: [],
  stream: true,
  includeUsage: false,
};
const withUsage = { ...request, includeUsage: true };
const legacy = { ...request, form: { functions: true } };

type Chunk = JsonObject & {
  choices: { index: number; delta: JsonObject; finish_reason: string | null; logprobs: unknown }[];
};

function chunks(parts: readonly EventPart[], asked: ModelRequest = request): (Chunk | "[DONE]")[] {
  const written = new ChatEncoder(asked, context).frames(parts);
  return framesOf(written).map(({ data }) => (data === "[DONE]" ? data : (JSON.parse(data) as Chunk)));
}

const deltas = (parts: readonly EventPart[], asked?: ModelRequest): JsonObject[] =>
  chunks(parts, asked).flatMap((chunk) => (chunk === "[DONE]" ? [] : chunk.choices.map((choice) => choice.delta)));

const message = (parts: readonly EventPart[], asked: ModelRequest = request): JsonObject => {
  const body = JSON.parse(new ChatEncoder(asked, context).unary(parts)) as Chunk;
  return (body.choices[0] as unknown as { message: JsonObject }).message;
};

describe("a stream", () => {
  test("has the role on the first delta of each choice, the reason, and ends with [DONE]", () => {
    const parts = [START, ...text(0, "Hel", "lo"), finish("stop"), usage, END];
    const envelope = { id: "a1", object: "chat.completion.chunk", created: 5, model: "big-2026" };
    const choice = (delta: JsonObject, finish_reason: string | null = null) => ({
      ...envelope,
      choices: [{ index: 0, delta, logprobs: null, finish_reason }],
    });
    expect<unknown>(chunks(parts)).toEqual([
      choice({ role: "assistant", content: "Hel" }),
      choice({ content: "lo" }),
      choice({}, "stop"),
      "[DONE]",
    ]);
  });

  test("is written byte for byte as one event a chunk", () => {
    expect(new ChatEncoder(request, context).frames([START, begin(0, { kind: "text" }), say(0, 'a"\n')])).toBe(
      'data: {"id":"a1","object":"chat.completion.chunk","created":5,"model":"big-2026","choices":' +
        '[{"index":0,"delta":{"role":"assistant","content":"a\\"\\n"},"logprobs":null,"finish_reason":null}]}\n\n',
    );
  });

  test("tells usage to those who asked, once, after the reason", () => {
    const told = chunks([START, usage, ...text(0, "x"), finish("stop"), END], withUsage) as Chunk[];
    expect(told.slice(0, -2).every((chunk) => chunk.usage === null)).toBe(true);
    expect(told.at(-2)).toMatchObject({
      choices: [],
      usage: { prompt_tokens: 10, completion_tokens: 4, total_tokens: 14 },
    });
    expect(told.filter((chunk) => chunk.usage).length).toBe(1);
    expect(JSON.stringify(chunks([START, ...text(0, "x"), finish("stop"), usage, END]))).not.toContain("usage");
  });

  test("tells usage once where some was told at the beginning and the rest after the reason", () => {
    const encoder = new ChatEncoder(withUsage, context);
    const early = { type: "usage" as const, usage: { input: 10, output: 0 } };
    const told = [[START, early], text(0, "x"), [finish("stop")], [usage, END]].map((parts) => encoder.frames(parts));
    expect(told.join("").match(/"prompt_tokens"/g)).toHaveLength(1);
    expect(told.at(-1)).toContain('"completion_tokens":4');
  });

  test("tells usage even where the end comes as the provider's own bytes", () => {
    const encoder = new ChatEncoder(withUsage, context);
    const written = encoder.frames([START, ...text(0, "x"), finish("stop"), usage]);
    encoder.relayed([END]);
    expect(written).toContain('"prompt_tokens":10');
  });

  test("adds nothing to a stream that was relayed, whose provider may have no [DONE]", () => {
    const encoder = new ChatEncoder(withUsage, context);
    encoder.relayed([START, ...text(0, "x"), finish("stop"), usage]);
    expect(encoder.frames([END])).toBe("");
  });

  test("does not tell usage twice when it was relayed, and ends what it wrote a part of", () => {
    const encoder = new ChatEncoder(withUsage, context);
    encoder.frames([START, begin(0, { kind: "text" }), say(0, "x")]);
    encoder.relayed([{ type: "block-end", choice: 0, block: 0 }, finish("stop"), usage]);
    expect(encoder.frames([END])).toBe("data: [DONE]\n\n");
  });

  test("goes on where relayed bytes stopped", () => {
    const encoder = new ChatEncoder(request, context);
    encoder.relayed([START, ...text(0, "x"), ...call(1, "c1", "f", "{}")]);
    const [chunk] = framesOf(encoder.frames([begin(2, { kind: "tool-call", id: "c2", name: "g" })]));
    expect(JSON.parse(chunk!.data)).toMatchObject({
      id: "a1",
      choices: [{ delta: { tool_calls: [{ index: 1, id: "c2" }] } }],
    });
    expect(chunk!.data).not.toContain("role");
  });

  test("that failed has no [DONE]", () => {
    const encoder = new ChatEncoder(request, context);
    const error: EventPart = { type: "error", error: { status: 502, message: "cut" } };
    expect(encoder.frames([START, begin(0, { kind: "text" }), say(0, "x"), error, END])).not.toContain("[DONE]");
    expect(encoder.frames([END])).toBe("");
  });

  test("names calls once and numbers them, fragments follow", () => {
    const parts = [START, ...call(0, "c1", "f", '{"a"', ":1}"), ...call(1, "c2", "g"), finish("tool-calls"), END];
    const named = (index: number, id: string, name: string) => ({
      tool_calls: [{ index, id, type: "function", function: { name, arguments: "" } }],
    });
    const more = (index: number, json: string) => ({ tool_calls: [{ index, function: { arguments: json } }] });
    expect(deltas(parts)).toEqual([
      { role: "assistant", content: null, ...named(0, "c1", "f") },
      more(0, '{"a"'),
      more(0, ":1}"),
      named(1, "c2", "g"),
      more(1, "{}"),
      {},
    ]);
  });

  test("names fragments, with nothing, to the clients that refuse them otherwise", () => {
    const userAgent = "mistral-client-typescript/2.7.0";
    const told = new ChatEncoder(request, { ...context, userAgent }).frames([START, ...call(0, "c1", "f", "{}")]);
    expect(told).toContain('"function":{"name":"","arguments":"{}"}');
  });

  test("gives every choice of a chunk a delta, also where something else is told of it", () => {
    const value = { choices: [{ index: 0, content_filter_results: {} }] };
    const [chunk] = chunks([START, { type: "unknown", dialect: "openai-chat", value }]) as Chunk[];
    expect(chunk!.choices).toEqual([{ index: 0, delta: {}, finish_reason: null, content_filter_results: {} }] as never);
  });

  test("speaks the form of 2023 to those who asked in it", () => {
    const told = chunks([START, ...call(0, "c1", "f", "{}"), finish("tool-calls"), END], legacy) as Chunk[];
    expect(told[0]!.choices[0]!.delta).toMatchObject({ function_call: { name: "f", arguments: "" } });
    expect(told[1]!.choices[0]!.delta).toEqual({ function_call: { arguments: "{}" } });
    expect(told[2]!.choices[0]!.finish_reason).toBe("function_call");
  });

  test("tells log probabilities with their text, in no choice's first chunk", () => {
    const tokens = [{ token: "x", logprob: -1, bytes: [120], top: [{ token: "y", logprob: -2, bytes: null }] }];
    const logprobs: EventPart = { type: "logprobs", choice: 0, content: tokens, refusal: null };
    const [first, chunk] = chunks([START, begin(0, { kind: "text" }), say(0, "x"), logprobs]) as Chunk[];
    expect(first!.choices[0]).toMatchObject({ delta: { role: "assistant" }, logprobs: null });
    expect(chunk!.choices[0]).toMatchObject({
      delta: { content: "x" },
      logprobs: {
        content: [{ token: "x", logprob: -1, bytes: [120], top_logprobs: [{ token: "y", logprob: -2, bytes: null }] }],
        refusal: null,
      },
    });
  });

  test("keeps choices apart", () => {
    const parts = [START, begin(0, { kind: "text" }), begin(0, { kind: "text" }, 1), say(0, "a"), say(0, "b", 1)];
    const told = chunks([...parts, over(0), finish("stop"), over(0, 1), finish("length", 1), END]) as Chunk[];
    expect(told.slice(0, 2).map((chunk) => chunk.choices[0])).toMatchObject([
      { index: 0, delta: { role: "assistant", content: "a" } },
      { index: 1, delta: { role: "assistant", content: "b" } },
    ]);
  });

  test("keeps the connection alive with a comment", () => {
    expect(new ChatEncoder(request, context).frames([{ type: "ping" }])).toBe(": ping\n\n");
  });

  test("has an id and a time even where the answer brought none", () => {
    const [chunk] = chunks([...text(0, "x")]) as Chunk[];
    expect(chunk).toMatchObject({ id: "chatcmpl-01abc", created: 1_700_000_000, model: "small" });
  });

  test("passes on what only this dialect knows, and nothing of another", () => {
    const value = { prompt_filter_results: [{ prompt_index: 0 }] };
    const own: EventPart = { type: "unknown", dialect: "openai-chat", value };
    expect(chunks([START, own])).toMatchObject([{ id: "a1", choices: [], ...value }]);
    expect(chunks([START, { ...own, dialect: "anthropic-messages" }])).toEqual([]);
  });
});

describe("reasoning", () => {
  const signed = [
    begin(0, { kind: "reasoning", extra: { format: "anthropic-claude-v1" } }),
    say(0, "h"),
    say(0, "m"),
    { type: "signature-delta", ...at(0), signature: "s" } as EventPart,
    over(0),
  ];
  const detail = { type: "reasoning.text", index: 0, format: "anthropic-claude-v1", text: "hm", signature: "s" };

  test("is reasoning_content, and its signature comes with the whole thought at its end", () => {
    expect(deltas([START, ...signed, ...text(1, "yes")])).toEqual([
      { role: "assistant", content: null, reasoning_content: "h" },
      { reasoning_content: "m" },
      { reasoning_details: [detail] },
      { content: "yes" },
    ]);
    expect(message([START, ...signed, ...text(1, "yes"), finish("stop"), END])).toEqual({
      role: "assistant",
      content: "yes",
      refusal: null,
      reasoning_content: "hm",
      reasoning_details: [detail],
    });
  });

  test("that nobody signed has no details", () => {
    const parts = [START, begin(0, { kind: "reasoning" }), say(0, "hm"), over(0)];
    expect(deltas(parts)).toEqual([{ role: "assistant", content: null, reasoning_content: "hm" }]);
    expect(message([...parts, END])).not.toHaveProperty("reasoning_details");
  });

  test("that was sealed goes as it is", () => {
    const parts = [START, begin(0, { kind: "redacted-reasoning", data: "XX", extra: { id: "rs_1" } }), over(0)];
    const sealed = { type: "reasoning.encrypted", data: "XX", index: 0, id: "rs_1" };
    expect(deltas(parts)).toEqual([{ role: "assistant", content: null, reasoning_details: [sealed] }]);
    expect(message([...parts, END]).reasoning_details).toEqual([sealed]);
  });
});

describe("what only another provider knows", () => {
  const search = { type: "server_tool_use", id: "srvtoolu_1", name: "web_search", input: {} };
  const parts = [
    START,
    begin(0, { kind: "opaque", dialect: "anthropic-messages", value: search }),
    { type: "opaque-delta", ...at(0), value: { partial_json: "{}" } } as EventPart,
    over(0),
    begin(1, { kind: "text" }),
    say(1, "Sunny."),
    {
      type: "citation",
      ...at(1),
      dialect: "anthropic-messages",
      value: { type: "web_search_result_location", url: "https://w.example/", title: "Weather" },
    } as EventPart,
    over(1),
    finish("stop"),
    END,
  ];
  const annotation = {
    type: "url_citation",
    url_citation: { start_index: 0, end_index: 6, url: "https://w.example/", title: "Weather" },
  };

  test("never becomes a call of the client's, and citations of web pages become annotations", () => {
    expect(deltas(parts)).toEqual([{ role: "assistant", content: "Sunny." }, { annotations: [annotation] }, {}]);
    expect(message(parts)).toEqual({ role: "assistant", content: "Sunny.", refusal: null, annotations: [annotation] });
  });

  test.each<[string, JsonObject, [number, number]]>([
    ["its own stretch of its text", { start_index: 4, end_index: 7 }, [9, 12]],
    ["all of its text, where it names no stretch", {}, [5, 13]],
    ["all of its text, where it names half of one", { start_index: 4 }, [5, 13]],
    ["all of its text, where that has no such stretch", { start_index: 4, end_index: 9 }, [5, 13]],
    ["all of its text, where the stretch is none", { start_index: 7, end_index: 4 }, [5, 13]],
    ["all of its text, where the places are none", { start_index: -1, end_index: 1.5 }, [5, 13]],
  ])("a citation of a later text says %s, counted from where the answer begins", (_, named, [from, to]) => {
    const value = { type: "url_citation", url: "https://w.example/", title: "Weather", ...named };
    const cited: EventPart[] = [
      START,
      ...[begin(0, { kind: "text" }), say(0, "One. "), over(0), begin(1, { kind: "text" }), say(1, "Two [a].")],
      { type: "citation", ...at(1), dialect: "openai-responses", value },
      ...[over(1), finish("stop"), END],
    ];
    const expected = {
      ...annotation,
      url_citation: { ...annotation.url_citation, start_index: from, end_index: to },
    };
    expect(message(cited).annotations).toEqual([expected]);
    expect(deltas(cited)).toContainEqual({ annotations: [expected] });
  });

  test("a citation without an address has no place", () => {
    expect(annotationOf({ type: "char_location", cited_text: "x" }, false, 0, 1)).toBeUndefined();
  });
});

test.each<[FinishReason, string, string?]>([
  ["stop", "stop"],
  ["stop-sequence", "stop"],
  ["length", "length"],
  ["tool-calls", "tool_calls"],
  ["content-filter", "content_filter"],
  ["refusal", "content_filter"],
  ["pause", "stop"],
  ["other", "stop", "invented"],
  ["failed", "MALFORMED_FUNCTION_CALL", "MALFORMED_FUNCTION_CALL"],
  ["failed", "error", 'a "word" of its own'],
])("an answer that ended with %s is told as %s", (reason, word, raw = "x") => {
  expect(finishWord({ reason, raw }, false)).toBe(word);
});

test("usage that is not known counts as none", () => {
  expect(usageBody({ output: 3, cacheWrite: 2 })).toMatchObject({
    prompt_tokens: 0,
    completion_tokens: 3,
    total_tokens: 3,
    prompt_tokens_details: { cached_tokens: 0, cache_write_tokens: 2 },
  });
});

test.each([
  ["call_01abc", "chatcmpl-01abc"],
  ["My-Own.Id", "chatcmpl-My-Own.Id"],
])("the call %s makes the id %s", (requestId, id) => {
  expect(answerId({ requestId, created: 0 })).toBe(id);
});
