import { describe, expect, test } from "bun:test";
import type { Json, JsonObject } from "../../kernel/json.ts";
import { MalformedAnswer } from "../../spec/adapter.ts";
import type { EventPart } from "../../spec/event.ts";
import type { ModelRequest } from "../../spec/request.ts";
import { unseal } from "../../spec/sealed.ts";
import { Candidate } from "./candidate.ts";
import { Citations } from "./citations.ts";
import { GeminiDecoder } from "./events.ts";
import { finishWord, reasonOf } from "./finish.ts";
import { readLogprobs } from "./logprobs.ts";
import { PartialArgs } from "./partial-args.ts";
import { nameForGemini } from "./tool-names.ts";
import { readUsage } from "./usage.ts";

const ASKED: ModelRequest = { dialect: "openai-chat", model: "m", messages: [], stream: true, includeUsage: true };

const response = (parts: Json[], more: JsonObject = {}): JsonObject => ({
  candidates: [{ content: { parts, role: "model" }, ...more }],
  responseId: "r1",
});

function stream(responses: readonly Json[], request = ASKED): EventPart[] {
  const decoder = new GeminiDecoder(request);
  const parts = responses.flatMap((each) => decoder.frame({ event: "", data: JSON.stringify(each) }));
  return [...parts, ...decoder.close()];
}

const unary = (body: Json, request = ASKED) => new GeminiDecoder(request).unary(JSON.stringify(body));

/** What was said, block by block. */
function blocks(parts: readonly EventPart[]): unknown[] {
  const said: unknown[] = [];
  for (const part of parts) {
    if (part.type === "block-start") {
      const { content } = part;
      const signed = content.kind === "redacted-reasoning" ? unseal(content.data) : undefined;
      said.push(
        signed === undefined ? content.kind : `${signed.place} signed ${signed.data} ${signed.callId ?? ""}`.trim(),
      );
      if (content.kind === "tool-call") said.push(`${content.name} ${content.id}`);
    } else if (part.type === "text-delta" || part.type === "arguments-delta") said.push(part.text);
    else if (part.type === "signature-delta") said.push(`signed ${unseal(part.signature)?.data}`);
  }
  return said;
}

const endOf = (parts: readonly EventPart[]) =>
  parts.filter(({ type }) => type === "finish" || type === "end" || type === "error");

test("text, thoughts and calls follow one another, with Google's signatures beside them", () => {
  const parts = stream([
    response([{ text: "Hm", thought: true }]),
    response([{ text: ".", thought: true, thoughtSignature: "aA==" }]),
    response([{ text: "Hel" }]),
    response([{ text: "lo." }, { functionCall: { name: "f", args: { a: 1 } }, thoughtSignature: "YQ==" }]),
    response([{ functionCall: { name: "g", id: "own" } }]),
    response([{ text: "", thoughtSignature: "dA==" }], { finishReason: "STOP" }),
  ]);
  expect(blocks(parts)).toEqual([
    ...["reasoning", "Hm", ".", "signed aA==", "text", "Hel", "lo."],
    ...["call signed YQ== sp_call_r1_0", "tool-call", "f sp_call_r1_0", '{"a":1}', "tool-call", "g own", "{}"],
    "text signed dA==",
  ]);
  expect(endOf(parts)).toEqual([{ type: "finish", choice: 0, reason: "tool-calls", raw: "STOP" }, { type: "end" }]);
});

test("code that Google ran and tools that it used are nobody's calls", () => {
  const parts = unary(
    response(
      [{ executableCode: { code: "1" } }, { toolCall: { id: "x" }, thoughtSignature: "eA==" }, {}, { text: "1" }],
      { finishReason: "STOP" },
    ),
  );
  expect(parts.filter(({ type }) => type === "block-start")).toMatchObject([
    { content: { kind: "opaque", value: { executableCode: { code: "1" } } } },
    { content: { kind: "opaque", value: { toolCall: { id: "x" }, thoughtSignature: "eA==" } } },
    { content: { kind: "text" } },
  ]);
  expect(endOf(parts)[0]).toMatchObject({ reason: "stop" });
});

