/**
 * Legacy Completions, by OpenAI's client: asked of servers that have them, and of conversations
 * elsewhere. It is the test of src/wire/openai-completions/index.ts, openai-completions/decode.ts,
 * openai-completions/encode.ts and wire/token-list.ts, and of src/providers/openai/operations/index.ts
 * and operations/completions.ts.
 */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import OpenAI, { AzureOpenAI } from "openai";
import type { JsonObject } from "../../src/kernel/json.ts";
import { type App, post, startApp } from "../support/app.ts";
import { modelAt } from "../support/models.ts";
import {
  anthropicMessages,
  json,
  openaiChat,
  type Script,
  sse,
  startUpstream,
  type Upstream,
} from "../support/upstream.ts";

let up: Upstream;
let app: App;
let openai: OpenAI;

beforeAll(async () => {
  up = await startUpstream();
  app = await startApp({
    upstream: up.url,
    providers: [
      { name: "oai", kind: "openai", baseUrl: `${up.url}/v1` },
      { name: "azu", kind: "azure-openai", baseUrl: up.url },
    ],
    models: [
      modelAt("vllm", "up", "base-7b"),
      modelAt("instruct", "oai", "gpt-3.5-turbo-instruct"),
      modelAt("gpt", "oai", "gpt-4.1"),
      modelAt("azure", "azu", "gpt-35-turbo-instruct"),
      modelAt("claude", "ant", "claude-sonnet-4-5"),
      modelAt("demo", "demo", "demo"),
    ],
  });
  openai = new OpenAI({ apiKey: app.key, baseURL: `${app.url}/v1`, maxRetries: 0 });
});
afterAll(async () => {
  await app?.stop();
  await up?.stop();
});

function answering(script: Script) {
  up.requests = [];
  up.answer(script);
}
const sent = () => up.requests.at(-1)!.json() as JsonObject;
const lastRecord = async () => (await app.records()).at(-1)!;

const head = { id: "cmpl-1", object: "text_completion", created: 1_700_000_000, model: "base-7b" };
const choice = (index: number, text: string, finish_reason: string | null = null) => {
  return { index, text, logprobs: null, finish_reason };
};
const usage = { prompt_tokens: 5, completion_tokens: 4, total_tokens: 9 };
const whole = (...choices: JsonObject[]) => json(200, { ...head, choices, usage, future: true });
const streamed = (...choices: JsonObject[]) =>
  sse([...choices.map((each) => ({ data: { ...head, choices: [each] } })), { data: { ...head, choices: [], usage } }], {
    done: true,
  });

const collect = async (body: JsonObject) => {
  const texts: string[] = [];
  let finish: string | null = null;
  let tokens: unknown = null;
  const stream = await openai.completions.create({ ...(body as { model: string; prompt: string }), stream: true });
  for await (const chunk of stream) {
    for (const each of chunk.choices) {
      texts[each.index] = (texts[each.index] ?? "") + each.text;
      finish = each.finish_reason ?? finish;
    }
    tokens = chunk.usage ?? tokens;
  }
  return { texts, finish, tokens };
};

describe("A server that completes texts", () => {
  test.each(["vllm", "instruct", "azure"])(
    "%s is asked in the caller's words, and its bytes are relayed",
    async (name) => {
      answering(whole(choice(0, " upon a time", "stop")));
      const body = {
        model: name,
        prompt: "Once",
        suffix: "end",
        echo: false,
        best_of: 2,
        logprobs: 3,
        max_tokens: 9,
        temperature: 0.5,
        n: 1,
        stop: "\n",
        seed: 7,
        user: "u",
        future: { a: 1 },
      };
      const answer = await post(app, { path: "/v1/completions", body });
      expect(((await answer.json()) as JsonObject).future).toBe(true);
      expect(up.requests[0]!.path).toEndWith("/completions");
      expect(sent()).toEqual({
        ...body,
        model: { vllm: "base-7b", instruct: "gpt-3.5-turbo-instruct", azure: "gpt-35-turbo-instruct" }[name]!,
      });
      expect(await lastRecord()).toMatchObject({ endpoint: "completions", inputTokens: 5, outputTokens: 4 });
    },
  );

  test("takes several prompts, in text or tokens", async () => {
    for (const prompt of [
      ["a", "b"],
      [[1, 2], [3]],
      [1, 2, 3],
    ]) {
      answering(whole(choice(0, "x", "stop"), choice(1, "y", "length")));
      const answer = await openai.completions.create({ model: "vllm", prompt: prompt as string[] });
      expect(answer.choices.map(({ text }) => text)).toEqual(["x", "y"]);
      expect(sent().prompt).toEqual(prompt[0] === 1 ? [prompt as number[]] : (prompt as string[]));
    }
  });

  test("streams, and its usage is asked for and shown to who asked", async () => {
    answering(streamed(choice(0, " upon"), choice(1, "!"), choice(0, " a time", "stop"), choice(1, "", "length")));
    const quiet = await collect({ model: "vllm", prompt: ["a", "b"] });
    expect(quiet).toEqual({ texts: [" upon a time", "!"], finish: "length", tokens: null });
    expect(sent()).toMatchObject({ stream: true, stream_options: { include_usage: true } });
    expect(await lastRecord()).toMatchObject({
      inputTokens: 5,
      outputTokens: 4,
      usageSource: "reported",
      stream: true,
    });
    const telling = await collect({ model: "vllm", prompt: ["a", "b"], stream_options: { include_usage: true } });
    expect(telling.tokens).toEqual(usage);
  });

  test("that breaks off ends in an error, never as if it were whole", async () => {
    answering(sse([{ data: { ...head, choices: [choice(0, "Half")] } }], { done: false }));
    const thrown = await collect({ model: "vllm", prompt: "a" }).catch((error) => error);
    expect(thrown).toBeInstanceOf(OpenAI.APIError);
    expect((await lastRecord()).outcome).toBe("cut");
  });
});

