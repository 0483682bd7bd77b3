/**
 * Whatever a caller sends within the bounds, writing it for a provider takes time in proportion. What grew by its
 * square would stand in everybody's way: a call of 300 KB that takes seconds is cheap to repeat.
 */

import { heapStats } from "bun:jsc";
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { MAX_MESSAGES, MAX_TOOLS } from "../../src/kernel/bounds.ts";
import { PROVIDERS, type ProviderName, replyInKind } from "../support/any-provider.ts";
import { type App, post, startApp } from "../support/app.ts";
import { head, openaiChat, type Script, startUpstream, type Upstream } from "../support/upstream.ts";

const NAMES = Object.keys(PROVIDERS) as ProviderName[];
const AWS_KEY = JSON.stringify({ accessKeyId: "AKIAIOSFODNN7EXAMPLE", secretAccessKey: "wJalrXUtnFEMI/K7MDENG" });

let up: Upstream;
let app: App;
beforeAll(async () => {
  up = await startUpstream();
  up.plan((request) => replyInKind(request, { text: "yes", usage: { input: 1, output: 1 } }));
  app = await startApp({
    upstream: up.url,
    providers: NAMES.map((name) => ({
      name,
      kind: PROVIDERS[name].kind,
      baseUrl: up.url + PROVIDERS[name].path,
      sealedKey: name === "bedrock" ? AWS_KEY : "sk-provider",
      options: name === "bedrock" ? { region: "eu-central-1" } : {},
    })),
    models: NAMES.map((name) => ({
      name,
      targets: [{ provider: name, model: PROVIDERS[name].model, weight: 1 }],
      fallbacks: [],
    })),
  });
});
afterAll(async () => {
  await app.stop();
  await up.stop();
});

const many = <T>(count: number, make: (at: number) => T): T[] => Array.from({ length: count }, (_, at) => make(at));
const call = (at: number) => ({ id: `call_${at}`, type: "function", function: { name: "f", arguments: "{}" } });
const result = (at: number) => ({ role: "tool", tool_call_id: `call_${at}`, content: "r" });
const CALLS = MAX_TOOLS;
const TOOLS = [{ type: "function", function: { name: "f", parameters: { type: "object" } } }];

const SHAPES: Record<string, object> = {
  "messages of one role": { messages: many(MAX_MESSAGES, () => ({ role: "user", content: "hi" })) },
  "messages of two roles in turns": {
    messages: many(MAX_MESSAGES, (at) => ({ role: at % 2 === 0 ? "user" : "assistant", content: "hi" })).slice(0, -1),
  },
  "calls of one turn, whose results come backwards": {
    tools: TOOLS,
    messages: [
      { role: "user", content: "hi" },
      { role: "assistant", tool_calls: many(CALLS, call) },
      ...many(CALLS, (at) => result(CALLS - 1 - at)),
    ],
  },
};

/** The fastest of some, because the machine may be busy: it takes some 50 ms, and took 700 by their square. */
const MOST_MS = 400;
const TIMES = 4;

async function msOf(model: string, shape: object): Promise<number> {
  const begun = performance.now();
  const response = await post(app, { body: { model, ...shape } });
  const said = await response.text();
  expect(`${response.status} ${said.slice(0, 200)}`).toStartWith("200");
  up.forget();
  return performance.now() - begun;
}

describe.each(Object.keys(SHAPES))("many %s", (shape) => {
  test.each(NAMES)("to %s", async (model) => {
    let fastest = Number.POSITIVE_INFINITY;
    for (let i = 0; i < TIMES && fastest > MOST_MS; i++) fastest = Math.min(fastest, await msOf(model, SHAPES[shape]!));
    expect(fastest).toBeLessThan(MOST_MS);
  });
});

test("of a stream that is collected for its caller nothing is kept that says nothing", async () => {
  const looked = Promise.withResolvers<void>();
  const bytes = (text: string) => new TextEncoder().encode(text);
  const FRAMES = 400_000;
  const unit = bytes("data:\n\n".repeat(10_000));
  const script: Script = [
    head(200, { "content-type": "text/event-stream", connection: "close" }),
    { do: "fill", unit, total: "data:\n\n".length * FRAMES, everyMs: 0 },
    { do: "write", bytes: bytes(": looked\n\n") },
    { do: "until", open: looked.promise },
    { do: "write", bytes: bytes(openaiChat.frames({ text: "yes" }).join("")) },
    { do: "close" },
  ];
  up.answer(script);
  Bun.gc(true);
  const before = heapStats().objectCount;
  const asked = post(app, { body: { model: "openai-compatible", messages: [{ role: "user", content: "hi" }] } });
  let objects = Number.POSITIVE_INFINITY;
  // Each frame was kept as three objects and more, until the last had come.
  for (let quiet = 0; quiet < 5; ) {
    await new Promise((resolve) => setTimeout(resolve, 100));
    Bun.gc(true);
    const now = heapStats().objectCount;
    quiet = Math.abs(now - objects) < 2_000 ? quiet + 1 : 0;
    objects = now;
  }
  looked.resolve();
  expect((await asked).status).toBe(200);
  expect(objects - before).toBeLessThan(FRAMES);
});
