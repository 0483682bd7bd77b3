/**
 * What needs no account: the list of models (gateway/answering/list-models.ts) and the demo model, by
 * the official clients of both dialects; and what only OpenAI's dialect has, several answers
 * and log probabilities, where the provider has it too.
 */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import Anthropic from "@anthropic-ai/sdk";
import OpenAI from "openai";
import { zodResponseFormat } from "openai/helpers/zod";
import { z } from "zod";
import { DIALECTS } from "../support/scene.ts";
import { heardChat, heardMessage, rejection, SdkScene } from "../support/sdk.ts";

let scene: SdkScene;
beforeAll(async () => {
  scene = await SdkScene.begin();
});
afterAll(() => scene.stop());

const WAYS = [{ stream: false }, { stream: true }];
const MODELS = ["claude", "deep", "demo", "gpt", "haiku", "opus", "small", "thinker"];

describe("models", () => {
  test("are listed to a client of OpenAI's, and described one by one", async () => {
    const { models } = scene.clients.openai;
    const listed = await Array.fromAsync(await models.list());
    expect(listed.map(({ id }) => id)).toEqual(MODELS);
    for (const model of listed) {
      expect(model).toEqual({
        id: model.id,
        object: "model",
        created: expect.any(Number),
        owned_by: expect.any(String),
      });
      expect(await models.retrieve(model.id)).toEqual(model);
    }
  });

  test("are listed to a client of Anthropic's, and described one by one", async () => {
    const { models } = scene.clients.anthropic;
    const listed = await Array.fromAsync(models.list({ limit: 1_000 }));
    expect(listed.map(({ id }) => id)).toEqual(MODELS);
    for (const model of listed) {
      expect(model).toMatchObject({ type: "model", id: model.id, display_name: model.id });
      expect(Number.isNaN(Date.parse(model.created_at))).toBe(false);
      expect(await models.retrieve(model.id)).toEqual(model);
    }
  });

  test("that are not this key's are not found", async () => {
    const { openai, anthropic } = scene.clients;
    expect(await rejection(openai.models.retrieve("gpt-99"))).toBeInstanceOf(OpenAI.NotFoundError);
    expect(await rejection(anthropic.models.retrieve("gpt-99"))).toBeInstanceOf(Anthropic.NotFoundError);
  });
});

const QUESTION = [{ role: "user" as const, content: "Do you hear me?" }];
const CITY = { type: "object" as const, properties: { city: { type: "string" } }, required: ["city"] };

