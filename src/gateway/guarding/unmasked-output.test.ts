/** What guard-output.ts judges beside texts (unmasked-output.ts, masked-texts.ts, guarded-values.ts, encoded-text.ts), part by part. */
import { describe, expect, test } from "bun:test";
import type { Guardrail } from "../../domain/catalog/catalog.ts";
import { compilePhrases } from "../../domain/guardrails/phrases.ts";
import type { VerdictRecord } from "../../ports/records.ts";
import type { EventPart, TokenLogprob } from "../../spec/event.ts";
import type { Answer } from "../dispatch.ts";
import { createGuardOutput } from "../guard-output.ts";
import { countInText, countInValue, leavesOf } from "./guarded-values.ts";

const rule = (over: Partial<Guardrail>): Guardrail => ({
  name: "falcon",
  kind: "phrases",
  phrases: ["Project Falcon"],
  action: "mask",
  direction: "both",
  ...over,
});

/** What one guard lets through of an answer whose parts come one event each, and what it found. */
async function guarded(guardrail: Guardrail, parts: EventPart[]) {
  const verdicts: VerdictRecord[] = [];
  const api = { guardrails: [guardrail.name] };
  const grant = { api, catalog: { guardrails: new Map([[guardrail.name, guardrail]]) } };
  const events = (async function* () {
    for (const part of parts) yield [{ parts: [part] }];
  })();
  const answer = {
    call: { observed: { verdicts } },
    clean: { hold: { grant }, request: {} },
    events,
  } as unknown as Answer;
  const out: EventPart[] = [];
  let denied = false;
  try {
    for await (const batch of createGuardOutput()(answer).events) for (const event of batch) out.push(...event.parts);
  } catch {
    denied = true;
  }
  return { out, denied, count: verdicts[0]?.count ?? 0 };
}

