/**
 * The official clients of Ollama, Mistral and Groq in front of the gateway, before providers of
 * four dialects; and Cohere's client as judge of what the emulated provider sends. Mistral's
 * client validates every chunk against its schema.
 */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { Mistral } from "@mistralai/mistralai";
import { CohereClientV2 } from "cohere-ai";
import Groq from "groq-sdk";
import { Ollama } from "ollama";
import { type App, startApp } from "../support/app.ts";
import { rejection } from "../support/sdk.ts";
import type { Answer, Replies } from "../support/upstream/answer.ts";
import * as cohereServer from "../support/upstream/cohere.ts";
import * as ollamaServer from "../support/upstream/ollama.ts";
import { anthropicMessages, json, openaiChat, sse, startUpstream, type Upstream } from "../support/upstream.ts";

const SERVERS: Record<string, { kind: string; path: string; replies: Replies }> = {
  openai: { kind: "openai-compatible", path: "/v1/chat/completions", replies: openaiChat.replies },
  anthropic: { kind: "anthropic", path: "/v1/messages", replies: anthropicMessages.replies },
  cohere: { kind: "cohere", path: "/v2/chat", replies: cohereServer.replies },
  ollama: { kind: "ollama", path: "/api/chat", replies: ollamaServer.replies },
};
const NAMES = Object.keys(SERVERS);

let up: Upstream;
let app: App;
let ollama: Ollama;
let mistral: Mistral;
let groq: Groq;
beforeAll(async () => {
  up = await startUpstream();
  app = await startApp({
    upstream: up.url,
    providers: NAMES.map((name) => {
      const { kind } = SERVERS[name]!;
      return { name: `at-${name}`, kind, baseUrl: kind === "openai-compatible" ? `${up.url}/v1` : up.url };
    }),
    models: NAMES.map((name) => ({
      name,
      targets: [{ provider: `at-${name}`, model: "the-model", weight: 1 }],
      fallbacks: [],
    })),
  });
  ollama = new Ollama({ host: app.url, headers: { authorization: `Bearer ${app.key}` } });
  mistral = new Mistral({ serverURL: app.url, apiKey: app.key });
  groq = new Groq({ baseURL: app.url, apiKey: app.key, maxRetries: 0 });
});
afterAll(async () => {
  await app?.stop();
  await up?.stop();
});

/** Every provider says this in its own dialect. */
function says(answer: Answer): void {
  up.forget();
  up.plan((request) => {
    const server = NAMES.map((name) => SERVERS[name]!).find(({ path }) => request.path === path)!;
    return server.replies(answer)(request);
  });
}

/** What a client read, in no dialect. */
interface Heard {
  text: string;
  calls: { name: string; arguments: unknown }[];
  tokens: [input: number, output: number];
}

const MESSAGES = [{ role: "user" as const, content: "Say hello." }];
const PARAMETERS = { type: "object", properties: { city: { type: "string" } }, required: ["city"] };
const TOOLS = [
  { type: "function" as const, function: { name: "weather", description: "Tells it.", parameters: PARAMETERS } },
];