describe("why an answer ended", () => {
  const rows: [Json, string, string | undefined][] = [
    ["STOP", "stop", "STOP"],
    [1, "stop", "STOP"],
    ["MAX_TOKENS", "length", "MAX_TOKENS"],
    ["SAFETY", "content-filter", "SAFETY"],
    ["RECITATION", "content-filter", "RECITATION"],
    ["UNEXPECTED_TOOL_CALL", "failed", "UNEXPECTED_TOOL_CALL"],
    ["MALFORMED_FUNCTION_CALL", "failed", "MALFORMED_FUNCTION_CALL"],
    ["INVENTED_LATER", "failed", "INVENTED_LATER"],
    ["constructor", "failed", "constructor"],
    [99, "failed", "OTHER"],
  ];
  for (const [given, reason, raw] of rows) {
    test(String(given), () => {
      expect([finishWord(given), reasonOf(raw!)] as unknown[]).toEqual([raw, reason]);
      expect(endOf(unary(response([], { finishReason: given })))[0]).toMatchObject({ reason, raw });
    });
  }

  test("is told once, also where it is repeated and the answer goes on", () => {
    const parts = stream([
      response([{ text: "a" }], { finishReason: "STOP" }),
      response([{ text: "b" }], { finishReason: "STOP" }),
    ]);
    expect(blocks(parts)).toEqual(["text", "a", "b"]);
    expect(endOf(parts)).toHaveLength(2);
  });

  test("is the filter's where the prompt was refused", () => {
    const refused = { promptFeedback: { blockReason: "PROHIBITED_CONTENT" } };
    for (const parts of [unary(refused), stream([refused])]) {
      expect(endOf(parts)).toEqual([
        { type: "finish", choice: 0, reason: "content-filter", raw: "PROHIBITED_CONTENT" },
        { type: "end" },
      ]);
      expect(parts).toContainEqual({ type: "usage", usage: { input: 0, output: 0 } });
    }
  });
});

describe("an answer that is none", () => {
  test("is malformed", () => {
    for (const body of [
      "",
      "7",
      "x",
      "{}",
      '{"this":1}',
      "[7]",
      '{"candidates":{}}',
      '{"candidates":[{"index":-1}]}',
    ]) {
      expect(() => new GeminiDecoder(ASKED).unary(body)).toThrow(MalformedAnswer);
    }
    expect(() => new GeminiDecoder(ASKED).frame({ event: "", data: "{not json" })).toThrow(MalformedAnswer);
    expect(() =>
      stream([response([{ functionCall: { partialArgs: [{ jsonPath: "$.a", numberValue: 1 }] } }])]),
    ).toThrow(MalformedAnswer);
  });

  test("is cut where it ends without a reason", () => {
    for (const responses of [[], [response([{ text: "a" }])], [{ usageMetadata: {} }]]) {
      expect(endOf(stream(responses))).toMatchObject([{ type: "error", error: { code: "upstream_cut" } }]);
    }
    expect(endOf(unary([response([{ text: "a" }])]))).toMatchObject([{ type: "error" }]);
  });

  test("is an error in the middle of a stream, and nothing comes after it", () => {
    const error = { error: { code: 503, message: "Full.", status: "UNAVAILABLE" } };
    const parts = stream([response([{ text: "a" }], { finishReason: "STOP" }), error, response([{ text: "b" }])]);
    expect(endOf(parts)).toEqual([{ type: "error", error: { status: 503, message: "Full.", type: "UNAVAILABLE" } }]);
    expect(parts.at(-2)).toMatchObject({ type: "block-end" });
    expect(unary(error)).toMatchObject([{ type: "error", error: { status: 503 } }]);
  });
});

test("a list of responses is a stream", () => {
  const whole = [response([{ text: "a" }]), response([{ text: "b" }], { finishReason: "STOP" })];
  expect(blocks(unary(whole))).toEqual(["text", "a", "b"]);
  expect(blocks(stream([whole]))).toEqual(["text", "a", "b"]);
});

test("an answer whole at once may do without a reason, or without parts", () => {
  expect(endOf(unary(response([{ text: "a" }])))[0]).toMatchObject({ reason: "stop", raw: null });
  expect(endOf(unary({ candidates: [{ content: { role: "model" }, finishReason: "STOP" }] }))).toHaveLength(2);
  expect(endOf(unary({ usageMetadata: { promptTokenCount: 1 } }))).toHaveLength(2);
});

