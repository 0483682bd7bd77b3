import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { faultsOf, framesOf } from "../../../test/support/recordings.ts";
import { told } from "../../../test/support/told.ts";
import type { Json, JsonObject } from "../../kernel/json.ts";
import { MalformedAnswer } from "../../spec/adapter.ts";
import type { EventPart } from "../../spec/event.ts";
import type { ModelRequest } from "../../spec/request.ts";
import { ChatDecoder } from "./events.ts";

const request: ModelRequest = {
  dialect: "openai-chat",
  model: "small",
  messages: [{ role: "user", parts: [] }],
  stream: true,
  includeUsage: false,
};

function fixture(name: string): string {
  return readFileSync(join(import.meta.dir, "fixtures", name), "utf8");
}

function readStream(text: string): EventPart[] {
  const decoder = new ChatDecoder(request);
  return [...framesOf(text).flatMap((frame) => decoder.frame(frame)), ...decoder.close()];
}

/** Reads chunks given as objects, without the part `start`. */
function readChunks(...chunks: (JsonObject | "[DONE]")[]): EventPart[] {
  const text = chunks.map((chunk) => `data: ${chunk === "[DONE]" ? chunk : JSON.stringify(chunk)}\n\n`).join("");
  return readStream(text).filter((part) => part.type !== "start");
}

const chunk = (delta: JsonObject, more: JsonObject = {}): JsonObject => ({
  id: "c",
  choices: [{ index: 0, delta, ...more }],
});
const why = (finish_reason: Json): JsonObject => chunk({}, { finish_reason });
const at = (block: number, choice = 0) => ({ choice, block });

describe("made-up answers in the shapes of real providers", () => {
  test("OpenAI's whole answer", () => {
    const parts = new ChatDecoder(request).unary(fixture("answer.json"));
    expect(parts).toEqual([
      {
        type: "start",
        id: "chatcmpl-made-up-1",
        model: "gpt-made-up-2026-01-01",
        created: 1_760_000_000,
        extra: { service_tier: "default", system_fingerprint: "fp_made_up" },
      },
      { type: "block-start", ...at(0), content: { kind: "text" } },
      { type: "text-delta", ...at(0), text: "Four." },
      {
        type: "logprobs",
        choice: 0,
        content: [
          { token: "Four", logprob: -0.25, bytes: [70, 111, 117, 114], top: [] },
          { token: ".", logprob: -0.5, bytes: [46], top: [{ token: "!", logprob: -3, bytes: [33] }] },
        ],
        refusal: null,
      },
      { type: "block-end", ...at(0) },
      { type: "finish", choice: 0, reason: "stop", raw: "stop" },
      {
        type: "usage",
        usage: {
          input: 1200,
          output: 70,
          cacheRead: 1024,
          audioInput: 0,
          reasoning: 64,
          audioOutput: 0,
          tier: "standard",
        },
      },
      { type: "end" },
    ]);
  });

  test("OpenAI's stream: usage in a last chunk without choices", () => {
    const parts = readStream(fixture("text.sse"));
    expect(told(parts)).toEqual(["text:Grüß Gott 👋", "finish stop", "end"]);
    expect(parts.map((part) => part.type)).toEqual([
      ...["start", "block-start", "text-delta", "text-delta", "block-end", "finish", "usage", "end"],
    ] as EventPart["type"][]);
  });

  test("interleaved calls", () => {
    const parts = readStream(fixture("calls.sse"));
    expect(told(parts)).toEqual(['weather(call_a):{"city":"Berlin"}', "now(call_b):{}", "finish tool-calls", "end"]);
    expect(faultsOf(parts)).toEqual([]);
  });

  test("OpenRouter's thoughts are told once, with their signature, and its second reason is not", () => {
    const parts = readStream(fixture("thinking.sse"));
    expect(told(parts)).toEqual(["reasoning:Let me see. signed made-up-signature", "text:Four.", "finish stop", "end"]);
    expect(parts.find((part) => part.type === "block-start")).toMatchObject({
      content: { kind: "reasoning", extra: { format: "anthropic-claude-v1" } },
    });
    expect(parts.filter((part) => part.type === "usage")).toEqual([
      { type: "usage", usage: { input: 20, output: 15, cacheRead: 8, cacheWrite: 4, reasoning: 9 } },
    ]);
  });

  test("Azure's filters, without [DONE]", () => {
    const parts = readStream(fixture("filters.sse"));
    expect(parts[0]).toMatchObject({ type: "unknown", value: { prompt_filter_results: [{ prompt_index: 0 }] } });
    expect(parts[1]).toMatchObject({ type: "start", id: "chatcmpl-made-up-2" });
    expect(told(parts)).toEqual(["text:Hi.", "finish stop", "end"]);
    expect(JSON.stringify(parts)).toContain("content_filter_offsets");
  });

  test("an error in mid-stream is the last word, whatever follows", () => {
    expect(told(readStream(fixture("broken.sse")))).toEqual([
      "text:Once upon",
      "error 429 Provider returned error: slow down",
    ]);
  });
});

