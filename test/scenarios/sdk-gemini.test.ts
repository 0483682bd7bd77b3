/**
 * Google's official client through the gateway to providers of three dialects, and the clients of
 * the others to Google: chat, stream, tool loop, JSON, error, abort. What left is judged by the
 * bytes that the provider received.
 */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import Anthropic from "@anthropic-ai/sdk";
import { ApiError, type Content, type FunctionDeclaration, GoogleGenAI, type Part } from "@google/genai";
import OpenAI from "openai";
import type { JsonObject } from "../../src/kernel/json.ts";
import { type App, post, startApp } from "../support/app.ts";
import { modelAt } from "../support/models.ts";
import { until } from "../support/scene.ts";
import type { Answer } from "../support/upstream/answer.ts";
import * as geminiApi from "../support/upstream/gemini.ts";
import { SIGNATURE } from "../support/upstream/gemini.ts";
import {
  anthropicMessages,
  json,
  openaiChat,
  type ReceivedRequest,
  sse,
  startUpstream,
  type Upstream,
} from "../support/upstream.ts";

const PROVIDERS = ["google", "openai", "anthropic"] as const;
type Provider = (typeof PROVIDERS)[number];

let up: Upstream;
let app: App;
let genai: GoogleGenAI;
let openai: OpenAI;
let anthropic: Anthropic;

beforeAll(async () => {
  up = await startUpstream();
  app = await startApp({
    upstream: up.url,
    providers: [
      { name: "oai", kind: "openai", baseUrl: `${up.url}/v1` },
      { name: "goo", kind: "google", baseUrl: `${up.url}/v1beta` },
    ],
    models: [
      modelAt("google", "goo", "gemini-3.8-flash"),
      modelAt("gemini-old", "goo", "gemini-2.5-flash"),
      modelAt("openai", "oai", "gpt-4.1"),
      modelAt("anthropic", "ant", "claude-sonnet-4-5"),
    ],
  });
  genai = new GoogleGenAI({ apiKey: app.key, httpOptions: { baseUrl: app.url } });
  openai = new OpenAI({ apiKey: app.key, baseURL: `${app.url}/v1`, maxRetries: 0 });
  anthropic = new Anthropic({ apiKey: app.key, baseURL: app.url, maxRetries: 0 });
});
afterAll(async () => {
  await app?.stop();
  await up?.stop();
});

/** The answer in the dialect in which the provider was asked. */
function says(...answers: Answer[]): void {
  up.forget();
  let next = 0;
  up.plan((request) => {
    const answer = answers[Math.min(next++, answers.length - 1)]!;
    return dialectOf(request).replies(answer)(request);
  });
}

function dialectOf({ path }: ReceivedRequest) {
  if (path.includes(":")) return geminiApi;
  return path.endsWith("/messages") ? anthropicMessages : openaiChat;
}

const sent = (index = 0) => up.requests[index]!.json() as JsonObject;

const WEATHER: FunctionDeclaration = {
  name: "weather",
  description: "Weather of a city.",
  parametersJsonSchema: { type: "object", properties: { city: { type: "string" } }, required: ["city"] },
};
const CALL = { id: "call_1", name: "weather", arguments: '{"city":"Berlin"}' };

