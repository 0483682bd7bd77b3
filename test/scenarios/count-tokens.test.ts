/**
 * Tokens counted before a call, by the clients of Anthropic and Google: by the provider where it
 * counts, estimated here where it does not. Nothing is charged for it. It is the test of
 * src/wire/anthropic-messages/count.ts, src/wire/gemini/count.ts, src/providers/anthropic/count.ts and
 * src/providers/google/count.ts.
 */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import Anthropic from "@anthropic-ai/sdk";
import { GoogleGenAI } from "@google/genai";
import type { JsonObject } from "../../src/kernel/json.ts";
import { type App, post, startApp } from "../support/app.ts";
import { modelAt } from "../support/models.ts";
import { json, startUpstream, type Upstream } from "../support/upstream.ts";

let up: Upstream;
let app: App;
let anthropic: Anthropic;
let genai: GoogleGenAI;

beforeAll(async () => {
  up = await startUpstream();
  app = await startApp({
    upstream: up.url,
    limits: [
      { dimension: "requests", window: "day", amount: 1_000 },
      { dimension: "usd", window: "day", amount: 1 },
    ],
    guardrails: [{ name: "names", kind: "phrases", action: "mask", direction: "input", phrases: ["falcon"] }],
    providers: [
      { name: "goo", kind: "google", baseUrl: `${up.url}/v1beta` },
      { name: "ver", kind: "vertex", baseUrl: up.url, options: { project: "acme-prod" } },
    ],
    models: [
      modelAt("claude", "ant", "claude-sonnet-4-5"),
      modelAt("gemini", "goo", "gemini-2.5-flash"),
      modelAt("vertex", "ver", "gemini-2.5-flash"),
      modelAt("gpt", "up", "gpt-x"),
      modelAt("demo", "demo", "demo"),
    ],
  });
  anthropic = new Anthropic({ apiKey: app.key, baseURL: app.url, maxRetries: 0 });
  genai = new GoogleGenAI({ apiKey: app.key, httpOptions: { baseUrl: app.url } });
});
afterAll(async () => {
  await app?.stop();
  await up?.stop();
});

function counting(body: JsonObject) {
  up.requests = [];
  up.answer(json(200, body));
}
const last = () => ({ path: up.requests.at(-1)!.path, body: up.requests.at(-1)!.json() as JsonObject });

const tools = [{ name: "look", description: "Looks.", input_schema: { type: "object" as const } }];
const messages = [{ role: "user" as const, content: "Find the falcon." }];

describe("Anthropic's client", () => {
  test("has Claude's tokens counted by Anthropic, of what the guards let through", async () => {
    counting({ input_tokens: 42 });
    const answer = await anthropic.messages.countTokens({ model: "claude", system: "Be brief.", messages, tools });
    expect(answer.input_tokens).toBe(42);
    expect(last().path).toBe("/v1/messages/count_tokens");
    expect(last().body).toEqual({
      model: "claude-sonnet-4-5",
      system: "Be brief.",
      messages: [{ role: "user", content: "Find the [names]." }],
      tools,
    });
  });

  test("has Gemini's tokens counted by Google", async () => {
    counting({ totalTokens: 17 });
    const answer = await anthropic.messages.countTokens({ model: "gemini", system: "Be brief.", messages, tools });
    expect(answer.input_tokens).toBe(17);
    expect(last().path).toBe("/v1beta/models/gemini-2.5-flash:countTokens");
    expect(last().body.generateContentRequest).toMatchObject({
      model: "models/gemini-2.5-flash",
      contents: [{ role: "user" }],
      systemInstruction: { parts: [{ text: "Be brief." }] },
    });
  });

  test.each(["gpt", "demo"])("gets an estimate for %s, which says so, and nobody is asked", async (name) => {
    counting({});
    const long = "word ".repeat(1_000);
    const { data, response } = await anthropic.messages
      .countTokens({ model: name, messages: [{ role: "user", content: long }] })
      .withResponse();
    expect(data.input_tokens).toBeGreaterThan(900);
    expect(data.input_tokens).toBeLessThan(1_600);
    expect(response.headers.get("x-sallyport-warnings")).toContain("estimate");
    expect(up.requests).toHaveLength(0);
  });
});

describe("Google's client", () => {
  test("has Gemini's tokens counted by Google, and the bytes as they came", async () => {
    counting({ totalTokens: 31, promptTokensDetails: [{ modality: "TEXT", tokenCount: 31 }] });
    const answer = await post(app, {
      path: "/v1beta/models/gemini:countTokens",
      body: { contents: [{ parts: [{ text: "hello" }] }] },
    });
    expect(answer.status).toBe(200);
    const sdk = await genai.models.countTokens({ model: "gemini", contents: "hello" });
    expect(sdk.totalTokens).toBe(31);
    expect(last().body).toEqual({ contents: [{ role: "user", parts: [{ text: "hello" }] }] });
  });

  test("has Claude's tokens counted by Anthropic", async () => {
    counting({ input_tokens: 9 });
    const answer = await genai.models.countTokens({ model: "claude", contents: "hello" });
    expect(answer.totalTokens).toBe(9);
    expect(last().body).toEqual({ model: "claude-sonnet-4-5", messages: [{ role: "user", content: "hello" }] });
  });

  test("has tokens counted by Vertex, which takes a request's fields as they are", async () => {
    counting({ totalTokens: 31, totalBillableCharacters: 5 });
    const answer = await genai.models.countTokens({ model: "vertex", contents: "hello" });
    expect(answer.totalTokens).toBe(31);
    const home = "/v1/projects/acme-prod/locations/global/publishers/google/models/gemini-2.5-flash";
    expect(last()).toMatchObject({ path: `${home}:countTokens`, body: { contents: [{ parts: [{ text: "hello" }] }] } });
  });

  test("may send a whole request, but not contents beside it", async () => {
    counting({ totalTokens: 5 });
    const contents = [{ role: "user", parts: [{ text: "hello" }] }];
    const path = "/v1beta/models/gemini:countTokens";
    const whole = { generateContentRequest: { model: "models/gemini", contents, generationConfig: { topK: 3 } } };
    expect((await post(app, { path, body: whole })).status).toBe(200);
    expect((await post(app, { path, body: { ...whole, contents } })).status).toBe(400);
  });
});

test("A count is a request, and costs nothing but that", async () => {
  counting({ input_tokens: 42 });
  await anthropic.messages.countTokens({ model: "claude", messages });
  await anthropic.messages.countTokens({ model: "gpt", messages });
  for (const record of (await app.records()).slice(-2)) {
    expect(record).toMatchObject({
      outcome: "finished",
      endpoint: "count-tokens",
      inputTokens: 0,
      outputTokens: 0,
      costNanoUsd: 0,
    });
    expect(record.admittedAt).not.toBeNull();
  }
});

test("A count that is none is the provider's failure", async () => {
  counting({ input_tokens: "many" });
  const thrown = await anthropic.messages.countTokens({ model: "claude", messages }).catch((error) => error);
  expect(thrown).toMatchObject({ status: 502 });
});