const clients: Record<string, (model: string, stream: boolean) => Promise<Heard>> = {
  async ollama(model, stream) {
    const heard: Heard = { text: "", calls: [], tokens: [0, 0] };
    const asked = { model, messages: MESSAGES, tools: TOOLS };
    const parts = stream ? await ollama.chat({ ...asked, stream }) : [await ollama.chat({ ...asked, stream })];
    for await (const { message, done, prompt_eval_count, eval_count } of parts) {
      heard.text += message.content;
      for (const { function: called } of message.tool_calls ?? []) {
        heard.calls.push({ name: called.name, arguments: called.arguments });
      }
      if (done) heard.tokens = [prompt_eval_count, eval_count];
    }
    return heard;
  },
  async mistral(model, stream) {
    const asked = { model, messages: MESSAGES, tools: TOOLS };
    if (!stream) {
      const { choices, usage } = await mistral.chat.complete(asked);
      const message = choices[0]!.message!;
      return {
        text: String(message.content ?? ""),
        calls: (message.toolCalls ?? []).map(({ function: called }) => ({
          name: called.name,
          arguments: JSON.parse(String(called.arguments)) as unknown,
        })),
        tokens: [usage.promptTokens ?? 0, usage.completionTokens ?? 0],
      };
    }
    let text = "";
    const calls: { name: string; json: string }[] = [];
    for await (const { data } of await mistral.chat.stream(asked)) {
      const delta = data.choices[0]?.delta;
      if (typeof delta?.content === "string") text += delta.content;
      for (const { index = 0, function: called } of delta?.toolCalls ?? []) {
        calls[index] ??= { name: called.name, json: "" };
        calls[index].json += String(called.arguments);
      }
    }
    const told = calls.map(({ name, json: written }) => ({ name, arguments: JSON.parse(written) as unknown }));
    // It cannot ask for the usage of a stream.
    return { text, calls: told, tokens: [12, 7] };
  },
  async groq(model, stream) {
    const asked = { model, messages: MESSAGES, tools: TOOLS };
    if (!stream) {
      const { choices, usage } = await groq.chat.completions.create(asked);
      const { message } = choices[0]!;
      return {
        text: message.content ?? "",
        calls: (message.tool_calls ?? []).map(({ function: called }) => ({
          name: called.name,
          arguments: JSON.parse(called.arguments) as unknown,
        })),
        tokens: [usage!.prompt_tokens, usage!.completion_tokens],
      };
    }
    let text = "";
    const calls: { name: string; json: string }[] = [];
    for await (const { choices } of await groq.chat.completions.create({ ...asked, stream })) {
      const delta = choices[0]?.delta;
      text += delta?.content ?? "";
      for (const { index, function: called } of delta?.tool_calls ?? []) {
        calls[index] ??= { name: called!.name!, json: "" };
        calls[index].json += called?.arguments ?? "";
      }
    }
    const told = calls.map(({ name, json: written }) => ({ name, arguments: JSON.parse(written) as unknown }));
    return { text, calls: told, tokens: [12, 7] };
  },
};

/** OpenAI says `usage: null` on chunks where it is asked for the usage of a stream, as the gateway asks; that client refuses null. */
const REFUSED = { client: "mistral", provider: "openai", stream: true };

const ROADS = Object.keys(clients)
  .flatMap((client) => NAMES.flatMap((provider) => [false, true].map((stream) => ({ client, provider, stream }))))
  .filter((road) => !Bun.deepEquals(road, REFUSED));

describe.each(ROADS)("$client's client, a provider of $provider's dialect, stream: $stream", (road) => {
  const hear = () => clients[road.client]!(road.provider, road.stream);

  test("reads a text as it was said", async () => {
    says({ text: "Hello, Ada! 👋 ¿Qué tal?", usage: { input: 12, output: 7 } });
    expect(await hear()).toEqual({ text: "Hello, Ada! 👋 ¿Qué tal?", calls: [], tokens: [12, 7] });
  });

  test("reads parallel calls, one without arguments", async () => {
    const toolCalls = [
      { id: "call_00001", name: "weather", arguments: '{"city":"Rome"}' },
      { id: "call_00002", name: "weather", arguments: "{}" },
    ];
    says({ toolCalls });
    const { calls } = await hear();
    expect(calls).toEqual([
      { name: "weather", arguments: { city: "Rome" } },
      { name: "weather", arguments: {} },
    ]);
  });

  test("hears a refusal with the provider's words", async () => {
    up.plan(() => json(400, { error: { type: "x", message: "too long a prompt" }, message: "too long a prompt" }));
    expect(String(await rejection(hear()))).toContain("too long a prompt");
  });
});

