/**
 * Streams of providers that write more than they were asked for: more is held as the answer grows, and where a limit has
 * no room for it the stream is cut, so that spent and reserved never exceed it by more than one read. Proves
 * gateway/metering/output-bound.ts on the road.
 */
import { afterEach, describe, expect, test } from "bun:test";
import { GatewayError } from "../../src/errors.ts";
import type { Limit } from "../../src/kernel/limit.ts";
import { DIALECTS, type DialectName, PROVIDERS, Scene, until } from "../support/scene.ts";
import { frameText, head, json, openaiChat, type Script, sse } from "../support/upstream.ts";

const open: Scene[] = [];
afterEach(async () => {
  for (const scene of open.splice(0)) await scene.stop();
});

/** Each is one token of o200k. */
const WORDS = Array.from({ length: 2_000 }, (_, i) => [" one", " big", " red", " dog"][i % 4]!);
const BOUND = 100;
const day = (dimension: Limit["dimension"], amount: number): Limit => ({ dimension, window: "day", amount });

/** By the provider's name: one whose tokenizer is public, and another. */
const MODELS = { exact: "gpt-4o", other: "mystery-1" } as const;

async function under(limits: Limit[], upstream: string): Promise<Scene> {
  const scene = await Scene.start({
    limits,
    models: [{ name: "small", targets: [{ provider: "up", model: upstream, weight: 1 }], fallbacks: [] }],
  });
  open.push(scene);
  return scene;
}

/** So many words, in frames of the provider's; the connection stays open where `ends` is false. */
function words(count: number, ends = true): Script {
  const frames = openaiChat.frames({ text: WORDS.slice(0, count), usage: { input: 10, output: count } });
  if (ends) return sse(frames, { split: { size: 2_000 } });
  return sse(frames.slice(0, -3), { split: { size: 2_000 }, ends: "silence" });
}

const ask = (scene: Scene, front: DialectName) => scene.call(front, { stream: true, max_tokens: BOUND });

describe.each(DIALECTS)("to %s", (front) => {
  describe.each(Object.entries(MODELS))("a model whose tokenizer is %s", (kind, model) => {
    test("an answer that outgrows its bound is cut where a quota has no room for more, the provider let go of, and charged as streamed", async () => {
      const scene = await under([day("outputTokens", 500)], model);
      scene.up.plan(() => words(2_000, false));
      const { record, message } = await scene.brokeOff(front, await ask(scene, front), { code: "insufficient_quota" });
      expect(message).toContain("longer than its bound");
      expect(await until(() => scene.up.requests[0]!.closed !== null)).toBe(true);
      // The frames of one read of the network, and what counts of other tokenizers allow for.
      expect(record.outputTokens).toBeGreaterThan(400);
      expect(record.outputTokens).toBeLessThan(kind === "exact" ? 620 : 720);
      expect(record.usageSource).toBe("counted");
    });

    test("one that finds room is whole, and charged as reported", async () => {
      const scene = await under([day("outputTokens", 5_000)], model);
      scene.up.plan(() => words(2_000));
      const response = await ask(scene, front);
      expect(await response.text()).toContain(front === "openai" ? "[DONE]" : "message_stop");
      const record = await scene.record();
      expect(record).toMatchObject({ outcome: "finished", outputTokens: 2_000, usageSource: "reported" });
      expect(record.warnings).toEqual(["max_tokens: the answer is longer than its bound; more was held for it"]);
      await scene.quiet();
    });

    test("one of just its bound is whole under a quota that has not a token more", async () => {
      const scene = await under([day("outputTokens", BOUND)], model);
      scene.up.plan(() => words(BOUND));
      await scene.served(front, { stream: true, max_tokens: BOUND });
    });
  });
});