describe.each(PROVIDERS)("Google's client, a model of %s", (provider) => {
  test("chats, and reads the text, the thoughts and the tokens", async () => {
    const usage = { input: 12, output: 9, reasoning: 2 };
    says({ text: "Hello.", usage, ...(provider === "google" ? { reasoning: "Hm." } : {}) });
    const answer = await genai.models.generateContent({
      model: provider,
      contents: "Hi.",
      config: { systemInstruction: "Be brief.", maxOutputTokens: 50, temperature: 0.5 },
    });
    expect(answer.text).toBe("Hello.");
    expect(answer.candidates![0]!.finishReason as string).toBe("STOP");
    expect(answer.usageMetadata).toMatchObject({ promptTokenCount: 12, totalTokenCount: 21 });
    expect(JSON.stringify(sent())).toContain("Be brief.");
  });

  test("reads a stream, piece by piece, to its end", async () => {
    says({ text: ["One ", "two ", "three."] });
    const stream = await genai.models.generateContentStream({ model: provider, contents: "Count." });
    const pieces: string[] = [];
    let last: unknown;
    let tokens: number | undefined;
    for await (const chunk of stream) {
      if (chunk.text) pieces.push(chunk.text);
      last = chunk.candidates?.[0]?.finishReason ?? last;
      tokens = chunk.usageMetadata?.totalTokenCount ?? tokens;
    }
    expect([pieces.join(""), last, tokens]).toEqual(["One two three.", "STOP", 19]);
    expect(pieces.length).toBeGreaterThan(1);
  });

  test("goes through a tool loop, and each side sees its own ids and signatures", async () => {
    says({ text: "Let me look.", toolCalls: [CALL, { ...CALL, id: "call_2", arguments: "" }] }, { text: "Sunny." });
    const config = { tools: [{ functionDeclarations: [WEATHER] }] };
    const contents: Content[] = [{ role: "user", parts: [{ text: "Weather?" }] }];
    const first = await genai.models.generateContent({ model: provider, contents, config });
    const calls = first.functionCalls!;
    expect(calls.map(({ name, args }) => [name, args])).toEqual([
      ["weather", { city: "Berlin" }],
      ["weather", {}],
    ]);
    contents.push(first.candidates![0]!.content!);
    const results: Part[] = calls.map((call) => {
      const response = { functionResponse: { name: call.name!, response: { output: "Sun." } } };
      return call.id === undefined ? response : { functionResponse: { ...response.functionResponse, id: call.id } };
    });
    contents.push({ role: "user", parts: results });
    const second = await genai.models.generateContent({ model: provider, contents, config });
    expect(second.text).toBe("Sunny.");
    if (provider === "google") {
      const [, turn, back] = sent(1).contents as { parts: JsonObject[] }[];
      expect(turn!.parts).toEqual([
        { text: "Let me look." },
        { functionCall: { name: "weather", args: { city: "Berlin" } }, thoughtSignature: SIGNATURE },
        { functionCall: { name: "weather", args: {} } },
      ]);
      expect(back!.parts).toHaveLength(2);
    } else {
      const told = JSON.stringify(sent(1));
      for (const id of ["call_1", "call_2"]) expect(told.split(`"${id}"`)).toHaveLength(3);
    }
  });

  test.each([false, true])("calls a tool whose name only Google allows, stream: %p", async (stream) => {
    const name = "my.srv:get";
    up.forget();
    let given = "";
    up.plan((request) => {
      given = /"name":"(my[^"]*)"/.exec(JSON.stringify((request.json() as JsonObject).tools))![1]!;
      return dialectOf(request).replies({ toolCalls: [{ ...CALL, name: given }] })(request);
    });
    const config = { tools: [{ functionDeclarations: [{ ...WEATHER, name }] }] };
    const asked = { model: provider, contents: "Weather?", config };
    const heard: unknown[] = [];
    if (stream) {
      for await (const chunk of await genai.models.generateContentStream(asked))
        heard.push(...(chunk.functionCalls ?? []));
    } else heard.push(...(await genai.models.generateContent(asked)).functionCalls!);
    expect(heard).toMatchObject([{ name, args: { city: "Berlin" } }]);
    expect(given).toMatch(provider === "google" ? /^my\.srv:get$/ : /^my_srv_get_[0-9a-f]{8}$/);
  });

  test("is answered in JSON", async () => {
    const schema = {
      type: "object",
      properties: { city: { type: "string" } },
      required: ["city"],
      additionalProperties: false,
    };
    says({ text: '{"city":"Berlin"}' });
    const answer = await genai.models.generateContent({
      model: provider,
      contents: "Which city?",
      config: { responseMimeType: "application/json", responseJsonSchema: schema },
    });
    expect(JSON.parse(answer.text!)).toEqual({ city: "Berlin" });
    expect(JSON.stringify(sent())).toContain('"city"');
  });

  test("is told why it was refused, and how long to wait", async () => {
    const said = "Too fast.";
    const script = {
      google: geminiApi.failure(429, "RESOURCE_EXHAUSTED", said, [
        { "@type": "type.googleapis.com/google.rpc.RetryInfo", retryDelay: "7s" },
      ]),
      openai: json(429, { error: { message: said } }, { headers: { "retry-after": "7" } }),
      anthropic: json(
        429,
        { type: "error", error: { type: "rate_limit_error", message: said } },
        { headers: { "retry-after": "7" } },
      ),
    }[provider];
    up.answer(script);
    const thrown = await rejection(genai.models.generateContent({ model: provider, contents: "Hi." }));
    expect(thrown).toBeInstanceOf(ApiError);
    expect((thrown as ApiError).status).toBe(429);
    const { error } = JSON.parse((thrown as ApiError).message) as { error: JsonObject };
    expect(error).toMatchObject({ code: 429, message: said, status: "RESOURCE_EXHAUSTED" });
    const body = { contents: [{ parts: [{ text: "Hi." }] }] };
    const response = await post(app, { path: `/v1/models/${provider}:generateContent`, body });
    expect([response.status, response.headers.get("retry-after")]).toEqual([429, "7"]);
  });

  test("is thrown what breaks in a stream, and no end", async () => {
    const { promise, resolve } = Promise.withResolvers<void>();
    const answer = { text: ["One ", "two ", "three."] };
    const frames = provider === "google" ? geminiApi.frames(answer) : dialectFrames(provider, answer);
    up.answer([...sse(frames.slice(0, -1)).slice(0, -1), { do: "until", open: promise }, { do: "close" }]);
    let text = "";
    const thrown = await rejection(
      (async () => {
        for await (const chunk of await genai.models.generateContentStream({ model: provider, contents: "Count." })) {
          text += chunk.text ?? "";
          resolve();
        }
      })(),
    );
    expect(text).toStartWith("One");
    expect(thrown).toBeInstanceOf(Error);
    expect(String(thrown)).toContain("502");
  });

  test("that aborts lets the provider go", async () => {
    up.forget();
    const answer = { text: ["One "] };
    const frames = provider === "google" ? geminiApi.frames(answer) : dialectFrames(provider, answer).slice(0, 4);
    up.answer([...sse(frames).slice(0, -1), { do: "silence" }]);
    const controller = new AbortController();
    const reading = (async () => {
      const config = { abortSignal: controller.signal };
      for await (const _ of await genai.models.generateContentStream({ model: provider, contents: "Count.", config })) {
        controller.abort();
      }
    })();
    await rejection(reading);
    expect(await (await up.request()).closed).toMatchObject({ by: "peer", beforeEnd: true });
    expect(await until(() => app.meter.openHolds === 0)).toBe(true);
  });
});

