import { describe, expect, test } from "bun:test";
import type { JsonObject } from "../../kernel/json.ts";
import type { Block, EventPart } from "../../spec/event.ts";
import type { ModelRequest } from "../../spec/request.ts";
import { seal } from "../../spec/sealed.ts";
import { finishWord, usageBody } from "./answer.ts";
import { gemini, geminiStream } from "./index.ts";
import { signatureForCall, thoughtsFromCall } from "./signatures.ts";

const REQUEST: ModelRequest = { dialect: "gemini", model: "m", messages: [], stream: true, includeUsage: true };
const CONTEXT = { requestId: "call_01abc", created: 1 };

function block(number: number, content: Block, ...deltas: EventPart[]): EventPart[] {
  return [
    { type: "block-start", choice: 0, block: number, content },
    ...deltas,
    { type: "block-end", choice: 0, block: number },
  ];
}
const sign = (number: number, signature: string): EventPart => ({
  type: "signature-delta",
  choice: 0,
  block: number,
  signature,
});
const text = (number: number, said: string): EventPart => ({
  type: "text-delta",
  choice: 0,
  block: number,
  text: said,
});
const finish = (reason: "stop" | "tool-calls" = "stop"): EventPart => ({
  type: "finish",
  choice: 0,
  reason,
  raw: null,
});
const USAGE: EventPart = { type: "usage", usage: { input: 10, output: 5, reasoning: 2, cacheRead: 4 } };
const START: EventPart = { type: "start", id: "r1", model: "x" };
const END: EventPart = { type: "end" };

function events(stream: string): JsonObject[] {
  return stream
    .split("\r\n\r\n")
    .filter((event) => event !== "")
    .map((event) => JSON.parse(event.replace(/^data: /, "")) as JsonObject);
}

function streamed(...parts: EventPart[]): JsonObject[] {
  const encoder = geminiStream.encoder(REQUEST, CONTEXT);
  return events(parts.map((part) => encoder.frames([part])).join(""));
}

function whole(...parts: EventPart[]): JsonObject {
  return JSON.parse(gemini.encoder(REQUEST, CONTEXT).unary(parts)) as JsonObject;
}

const partsOf = (body: JsonObject): unknown =>
  (body.candidates as { content?: { parts: unknown } }[] | undefined)?.[0]?.content?.parts;

const ANSWER: EventPart[] = [
  START,
  ...block(0, { kind: "reasoning" }, text(0, "Hm."), {
    type: "signature-delta",
    choice: 0,
    block: 0,
    signature: "anthropic's",
  }),
  ...block(1, { kind: "text" }, text(1, "Hel"), text(1, "lo.")),
  ...block(
    2,
    { kind: "tool-call", id: "c1", name: "f" },
    { type: "arguments-delta", choice: 0, block: 2, text: '{"a":' },
    { type: "arguments-delta", choice: 0, block: 2, text: "1}" },
  ),
  ...block(3, { kind: "tool-call", id: "sp_call_r1_1", name: "g" }),
  finish("tool-calls"),
  USAGE,
  END,
];

const PARTS = [
  { text: "Hm.", thought: true, thoughtSignature: Buffer.from("sallyport:signature:anthropic's").toString("base64") },
  { text: "Hello." },
  {
    functionCall: { id: "c1", name: "f", args: { a: 1 } },
    thoughtSignature: signatureForCall([{ text: "Hm.", signature: "anthropic's" }]),
  },
  { functionCall: { name: "g", args: {} } },
];
const COUNTS = {
  promptTokenCount: 10,
  cachedContentTokenCount: 4,
  candidatesTokenCount: 3,
  thoughtsTokenCount: 2,
  totalTokenCount: 15,
};

test("a whole answer is one response", () => {
  expect(whole(...ANSWER)).toEqual({
    candidates: [{ content: { parts: PARTS, role: "model" }, finishReason: "STOP", index: 0 }],
    usageMetadata: COUNTS,
    modelVersion: "x",
    responseId: "r1",
  });
});

test("a stream says the same in pieces, calls whole, and tells at its end why it ended", () => {
  const told = streamed(...ANSWER);
  const parts = told.flatMap((each) => partsOf(each) as JsonObject[]);
  expect(parts).toEqual([
    { text: "Hm.", thought: true },
    { text: "", thought: true, thoughtSignature: PARTS[0]!.thoughtSignature! },
    { text: "Hel" },
    { text: "lo." },
    PARTS[2]!,
    PARTS[3]!,
    { text: "" },
  ] as JsonObject[]);
  expect(told.slice(0, -1).every((each) => !JSON.stringify(each).includes("finishReason"))).toBe(true);
  expect(told.at(-1)).toMatchObject({
    candidates: [{ finishReason: "STOP" }],
    usageMetadata: COUNTS,
    responseId: "r1",
  });
});