describe("A provider of conversations", () => {
  test.each(["gpt", "claude"])("%s is asked with the prompt as the only message", async (name) => {
    const claude = name === "claude";
    const make = claude ? anthropicMessages : openaiChat;
    answering(make.unary({ text: " upon a time" }));
    const answer = await openai.completions.create({ model: name, prompt: "Once", stop: ["X"] });
    expect(answer).toMatchObject({ object: "text_completion", choices: [{ text: " upon a time", index: 0 }] });
    expect(answer.choices[0]!.finish_reason).toBe("stop");
    expect(answer.usage!.total_tokens).toBeGreaterThan(0);
    expect(sent().messages).toMatchObject([{ role: "user", content: "Once" }]);
    answering(make.stream({ text: " upon a time" }));
    const stream = await collect({ model: name, prompt: "Once", stream_options: { include_usage: true } });
    expect(stream.texts).toEqual([" upon a time"]);
    expect(stream.finish).toBe("stop");
    expect(stream.tokens).toEqual(answer.usage as never);
  });

  test("tells logprobs in the legacy form", async () => {
    const content = [
      { token: "ab", logprob: -0.5, bytes: null, top_logprobs: [{ token: "ab", logprob: -0.5, bytes: null }] },
      { token: "c", logprob: -1, bytes: null, top_logprobs: [] },
    ];
    const message = { role: "assistant", content: "abc" };
    answering(
      json(200, {
        id: "c",
        object: "chat.completion",
        created: 1,
        model: "m",
        choices: [{ index: 0, message, logprobs: { content }, finish_reason: "length" }],
        usage,
      }),
    );
    const answer = await openai.completions.create({ model: "gpt", prompt: "Once", logprobs: 1, max_tokens: 2 });
    expect(sent()).toMatchObject({ logprobs: true, top_logprobs: 1 });
    expect(answer.choices[0]).toEqual({
      text: "abc",
      index: 0,
      finish_reason: "length",
      logprobs: {
        tokens: ["ab", "c"],
        token_logprobs: [-0.5, -1],
        top_logprobs: [{ ab: -0.5 }, {}],
        text_offset: [0, 2],
      },
    });
  });

  test("demo answers too, streamed and not", async () => {
    const answer = await openai.completions.create({ model: "demo", prompt: "Hello", max_tokens: 100 });
    expect(answer.choices[0]!.text.length).toBeGreaterThan(0);
    expect((await collect({ model: "demo", prompt: "Hello", max_tokens: 100 })).texts[0]).toBe(answer.choices[0]!.text);
  });

  test.each([
    ["prompt", { prompt: ["a", "b"] }],
    ["prompt", { prompt: [1, 2] }],
    ["suffix", { prompt: "a", suffix: "z" }],
    ["echo", { prompt: "a", echo: true }],
    ["best_of", { prompt: "a", best_of: 3 }],
  ])("refuses %s of %j", async (field, body) => {
    answering(json(200, {}));
    const answer = await post(app, { path: "/v1/completions", body: { model: "claude", ...body } });
    expect(answer.status).toBe(400);
    const { error } = (await answer.json()) as { error: { code: string; param: string } };
    expect(error).toMatchObject({ code: "unsupported_feature", param: field });
    expect(up.requests).toHaveLength(0);
  });
});

test.each([
  ["prompt", {}],
  ["prompt", { prompt: [] }],
  ["prompt[1]", { prompt: ["a", 1] }],
  ["prompt[0]", { prompt: [-1] }],
  ["best_of", { prompt: "a", best_of: 0 }],
  ["logprobs", { prompt: "a", logprobs: "3" }],
  ["temperature", { prompt: "a", temperature: "hot" }],
  ["api_base", { prompt: "a", api_base: "https://x" }],
])("A request is refused that has no good %s: %j", async (field, body) => {
  const answer = await post(app, { path: "/v1/completions", body: { model: "vllm", ...body } });
  expect(answer.status).toBe(400);
  expect(((await answer.json()) as { error: { param: string } }).error.param).toBe(field);
});

test("Azure's client names the model in the path", async () => {
  answering(whole(choice(0, "x", "stop")));
  const azure = new AzureOpenAI({ apiKey: app.key, endpoint: app.url, apiVersion: "2024-10-21", maxRetries: 0 });
  const answer = await azure.completions.create({ model: "vllm", prompt: "a" });
  expect(answer.choices[0]!.text).toBe("x");
});

test("Guards mask prompts and answers, streamed and not", async () => {
  const guarded = await startApp({
    upstream: up.url,
    guardrails: [{ name: "names", kind: "phrases", action: "mask", direction: "both", phrases: ["falcon"] }],
  });
  try {
    for (const stream of [false, true]) {
      answering(
        stream ? streamed(choice(0, "the fal"), choice(0, "con", "stop")) : whole(choice(0, "the falcon", "stop")),
      );
      const body = { model: "small", prompt: ["a falcon"], suffix: "falcon", stream };
      const answer = await post(guarded, { path: "/v1/completions", body });
      const text = await answer.text();
      expect(answer.status).toBe(200);
      expect(text).toContain("[names]");
      expect(text).not.toContain("falcon");
      if (stream) expect(text).toEndWith("data: [DONE]\n\n");
      expect(sent()).toMatchObject({ prompt: "a [names]", suffix: "[names]" });
    }
    const tokens = await post(guarded, { path: "/v1/completions", body: { model: "small", prompt: [1, 2] } });
    expect(tokens.status).toBe(422);
  } finally {
    await guarded.stop();
  }
});