describe("unary verdict equals streamed verdict", () => {
  const at = { choice: 0, block: 0 };
  const openai = "openai-chat" as const;
  const anthropic = "anthropic-messages" as const;
  const block = (content: Extract<EventPart, { type: "block-start" }>["content"], deltas: EventPart[]): EventPart[] => [
    { type: "block-start", ...at, content },
    ...deltas,
    { type: "block-end", ...at },
  ];
  const token = (text: string): TokenLogprob => ({ token: text, logprob: -1, bytes: null, top: [] });
  const custom = (input: string) => ({ tool_calls: [{ index: 0, type: "custom", custom: { name: "run", input } }] });
  const searching = (input: Record<string, string>) => ({
    type: "server_tool_use",
    id: "s",
    name: "web_search",
    input,
  });
  const deltas = (pieces: string[], make: (piece: string) => EventPart) => pieces.map(make);
  const unknown = (text: string): EventPart => ({
    type: "unknown",
    dialect: openai,
    value: { choices: [{ index: 0, delta: { type: "note", more: text } }] },
  });
  const words = ["see Pro", "ject Fal", "con!"];
  const whole = [words.join("")];
  const rows: [string, (pieces: string[]) => EventPart[]][] = [
    [
      "text",
      (p) =>
        block(
          { kind: "text" },
          deltas(p, (text) => ({ type: "text-delta", ...at, text })),
        ),
    ],
    [
      "reasoning",
      (p) =>
        block(
          { kind: "reasoning" },
          deltas(p, (text) => ({ type: "text-delta", ...at, text })),
        ),
    ],
    [
      "refusal",
      (p) =>
        block(
          { kind: "refusal" },
          deltas(p, (text) => ({ type: "text-delta", ...at, text })),
        ),
    ],
    [
      "arguments",
      (p) =>
        block(
          { kind: "tool-call", id: "1", name: "f" },
          deltas(p, (text) => ({ type: "arguments-delta", ...at, text })),
        ),
    ],
    [
      "a custom tool's input",
      (p) =>
        block(
          { kind: "opaque", dialect: openai, value: custom(p[0]!) },
          deltas(p.slice(1), (piece) => ({ type: "opaque-delta", ...at, value: custom(piece) })),
        ),
    ],
    [
      "a server-side tool's input, a value when unary and JSON text when streamed",
      (p) =>
        p.length === 1
          ? block({ kind: "opaque", dialect: anthropic, value: searching({ query: p[0]! }) }, [])
          : block(
              { kind: "opaque", dialect: anthropic, value: searching({}) },
              deltas(
                [
                  '{"query":"',
                  ...p
                    .join("")
                    .replace(" F", "\\u0020F")
                    .match(/.{1,7}/g)!,
                  '"}',
                ],
                (piece) => ({
                  type: "opaque-delta",
                  ...at,
                  value: { type: "input_json_delta", partial_json: piece },
                }),
              ),
            ),
    ],
    ["what only the dialect knows", (p) => deltas(p, unknown)],
    [
      "log probabilities",
      (p) => deltas(p, (piece) => ({ type: "logprobs", choice: 0, content: [...piece].map(token), refusal: null })),
    ],
    [
      "log probabilities of a refusal",
      (p) => deltas(p, (piece) => ({ type: "logprobs", choice: 0, content: null, refusal: [token(piece)] })),
    ],
    [
      "a citation, which is always whole",
      (p) =>
        block({ kind: "text" }, [{ type: "citation", ...at, dialect: anthropic, value: { cited_text: p.join("") } }]),
    ],
    ["a tool's name", (p) => block({ kind: "tool-call", id: "1", name: p.join("") }, [])],
  ];
  for (const [name, make] of rows) {
    test(`of ${name}`, async () => {
      for (const pieces of [whole, words]) {
        const denied = await guarded(rule({ action: "deny" }), make(pieces));
        expect({ denied: denied.denied, count: denied.count, out: denied.out }).toEqual({
          denied: true,
          count: 1,
          out: [],
        });
        const masked = await guarded(rule({}), make(pieces));
        expect(masked.count).toBe(name.startsWith("log") ? 0 : 1);
        expect(masked.out.filter((part) => part.type === "logprobs" || part.type.startsWith("opaque"))).toEqual([]);
        const said = masked.out.flatMap((part) => leavesOf("value" in part ? part.value : (part as object)));
        expect(said.map(({ text }) => text).join("")).not.toMatch(/project falcon/i);
      }
      const innocent = make(["see not", "hing at", " all"]);
      expect((await guarded(rule({ action: "deny" }), innocent)).out).toEqual(innocent);
    });
  }

  test("an opaque block without a match passes a mask whole, in order, even if it never ends", async () => {
    const parts = block({ kind: "opaque", dialect: openai, value: custom("see ") }, [
      { type: "opaque-delta", ...at, value: custom("nothing") },
    ]);
    expect((await guarded(rule({}), parts)).out).toEqual(parts);
    expect((await guarded(rule({}), parts.slice(0, 2))).out).toEqual(parts.slice(0, 2));
  });

  test("a call whose name is refused is dropped with its arguments, and the next block is not", async () => {
    const call = block({ kind: "tool-call", id: "1", name: "project falcon" }, [
      { type: "arguments-delta", ...at, text: "{}" },
    ]);
    const next: EventPart[] = [
      { type: "block-start", choice: 0, block: 1, content: { kind: "text" } },
      { type: "block-end", choice: 0, block: 1 },
    ];
    expect((await guarded(rule({}), [...call, ...next])).out).toEqual(next);
  });

  test("texts of two choices are never read as one", async () => {
    const parts = (["see Project ", "Falcon"] as const).map(
      (text, choice): EventPart => ({ type: "logprobs", choice, content: [token(text)], refusal: null }),
    );
    expect((await guarded(rule({ action: "deny" }), parts)).denied).toBe(false);
  });
});

test("keys and words of the dialect are no text, and media bytes neither", () => {
  const data = Buffer.from([0x89, 0x50, 0x4e, 0x47, ...new Uint8Array(60).fill(200)]).toString("base64");
  const value = { type: "text", text: "a", data: { media_type: "image/png", data }, mine: { type: "b" } };
  expect(leavesOf(value).map(({ text }) => text)).toEqual(["a", "mine", "b"]);
});

describe("media bytes that are a text are judged", () => {
  const encoded = Buffer.from("of Project Falcon").toString("base64");
  const rows: [string, Record<string, unknown>][] = [
    ["a word that happens to have the letters of base64", { media_type: "image/png", data: "falcon" }],
    ["a text in base64", { type: "base64", media_type: "text/plain", data: encoded }],
    ["a text in base64, as Google says it", { mimeType: "text/plain", data: encoded }],
    ["a text in base64 that calls itself something else", { media_type: "application/pdf", data: encoded }],
    ["a long word of a plain text", { type: "text", media_type: "text/plain", data: `${"a".repeat(90)}-falcon` }],
    ["a data URL", { file_data: `data:text/plain;charset=utf-8;base64,${encoded}` }],
    ["escapes of JSON in a text that is none", { content: 'see {"a":"\\u0066alcon"}' }],
    ["escapes in JSON in a string of JSON", { content: 'see {"a":"{\\"b\\":\\"\\\\u0066alcon\\"}"}' }],
  ];
  test.each(rows)("%s", (_, value) => expect(countInValue(value, compilePhrases(["falcon"]))).toBe(1));
});