test("several candidates are told apart, and so are their made-up ids", () => {
  const call = { content: { parts: [{ functionCall: { name: "f" } }] }, finishReason: "STOP" };
  const parts = unary({ candidates: [call, { ...call, index: 1 }], responseId: "r1" });
  const ids = parts.flatMap((part) =>
    part.type === "block-start" && part.content.kind === "tool-call" ? [part.content.id] : [],
  );
  expect(ids).toEqual(["sp_call_r1_0", "sp_call_r1_1_0"]);
  expect(new Set(ids).size).toBe(2);
});

test("the function that answers is the answer's text, and the caller's names come back", () => {
  const request: ModelRequest = {
    ...ASKED,
    tools: [{ type: "function", name: "a b" }],
    responseFormat: { type: "json" },
  };
  const parts = unary(
    response([{ functionCall: { name: "respond_with_json", args: { x: 1 } } }], { finishReason: "STOP" }),
    request,
  );
  expect(blocks(parts)).toEqual(["text", '{"x":1}']);
  expect(endOf(parts)[0]).toMatchObject({ reason: "stop" });
  const called = unary(response([{ functionCall: { name: nameForGemini("a b") } }]), request);
  expect(blocks(called)[1]).toBe("a b sp_call_r1_0");
});

test("citations are told once each, with the text that they belong to", () => {
  const groundingMetadata = { groundingChunks: [{ web: { uri: "https://a", title: "A" } }, { web: {} }, 7] };
  const parts = stream([
    response([{ text: "x" }], { groundingMetadata }),
    response([], {
      groundingMetadata,
      citationMetadata: { citationSources: [{ uri: "https://b" }] },
      finishReason: "STOP",
    }),
  ]);
  expect(parts.flatMap((part) => (part.type === "citation" ? [[part.block, part.value]] : []))).toEqual([
    [0, { url: "https://a", title: "A" }],
    [0, { url: "https://b" }],
  ]);
  expect(new Citations().read({ citationMetadata: { citations: [{ uri: "u", title: "t" }] } })).toEqual([
    { url: "u", title: "t" },
  ]);
});

test("what has no canonical name reaches callers of this dialect only", () => {
  const answer = {
    ...response([{ text: "x" }], { safetyRatings: [], finishReason: "STOP" }),
    turnToken: "t",
    usageMetadata: { promptTokenCount: 1, trafficType: "ON_DEMAND" },
  };
  const unknown = (dialect: ModelRequest["dialect"]) =>
    unary(answer, { ...ASKED, dialect }).flatMap((part) => (part.type === "unknown" ? [part.value] : []));
  expect(unknown("openai-chat")).toEqual([]);
  expect(unknown("gemini")).toEqual([
    { candidates: [{ index: 0, safetyRatings: [], finishReason: "STOP" }] },
    { turnToken: "t", usageMetadata: { trafficType: "ON_DEMAND" } },
  ]);
});

describe("tokens", () => {
  const rows: [JsonObject, ReturnType<typeof readUsage>][] = [
    [
      { promptTokenCount: 10, candidatesTokenCount: 3, totalTokenCount: 13 },
      { input: 10, output: 3 },
    ],
    [
      { promptTokenCount: 10, thoughtsTokenCount: 4 },
      { input: 10, output: 4, reasoning: 4 },
    ],
    [{ promptTokenCount: 10, toolUsePromptTokenCount: 5 }, { input: 15 }],
    [
      { promptTokenCount: 10, cachedContentTokenCount: 8 },
      { input: 10, cacheRead: 8 },
    ],
    [{ promptTokenCount: 10, cachedContentTokenCount: 80 }, { input: 10 }],
    [
      { promptTokenCount: 10, promptTokensDetails: [{ modality: "AUDIO", tokenCount: 9 }] },
      { input: 10, audioInput: 9 },
    ],
    [{ promptTokenCount: -1, candidatesTokenCount: 1e300 }, undefined],
    [{ trafficType: "ON_DEMAND" }, undefined],
  ];
  for (const [given, usage] of rows) {
    test(JSON.stringify(given), () => expect(readUsage(given) as unknown).toEqual(usage));
  }

  test("a count of nothing, which Google leaves out, is told at the end", () => {
    const parts = stream([
      { ...response([], { finishReason: "STOP" }), usageMetadata: { promptTokenCount: 9, totalTokenCount: 9 } },
    ]);
    expect(parts.filter(({ type }) => type === "usage")).toEqual([
      { type: "usage", usage: { input: 9 } },
      { type: "usage", usage: { output: 0 } },
    ]);
  });
});

