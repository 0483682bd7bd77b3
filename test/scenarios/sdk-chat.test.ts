/**
 * Chat by the official clients, on every road: caller's dialect × provider's dialect ×
 * streamed or not. What the client reads must be what the provider said, and what the
 * provider is asked must be what the client meant.
 */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { ROADS } from "../support/scene.ts";
import { bound, envelope, type Question, type Road, SdkScene } from "../support/sdk.ts";

let scene: SdkScene;
beforeAll(async () => {
  scene = await SdkScene.begin();
});
afterAll(() => scene.stop());

const HELLO: Question = {
  openai: { messages: [{ role: "user", content: "Say hello." }] },
  anthropic: { max_tokens: 100, messages: [{ role: "user", content: "Say hello." }] },
};

describe.each(ROADS)("$front's client, $provider's provider, stream: $stream", (road) => {
  const { front, provider } = road;

  test("a question is asked as it was put, and the answer is heard as it was given", async () => {
    scene.says({
      id: "answer_1",
      model: "model-served",
      text: "Hello, Ada! 👋 ¿Qué tal?",
      usage: { input: 12, output: 7 },
    });
    const heard = await scene.hear(road, HELLO);
    expect(heard).toEqual({
      id: "answer_1",
      model: "model-served",
      text: "Hello, Ada! 👋 ¿Qué tal?",
      reasoning: "",
      refusal: "",
      calls: [],
      finish: front === "openai" ? "stop" : "end_turn",
      stopSequence: null,
      tokens: { input: 12, output: 7, cacheRead: 0, cacheWrite: 0, reasoning: 0 },
    });
    expect(scene.up.requests).toHaveLength(1);
    expect(scene.sent()).toEqual({
      ...envelope(road),
      ...bound(road),
      messages: [{ role: "user", content: "Say hello." }],
    });
  });

  test("the provider gets its own key and nothing of the caller's", async () => {
    scene.says({ text: "Hello." });
    await scene.hear(road, HELLO);
    const [request] = scene.up.requests;
    const path = provider === "openai" ? "/v1/chat/completions" : "/v1/messages";
    expect([request!.method, request!.path]).toEqual(["POST", path]);
    const credential = provider === "openai" ? "authorization" : "x-api-key";
    expect(request!.headerValues(credential)).toEqual([
      provider === "openai" ? "Bearer sk-provider-secret-0123456789" : "sk-provider-secret-0123456789",
    ]);
    expect(request!.headerValues("anthropic-version")).toEqual(provider === "openai" ? [] : ["2023-06-01"]);
    expect(request!.headerNames.filter((name) => name.startsWith("x-stainless"))).toEqual([]);
    expect(request!.rawText()).not.toContain(scene.app.key);
  });

  test("an answer of nothing is an answer", async () => {
    scene.says({ text: [], usage: { input: 3, output: 0 } });
    const heard = await scene.hear(road, HELLO);
    expect([heard.text, heard.calls, heard.tokens.output]).toEqual(["", [], 0]);
    expect(heard.finish).toBe(front === "openai" ? "stop" : "end_turn");
  });

  test("a long answer arrives whole", async () => {
    const text = Array.from({ length: 2_000 }, (_, i) => `line ${i} — ünïcödé ${"🙂".repeat(i % 3)}\n`);
    scene.says({ text });
    expect((await scene.hear(road, HELLO)).text).toBe(text.join(""));
  });
});

describe("what only one dialect has", () => {
  const openai = (provider: Road["provider"]): Road => ({ front: "openai", provider, stream: false });
  const asked = async (road: Road, messages: Question["openai"]["messages"]) => {
    scene.says({ text: "Done." });
    await scene.hear(road, { ...HELLO, openai: { messages } });
    return scene.sent();
  };

  test("a developer message keeps its role at OpenAI, and is system prompt at Anthropic", async () => {
    const messages: Question["openai"]["messages"] = [
      { role: "system", content: "Be brief." },
      { role: "developer", content: "Speak French." },
      { role: "user", content: "Hi" },
    ];
    expect((await asked(openai("openai"), messages)).messages).toEqual(messages as never);
    expect(await asked(openai("anthropic"), messages)).toMatchObject({
      system: [
        { type: "text", text: "Be brief." },
        { type: "text", text: "Speak French." },
      ],
      messages: [{ role: "user", content: "Hi" }],
    });
  });

  test("turns of one role in a row become one at Anthropic, in their order", async () => {
    const sent = await asked(openai("anthropic"), [
      { role: "user", content: "One." },
      { role: "user", content: [{ type: "text", text: "Two." }] },
      { role: "assistant", content: "Yes." },
      { role: "assistant", content: "And?" },
      { role: "user", content: "Three." },
    ]);
    expect(sent.messages).toEqual([
      {
        role: "user",
        content: [
          { type: "text", text: "One." },
          { type: "text", text: "Two." },
        ],
      },
      {
        role: "assistant",
        content: [
          { type: "text", text: "Yes." },
          { type: "text", text: "And?" },
        ],
      },
      { role: "user", content: "Three." },
    ]);
  });

  test("system blocks with cache marks stay as they are at Anthropic, and are plain text at OpenAI", async () => {
    const system = [
      { type: "text" as const, text: "Long rules.", cache_control: { type: "ephemeral" as const } },
      { type: "text" as const, text: "Be brief." },
    ];
    const question = { ...HELLO, anthropic: { ...HELLO.anthropic, system } };
    scene.says({ text: "Done." });
    await scene.hear({ front: "anthropic", provider: "anthropic", stream: false }, question);
    expect(scene.sent().system).toEqual(system);
    await scene.hear({ front: "anthropic", provider: "openai", stream: false }, question);
    expect(scene.sent().messages).toEqual([
      {
        role: "system",
        content: [
          { type: "text", text: "Long rules." },
          { type: "text", text: "Be brief." },
        ],
      },
      { role: "user", content: "Say hello." },
    ]);
  });

  test("a started answer is continued by a model that can, and refused for one that cannot", async () => {
    const messages: Question["openai"]["messages"] = [
      { role: "user", content: "Count." },
      { role: "assistant", content: "One, " },
    ];
    expect((await asked(openai("anthropic"), messages)).messages).toEqual([
      { role: "user", content: "Count." },
      { role: "assistant", content: "One," },
    ]);
    const refused = scene.hear(openai("anthropic"), { ...HELLO, openai: { messages } }, "opus");
    await expect(refused).rejects.toMatchObject({ status: 400, param: "messages[1]" });
    expect(scene.up.requests).toEqual([]);
  });
});
