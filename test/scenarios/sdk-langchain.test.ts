/**
 * LangChain's `ChatOpenAI`, by Chat Completions and by Responses, through the gateway to every provider: chat, stream,
 * tool loop, structured output, error, abort.
 */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import {
  type AIMessage,
  type AIMessageChunk,
  HumanMessage,
  SystemMessage,
  ToolMessage,
} from "@langchain/core/messages";
import { ChatOpenAI } from "@langchain/openai";
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
  up = await startUpstream();
  app = await startApp({ upstream: up.url, ...everyProvider(up.url) });
});
afterAll(async () => {
  await app?.stop();
  await up?.stop();
});
beforeEach(() => up.forget());

/** One answer after the other; the last one stays. */
function says(...answers: Answer[]): void {
  let next = 0;
  up.plan((request) => {
    const id = `answer_${next}`;
    return replyInKind(request, { id, ...answers[Math.min(next++, answers.length - 1)]! });
  });
}

const WEATHER = z.object({ city: z.string(), unit: z.enum(["C", "F"]) });
const TOOLS = [
  { name: "weather", description: "Weather of a city.", schema: WEATHER },
  { name: "now", description: "The time.", schema: z.object({}) },
];

describe.each([
  ["Chat Completions", false],
  ["Responses", true],
])("ChatOpenAI by %s", (_, useResponsesApi) => {
  describe.each(PROVIDER_NAMES)("a model of %s", (provider) => {
    const chat = () =>
      new ChatOpenAI({
        model: `${provider}-model`,
        apiKey: app.key,
        configuration: { baseURL: `${app.url}/v1` },
        maxRetries: 0,
        useResponsesApi,
      });

    test("chats", async () => {
      says({ text: "Hello, Ada! 👋", usage: { input: 12, output: 7 } });
      const answer = await chat().invoke([new SystemMessage("Be brief."), new HumanMessage("Hi.")]);
      expect(answer.text).toBe("Hello, Ada! 👋");
      expect(answer.usage_metadata).toMatchObject({ input_tokens: 12, output_tokens: 7, total_tokens: 19 });
      expect(up.requests[0]!.text()).toContain("Be brief.");
    });

    test("streams, piece by piece, to its end", async () => {
      says({ text: ["One ", "two ", "three."], usage: { input: 12, output: 7 } });
      const chunks = await Array.fromAsync(await chat().stream("Count."));
      const texts = chunks.map(({ text }) => text).filter((text) => text !== "");
      expect(texts.join("")).toBe("One two three.");
      expect(texts.length).toBeGreaterThan(1);
      const whole = chunks.reduce<AIMessageChunk>((sum, chunk) => sum.concat(chunk), chunks.shift()!);
      expect(whole.usage_metadata).toMatchObject({ total_tokens: 19 });
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
      const model = chat().bindTools(TOOLS);
      const ask = async (messages: (HumanMessage | AIMessage | ToolMessage)[]): Promise<AIMessageChunk> => {
        if (!streamed) return await model.invoke(messages);
        return (await Array.fromAsync(await model.stream(messages))).reduce((sum, chunk) => sum.concat(chunk));
      };
      const question = new HumanMessage("Weather and time?");
      const first = await ask([question]);
      const calls = first.tool_calls ?? [];
      expect(calls.map(({ name, args }) => [name, args])).toEqual([
        ["weather", { city: "Rome", unit: "C" }],
        ["now", {}],
      ]);
      const results = ["sunny in Rome", "12:00 sharp"].map(
        (content, at) => new ToolMessage({ content, tool_call_id: calls[at]!.id! }),
      );
      expect((await ask([question, first, ...results])).text).toBe("Sunny at noon.");
      const second = up.requests[1]!.text();
      for (const part of ["I look.", "sunny in Rome", "12:00 sharp"]) expect(second).toContain(part);
    });

    test("gives an object of the schema that was asked for", async () => {
      up.plan((request) => replyInKind(request, jsonAnswer(request, { city: "Rome", unit: "C" })));
      const asked = chat().withStructuredOutput(WEATHER, { name: "place", method: "jsonSchema" });
      expect(await asked.invoke("Where?")).toEqual({ city: "Rome", unit: "C" });
      expect(up.requests[0]!.text()).toMatch(/\\?"unit\\?"/);
    });

    test("tells the provider's error with its status and its words", async () => {
      up.answer(
        json(429, { error: { message: "slow down", code: 429, status: "RESOURCE_EXHAUSTED" }, message: "slow down" }),
      );
      const error = await rejection(chat().invoke("Hi."));
      expect(error).toMatchObject({ status: 429, message: expect.stringContaining("slow down") });
    });

    test("hangs up when its caller does", async () => {
      const pieces = Array.from({ length: 50 }, (_, i) => `piece ${i} `);
      up.plan((request) => {
        const script = replyInKind(request, { text: pieces });
        return [...script.slice(0, script.length / 2), { do: "silence" }];
      });
      const leaving = new AbortController();
      const reading = async () => {
        for await (const _ of await chat().stream("Tell.", { signal: leaving.signal })) leaving.abort();
      };
      expect(await rejection(reading())).toMatchObject({ name: expect.stringMatching(/Abort/) });
      expect(await (await up.request()).closed).toMatchObject({ by: "peer", beforeEnd: true });
      expect(await until(() => app.meter.openHolds === 0)).toBe(true);
    });
  });
});
