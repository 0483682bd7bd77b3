/**
 * Phrases that are hidden from a guard and that a provider, a model or a caller would find all the same: behind
 * escapes of JSON, in documents that are bytes, cut over parts of a prompt, cut over blocks of an answer. Proves
 * gateway/guard-input.ts, gateway/guarding/unmasked-input.ts, gateway/guarding/neighbouring-texts.ts, gateway/guarding/encoded-text.ts and
 * gateway/guarding/masked-texts.ts.
 */
import { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test";
import type { Guardrail } from "../../src/domain/catalog/catalog.ts";
import { compilePhrases } from "../../src/domain/guardrails/phrases.ts";
import { decodeText } from "../../src/gateway/guarding/encoded-text.ts";
import { countAcross } from "../../src/gateway/guarding/neighbouring-texts.ts";
import type { Json } from "../../src/kernel/json.ts";
import type { Message } from "../../src/spec/message.ts";
import { type App, chat, messages, post, startApp } from "../support/app.ts";
import { anthropicMessages, json, openaiChat, sse, startUpstream, type Upstream } from "../support/upstream.ts";

let up: Upstream;
const open: App[] = [];
beforeAll(async () => {
  up = await startUpstream();
});
afterEach(async () => {
  for (const app of open.splice(0)) await app.stop();
});
afterAll(() => up.stop());

async function guarded(over: Partial<Guardrail> = {}): Promise<App> {
  const guardrail: Guardrail = {
    name: "falcon",
    kind: "phrases",
    phrases: ["Project Falcon", 'code "red"', "a\\b\nc"],
    action: "mask",
    direction: "input",
    ...over,
  };
  const app = await startApp({ upstream: up.url, guardrails: [guardrail] });
  open.push(app);
  up.forget();
  return app;
}

interface Call {
  path?: string;
  body: Record<string, unknown>;
}

const ESCAPED = "\\u0050roject F\\u0061lcon";

const result = (content: unknown): Call => ({
  body: chat({
    messages: [
      { role: "user", content: "x" },
      {
        role: "assistant",
        content: null,
        tool_calls: [{ id: "1", type: "function", function: { name: "f", arguments: "{}" } }],
      },
      { role: "tool", tool_call_id: "1", content },
    ],
  }),
});
const user = (content: unknown): Call => ({ body: chat({ messages: [{ role: "user", content }] }) });
const gemini = (response: unknown): Call => ({
  path: "/v1beta/models/small:generateContent",
  body: {
    contents: [
      { role: "user", parts: [{ text: "x" }] },
      { role: "model", parts: [{ functionCall: { name: "f", args: {} } }] },
      { role: "user", parts: [{ functionResponse: { name: "f", response } }] },
    ],
  },
});
const base64 = (text: string) => Buffer.from(text).toString("base64");
const document = (mediaType: string, data: string): Call => ({
  path: "/v1/messages",
  body: messages({
    messages: [
      {
        role: "user",
        content: [
          { type: "document", source: { type: "base64", media_type: mediaType, data } },
          { type: "text", text: "x" },
        ],
      },
    ],
  }),
});
const file = (mediaType: string, data: string): Call =>
  user([{ type: "file", file: { filename: "a", file_data: `data:${mediaType};base64,${data}` } }]);

const dataUrl = (address: string): Call => user([{ type: "file", file: { filename: "a", file_data: address } }]);
const responses = (address: string): Call => ({
  path: "/v1/responses",
  body: {
    model: "small",
    input: [{ role: "user", content: [{ type: "input_file", filename: "a", file_data: address }] }],
  },
});
const inlineData = (mimeType: string, data: string): Call => ({
  path: "/v1beta/models/small:generateContent",
  body: { contents: [{ role: "user", parts: [{ inlineData: { mimeType, data } }, { text: "x" }] }] },
});

describe("what is hidden is masked", () => {
  const rows: [string, Call][] = [
    ["escapes in a tool result that is JSON", result(`{"a":"see ${ESCAPED}!"}`)],
    ["escapes in JSON in JSON", result(JSON.stringify({ a: `{"b":"see ${ESCAPED}!"}` }))],
    ["escapes in a user's text that is JSON", user(`[{"a":"see ${ESCAPED}!"}]`)],
    ["escapes in JSON within a text", user(`Here: {"a":"see ${ESCAPED}!"}`)],
    ["an object that Gemini's client gives as a result", gemini({ a: 'see code "red"!', b: 1 })],
    ["backslashes and lines in an object of Gemini's client", gemini({ a: "see a\\b\nc!", b: 1 })],
    ["a text document in bytes", document("text/plain", base64("see Project Falcon!"))],
    ["a JSON document in bytes, with escapes", document("application/json", base64(`{"a":"see ${ESCAPED}!"}`))],
    ["a text in a file of OpenAI's client", file("text/csv", base64("see Project Falcon!"))],
    ["a data URL that is percent-encoded", dataUrl("data:text/plain,see%20Project%20Falcon!")],
    ["a data URL without a type", dataUrl("data:,see%20Project%20Falcon!")],
    [
      "a data URL of Responses that is percent-encoded",
      responses("data:text/csv;charset=utf-8,see%20Project%20Falcon!"),
    ],
    ["a data URL with a charset", dataUrl(`DATA:text/plain;charset=utf-8;BASE64,${base64("see Project Falcon!")}`)],
    ["a text document of Gemini's client", inlineData("text/plain", base64("see Project Falcon!"))],
    [
      "a document in a lookalike's words",
      user([{ type: "document_url", document_url: `data:text/plain;base64,${base64("see Project Falcon!")}` }]),
    ],
    [
      "a text document",
      {
        path: "/v1/messages",
        body: messages({
          messages: [
            {
              role: "user",
              content: [
                { type: "document", source: { type: "text", media_type: "text/plain", data: "see Project Falcon!" } },
              ],
            },
          ],
        }),
      },
    ],
    ["a text behind a padding", document("text/plain", `${base64("a ")}${base64("see Project Falcon!")}`)],
    ["a text that calls itself a PDF", file("application/pdf", base64("see Project Falcon!"))],
  ];
  test.each(rows)("%s", async (_, { path, body }) => {
    const app = await guarded();
    up.plan(body.model === "claude" ? anthropicMessages.replies({ text: "ok" }) : openaiChat.replies({ text: "ok" }));
    expect((await post(app, { ...(path === undefined ? {} : { path }), body })).status).toBe(200);
    const sent = up.everything();
    const decoded = [...sent.matchAll(/(?:base64,|"data":")([A-Za-z0-9+/=]+)/g)].map((match) => atob(match[1]!));
    const all = [sent, ...decoded].join("\n");
    expect(all).toContain("see [falcon]!");
    expect(all).not.toMatch(/alcon[^\]]|red|\\b/);
    expect((await app.records())[0]!.verdicts[0]).toMatchObject({ action: "mask", count: 1 });
  });

  test("a result that was masked is still JSON", async () => {
    const app = await guarded();
    up.plan(openaiChat.replies({ text: "ok" }));
    await post(app, result(`{"a":"${ESCAPED}","b":"\\"x\\\\"}`));
    const sent = JSON.parse(up.requests[0]!.text()) as { messages: { content: string }[] };
    expect(JSON.parse(sent.messages.at(-1)!.content)).toEqual({ a: "[falcon]", b: '"x\\' });
  });
});

describe("what is hidden and cannot be rewritten is refused", () => {
  const utf16 = Buffer.from("\ufeffsee Project Falcon!", "utf16le").toString("base64");
  const unmarked = Buffer.from("see Project Falcon!", "utf16le").toString("base64");
  const latin1 = Buffer.from("\u00e9t\u00e9 of Project Falcon", "latin1").toString("base64");
  const said = (...texts: string[]): Call => ({
    body: chat({
      messages: [
        { role: "user", content: "x" },
        { role: "assistant", content: texts.map((text) => ({ type: "text", text })) },
        { role: "user", content: "y" },
      ],
    }),
  });
  const picture = { type: "image_url", image_url: { url: "data:image/png;base64,AAAA" } };
  const thinking = (...texts: string[]): Call => ({
    path: "/v1/messages",
    body: messages({
      messages: [
        { role: "user", content: "x" },
        {
          role: "assistant",
          content: [
            ...texts.map((text) => ({ type: "thinking", thinking: text, signature: "s" })),
            { type: "text", text: "y" },
          ],
        },
        { role: "user", content: "z" },
      ],
    }),
  });
  const text = (text: string) => ({ type: "text", text });
  const rows: [string, Call][] = [
    ["a text of another encoding", document("text/plain", utf16)],
    ["a text of another encoding without its mark", document("text/plain", unmarked)],
    ["a text that says it is of another encoding", document("text/plain;charset=utf-16le", base64("Project Falcon"))],
    ["a text with bytes that are no UTF-8", document("text/plain", latin1)],
    ["base64 with other letters in it", document("text/plain", base64("see Project Falcon").replace(/(....)/g, "$1!"))],
    ["a data URL that says what would be lost", dataUrl("data:text/plain;a=b,Project%20Falcon")],
    ["a data URL in lines", dataUrl(" da\tta:text/plain,Project%20Falcon")],
    ["base64 in a data URL without a type", dataUrl(`data:;base64,${base64("Project Falcon")}`)],
    [
      "base64 that is percent-encoded",
      dataUrl(`data:text/plain;a=b;base64,${base64("of Project Falcon").replace(/=/g, "%3D")}`),
    ],
    ["the word base64 where it does not belong", dataUrl(`data:text/plain;base64;a=b,${base64("Project Falcon")}`)],
    ["a text where that word is", dataUrl("data:text/plain;base64;a=b,Project%20Falcon")],
    ["bytes without a word on what they are", dataUrl(base64("Project Falcon"))],
    ["an address that carries a text", user([{ type: "video_url", video_url: { url: "data:,Project%20Falcon" } }])],
    [
      "a picture that is a text",
      user([{ type: "image_url", image_url: { url: "data:image/svg+xml,Project%20Falcon" } }]),
    ],
    ["parts of an answer of before", said("see Project Fal", "con!")],
    ["parts of one letter each", said(..."see Project Falcon!")],
    ["parts of a user's", user([text("Project "), text("Falcon")])],
    ["parts with a picture between them", user([text("Project "), picture, text("Falcon")])],
    ["parts of a tool result", result([text("Project "), text("Falcon")])],
    ["an escape that is cut", result([text('{"a":"\\u00'), text('50roject Falcon"}')])],
    ["thoughts", thinking("see Project Fal", "con!")],
    [
      "messages of one role",
      {
        body: chat({
          messages: [
            { role: "user", content: "Project " },
            { role: "user", content: "Falcon" },
          ],
        }),
      },
    ],
    ["a word in place of bytes", { body: chat({ metadata: { media_type: "image/png", data: "Project-Falcon" } }) }],
  ];
  test.each(rows)("%s", async (_, { path, body }) => {
    const app = await guarded({ phrases: ["Project Falcon", "Project-Falcon"] });
    expect((await post(app, { ...(path === undefined ? {} : { path }), body })).status).toBe(422);
    expect(up.requests).toHaveLength(0);
  });

  test("a phrase that is masked in one part does not refuse its neighbours", async () => {
    const app = await guarded();
    up.plan(openaiChat.replies({ text: "ok" }));
    expect((await post(app, user([text("Project Falcon"), text("Project Falcon")]))).status).toBe(200);
  });
});

describe("a phrase over two blocks of a provider's answer, which the caller's dialect joins", () => {
  const pieces = ["see Project Fal", "con!"];
  const usage = { input_tokens: 1, output_tokens: 1 };
  const message = { id: "m", type: "message", role: "assistant", model: "claude-2026", stop_sequence: null, usage };
  const whole = json(200, {
    ...message,
    stop_reason: "end_turn",
    content: pieces.map((text) => ({ type: "text", text })),
  });
  const event = (data: { type: string; [name: string]: Json }) => ({ event: data.type, data });
  const streamed = sse([
    event({ type: "message_start", message: { ...message, stop_reason: null, content: [] } }),
    ...pieces.flatMap((text, index) => [
      event({ type: "content_block_start", index, content_block: { type: "text", text: "" } }),
      event({ type: "content_block_delta", index, delta: { type: "text_delta", text } }),
      event({ type: "content_block_stop", index }),
    ]),
    event({ type: "message_delta", delta: { stop_reason: "end_turn", stop_sequence: null }, usage }),
    event({ type: "message_stop" }),
  ]);
  for (const stream of [false, true]) {
    for (const [path, body] of [
      ["/v1/chat/completions", chat],
      ["/v1/messages", messages],
    ] as const) {
      for (const action of ["mask", "deny"] as const) {
        test(`${action} at ${path}, ${stream ? "streamed" : "unary"}`, async () => {
          const app = await guarded({ direction: "output", action });
          up.answer(stream ? streamed : whole);
          const answer = await (await post(app, { path, body: body({ model: "claude", stream }) })).text();
          const said = [...answer.matchAll(/"(?:content|text)":"((?:[^"\\]|\\.)*)"/g)]
            .map((match) => match[1])
            .join("");
          expect(said).toBe(action === "mask" ? "see [falcon]!" : "");
          expect(answer.includes("guardrail_blocked") || answer.includes("refused by the guardrail")).toBe(
            action === "deny",
          );
          expect((await app.records())[0]!.verdicts).toMatchObject([{ direction: "output", action, count: 1 }]);
        });
      }
    }
  }
});

test("texts that are no neighbours are not one", () => {
  const matcher = compilePhrases(["ab"]);
  const said = (role: Message["role"], ...texts: string[]): Message => ({
    role,
    parts: texts.map((text) => ({ type: "text", text })),
  });
  const found = (...given: Message[]) => countAcross(given, matcher);
  expect(found(said("user", "a", "", "b"))).toBe(1);
  expect(found(said("user", "a"), said("user", "b"))).toBe(1);
  expect(found(said("user", "a", "b", "a", "b"))).toBe(2);
  expect(found(said("user", "a"), said("assistant", "b"))).toBe(0);
  expect(found({ role: "assistant", parts: [{ type: "reasoning", text: "a" }, ...said("assistant", "b").parts] })).toBe(
    0,
  );
  const results = ["a", "b"].map((text, at): Message["parts"][number] => ({
    type: "tool-result",
    callId: String(at),
    content: [{ type: "text", text }],
  }));
  expect(found({ role: "tool", parts: results })).toBe(0);
});

test("bytes are a text where their type or all of them say so", () => {
  const png = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a, ...new Uint8Array(2_000)]);
  const late = Buffer.concat([Buffer.from("a".repeat(2_000)), Buffer.from([0xff])]);
  for (const [bytes, mediaType, expected] of [
    [png, "image/png", undefined],
    [late, "application/pdf", undefined],
    [late, "application/json; charset=utf-8", { text: `${"a".repeat(2_000)}\ufffd`, exact: false }],
    [Buffer.from("é".repeat(2_000)), "application/pdf", { text: "é".repeat(2_000), exact: true }],
    [Buffer.from("\ufeffa"), "text/plain", { text: "\ufeffa", exact: true }],
  ] as const) {
    expect(decodeText(bytes.toString("base64"), mediaType)).toEqual(expected);
  }
  expect(decodeText("YWJj!", "text/plain")).toEqual({ text: "abc", exact: false });
  expect(decodeText("!!!", "text/plain")).toBeUndefined();
});