describe("a phrase that lies in several blocks, which a dialect joins", () => {
  const blocks = (kind: "text" | "reasoning" | "refusal", pieces: readonly string[], between: EventPart[] = []) =>
    pieces.flatMap((text, block): EventPart[] => [
      ...(block === 0 ? [] : between),
      { type: "block-start", choice: 0, block, content: { kind } },
      { type: "text-delta", choice: 0, block, text },
      { type: "block-end", choice: 0, block },
    ]);
  const call: EventPart[] = [
    { type: "block-start", choice: 0, block: 9, content: { kind: "tool-call", id: "1", name: "f" } },
    { type: "arguments-delta", choice: 0, block: 9, text: "{}" },
    { type: "block-end", choice: 0, block: 9 },
  ];
  const other: EventPart[] = [
    { type: "block-start", choice: 1, block: 0, content: { kind: "text" } },
    { type: "text-delta", choice: 1, block: 0, text: "ab" },
    { type: "finish", choice: 1, reason: "stop", raw: null },
  ];
  const texts = (parts: EventPart[]) =>
    parts.flatMap((part) => (part.type === "text-delta" && part.choice === 0 ? [`${part.block} ${part.text}`] : []));
  const pieces = ["see Project Fal", "c", "on!"];

  for (const kind of ["text", "reasoning", "refusal"] as const) {
    for (const between of [[], call, other]) {
      test(`${kind}, ${between.length} parts of others between`, async () => {
        const parts = blocks(kind, pieces, between);
        const masked = await guarded(rule({}), parts);
        expect({ texts: texts(masked.out), count: masked.count }).toEqual({
          texts: ["0 see ", "0 [falcon]", "2 !"],
          count: 1,
        });
        expect(masked.out.filter(({ type }) => type !== "text-delta")).toEqual(
          parts.filter(({ type }) => type !== "text-delta"),
        );
        expect(await guarded(rule({ action: "deny" }), parts)).toEqual({ out: [], denied: true, count: 1 });
      });
    }
  }

  test("what was held back goes on in its own block, before what came after it", async () => {
    const parts = blocks("text", ["see Project Fal", "low"], call);
    const { out, count } = await guarded(rule({}), parts);
    expect(count).toBe(0);
    expect(texts(out)).toEqual(["0 see ", "0 Project Fal", "1 low"]);
    const order = out.map(({ type }) => type).filter((type, i, all) => type !== all[i - 1]);
    expect(order).toEqual(parts.map(({ type }) => type));
    const cut = blocks("text", ["see Project Fal"]);
    expect(texts((await guarded(rule({}), cut)).out)).toEqual(["0 see ", "0 Project Fal"]);
    expect((await guarded(rule({}), [...cut, { type: "end" }])).out.at(-1)).toEqual({ type: "end" });
  });

  test("texts of different kinds are not one", async () => {
    const parts = [...blocks("text", ["see Project "]), ...blocks("refusal", ["Falcon"])];
    expect((await guarded(rule({ action: "deny" }), parts)).denied).toBe(false);
    expect((await guarded(rule({}), parts)).count).toBe(0);
  });

  test("escapes of JSON hide nothing in an answer that is JSON, however it is cut", async () => {
    const text = '{"a":"see \\u0050roject F\\u0061lcon!"}';
    for (const pieces of [[text], [...text], [text.slice(0, 12), text.slice(12)]]) {
      const parts = blocks("text", pieces);
      const masked = await guarded(rule({}), parts);
      const said = masked.out.map((part) => (part.type === "text-delta" ? part.text : "")).join("");
      expect([said, masked.count]).toEqual(['{"a":"see [falcon]!"}', 1]);
      expect((await guarded(rule({ action: "deny" }), parts)).denied).toBe(true);
    }
  });

  test("a ping does not wait", async () => {
    const parts: EventPart[] = [...blocks("text", ["Project"]), { type: "ping" }, ...blocks("text", ["s"])];
    expect((await guarded(rule({}), parts)).out.map(({ type }) => type).slice(0, 2)).toEqual(["block-start", "ping"]);
  });

  test("as many blocks as an answer can have cost no more than their length", async () => {
    const many = blocks("text", Array<string>(20_000).fill("Project f"));
    const started = performance.now();
    expect((await guarded(rule({}), many)).count).toBe(0);
    expect((await guarded(rule({ action: "deny" }), many)).count).toBe(0);
    expect(performance.now() - started).toBeLessThan(3_000);
  });
});

test("a text that is JSON of any depth is judged, and breaks nothing", () => {
  for (const depth of [1, 100, 1_000_000]) {
    const text = `${"[".repeat(depth)}"falcon"${"]".repeat(depth)}`;
    expect(countInText(text, compilePhrases(["falcon"]))).toBe(1);
  }
});