function dialectFrames(provider: Provider, answer: Answer) {
  return provider === "openai" ? openaiChat.frames(answer) : anthropicMessages.frames(answer);
}

async function rejection(promise: Promise<unknown>): Promise<unknown> {
  try {
    await promise;
  } catch (thrown) {
    return thrown;
  }
  throw new Error("it was not rejected");
}

describe("another client, a model of Google's: the signature of a call comes back with it", () => {
  const tool = { name: "weather", description: "Weather of a city." };
  const parameters = { type: "object" as const, properties: { city: { type: "string" } } };

  test.each([false, true])("through OpenAI's Chat Completions, stream: %p", async (stream) => {
    says({ toolCalls: [CALL] }, { text: "Sunny." });
    const tools = [{ type: "function" as const, function: { ...tool, parameters } }];
    const ask = { model: "google", tools, messages: [{ role: "user" as const, content: "Weather?" }] };
    const message = stream
      ? (await openai.chat.completions.stream(ask).finalChatCompletion()).choices[0]!.message
      : (await openai.chat.completions.create(ask)).choices[0]!.message;
    const call = message.tool_calls![0] as OpenAI.ChatCompletionMessageFunctionToolCall;
    expect(JSON.parse(call.function.arguments)).toEqual({ city: "Berlin" });
    const { reasoning_details } = message as unknown as { reasoning_details: JsonObject[] };
    expect(reasoning_details).toMatchObject([{ type: "reasoning.encrypted", format: "google-gemini-v1", id: call.id }]);
    const result = { role: "tool" as const, tool_call_id: call.id, content: "Sun." };
    const second = await openai.chat.completions.create({ ...ask, messages: [...ask.messages, message, result] });
    expect(second.choices[0]!.message.content).toBe("Sunny.");
    expectSigned();
  });

  test.each([false, true])("through Anthropic's Messages, stream: %p", async (stream) => {
    says({ toolCalls: [CALL] }, { text: "Sunny." });
    const ask = {
      model: "google",
      max_tokens: 100,
      tools: [{ ...tool, input_schema: parameters }],
      messages: [{ role: "user" as const, content: "Weather?" }],
    };
    const message = stream ? await anthropic.messages.stream(ask).finalMessage() : await anthropic.messages.create(ask);
    expect(message.content.map(({ type }) => type)).toEqual(["redacted_thinking", "tool_use"]);
    const call = message.content[1] as Anthropic.ToolUseBlock;
    expect(call.input).toEqual({ city: "Berlin" });
    const result = { type: "tool_result" as const, tool_use_id: call.id, content: "Sun." };
    const messages = [
      ...ask.messages,
      { role: "assistant" as const, content: message.content },
      { role: "user" as const, content: [result] },
    ];
    const second = await anthropic.messages.create({ ...ask, messages });
    expect(second.content).toMatchObject([{ type: "text", text: "Sunny." }]);
    expectSigned();
    // The same conversation, gone on with at Anthropic, which would refuse Google's signature.
    says({ text: "Sunny." });
    await anthropic.messages.create({ ...ask, model: "anthropic", messages });
    expect(JSON.stringify(sent())).not.toContain(SIGNATURE);
  });

  function expectSigned(): void {
    expect((sent(1).contents as JsonObject[]).slice(1)).toEqual([
      {
        role: "model",
        parts: [{ functionCall: { name: "weather", args: { city: "Berlin" } }, thoughtSignature: SIGNATURE }],
      },
      { role: "user", parts: [{ functionResponse: { name: "weather", response: { output: "Sun." } } }] },
    ]);
  }
});

