/** What a call is charged, and what is held for it, where its body and its answer do not say. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import type { JsonObject } from "../../src/kernel/json.ts";
import type { Limit } from "../../src/kernel/limit.ts";
import { replyInKind } from "../support/any-provider.ts";
import { type App, type AppOptions, post, startApp } from "../support/app.ts";
import { until } from "../support/scene.ts";
import { json, type Script, sse, startUpstream, text, type Upstream } from "../support/upstream.ts";

let up: Upstream;
beforeAll(async () => {
  up = await startUpstream();
});
afterAll(() => up?.stop());

const TOKENS: Limit = { dimension: "tokens", window: "minute", amount: 500_000 };

async function under(
  limits: Limit[],
  answer: Script,
  use: (app: App) => Promise<void>,
  contextTokens?: number,
  over: AppOptions = {},
) {
  const row = { provider: "oai", model: "gpt-of-ours", weight: 1 };
  const app = await startApp({
    ...over,
    upstream: up.url,
    limits,
    providers: [{ name: "oai", kind: "openai", baseUrl: `${up.url}/v1` }],
    models: [
      {
        name: "m",
        targets: [contextTokens === undefined ? row : { ...row, contextTokens }],
        fallbacks: [],
      },
    ],
  });
  up.forget();
  up.answer(answer);
  try {
    await use(app);
  } finally {
    await app.stop();
  }
}

const RESPONSE: JsonObject = {
  id: "resp_1",
  object: "response",
  status: "completed",
  output: [{ type: "message", role: "assistant", content: [{ type: "output_text", text: "Hi.", annotations: [] }] }],
  usage: { input_tokens: 5, output_tokens: 2, total_tokens: 7 },
};
const ask = { model: "m", input: "x", max_output_tokens: 10 };
const lastRecord = async (app: App) => (await app.records()).at(-1)!;

test("what a tool that the provider runs may read is held: all that fits into the model", async () => {
  const asked = (app: App) => post(app, { path: "/v1/responses", body: { ...ask, tools: [{ type: "web_search" }] } });
  await under([TOKENS], json(200, RESPONSE), async (app) => {
    const refused = await asked(app);
    expect(refused.status).toBe(429);
    expect(up.requests).toHaveLength(0);
    expect((await post(app, { path: "/v1/responses", body: ask })).status).toBe(200);
  });
  await under([TOKENS], json(200, RESPONSE), async (app) => expect((await asked(app)).status).toBe(200), 400_000);
});

test("rounds that a provider's counts leave out are charged, and the caller is told what the provider told", async () => {
  const usage = {
    ...{ input_tokens: 9, output_tokens: 5 },
    iterations: [
      { type: "compaction", input_tokens: 100, cache_read_input_tokens: 50, output_tokens: 20 },
      { type: "message", input_tokens: 9, output_tokens: 5 },
    ],
  };
  const content = [{ type: "text", text: "Hi." }];
  const answer = {
    id: "msg_1",
    type: "message",
    role: "assistant",
    model: "m",
    content,
    stop_reason: "end_turn",
    usage,
  };
  const providers = [{ name: "oai", kind: "anthropic", baseUrl: up.url }];
  const compact = { context_management: { edits: [{ type: "compact_20260112" }] } };
  const body = { model: "m", max_tokens: 10, messages: [{ role: "user", content: "x" }], ...compact };
  const app = await startApp({
    upstream: up.url,
    providers,
    models: [{ name: "m", targets: [{ provider: "oai", model: "claude-of-ours", weight: 1 }], fallbacks: [] }],
  });
  up.forget();
  up.answer(json(200, answer));
  const response = await post(app, { path: "/v1/messages", body });
  expect(((await response.json()) as JsonObject).usage).toEqual(usage);
  expect(await lastRecord(app)).toMatchObject({ inputTokens: 159, outputTokens: 25, cacheReadTokens: 50 });
  await app.stop();
});

test("a response that is not finished is a 502, charged as it was held", async () => {
  await under([TOKENS], json(200, { ...RESPONSE, status: "queued", output: [], usage: null }), async (app) => {
    expect((await post(app, { path: "/v1/responses", body: ask })).status).toBe(502);
    expect(await lastRecord(app)).toMatchObject({ outputTokens: 10, usageSource: "reserved" });
  });
});

test("a caller that leaves before a whole answer is charged for its document and for what may be written", async () => {
  const data = "A".repeat(1_000_000);
  const file = { type: "file", file: { filename: "a.pdf", file_data: `data:application/pdf;base64,${data}` } };
  const body = { model: "m", max_tokens: 900, messages: [{ role: "user", content: [file] }] };
  await under([], [{ do: "silence" }], async (app) => {
    const leaving = new AbortController();
    const calling = post(app, { body, signal: leaving.signal }).catch(() => null);
    await up.request();
    leaving.abort();
    await calling;
    expect(await until(() => app.meter.openHolds === 0)).toBe(true);
    const record = await lastRecord(app);
    expect(record).toMatchObject({ outcome: "cancelled", outputTokens: 900, usageSource: "reserved" });
    expect(record.inputTokens).toBeGreaterThan(40_000);
  });
});

const OPENING = { tool_calls: [{ index: 0, id: "c", type: "function", function: { name: "f", arguments: "" } }] };

test.each([
  ["before its first word", null],
  ["after its first word, whose thoughts nobody saw", { content: "Hi" }],
  ["in which the provider has only said that it begins", OPENING],
])("a caller that leaves a stream %s is charged for the silence", async (_, spoken) => {
  let passed = 0;
  const clock = { now: () => Date.now(), ticks: () => performance.now() + passed };
  const { promise: thought, resolve: speak } = Promise.withResolvers<void>();
  const chunk = { id: "c", object: "chat.completion.chunk", created: 1, model: "m" };
  const said = { data: { ...chunk, choices: [{ index: 0, delta: spoken ?? OPENING, finish_reason: null }] } };
  const told = sse([said], { ends: "silence" });
  const thinking: Script = spoken === OPENING ? told : [{ do: "until", open: thought }, ...told];
  const use = async (app: App) => {
    const leaving = new AbortController();
    const body = { model: "m", max_tokens: 9_000, stream: true, messages: [{ role: "user", content: "Think." }] };
    const calling = post(app, { body, signal: leaving.signal }).catch(() => null);
    await up.request();
    if (spoken === OPENING) await (await calling)!.body!.getReader().read();
    passed = 21_000;
    if (spoken !== null && spoken !== OPENING) {
      speak();
      await (await calling)!.body!.getReader().read();
    }
    leaving.abort();
    await calling;
    expect(await until(() => app.meter.openHolds === 0)).toBe(true);
    const record = await lastRecord(app);
    expect(record).toMatchObject({ outcome: "cancelled", usageSource: "counted" });
    // Twenty seconds, and what the machine took.
    expect(record.outputTokens).toBeGreaterThanOrEqual(2_000);
    expect(record.outputTokens).toBeLessThan(2_500);
    speak();
  };
  await under([TOKENS], thinking, use, undefined, { clock });
});

test("what is relayed without a count of tokens costs something under a list that has a price", async () => {
  const sound = text(200, new Uint8Array(64_000), { contentType: "audio/mpeg" });
  const rows: [string, JsonObject, Script, object][] = [
    ["/v1/audio/speech", { input: "Hello" }, sound, { outputTokens: 500, usageSource: "counted" }],
    [
      "/v1/images/generations",
      { prompt: "A fox", n: 2 },
      json(200, { created: 1, data: [{ url: "https://a/b" }] }),
      { outputTokens: 40_000, usageSource: "reserved" },
    ],
    ["/v1/audio/transcriptions", {}, json(200, { text: "x".repeat(400) }), { outputTokens: 100 }],
  ];
  for (const [path, body, answer, charged] of rows) {
    await under([], answer, async (app) => {
      expect((await post(app, { path, body: { model: "m", ...body } })).status).toBe(200);
      const record = await lastRecord(app);
      expect(record).toMatchObject(charged);
      expect(record.costNanoUsd).toBe(record.inputTokens * 1_000 + record.outputTokens * 2_000);
    });
  }
});

test("a body of ten thousand unknown fields leaves a short record", async () => {
  const fields = Object.fromEntries(Array.from({ length: 10_000 }, (_, i) => [`unknown_${i}`, 1]));
  const app = await startApp({ upstream: up.url });
  try {
    up.answer(json(500, {}));
    await post(app, { body: { model: "claude", messages: [{ role: "user", content: "x" }], ...fields } });
    expect((await lastRecord(app)).warnings).toHaveLength(50);
  } finally {
    await app.stop();
  }
});

const BUDGET: JsonObject = { thinking: { type: "enabled", budget_tokens: 100_000 } };
test.each([
  ["in Chat Completions", "dashscope", "chat/completions", { enable_thinking: true, thinking_budget: 100_000 }],
  ["without a budget", "dashscope", "chat/completions", { enable_thinking: true }],
  ["in Messages", "dashscope", "messages", BUDGET],
  ["in Messages, by the other API", "dashscope-native", "messages", BUDGET],
  ["at a server that nobody knows", "openai-compatible", "chat/completions", { thinking_budget: 100_000 }],
  ["there, in Anthropic's words", "openai-compatible", "chat/completions", BUDGET],
  ["there, in OpenRouter's words", "openai-compatible", "chat/completions", { reasoning: { max_tokens: 100_000 } }],
] as [string, string, string, JsonObject][])(
  "thoughts that come on top of the bound are held before a call: %s",
  async (_, kind, path, thinking) => {
    const app = await startApp({
      upstream: up.url,
      limits: [{ ...TOKENS, amount: 50_000 }],
      providers: [{ name: "thinks", kind, baseUrl: kind === "dashscope-native" ? up.url : `${up.url}/v1` }],
      models: [{ name: "m", targets: [{ provider: "thinks", model: "qwen-plus", weight: 1 }], fallbacks: [] }],
    });
    up.forget();
    up.plan((request) => replyInKind(request, { text: "Hi." }));
    const ask = async (more: JsonObject) => {
      const body = { model: "m", max_tokens: 30, messages: [{ role: "user", content: "hi" }], ...more };
      return (await post(app, { path: `/v1/${path}`, body })).status;
    };
    try {
      expect(await ask(thinking)).toBe(429);
      expect(up.requests).toHaveLength(0);
      expect(await ask({})).toBe(200);
    } finally {
      await app.stop();
    }
  },
);
