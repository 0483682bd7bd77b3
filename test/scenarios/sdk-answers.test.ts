/**
 * How an answer ends, what it cost, and what stands beside it, as the official clients read
 * it: every finish reason of every provider in both dialects, refusals, stop sequences, and
 * token counts in both meanings.
 */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { DIALECTS, ROADS } from "../support/scene.ts";
import { chatTokens, MODEL_AT, type Question, type Road, SdkScene, TARGET } from "../support/sdk.ts";
import type { AnswerUsage } from "../support/upstream/answer.ts";
import { anthropicMessages, sse } from "../support/upstream.ts";

let scene: SdkScene;
beforeAll(async () => {
  scene = await SdkScene.begin();
});
afterAll(() => scene.stop());

const HELLO: Question = {
  openai: { messages: [{ role: "user", content: "Say hello." }] },
  anthropic: { max_tokens: 100, messages: [{ role: "user", content: "Say hello." }] },
};
const WAYS = [{ stream: false }, { stream: true }];

/** The provider's word, and what each client must read. Words of its own dialect stay as they are. */
const FINISHES: Record<Road["provider"], [word: string, openai: string, anthropic: string][]> = {
  openai: [
    ["stop", "stop", "end_turn"],
    ["length", "length", "max_tokens"],
    ["content_filter", "content_filter", "refusal"],
    ["eos", "eos", "end_turn"],
    ["model_length", "model_length", "max_tokens"],
    ["sensitive", "sensitive", "refusal"],
    ["invented_tomorrow", "invented_tomorrow", "end_turn"],
  ],
  anthropic: [
    ["end_turn", "stop", "end_turn"],
    ["max_tokens", "length", "max_tokens"],
    ["stop_sequence", "stop", "stop_sequence"],
    ["pause_turn", "stop", "pause_turn"],
    ["refusal", "content_filter", "refusal"],
    ["model_context_window_exceeded", "length", "model_context_window_exceeded"],
    ["invented_tomorrow", "stop", "invented_tomorrow"],
  ],
};
const FINISH_ROWS = DIALECTS.flatMap((provider) =>
  FINISHES[provider].flatMap(([word, openai, anthropic]) => [
    { provider, word, front: "openai" as const, heard: openai },
    { provider, word, front: "anthropic" as const, heard: anthropic },
  ]),
);

describe.each(FINISH_ROWS)("$provider's $word", ({ provider, word, front, heard }) => {
  test.each(WAYS)(`is ${heard} to a client of ${front}, stream: $stream`, async ({ stream }) => {
    scene.says({ text: "So far.", finish: word });
    expect((await scene.hear({ front, provider, stream }, HELLO)).finish).toBe(heard);
  });
});

describe.each(ROADS)("$front's client, $provider's provider, stream: $stream", (road) => {
  const { front, provider } = road;

  test("a refusal is read as one", async () => {
    scene.says({ refusal: "I cannot help with that.", finish: provider === "openai" ? "stop" : "refusal" });
    const heard = await scene.hear(road, HELLO);
    if (front === "anthropic") {
      expect(heard).toMatchObject({ refusal: "I cannot help with that.", finish: "refusal", text: "" });
    } else if (provider === "openai") {
      expect(heard).toMatchObject({ refusal: "I cannot help with that.", finish: "stop", text: "" });
    } else {
      // Anthropic's refusal is text that a reason marks: the client sees the text, and why it ended.
      expect(heard).toMatchObject({ text: "I cannot help with that.", finish: "content_filter", refusal: "" });
    }
  });

  test("stop sequences are asked for, and told where the dialect has a place for them", async () => {
    const stops = ["END", "\n\nHuman:"];
    scene.says(provider === "anthropic" ? { text: "One", stopSequence: "END" } : { text: "One" });
    const heard = await scene.hear(road, {
      openai: { ...HELLO.openai, stop: stops },
      anthropic: { ...HELLO.anthropic, stop_sequences: stops },
    });
    expect(scene.sent()[provider === "openai" ? "stop" : "stop_sequences"]).toEqual(stops);
    const known = front === "anthropic" && provider === "anthropic";
    expect([heard.finish, heard.stopSequence]).toEqual(
      known ? ["stop_sequence", "END"] : [front === "openai" ? "stop" : "end_turn", null],
    );
  });

  const COUNTS: [string, AnswerUsage][] = [
    ["plain", { input: 1_200, output: 345 }],
    ["from the cache", { input: 5_000, output: 10, cacheRead: 4_096 }],
    ["everything from the cache", { input: 4_096, output: 1, cacheRead: 4_096 }],
    ["with reasoning", { input: 40, output: 900, reasoning: 640 }],
  ];
  test.each(COUNTS)("token counts keep their meaning: %s", async (_, usage) => {
    scene.says({ text: "Hello.", usage });
    const heard = await scene.hear(road, HELLO);
    // Neither emulator nor provider tells reasoning apart in Anthropic's dialect of old.
    const reasoning = provider === "openai" ? (usage.reasoning ?? 0) : 0;
    const { input, output, cacheRead = 0 } = usage;
    expect(heard.tokens).toEqual({ input, output, cacheRead, cacheWrite: 0, reasoning });
    expect(await scene.record()).toMatchObject({
      inputTokens: input,
      outputTokens: output,
      cacheReadTokens: cacheRead,
      usageSource: "reported",
    });
  });

  test("counts of nothing beside a text are told as they are, and charged as counted here", async () => {
    scene.says({ text: "Hello.", usage: { input: 0, output: 0 } });
    expect((await scene.hear(road, HELLO)).tokens).toMatchObject({ input: 0, output: 0 });
    const record = await scene.record();
    expect(record.usageSource).toBe("counted");
    expect(record.inputTokens).toBeGreaterThan(0);
    expect(record.outputTokens).toBeGreaterThan(0);
  });
});