test("JSON beside functions comes by a function that nobody sees, where the model takes only one of them", async () => {
  says({ toolCalls: [{ id: "x", name: "respond_with_json", arguments: '{"city":"Berlin"}' }] });
  const answer = await openai.chat.completions.create({
    model: "gemini-old",
    messages: [{ role: "user", content: "Which city?" }],
    tools: [{ type: "function", function: { name: "weather" } }],
    response_format: { type: "json_object" },
  });
  expect(answer.choices[0]).toMatchObject({ finish_reason: "stop", message: { content: '{"city":"Berlin"}' } });
});

describe("Google's other addresses", () => {
  test("list the models that the key may use, and tell of one", async () => {
    const names: string[] = [];
    for await (const each of await genai.models.list()) names.push(each.name!);
    expect(names).toEqual(["models/anthropic", "models/gemini-old", "models/google", "models/openai"]);
    expect(await genai.models.get({ model: "openai" })).toMatchObject({ name: "models/openai", displayName: "openai" });
    const thrown = (await rejection(genai.models.get({ model: "unknown" }))) as ApiError;
    expect(thrown.status).toBe(404);
    expect(thrown.message).toContain("NOT_FOUND");
  });

  test.each(PROVIDERS)("stream one JSON array without alt=sse, from %s", async (provider) => {
    says({ text: ["One ", "two."] });
    const path = `/v1beta/models/${provider}:streamGenerateContent`;
    const response = await post(app, { path, body: { contents: { parts: { text: "Hi." } } } });
    expect(response.headers.get("content-type")).toBe("application/json");
    const told = (await response.json()) as { candidates: { content: Content; finishReason?: string }[] }[];
    const text = told.map((each) => each.candidates[0]!.content.parts!.map((part) => part.text).join("")).join("");
    expect([text, told.at(-1)!.candidates[0]!.finishReason]).toEqual(["One two.", "STOP"]);
  });

  test("a bad key, a bad body and a path that leads nowhere have Google's envelope", async () => {
    const rows: [string, Parameters<typeof post>[1], number, string][] = [
      ["key", { key: "sk-nobody", body: {} }, 401, "UNAUTHENTICATED"],
      ["body", { body: {} }, 400, "INVALID_ARGUMENT"],
      ["path", { path: "/v1beta/nothing", body: {} }, 404, "NOT_FOUND"],
      [
        "model",
        { path: "/v1beta/models/nothing:generateContent", body: { contents: [{ parts: [] }] } },
        404,
        "NOT_FOUND",
      ],
    ];
    for (const [, options, code, status] of rows) {
      const response = await post(app, { path: "/v1beta/models/google:generateContent", ...options });
      expect([response.status, await response.json()]).toMatchObject([code, { error: { code, status } }]);
    }
  });
});

test("an error that stands bare in Google's stream ends it as one, for its own client and for others", async () => {
  const bare = `{\n  "error": {\n    "code": 503,\n    "message": "Overloaded.",\n    "status": "UNAVAILABLE"\n  }\n}\n`;
  const broken = async (read: (next: () => void) => Promise<void>) => {
    const { promise, resolve } = Promise.withResolvers<void>();
    const [first] = geminiApi.frames({ text: ["One ", "two."] });
    const shown = sse([first!]).slice(0, -1);
    const rest = sse([bare]).slice(1);
    up.answer([...shown, { do: "until", open: promise }, ...rest]);
    return await rejection(read(resolve));
  };
  const own = await broken(async (next) => {
    for await (const _ of await genai.models.generateContentStream({ model: "google", contents: "Hi." })) next();
  });
  expect(String(own)).toContain("Overloaded.");
  const other = await broken(async (next) => {
    const messages = [{ role: "user" as const, content: "Hi." }];
    for await (const _ of await openai.chat.completions.create({ model: "google", messages, stream: true })) next();
  });
  expect(other).toBeInstanceOf(OpenAI.APIError);
  expect(String(other)).toContain("Overloaded.");
});