test("another provider's signed thoughts go with the call that followed them, once, for clients that forget thoughts", () => {
  const thought = block(0, { kind: "reasoning" }, text(0, "Hm."), text(0, " So."), sign(0, "sig"));
  const parts: EventPart[] = [
    ...thought,
    ...block(1, { kind: "redacted-reasoning", data: "sealed elsewhere" }),
    ...block(2, { kind: "tool-call", id: "c", name: "f" }),
    ...block(3, { kind: "tool-call", id: "d", name: "f" }),
    finish(),
    END,
  ];
  const thoughts = [
    { text: "Hm. So.", signature: "sig" },
    { text: "", redacted: "sealed elsewhere" },
  ];
  const calls = (body: JsonObject) => (partsOf(body) as JsonObject[]).filter(({ functionCall }) => functionCall);
  for (const told of [calls(whole(...parts)), streamed(...parts).flatMap(calls)]) {
    expect(told.map(({ thoughtSignature: given }) => given && thoughtsFromCall(String(given)))).toEqual([
      thoughts,
      undefined,
    ]);
  }
});

test("Google's own signatures stand where Google put them", () => {
  const sealed = (place: "text" | "call", data: string): Block => ({
    kind: "redacted-reasoning",
    data: seal({ dialect: "gemini", place, data }),
  });
  const parts: EventPart[] = [
    ...block(0, { kind: "text" }, text(0, "Hi.")),
    ...block(1, sealed("text", "VA==")),
    ...block(2, sealed("call", "Qw==")),
    ...block(3, { kind: "tool-call", id: "c", name: "f" }),
    ...block(4, { kind: "tool-call", id: "d", name: "f" }),
    ...block(5, { kind: "redacted-reasoning", data: "sealed elsewhere" }),
    finish(),
    END,
  ];
  expect(partsOf(whole(...parts))).toEqual([
    { text: "Hi.", thoughtSignature: "VA==" },
    { functionCall: { id: "c", name: "f", args: {} }, thoughtSignature: "Qw==" },
    { functionCall: { id: "d", name: "f", args: {} } },
    {
      text: "",
      thought: true,
      thoughtSignature: Buffer.from("sallyport:redacted:sealed elsewhere").toString("base64"),
    },
  ]);
  expect(
    streamed(...parts)
      .map(partsOf)
      .slice(0, 3),
  ).toEqual([
    [{ text: "Hi." }],
    [{ text: "", thoughtSignature: "VA==" }],
    [{ functionCall: { id: "c", name: "f", args: {} }, thoughtSignature: "Qw==" }],
  ]);
});

test("what only this dialect knows stays with its candidate; other dialects' blocks are not told", () => {
  const parts: EventPart[] = [
    ...block(0, { kind: "opaque", dialect: "gemini", value: { executableCode: { code: "1" } } }),
    ...block(1, { kind: "opaque", dialect: "anthropic-messages", value: { type: "server_tool_use" } }),
    { type: "unknown", dialect: "openai-chat", value: { citations: ["x"] } },
    {
      type: "unknown",
      dialect: "gemini",
      value: { candidates: [{ index: 0, finishReason: "NEW_WORD", safetyRatings: [] }] },
    },
    { type: "unknown", dialect: "gemini", value: { turnToken: "t", usageMetadata: { trafficType: "ON_DEMAND" } } },
    { type: "finish", choice: 0, reason: "other", raw: "NEW_WORD" },
    END,
  ];
  expect(whole(...parts)).toEqual({
    candidates: [
      {
        content: { parts: [{ executableCode: { code: "1" } }], role: "model" },
        finishReason: "NEW_WORD",
        index: 0,
        safetyRatings: [],
      },
    ],
    turnToken: "t",
    usageMetadata: { trafficType: "ON_DEMAND" },
    modelVersion: "m",
    responseId: "01abc",
  });
});

test("a prompt that was refused leaves no candidate", () => {
  const promptFeedback = { blockReason: "SAFETY" };
  const parts: EventPart[] = [
    { type: "unknown", dialect: "gemini", value: { promptFeedback } },
    { type: "finish", choice: 0, reason: "content-filter", raw: "SAFETY" },
    END,
  ];
  expect(whole(...parts)).toEqual({ promptFeedback, modelVersion: "m", responseId: "01abc" });
  expect(streamed(...parts)).toEqual([{ promptFeedback, modelVersion: "m", responseId: "01abc" }]);
});

test("citations of web pages, and tokens with their chances, are told in Google's words", () => {
  const answer = whole(
    ...block(0, { kind: "text" }, text(0, "Hi."), {
      type: "citation",
      choice: 0,
      block: 0,
      dialect: "openai-chat",
      value: { type: "url_citation", url_citation: { url: "https://a", title: "A" } },
    }),
    {
      type: "logprobs",
      choice: 0,
      content: [{ token: "Hi", logprob: -0.5, bytes: null, top: [{ token: "Ho", logprob: -1, bytes: null }] }],
      refusal: null,
    },
    finish(),
    END,
  );
  expect(answer.candidates).toMatchObject([
    {
      groundingMetadata: { groundingChunks: [{ web: { uri: "https://a", title: "A" } }] },
      logprobsResult: {
        chosenCandidates: [{ token: "Hi", logProbability: -0.5 }],
        topCandidates: [{ candidates: [{ token: "Ho", logProbability: -1 }] }],
      },
    },
  ]);
});

