/**
 * Vercel's AI SDK (`ai`) with its packages for OpenAI, Anthropic and Google, through the gateway to every provider: chat,
 * stream, tool loop, structured output, error, abort. The SDK validates what it reads by schemas of its own, so that
 * what it accepts is well-formed.
 */
// With it any-provider.ts, upstream/bedrock.ts and upstream/dashscope.ts.

import { afterAll, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import { createAnthropic } from "@ai-sdk/anthropic";
import { createGoogleGenerativeAI } from "@ai-sdk/google";
import { createOpenAI } from "@ai-sdk/openai";
import { APICallError, generateObject, generateText, type LanguageModel, stepCountIs, streamText, tool } from "ai";
import { z } from "zod";
import { everyProvider, jsonAnswer, PROVIDER_NAMES, replyInKind } from "../support/any-provider.ts";
import { type App, startApp } from "../support/app.ts";
import { until } from "../support/scene.ts";
import { rejection } from "../support/sdk.ts";
import type { Answer } from "../support/upstream/answer.ts";
import { json, startUpstream, type Upstream } from "../support/upstream.ts";

let up: Upstream;
let app: App;
beforeAll(async () => {
  globalThis.AI_SDK_LOG_WARNINGS = false;
  up = await startUpstream();
  app = await startApp({ upstream: up.url, ...everyProvider(up.url) });
});
afterAll(async () => {
  await app?.stop();
  await up?.stop();
});
beforeEach(() => up.forget());

const at = (base: string) => ({ baseURL: app.url + base, apiKey: app.key });
const CLIENTS: Record<string, (model: string) => LanguageModel> = {
  "@ai-sdk/openai, chat": (model) => createOpenAI(at("/v1")).chat(model),
  "@ai-sdk/openai, responses": (model) => createOpenAI(at("/v1")).responses(model),
  "@ai-sdk/anthropic": (model) => createAnthropic(at("/v1"))(model),
  "@ai-sdk/google": (model) => createGoogleGenerativeAI(at("/v1beta"))(model),
};

/** One answer after the other; the last one stays. */
function says(...answers: Answer[]): void {
  let next = 0;
  up.plan((request) => {
    const id = `answer_${next}`;
    return replyInKind(request, { id, ...answers[Math.min(next++, answers.length - 1)]! });
  });
}

const WEATHER = { city: z.string(), unit: z.enum(["C", "F"]) };

describe.each(Object.keys(CLIENTS))("%s", (name) => {
  describe.each(PROVIDER_NAMES)("a model of %s", (provider) => {
    const settings = () => ({ model: CLIENTS[name]!(`${provider}-model`), maxRetries: 0 });

    test("chats", async () => {
      says({ text: "Hello, Ada! 👋", usage: { input: 12, output: 7 } });
      const { text, finishReason, usage } = await generateText({ ...settings(), system: "Be brief.", prompt: "Hi." });
      expect([text, finishReason, usage.inputTokens, usage.outputTokens]).toEqual(["Hello, Ada! 👋", "stop", 12, 7]);
      expect(up.requests).toHaveLength(1);
      expect(up.requests[0]!.text()).toContain("Be brief.");
    });

    test("streams, piece by piece, to its end", async () => {
      says({ text: ["One ", "two ", "three."], usage: { input: 12, output: 7 } });
      const stream = streamText({ ...settings(), prompt: "Count." });
      const pieces = await Array.fromAsync(stream.textStream);
      expect(pieces.join("")).toBe("One two three.");
      expect(pieces.length).toBeGreaterThan(1);
      const { inputTokens, outputTokens } = await stream.usage;
      expect([await stream.finishReason, inputTokens, outputTokens]).toEqual(["stop", 12, 7]);
    });

    test.each([false, true])("goes through a loop of two tools at once, streamed: %p", async (streamed) => {
      says(
        {
          text: "I look.",
          toolCalls: [
            { id: "call_1", name: "weather", arguments: '{"city":"Rome","unit":"C"}' },
            { id: "call_2", name: "now", arguments: "{}" },
          ],
        },
        { text: "Sunny at noon." },
      );
      const asked: unknown[] = [];
      const tools = {
        weather: tool({
          description: "Weather of a city.",
          inputSchema: z.object(WEATHER),
          execute: async (input) => {
            asked.push(input);
            return { sky: "sunny in Rome" };
          },
        }),
        now: tool({
          inputSchema: z.object({}),
          execute: async (input) => {
            asked.push(input);
            return "12:00 sharp";
          },
        }),
      };
      // Without this the SDK refers to what it believes to be stored, instead of sending it.
      const providerOptions = { openai: { store: false } };
      const question = { ...settings(), providerOptions, prompt: "Weather and time?", tools, stopWhen: stepCountIs(4) };
      const steps = streamed ? await streamText(question).steps : (await generateText(question)).steps;
      expect(asked).toEqual([{ city: "Rome", unit: "C" }, {}]);
      expect(steps.map(({ finishReason }) => finishReason)).toEqual(["tool-calls", "stop"]);
      expect(steps[1]!.text).toBe("Sunny at noon.");
      const second = up.requests[1]!.text();
      for (const part of ["I look.", "sunny in Rome", "12:00 sharp"]) expect(second).toContain(part);
      expect(up.requests).toHaveLength(2);
    });

    const objects = async () => {
      up.plan((request) => replyInKind(request, jsonAnswer(request, { city: "Rome", unit: "C" })));
      const { object } = await generateObject({ ...settings(), schema: z.object(WEATHER), prompt: "Where?" });
      expect(object).toEqual({ city: "Rome", unit: "C" });
      expect(up.requests[0]!.text()).toMatch(/\\?"unit\\?"/);
    };
    // Of Anthropic's models that it does not know, the SDK asks by forcing a tool, which Ollama cannot: see below.
    if (name !== "@ai-sdk/anthropic" || provider !== "ollama")
      test("gives an object of the schema that was asked for", objects);

    test.each([false, true])(
      "tells the provider's error as one that may be tried again, streamed: %p",
      async (stream) => {
        up.answer(
          json(429, { error: { message: "slow down", code: 429, status: "RESOURCE_EXHAUSTED" }, message: "slow down" }),
        );
        const error = stream
          ? await streamError(settings())
          : await rejection(generateText({ ...settings(), prompt: "Hi." }));
        expect(error).toBeInstanceOf(APICallError);
        const { statusCode, isRetryable, message } = error as APICallError;
        expect([statusCode, isRetryable, message]).toEqual([429, true, expect.stringContaining("slow down")]);
      },
    );

    test("hangs up when its caller does", async () => {
      const pieces = Array.from({ length: 50 }, (_, i) => `piece ${i} `);
      up.plan((request) => {
        const script = replyInKind(request, { text: pieces });
        return [...script.slice(0, script.length / 2), { do: "silence" }];
      });
      const leaving = new AbortController();
      const stream = streamText({ ...settings(), prompt: "Tell.", abortSignal: leaving.signal });
      for await (const _ of stream.textStream) leaving.abort();
      expect(await (await up.request()).closed).toMatchObject({ by: "peer", beforeEnd: true });
      expect(await until(() => app.meter.openHolds === 0)).toBe(true);
    });
  });
});

describe("@ai-sdk/anthropic", () => {
  const place = { schema: z.object(WEATHER), prompt: "Where?", maxRetries: 0 };

  test.each(PROVIDER_NAMES)("gives an object in the form of Anthropic's own, by a model of %s", async (provider) => {
    up.plan((request) => replyInKind(request, jsonAnswer(request, { city: "Rome", unit: "C" })));
    const model = createAnthropic(at("/v1"))(`${provider}-model`);
    const providerOptions = { anthropic: { structuredOutputMode: "outputFormat" as const } };
    const { object } = await generateObject({ ...place, model, providerOptions });
    expect(object).toEqual({ city: "Rome", unit: "C" });
  });

  test("is told that Ollama cannot make a model call a tool", async () => {
    const asked = rejection(generateObject({ ...place, model: createAnthropic(at("/v1"))("ollama-model") }));
    expect(await asked).toMatchObject({ statusCode: 400, message: expect.stringContaining("call a tool") });
    expect(up.requests).toEqual([]);
  });
});

/** What a stream is broken off with, which the SDK tells by a call and not by a throw. */
async function streamError(settings: { model: LanguageModel; maxRetries: number }): Promise<unknown> {
  const errors: unknown[] = [];
  const stream = streamText({ ...settings, prompt: "Hi.", onError: ({ error }) => void errors.push(error) });
  await Array.fromAsync(stream.textStream);
  return errors[0];
}