describe("a stream of several choices without [DONE]", () => {
  const of = (index: number, finish_reason: Json): JsonObject => ({
    id: "c",
    choices: [{ index, delta: { content: `${index}` }, finish_reason }],
  });
  const end = (choices: number, ...chunks: JsonObject[]) => {
    const decoder = new ChatDecoder({ ...request, choices });
    for (const one of chunks) decoder.frame({ event: "", data: JSON.stringify(one) });
    return decoder.close();
  };
  const cut = { type: "error", error: { status: 502, code: "upstream_cut" } };

  test("is whole where as many ended as were asked for", () => {
    expect(end(2, of(0, "stop"), of(1, "stop")).at(-1)).toEqual({ type: "end" });
    expect(end(1, of(0, "stop")).at(-1)).toEqual({ type: "end" });
  });

  test("is cut where one has not ended, or never began", () => {
    expect(end(2, of(0, "stop"), of(1, null))).toMatchObject([cut]);
    expect(end(2, of(0, "stop"))).toMatchObject([cut]);
    expect(end(3, of(2, "stop"), of(0, "stop"))).toMatchObject([cut]);
  });

  test("is whole with [DONE], which is the provider's word for it", () => {
    const decoder = new ChatDecoder({ ...request, choices: 2 });
    decoder.frame({ event: "", data: JSON.stringify(of(0, "stop")) });
    expect(decoder.frame({ event: "", data: "[DONE]" })).toEqual([{ type: "end" }]);
  });
});

describe("usage in streams", () => {
  const counts = (...chunks: JsonObject[]) =>
    readChunks(...chunks, why("stop")).flatMap((part) => (part.type === "usage" ? [part.usage] : []));
  const usage = { prompt_tokens: 3, completion_tokens: 2, total_tokens: 5 };
  test("stands apart in a chunk without choices, which only callers who ask for usage get", () => {
    const parts = readChunks({ ...chunk({ content: "x" }), usage }, { ...chunk({}), choices: [], usage }, why("stop"));
    expect(parts.filter((part) => part.type === "usage").map((part) => part.apart)).toEqual([undefined, true]);
  });

  test.each<[string, JsonObject[], unknown]>([
    ["on a chunk with a choice", [{ ...chunk({ content: "x" }), usage }], [{ input: 3, output: 2 }]],
    ["null on earlier chunks", [{ ...chunk({ content: "x" }), usage: null }], []],
    ["where Groq puts it", [{ ...chunk({}), x_groq: { id: "r", usage } }], [{ input: 3, output: 2 }]],
    [
      "where Moonshot puts it",
      [{ id: "c", choices: [{ index: 0, delta: {}, finish_reason: "stop", usage: { ...usage, cached_tokens: 1 } }] }],
      [{ input: 3, output: 2, cacheRead: 1 }],
    ],
    [
      "cumulative on every chunk",
      [
        { ...chunk({}), usage: { prompt_tokens: 3, completion_tokens: 1 } },
        { ...chunk({}), usage },
      ],
      [
        { input: 3, output: 1 },
        { input: 3, output: 2 },
      ],
    ],
    ["negative or absurd", [{ ...chunk({}), usage: { prompt_tokens: -3, completion_tokens: 1e300 } }], []],
    ["of another type", [{ ...chunk({}), usage: "many" }], []],
  ])("%s", (_, chunks, expected) => {
    expect(counts(...chunks)).toEqual(expected as []);
  });
});