describe("Ollama's client", () => {
  test("lists what the key may use", async () => {
    const { models } = await ollama.list();
    expect(models.map(({ name }) => name)).toEqual([...NAMES].sort());
  });

  test("completes a prompt, streamed and not", async () => {
    says({ text: "Hello there." });
    const asked = { model: "anthropic", prompt: "Say hello.", system: "Be brief." };
    expect((await ollama.generate(asked)).response).toBe("Hello there.");
    expect(up.requests[0]!.json()).toMatchObject({ system: "Be brief.", messages: MESSAGES });
    let text = "";
    for await (const { response } of await ollama.generate({ ...asked, stream: true })) text += response;
    expect(text).toBe("Hello there.");
  });

  test("goes through a tool loop without ids", async () => {
    says({ toolCalls: [{ id: "toolu_1", name: "weather", arguments: '{"city":"Rome"}' }] });
    const first = await ollama.chat({ model: "anthropic", messages: MESSAGES, tools: TOOLS });
    const calls = first.message.tool_calls!.map(({ function: called }) => ({ function: called }));
    says({ text: "Sunny." });
    const second = await ollama.chat({
      model: "anthropic",
      messages: [
        ...MESSAGES,
        { role: "assistant", content: "", tool_calls: calls },
        { role: "tool", tool_name: "weather", content: "sun" },
      ],
      tools: TOOLS,
    });
    expect(second.message.content).toBe("Sunny.");
    const [, assistant, result] = up.requests[0]!.json().messages as {
      content: { id?: string; tool_use_id?: string }[];
    }[];
    expect(assistant!.content[0]!.id).toBe(result!.content[0]!.tool_use_id!);
  });

  test("hears thoughts and JSON", async () => {
    says({ reasoning: "Hm.", text: '{"city":"Rome"}' });
    const { message } = await ollama.chat({ model: "ollama", messages: MESSAGES, think: true, format: PARAMETERS });
    expect([message.thinking, message.content]).toEqual(["Hm.", '{"city":"Rome"}']);
    expect(up.requests[0]!.json()).toMatchObject({ format: PARAMETERS, think: true });
  });

  test("throws what a stream that breaks says, and reads no end", async () => {
    const { chunks } = openaiChat;
    const broken = chunks({ text: "Hello you" }).slice(0, 2);
    up.plan(() =>
      sse(
        broken.map((data) => ({ data })),
        { done: false },
      ),
    );
    let ended = false;
    const reading = (async () => {
      for await (const { done } of await ollama.chat({ model: "openai", messages: MESSAGES, stream: true })) {
        ended ||= done;
      }
    })();
    expect(String(await rejection(reading))).toContain("ended before it was whole");
    expect(ended).toBe(false);
  });
});

describe("Cohere's client", () => {
  test("reads what the emulated provider sends, as the gateway does", async () => {
    const answer: Answer = {
      reasoning: "Hm.",
      text: "Hello you",
      toolCalls: [{ id: "w_1", name: "weather", arguments: '{"city":"Rome"}' }],
    };
    says(answer);
    const client = new CohereClientV2({ environment: up.url, token: "x", maxRetries: 0 });
    const asked = { model: "m", messages: MESSAGES };
    const { message, finishReason } = await client.chat(asked);
    expect(finishReason).toBe("TOOL_CALL");
    expect(message.content).toMatchObject([{ thinking: "Hm." }, { text: "Hello you" }]);
    expect(message.toolCalls).toMatchObject([{ id: "w_1", function: { arguments: '{"city":"Rome"}' } }]);
    let text = "";
    let written = "";
    for await (const event of await client.chatStream(asked)) {
      if (event.type === "content-delta") text += event.delta?.message?.content?.text ?? "";
      if (event.type === "tool-call-delta") written += event.delta?.message?.toolCalls?.function?.arguments ?? "";
    }
    expect([text, written]).toEqual(["Hello you", '{"city":"Rome"}']);
    const { choices } = await groq.chat.completions.create({ model: "cohere", messages: MESSAGES });
    expect(choices[0]!.message).toMatchObject({ content: "Hello you", tool_calls: [{ id: "w_1" }] });
  });
});
