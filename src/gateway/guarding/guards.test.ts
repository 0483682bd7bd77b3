/** Guards on both sides of a call (guard-input.ts with unmasked-input.ts, guard-output.ts), through the whole road. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { type App, chat, messages, post, startApp } from "../../../test/support/app.ts";
import { anthropicMessages, openaiChat, sse, startUpstream, type Upstream } from "../../../test/support/upstream.ts";
import type { Guardrail } from "../../domain/catalog/catalog.ts";
import { compilePhrases } from "../../domain/guardrails/phrases.ts";
import { noteVerdict } from "./guards.ts";

let up: Upstream;
beforeAll(async () => {
  up = await startUpstream();
});
afterAll(() => up.stop());

const rule = (over: Partial<Guardrail>): Guardrail => ({
  name: "falcon",
  kind: "phrases",
  phrases: ["Project Falcon"],
  action: "mask",
  direction: "both",
  ...over,
});

async function withGuard(guardrail: Guardrail, use: (app: App) => Promise<void>): Promise<void> {
  const app = await startApp({ upstream: up.url, guardrails: [guardrail] });
  up.forget();
  try {
    await use(app);
  } finally {
    await app.stop();
  }
}

const tool = {
  type: "function",
  function: { name: "f", description: "about project falcon", parameters: { type: "object" } },
};

describe("a prompt's phrase does not reach the provider", () => {
  const rows: [string, Record<string, unknown>][] = [
    ["in a user turn", { messages: [{ role: "user", content: "tell of PROJECT falcon" }] }],
    [
      "in a system turn",
      {
        messages: [
          { role: "system", content: "Project Falcon" },
          { role: "user", content: "x" },
        ],
      },
    ],
    [
      "in a part of several",
      {
        messages: [
          {
            role: "user",
            content: [
              { type: "text", text: "a" },
              { type: "text", text: "project falcon" },
            ],
          },
        ],
      },
    ],
    [
      "in a tool call of before",
      {
        messages: [
          { role: "user", content: "x" },
          {
            role: "assistant",
            content: null,
            tool_calls: [{ id: "1", type: "function", function: { name: "f", arguments: '{"q":"project falcon"}' } }],
          },
          { role: "tool", tool_call_id: "1", content: "Project Falcon it is" },
        ],
      },
    ],
    ["in a tool's description", { tools: [tool] }],
  ];
  for (const [name, over] of rows) {
    test(`masked ${name}`, () =>
      withGuard(rule({}), async (app) => {
        up.plan(openaiChat.replies({ text: "ok" }));
        expect((await post(app, { body: chat(over) })).status).toBe(200);
        expect(up.everything().toLowerCase()).not.toContain("project falcon");
        expect(up.everything()).toContain("[falcon]");
      }));
  }

  const unmaskable: [string, Record<string, unknown>][] = [
    ["in an unknown field", { metadata: { note: "project falcon" } }],
    [
      "in a schema",
      {
        tools: [
          {
            ...tool,
            function: {
              ...tool.function,
              description: "x",
              parameters: { type: "object", properties: { a: { description: "project falcon" } } },
            },
          },
        ],
      },
    ],
    ["in the end user's name", { user: "project falcon" }],
    ["in a key of an unknown field", { metadata: { "project falcon": "x" } }],
    ["in a word's place", { metadata: { type: "project falcon" } }],
    ["in media bytes that are none", { metadata: { media_type: "image/png", data: "project falcon" } }],
    ["in a stop sequence", { stop: ["project falcon"] }],
    ["in a speaker's name", { messages: [{ role: "user", name: "project falcon", content: "x" }] }],
    [
      "in a picture's address",
      {
        messages: [
          { role: "user", content: [{ type: "image_url", image_url: { url: "https://a.example/project falcon" } }] },
        ],
      },
    ],
    [
      "in a tool call's id",
      {
        messages: [
          { role: "user", content: "x" },
          {
            role: "assistant",
            content: null,
            tool_calls: [{ id: "project falcon", type: "function", function: { name: "f", arguments: "{}" } }],
          },
          { role: "tool", tool_call_id: "project falcon", content: "x" },
        ],
      },
    ],
    [
      "in a chosen tool's name",
      {
        tools: [{ type: "function", function: { name: "f" } }],
        tool_choice: { type: "function", function: { name: "project falcon" } },
      },
    ],
    [
      "in the answer's schema",
      {
        response_format: {
          type: "json_schema",
          json_schema: { name: "a", schema: { type: "object", title: "project falcon" } },
        },
      },
    ],
  ];
  for (const [name, over] of unmaskable) {
    test(`refused ${name}, where masking would change what is meant`, () =>
      withGuard(rule({}), async (app) => {
        expect((await post(app, { body: chat(over) })).status).toBe(422);
        expect(up.requests).toHaveLength(0);
      }));
  }

  const dialectWords = ["user", "text", "type", "role", "function", "object", "falcon", "false", "kind"];
  for (const phrase of dialectWords) {
    test(`the phrase "${phrase}" does not find the words of the dialect or the guard's own mark`, () =>
      withGuard(rule({ name: phrase, phrases: [phrase] }), async (app) => {
        up.plan(openaiChat.replies({ text: "ok" }));
        const content = [
          { type: "text", text: `a ${phrase}` },
          { type: "image_url", image_url: { url: "data:image/png;base64,AAAA" } },
        ];
        const plain = { type: "function", function: { name: "f", parameters: { type: "object", properties: {} } } };
        const body = chat({ messages: [{ role: "user", content }], tools: [plain] });
        expect((await post(app, { body })).status).toBe(200);
        expect(up.everything()).toContain("a [masked]");
        expect((await app.records())[0]!.verdicts).toContainEqual({
          guardrail: phrase,
          direction: "input",
          action: "mask",
          count: 1,
        });
      }));
  }

  test("denied, and the request still counts", () =>
    withGuard(rule({ action: "deny" }), async (app) => {
      const response = await post(app, { body: chat({ messages: [{ role: "user", content: "project falcon" }] }) });
      expect(response.status).toBe(422);
      expect(up.requests).toHaveLength(0);
      expect((await app.records())[0]).toMatchObject({
        outcome: "refused",
        errorCode: "guardrail_blocked",
        costNanoUsd: 0,
      });
      expect((await app.records())[0]!.admittedAt).not.toBeNull();
    }));
});

describe("an answer's phrase does not reach the caller, however it is cut", () => {
  const cuts = [
    ["All about Project Falcon, and more."],
    ["All about Pro", "ject Fal", "con, and", " more."],
    [..."All about project falcon, and more."],
  ];
  for (const stream of [false, true]) {
    for (const [index, pieces] of cuts.entries()) {
      test(`${stream ? "streamed" : "unary"}, cut ${index}, both dialects on both sides`, () =>
        withGuard(rule({ direction: "output" }), async (app) => {
          for (const model of ["small", "claude"]) {
            const answer = { text: pieces };
            up.plan(model === "small" ? openaiChat.replies(answer) : anthropicMessages.replies(answer));
            for (const [path, body] of [
              ["/v1/chat/completions", chat],
              ["/v1/messages", messages],
            ] as const) {
              const text = await (await post(app, { path, body: body({ model, stream }) })).text();
              const said = stream
                ? [...text.matchAll(/"(?:content|text)":"((?:[^"\\]|\\.)*)"/g)].map((match) => match[1]).join("")
                : text;
              expect(said).toContain("All about [falcon], and more.");
              expect(said.toLowerCase()).not.toContain("falcon,");
            }
          }
        }));
    }
  }

  test("masked in a tool call's arguments", () =>
    withGuard(rule({ direction: "output" }), async (app) => {
      up.plan(openaiChat.replies({ toolCalls: [{ id: "1", name: "f", arguments: ['{"q":"project', ' falcon"}'] }] }));
      for (const stream of [true, false]) {
        const text = await (await post(app, { body: chat({ stream }) })).text();
        expect(text.toLowerCase()).not.toContain("project falcon");
        expect(text.replaceAll(/[^\w[\]]/g, "")).toContain("falcon]");
      }
    }));
});

describe("on the whole road", () => {
  const pieces = ["Pro", "ject Fal", "con"];
  const logprobs = {
    content: pieces.map((token) => ({ token, logprob: -1, bytes: null, top_logprobs: [] })),
    refusal: null,
  };
  const at = (index: number) => ({ content: [logprobs.content[index]], refusal: null });
  const frame = (choice: Record<string, unknown>) =>
    `data: ${JSON.stringify({ id: "c", object: "chat.completion.chunk", created: 1, model: "m", choices: [{ index: 0, finish_reason: null, ...choice }] })}\n\n`;
  const streamed = (frames: string[]) =>
    sse([...frames, frame({ delta: {}, finish_reason: "stop" }), "data: [DONE]\n\n"]);

  test("a masked stream has no log probabilities", () =>
    withGuard(rule({ direction: "output" }), async (app) => {
      up.answer(streamed(pieces.map((content, index) => frame({ delta: { content }, logprobs: at(index) }))));
      const text = await (await post(app, { body: chat({ stream: true, logprobs: true }) })).text();
      expect(text).toContain("[falcon]");
      expect(text).not.toContain('"token"');
    }));

  test("a custom tool's input that comes in pieces is denied", () =>
    withGuard(rule({ direction: "output", action: "deny" }), async (app) => {
      const call = (input: string, more = {}) =>
        frame({ delta: { tool_calls: [{ index: 0, ...more, custom: { name: "run", input } }] } });
      up.answer(streamed([call("", { id: "1", type: "custom" }), ...pieces.map((piece) => call(piece))]));
      const response = await post(app, { body: chat({ stream: true }) });
      expect(await response.text()).toContain("guardrail_blocked");
      expect((await app.records())[0]!.errorCode).toBe("guardrail_blocked");
    }));
});

test("a verdict tells how many, never what", () => {
  const verdicts: Parameters<typeof noteVerdict>[0] = [];
  const guard = { rule: rule({}), matcher: compilePhrases(["x"]) };
  noteVerdict(verdicts, guard, "output", 0);
  noteVerdict(verdicts, guard, "output", 2);
  noteVerdict(verdicts, guard, "output", 0);
  expect(verdicts).toEqual([{ guardrail: "falcon", direction: "output", action: "mask", count: 2 }]);
});