describe("an error within a choice (OpenRouter) is one, with its words and its status", () => {
  const error = { code: 429, message: "slow down", metadata: {} };

  test.each<[string, JsonObject]>([
    ["beside the reason", { finish_reason: "error", error }],
    ["alone", { error }],
  ])("%s", (_, more) => {
    const usage = { prompt_tokens: 3, completion_tokens: 1 };
    const parts = readChunks(chunk({ content: "so" }), { ...chunk({}, more), usage }, "[DONE]");
    expect(told(parts)).toContain("error 429 slow down");
    expect(parts).toContainEqual({ type: "usage", usage: { input: 3, output: 1 } });
    expect(parts.at(-1)?.type).toBe("error");
    const body = { choices: [{ message: { content: "so" }, ...more }] };
    expect(told(new ChatDecoder(request).unary(JSON.stringify(body))).at(-1)).toBe("error 429 slow down");
  });

  test("one that says nothing is none", () => {
    expect(told(readChunks(chunk({ content: "so" }, { error: {} }), why("stop"), "[DONE]")).at(-1)).toBe("end");
  });
});

describe("an error that stands bare in a stream is one, whatever follows", () => {
  test.each<[string, JsonObject, string]>([
    [
      "as Mistral and vLLM write it",
      { object: "error", message: "boom", type: "BadRequestError", code: 400 },
      "error 400 boom",
    ],
    ["as FastAPI does", { detail: "boom" }, "error 502 boom"],
  ])("%s", (_, value, error) => {
    const decoder = new ChatDecoder(request);
    const read = (data: string) => decoder.frame({ event: "", data });
    read(JSON.stringify(chunk({ content: "x" })));
    expect(told(read(JSON.stringify(value)))).toEqual([error]);
    expect(read("[DONE]")).toEqual([]);
    expect(decoder.close()).toEqual([]);
  });
});

describe("whole answers", () => {
  const unary = (body: unknown) => new ChatDecoder(request).unary(JSON.stringify(body));
  test("without choices but with an error are errors", () => {
    const azure = { error: { message: "filtered", code: "content_filter", status: 400, param: "prompt" } };
    expect(unary(azure)).toEqual([
      { type: "error", error: { status: 400, message: "filtered", code: "content_filter", param: "prompt" } },
    ]);
    expect(told(unary({ code: "Throttling", message: "slow down", request_id: "r" }))).toEqual(["error 429 slow down"]);
  });

  test("with an empty list of choices are whole, and hold nothing", () => {
    expect(unary({ id: "c", choices: [] })).toEqual([{ type: "start", id: "c" }, { type: "end" }]);
  });

  test("with choices that are not numbered keep them apart", () => {
    const message = (content: string) => ({ message: { content }, finish_reason: "stop" });
    expect(told(unary({ id: "c", choices: [message("a"), message("b")] }))).toEqual([
      ...["text:a", "text:b", "finish stop", "finish stop", "end"],
    ]);
  });

  test.each<[string, string]>([
    ["not JSON", "<html>"],
    ["empty", ""],
    ["a list", "[]"],
    ["null", "null"],
    ["without choices", '{"id":"c"}'],
    ["a choice that is none", '{"choices":[7]}'],
    ["a choice beyond all bounds", '{"choices":[{"index":1e9,"message":{}}]}'],
    ["a choice below zero", '{"choices":[{"index":-1,"message":{}}]}'],
    ["a choice with a word for a number", '{"choices":[{"index":"0","message":{}}]}'],
  ])("that are %s are malformed", (_, body) => {
    expect(() => new ChatDecoder(request).unary(body)).toThrow(MalformedAnswer);
  });

  test("and what is nested without end, wherever, in linear time", () => {
    const n = 1_000_000;
    const deep = `${'{"a":'.repeat(n)}1${"}".repeat(n)}`;
    for (const field of ["arguments", "audio", "x"]) {
      const data = `{"choices":[{"delta":{"${field}":${deep}}}]}`;
      expect(() => new ChatDecoder(request).frame({ event: "", data })).toThrow(MalformedAnswer);
    }
    const flat = `{"choices":[{"delta":{"content":"${'[{\\"'.repeat(n)}"}}]}`;
    expect(new ChatDecoder(request).frame({ event: "", data: flat }).at(-1)).toMatchObject({ type: "text-delta" });
  });

  test.each(["{", "[]", "7", '{"choices":{}}', '{"choices":[null]}', "x".repeat(100_000)])(
    "and so is a chunk %.20s",
    (data) => {
      expect(() => new ChatDecoder(request).frame({ event: "", data })).toThrow(MalformedAnswer);
    },
  );
});