test("tokens with their chances", () => {
  const chosenCandidates = [{ token: "Hi", logProbability: -0.5 }, { token: "." }];
  const topCandidates = [{ candidates: [{ token: "Ho", logProbability: -1 }] }];
  expect(readLogprobs(0, { chosenCandidates, topCandidates })).toMatchObject({
    content: [
      { token: "Hi", logprob: -0.5, top: [{ token: "Ho", logprob: -1 }] },
      { token: ".", logprob: 0, top: [] },
    ],
  });
  expect(readLogprobs(0, { chosenCandidates: [] })).toBeUndefined();
});

describe("arguments that come by place", () => {
  const place = (jsonPath: string, value: JsonObject): JsonObject => ({ jsonPath, ...value });
  const write = (...values: JsonObject[]) => {
    const args = new PartialArgs();
    return values.map((value) => args.add([value])).join("") + args.close();
  };

  test("grow into one JSON text", () => {
    const text = write(
      place("$.city", { stringValue: 'Zü"', willContinue: true }),
      place("$.city", { stringValue: "rich", willContinue: true }),
      place("$.city", { stringValue: "" }),
      place("$.where.lat", { numberValue: 47.4 }),
      place("$['where']['long name']", { numberValue: 8.5 }),
      place("$.list[0].a", { boolValue: true }),
      place("$.list[1].a", { nullValue: "NULL_VALUE" }),
      place("$.list[1].b[0]", { stringValue: "x" }),
      place("$.last", { stringValue: "" }),
    );
    expect(JSON.parse(text)).toEqual({
      city: 'Zü"rich',
      where: { lat: 47.4, "long name": 8.5 },
      list: [{ a: true }, { a: null, b: ["x"] }],
      last: "",
    });
  });

  test("never go back, and never leave something out", () => {
    const rows = [
      ["$.a", "$.b", "$.a"],
      ["$.a.x", "$.b", "$.a.y"],
      ["$.a[1]"],
      ["$.a", "$.a.b"],
      ["$"],
      ["a"],
      ["$..a"],
      ["$.a[x]"],
      [`$${".a".repeat(100)}`],
    ];
    for (const paths of rows) {
      expect(() => write(...paths.map((path) => place(path, { numberValue: 1 })))).toThrow(MalformedAnswer);
    }
  });

  test("belong to the call that is open, until another part or an empty one ends it", () => {
    const call = (functionCall: JsonObject) => response([{ functionCall }]);
    const parts = stream([
      call({ name: "f", willContinue: true }),
      call({ partialArgs: [place("$.a", { stringValue: "x", willContinue: true })], willContinue: true }),
      call({ partialArgs: [place("$.a", { stringValue: "y" })] }),
      call({}),
      call({ name: "g", willContinue: true }),
      response([{ text: "" }], { finishReason: "STOP" }),
    ]);
    expect(blocks(parts)).toEqual([
      "tool-call",
      "f sp_call_r1_0",
      '{"a":"x',
      'y"',
      "}",
      "tool-call",
      "g sp_call_r1_1",
      "{}",
    ]);
  });
});

test("a candidate that was abandoned leaves nothing open", () => {
  const candidate = new Candidate(0, { names: undefined, structured: undefined, own: false, answer: "r" });
  const parts: EventPart[] = [];
  candidate.read({ content: { parts: [{ text: "x" }] } }, parts);
  candidate.abandon(parts);
  expect(parts.at(-1)).toEqual({ type: "block-end", choice: 0, block: 0 });
  expect(candidate.finished).toBe(false);
});