describe.each(WAYS)("the demo model, stream: $stream", ({ stream }) => {
  test.each(DIALECTS)("answers a client of %s, says what it is, and costs nothing", async (front) => {
    scene.forget();
    const heard =
      front === "openai"
        ? heardChat(...(await scene.chat({ model: "demo", messages: QUESTION }, stream)))
        : heardMessage(await scene.message({ model: "demo", max_tokens: 500, messages: QUESTION }, stream));
    expect(heard.text).toContain("demo model: canned text");
    expect(heard.text).toContain("Do you hear me?");
    expect([heard.model, heard.finish]).toEqual(["demo", front === "openai" ? "stop" : "end_turn"]);
    expect(heard.id).toMatch(front === "openai" ? /^chatcmpl-\w+$/ : /^msg_\w+$/);
    expect(heard.tokens.input).toBeGreaterThan(0);
    expect(heard.tokens.output).toBeGreaterThan(0);
    expect(await scene.record()).toMatchObject({
      costNanoUsd: 0,
      inputTokens: heard.tokens.input,
      outputTokens: heard.tokens.output,
    });
    expect(scene.up.requests).toEqual([]);
  });

  test("calls a tool of OpenAI's client, once", async () => {
    const given: unknown[] = [];
    const tool = {
      type: "function" as const,
      function: {
        name: "weather",
        description: "Weather of a city.",
        parameters: CITY,
        parse: JSON.parse,
        function: (input: unknown) => {
          given.push(input);
          return "Sunny.";
        },
      },
    };
    const { completions } = scene.clients.openai.chat;
    const body = { model: "demo", messages: QUESTION, tools: [tool] };
    const last = stream
      ? await completions.runTools({ ...body, stream: true }).finalContent()
      : await completions.runTools(body).finalContent();
    expect(given).toEqual([{ city: expect.any(String) }]);
    expect(last).toContain("Sunny.");
  });

  test("calls a tool of Anthropic's client, once", async () => {
    const given: unknown[] = [];
    const last = await scene.clients.anthropic.beta.messages
      .toolRunner({
        model: "demo",
        max_tokens: 500,
        stream,
        messages: QUESTION,
        tools: [
          {
            name: "weather",
            description: "Weather of a city.",
            input_schema: CITY,
            parse: (input) => input,
            run: (input) => {
              given.push(input);
              return "Sunny.";
            },
          },
        ],
      })
      .runUntilDone();
    expect(given).toEqual([{ city: expect.any(String) }]);
    expect(last.content).toMatchObject([{ type: "text", text: expect.stringContaining("Sunny.") }]);
  });

  test("gives JSON that the schema allows", async () => {
    const shape = z.object({ name: z.string(), age: z.int(), kind: z.enum(["a", "b"]), tags: z.array(z.string()) });
    const body = { model: "demo", messages: QUESTION, response_format: zodResponseFormat(shape, "thing") };
    const { completions } = scene.clients.openai.chat;
    const completion = stream ? await completions.stream(body).finalChatCompletion() : await completions.parse(body);
    expect(shape.safeParse(completion.choices[0]!.message.parsed).success).toBe(true);
  });

  test("stops at the caller's words and bounds", async () => {
    const [stopped] = await scene.chat({ model: "demo", messages: QUESTION, stop: ["canned"] }, stream);
    expect(stopped.choices[0]!.message.content).toEndWith("demo model: ");
    const cut = await scene.message({ model: "demo", max_tokens: 3, messages: QUESTION }, stream);
    expect(cut.stop_reason).toBe("max_tokens");
    const named = await scene.message(
      { model: "demo", max_tokens: 300, messages: QUESTION, stop_sequences: ["canned"] },
      stream,
    );
    expect([named.stop_reason, named.stop_sequence]).toEqual(["stop_sequence", "canned"]);
  });
});

const LOGPROBS = {
  content: [
    { token: "Yes", logprob: -0.1, bytes: [89, 101, 115], top_logprobs: [{ token: "No", logprob: -2.5, bytes: null }] },
  ],
  refusal: null,
};

describe.each(WAYS)("stream: $stream", ({ stream }) => {
  test.each(["gpt", "demo"])("several answers of %s are told apart", async (model) => {
    scene.says({
      choices: [{ text: ["One", " way."] }, { text: "Another.", finish: "length" }, { refusal: "I would not." }],
    });
    const [completion] = await scene.chat({ model, messages: QUESTION, n: 3 }, stream);
    expect(completion.choices.map(({ index }) => index)).toEqual([0, 1, 2]);
    if (model === "demo") {
      for (const { message } of completion.choices) expect(message.content).toContain("canned text");
      return;
    }
    expect(scene.sent().n).toBe(3);
    expect(
      completion.choices.map(({ message, finish_reason }) => [
        message.content ?? "",
        message.refusal ?? "",
        finish_reason,
      ]),
    ).toEqual([
      ["One way.", "", "stop"],
      ["Another.", "", "length"],
      ["", "I would not.", "stop"],
    ]);
  });

  test("log probabilities of OpenAI's are told as they came", async () => {
    scene.says({ choices: [{ text: ["Yes"], logprobs: LOGPROBS }] });
    const [completion] = await scene.chat(
      { model: "gpt", messages: QUESTION, logprobs: true, top_logprobs: 1 },
      stream,
    );
    expect(completion.choices[0]!.logprobs).toEqual(LOGPROBS);
    expect(scene.sent()).toMatchObject({ logprobs: true, top_logprobs: 1 });
  });

  test("the demo model's are those of a text that is certain", async () => {
    const [completion] = await scene.chat({ model: "demo", messages: QUESTION, logprobs: true }, stream);
    const { content } = completion.choices[0]!.logprobs!;
    expect(content!.map(({ token }) => token).join("")).toBe(completion.choices[0]!.message.content!);
  });
});
