/**
 * What a caller writes as names of fields never becomes part of other objects: every front, with the
 * names in every place where unknown fields are kept, against every kind of provider.
 */
import { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test";
import { ADAPTERS } from "../../src/providers/adapters.ts";
import { type App, startApp } from "../support/app.ts";
import { json, startUpstream, type Upstream } from "../support/upstream.ts";

const NAMES = ["__proto__", "constructor", "prototype"];
const KINDS = ADAPTERS.filter(({ local, authorization }) => local === undefined && authorization === undefined).map(
  ({ kind }) => kind,
);
const PATHS = (name: string) => [
  name,
  `${name}.polluted`,
  `${name}.prototype.polluted`,
  `a.${name}.polluted`,
  `generationConfig.${name}.polluted`,
  `toolConfig.functionCallingConfig.${name}.polluted`,
  `${name}.${name}.polluted`,
];

const question = [{ role: "user", content: "hi" }];
const FRONTS: Record<string, { path: string; body: Record<string, unknown>; inner: string[][] }> = {
  chat: {
    path: "/v1/chat/completions",
    body: { messages: question },
    inner: [["stream_options"], ["response_format"]],
  },
  messages: { path: "/v1/messages", body: { max_tokens: 5, messages: question }, inner: [["thinking"], ["metadata"]] },
  responses: { path: "/v1/responses", body: { input: "hi" }, inner: [["reasoning"], ["text"]] },
  gemini: {
    path: "/v1beta/models/MODEL:generateContent",
    body: { contents: [{ role: "user", parts: [{ text: "hi" }] }] },
    inner: [
      ["generationConfig"],
      ["generationConfig", "thinkingConfig"],
      ["toolConfig"],
      ["toolConfig", "functionCallingConfig"],
    ],
  },
  ollama: { path: "/api/chat", body: { stream: false, messages: question }, inner: [["options"]] },
};

/** The body with a field of this name at a place within. */
function withField(body: Record<string, unknown>, place: readonly string[], name: string): Record<string, unknown> {
  const [step, ...rest] = place;
  if (step === undefined) return { ...body, [name]: { polluted: true } };
  return { ...body, [step]: withField((body[step] ?? {}) as Record<string, unknown>, rest, name) };
}

let up: Upstream;
let app: App;
beforeAll(async () => {
  up = await startUpstream();
  up.answer(json(200, {}));
  app = await startApp({
    upstream: up.url,
    providers: KINDS.map((kind) => ({ name: kind, kind, baseUrl: up.url })),
    models: KINDS.map((kind) => ({
      name: kind,
      targets: [{ provider: kind, model: "m-1", weight: 1 }],
      fallbacks: [],
    })),
  });
});
afterAll(async () => {
  await app.stop();
  await up.stop();
});
afterEach(() => {
  // Were it there, every later test would fail for a reason that nobody could find.
  delete (Object.prototype as { polluted?: unknown }).polluted;
});

describe.each(Object.keys(FRONTS))("the front %s", (front) => {
  test.each(KINDS)("to %s", async (kind) => {
    const { path, body, inner } = FRONTS[front]!;
    for (const place of [[], ...inner]) {
      for (const name of NAMES.flatMap(PATHS)) {
        const response = await fetch(app.url + path.replace("MODEL", kind), {
          method: "POST",
          headers: { "content-type": "application/json", authorization: `Bearer ${app.key}` },
          body: JSON.stringify({ model: kind, ...withField(body, place, name) }),
        });
        await response.body?.cancel();
        expect([name, place, response.status === 500]).toEqual([name, place, false]);
        expect(({} as { polluted?: unknown }).polluted).toBeUndefined();
      }
    }
  });
});

test("a name of many dots is refused at once", async () => {
  const began = performance.now();
  const response = await fetch(`${app.url}/v1beta/models/google:generateContent`, {
    method: "POST",
    headers: { "content-type": "application/json", authorization: `Bearer ${app.key}` },
    body: JSON.stringify({ ...FRONTS.gemini!.body, [`a${".a".repeat(200_000)}`]: 1 }),
  });
  expect(response.status).toBe(400);
  expect(performance.now() - began).toBeLessThan(1_000);
});