describe.each(WAYS)("stream: $stream", ({ stream }) => {
  test.each(DIALECTS)("what Anthropic wrote to its cache is part of the input for a client of %s", async (front) => {
    scene.says({ text: "Hello.", usage: { input: 5_000, output: 10, cacheRead: 1_000, cacheWrite: 3_000 } });
    const heard = await scene.hear({ front, provider: "anthropic", stream }, HELLO);
    expect(heard.tokens).toEqual({ input: 5_000, output: 10, cacheRead: 1_000, cacheWrite: 3_000, reasoning: 0 });
  });

  test.each(DIALECTS)("Anthropic's thinking tokens are reasoning for a client of %s", async (front) => {
    const details = { output_tokens_details: { thinking_tokens: 512 } };
    const usage = { input_tokens: 9, output_tokens: 700, ...details };
    if (stream) {
      const events = anthropicMessages.events({ text: "Hello.", usage: { input: 9, output: 700 } });
      for (const { data } of events) if (data.type === "message_delta") data.usage = usage;
      scene.up.answer(sse(events));
    } else scene.up.answer(anthropicMessages.unary({ text: "Hello.", extra: { usage } }));
    const heard = await scene.hear({ front, provider: "anthropic", stream }, HELLO);
    expect(heard.tokens).toEqual({ input: 9, output: 700, cacheRead: 0, cacheWrite: 0, reasoning: 512 });
  });
});

describe.each(DIALECTS)("a stream of a provider of %s, for a client of OpenAI's", (provider) => {
  const usageOf = async (options: { include_usage?: boolean } | undefined) => {
    scene.says({ text: ["One ", "two."], usage: { input: 12, output: 7 } });
    scene.up.forget();
    const body = { ...HELLO.openai, model: MODEL_AT[provider], stream: true as const };
    const stream = await scene.clients.openai.chat.completions.create(
      options === undefined ? body : { ...body, stream_options: options },
    );
    const chunks = await Array.fromAsync(stream);
    expect(chunks.flatMap(({ choices }) => choices.map(({ delta }) => delta.content ?? "")).join("")).toBe("One two.");
    return chunks.filter(({ usage }) => usage !== undefined && usage !== null);
  };

  test.each([undefined, { include_usage: false }, {}])("tells no usage to who asked with %j", async (options) => {
    expect(await usageOf(options)).toEqual([]);
    if (provider === "openai") expect(scene.sent().stream_options).toEqual({ include_usage: true });
    expect(await scene.record()).toMatchObject({
      inputTokens: 12,
      outputTokens: 7,
      usageSource: "reported",
    });
  });

  test("tells it once, in a last chunk without choices, to who asked for it", async () => {
    const told = await usageOf({ include_usage: true });
    expect(told.map(({ choices }) => choices)).toEqual([[]]);
    expect(chatTokens(told[0]!.usage)).toMatchObject({ input: 12, output: 7 });
  });
});

describe.each(ROADS)("what stands beside an answer: $front's client, $provider's provider, stream: $stream", (road) => {
  const { front, provider, stream } = road;

  test("the client's own methods give the gateway's headers and the id of the call", async () => {
    scene.says({ text: "Hello." });
    const { openai, anthropic } = scene.clients;
    const model = MODEL_AT[provider];
    const asked =
      front === "openai"
        ? openai.chat.completions.create({ ...HELLO.openai, model, stream })
        : anthropic.messages.create({ ...HELLO.anthropic, model, stream });
    const { data, response, request_id } = await asked.withResponse();
    if (Symbol.asyncIterator in data) await Array.fromAsync(data as AsyncIterable<unknown>);
    expect(request_id).toBe((await scene.record()).requestId);
    const account = provider === "openai" ? "oai" : "ant";
    expect(response.headers.get("x-sallyport-model")).toBe(`${account}/${TARGET[provider]}`);
    expect(response.headers.get("x-sallyport-attempts")).toBe("1");
    expect(response.headers.has("x-sallyport-cost-usd")).toBe(!stream);
    // What the provider says of itself has a name of its own: elsewhere its id would be taken for ours.
    const ours = [...response.headers].filter(([name]) => !name.startsWith("x-sallyport-upstream-"));
    expect(ours.map(([, value]) => value).join("\n")).not.toContain("req_provider1");
  });
});

test.each(DIALECTS)(
  "the last comment of a stream tells the charge, before a provider of %s ends it",
  async (provider) => {
    for (const front of DIALECTS) {
      scene.says({ text: "Hello.", usage: { input: 12, output: 7 } });
      const response = await scene.call(front, { model: MODEL_AT[provider], stream: true });
      const blocks = (await response.text()).trimEnd().split("\n\n");
      const end = front === "openai" ? "data: [DONE]" : 'event: message_stop\ndata: {"type":"message_stop"}';
      expect(blocks.at(-1)).toBe(end);
      const [comment, ...others] = blocks.filter((block) => block.startsWith(": sallyport {"));
      expect(others).toEqual([]);
      expect(JSON.parse(comment!.slice(": sallyport ".length))).toMatchObject({ inputTokens: 12, outputTokens: 7 });
    }
  },
);