test("several answers keep their places, because clients read the first of the list", () => {
  const told = streamed(
    { type: "block-start", choice: 1, block: 0, content: { kind: "text" } },
    { type: "block-start", choice: 0, block: 0, content: { kind: "text" } },
    { type: "text-delta", choice: 1, block: 0, text: "two" },
    { type: "text-delta", choice: 0, block: 0, text: "one" },
  );
  expect(
    told.map(({ candidates }) => (candidates as JsonObject[]).map((each) => [each.index, "content" in each])),
  ).toEqual([
    [
      [0, false],
      [1, true],
    ],
    [[0, true]],
  ]);
});

describe("a stream as one JSON array", () => {
  const encoder = () => geminiStream.encoder({ ...REQUEST, form: { stream: "array" } }, CONTEXT);

  test("is an array from its first to its last letter", () => {
    const writer = encoder();
    const told = ANSWER.map((part) => writer.frames([part])).join("");
    expect(JSON.parse(told)).toEqual(streamed(...ANSWER));
    expect([writer.streamType, writer.relays]).toEqual(["application/json", false]);
    expect(encoder().frames([END])).toBe("[]");
  });

  test("and ends with the error where it breaks", () => {
    const writer = encoder();
    const told = writer.frames([START, ...block(0, { kind: "text" }, text(0, "Hi."))]);
    const error = { status: 502, code: "upstream_cut", message: "Cut.", param: null, requestId: "r" };
    const all = JSON.parse(told + writer.errorFrame(error)) as JsonObject[];
    expect(all.at(-1)).toMatchObject({ error: { code: 502, message: "Cut.", status: "UNAVAILABLE" } });
    expect(writer.frames([END])).toBe("");
  });
});

describe("where the provider's own bytes went out", () => {
  const last: EventPart = {
    type: "unknown",
    dialect: "gemini",
    value: { candidates: [{ index: 0, finishReason: "STOP" }] },
  };

  test("nothing is told twice at the end", () => {
    const writer = geminiStream.encoder(REQUEST, CONTEXT);
    writer.relayed([
      START,
      { type: "block-start", choice: 0, block: 0, content: { kind: "text" } },
      text(0, "Hi."),
      USAGE,
      last,
    ]);
    expect(writer.frames([{ type: "block-end", choice: 0, block: 0 }, finish(), END])).toBe("");
    expect(writer.streamType).toBe("text/event-stream");
  });

  test("what did not go out is told", () => {
    const writer = geminiStream.encoder(REQUEST, CONTEXT);
    writer.relayed([START, { type: "block-start", choice: 0, block: 0, content: { kind: "text" } }, text(0, "Hi.")]);
    expect(events(writer.frames([text(0, "*****"), last, USAGE]))).toMatchObject([
      { candidates: [{ content: { parts: [{ text: "*****" }] } }] },
    ]);
    expect(events(writer.frames([{ type: "block-end", choice: 0, block: 0 }, finish(), END]))).toMatchObject([
      { candidates: [{ finishReason: "STOP" }], usageMetadata: COUNTS },
    ]);
  });
});

test("an error before there is anything is Google's error, also in a whole answer", () => {
  expect(whole({ type: "error", error: { status: 503, message: "Full." } })).toEqual({
    error: { code: 503, message: "Full.", status: "UNAVAILABLE" },
  });
});

test("an answer keeps its place in a stream, though the first one has not begun: clients read the first of the list", () => {
  const of = (choice: number, said: string): EventPart[] => [
    { type: "block-start", choice, block: 0, content: { kind: "text" } },
    { type: "text-delta", choice, block: 0, text: said },
  ];
  const candidates = streamed(START, ...of(1, "b"), ...of(0, "a")).map((event) => event.candidates);
  expect(candidates).toMatchObject([
    [{ index: 0 }, { index: 1, content: { parts: [{ text: "b" }] } }],
    [{ index: 0, content: { parts: [{ text: "a" }] } }],
  ]);
  expect(candidates).not.toHaveProperty("0.0.content");
});

test("reasons and counts are Google's", () => {
  const word = (reason: "length" | "refusal" | "pause" | "stop-sequence", raw: string | null = null) =>
    finishWord({ type: "finish", choice: 0, reason, raw });
  expect([word("length"), word("refusal"), word("pause"), word("stop-sequence"), word("length", "SPII")]).toEqual([
    ...["MAX_TOKENS", "SAFETY", "OTHER", "STOP", "SPII"],
  ]);
  expect(usageBody({ input: 10, output: 1 }, { toolUsePromptTokenCount: 4 })).toEqual({
    toolUsePromptTokenCount: 4,
    promptTokenCount: 6,
    candidatesTokenCount: 1,
    totalTokenCount: 11,
  });
});