describe("whatever a provider sends", () => {
  const keys = [
    ..."content reasoning reasoning_content reasoning_details refusal tool_calls function_call function id index".split(
      " ",
    ),
    ..."name arguments type text thinking data signature annotations audio executed_tools custom __proto__".split(" "),
  ];
  const value = fc.letrec<{ any: Json }>((tie) => ({
    any: fc.oneof(
      { maxDepth: 4 },
      fc.constantFrom<Json>(null, "", "x", "{}", 0, 1, -1, 1e300, true, "custom", "thinking", "reasoning.encrypted"),
      fc.array(tie("any"), { maxLength: 3 }),
      fc.dictionary(fc.constantFrom(...keys), tie("any"), { maxKeys: 4 }) as fc.Arbitrary<Json>,
    ),
  })).any;
  const anyChunk = fc.record(
    {
      id: value,
      model: value,
      usage: fc.oneof(
        value,
        fc.dictionary(fc.constantFrom("prompt_tokens", "completion_tokens", "total_tokens"), value),
      ),
      choices: fc.oneof(
        value,
        fc.array(
          fc.record(
            {
              index: fc.constantFrom<Json>(0, 1, null, -1),
              delta: fc.dictionary(fc.constantFrom(...keys), value, { maxKeys: 5 }),
              finish_reason: fc.constantFrom<Json>(null, "stop", "tool_calls", "", 7, "error"),
              logprobs: fc.oneof(value, fc.record({ content: fc.array(value) })),
            },
            { requiredKeys: [] },
          ),
          { maxLength: 3 },
        ),
      ),
    },
    { requiredKeys: [] },
  );

  test("streams end once, balanced, or are malformed", () => {
    const stream = fc.array(anyChunk, { maxLength: 6 });
    fc.assert(
      fc.property(stream, fc.boolean(), (sent, done) => {
        const decoder = new ChatDecoder(request);
        const parts: EventPart[] = [];
        try {
          for (const one of sent) parts.push(...decoder.frame({ event: "", data: JSON.stringify(one) }));
          if (done) parts.push(...decoder.frame({ event: "", data: "[DONE]" }));
          parts.push(...decoder.close());
        } catch (error) {
          expect(error).toBeInstanceOf(MalformedAnswer);
          return;
        }
        const failed = parts.at(-1)!.type === "error";
        expect(faultsOf(parts).filter((fault) => !failed || !fault.endsWith("never ends"))).toEqual([]);
      }),
      { numRuns: 2_000 },
    );
    expect(({} as { content?: unknown }).content).toBeUndefined();
  });
});