test("while it grows, as much is held as has been written, and others find no room", async () => {
  const scene = await under([day("outputTokens", 1_000)], MODELS.exact);
  scene.up.plan(() => words(700, false));
  const growing = await ask(scene, "openai");
  const reader = growing.body!.getReader();
  for (let text = ""; text.split('"content"').length < 690; ) {
    const { value } = await reader.read();
    text += new TextDecoder().decode(value);
  }
  const held = async () => (await scene.app.meter.usage("subscription:sub_1", "UTC")).periods.day.reserved.output;
  expect(await until(async () => (await held()) >= 690)).toBe(true);
  // Nobody has called since who could have told.
  expect(await until(() => scene.app.raised.some(({ threshold }) => threshold === 50))).toBe(true);
  expect((await scene.call("openai", { max_tokens: 350 })).status).toBe(429);
  await reader.cancel();
  await scene.quiet();
  expect(await held()).toBe(0);
});

test.each(Object.entries(MODELS))("where the store is away, a stream of a model whose tokenizer is %s ends, charged for what was written", async (_, model) => {
  const scene = await under([day("outputTokens", 5_000)], model);
  scene.app.meter.extend = () => Promise.reject(new GatewayError("store_unavailable", "The store is away."));
  scene.up.plan(() => words(2_000, false));
  const { record } = await scene.brokeOff("openai", await ask(scene, "openai"), { code: "store_unavailable" });
  expect(record.outputTokens).toBeGreaterThan(BOUND + 16);
  expect(record.usageSource).toBe("counted");
}); // biome-ignore format: a row

test("a budget in money holds the price of what is more", async () => {
  // Two dollars a million tokens of output, so a tenth of a cent is 500 of them.
  const scene = await under([day("usd", 1_000_000)], MODELS.exact);
  scene.up.plan(() => words(2_000, false));
  const { record } = await scene.brokeOff("openai", await ask(scene, "openai"), { code: "insufficient_quota" });
  expect(record.costNanoUsd).toBeGreaterThan(800_000);
  expect(record.costNanoUsd).toBeLessThan(1_250_000);
});

test("what a provider tells of its thoughts while it writes counts too", async () => {
  const scene = await under([day("outputTokens", 500)], MODELS.other);
  const chunk = (content: string, told: number) => ({
    ...{ id: "c", object: "chat.completion.chunk", created: 1, model: "m" },
    choices: [{ index: 0, delta: { content }, finish_reason: null }],
    usage: { prompt_tokens: 5, completion_tokens: told, total_tokens: 5 + told },
  });
  const frames = [90, 400, 900, 950].map((told) => frameText({ data: chunk("a ", told) }));
  const steps = frames.flatMap(
    (frame): Script => [
      { do: "write", bytes: new TextEncoder().encode(frame) },
      { do: "wait", ms: 20 },
    ],
  );
  scene.up.plan(() => [head(200, { "content-type": "text/event-stream" }), ...steps, { do: "silence" }]);
  const { record } = await scene.brokeOff("openai", await ask(scene, "openai"), { code: "insufficient_quota" });
  expect(record.outputTokens).toBe(900);
});

test("a whole answer that is longer than its bound is passed on, and charged as reported", async () => {
  const scene = await under([day("outputTokens", 500)], MODELS.exact);
  scene.up.plan(PROVIDERS.openai.replies({ text: WORDS.join(""), usage: { input: 10, output: 2_000 } }));
  const { record } = await scene.served("openai", { max_tokens: BOUND });
  expect(record.outputTokens).toBe(2_000);
  expect((await scene.call("openai", { max_tokens: BOUND })).status).toBe(429);
});

test("an answer without counts is charged by the model's tokenizer where that is public", async () => {
  for (const stream of [false, true]) {
    const scene = await under([day("outputTokens", 5_000)], MODELS.exact);
    const text = " internationalization".repeat(50);
    const frames = openaiChat.frames({ text: [text] }, { includeUsage: false });
    const { usage: _, ...body } = openaiChat.body({ text });
    scene.up.plan(() => (stream ? sse(frames) : json(200, body)));
    await (await scene.call("openai", { stream, max_tokens: 1_000 })).text();
    // Two tokens each, which four bytes a token would make five of.
    expect([stream, await scene.record()]).toMatchObject([stream, { outputTokens: 100, usageSource: "counted" }]);
  }
});
