/**
 * What a model thought, on every road: seen by the client where its dialect, or a custom of
 * it, has a place; and given back on the next turn with its signature unchanged, because
 * Anthropic refuses a thought that is not its own.
 */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import type Anthropic from "@anthropic-ai/sdk";
import type OpenAI from "openai";
import type { Json, JsonObject } from "../../src/kernel/json.ts";
import { DIALECTS } from "../support/scene.ts";
import { MODEL_AT, SdkScene } from "../support/sdk.ts";
import type { Answer } from "../support/upstream/answer.ts";
import { anthropicMessages, sse } from "../support/upstream.ts";

let scene: SdkScene;
beforeAll(async () => {
  scene = await SdkScene.begin();
});
afterAll(() => scene.stop());

const WAYS = [{ stream: false }, { stream: true }];
const SIGNATURE = "EqQBCkYIBRgCKkDdX+/a=.~signed by the provider==";
const SEALED = "EmwKAhgBEgy3va3pzix/LafPsn4a+sealed==";

const CALL = { id: "toolu_1", name: "weather", arguments: '{"city":"Berlin"}' };
const THOUGHT: Answer = {
  reasoning: ["The user wants ", "the weather.\n", "I must “look”."],
  signature: SIGNATURE,
  text: "Let me look.",
  toolCalls: [CALL],
};
const REASONING = "The user wants the weather.\nI must “look”.";

const TOOL = { type: "object" as const, properties: { city: { type: "string" } } };
const ASKED_ANTHROPIC = {
  max_tokens: 4_000,
  thinking: { type: "enabled" as const, budget_tokens: 2_000 },
  tools: [{ name: "weather", input_schema: TOOL }],
};
const QUESTION = { role: "user" as const, content: "Weather?" };

describe.each(WAYS)("a thought of Anthropic's for a client of Anthropic's, stream: $stream", ({ stream }) => {
  const asked = (...messages: Anthropic.MessageParam[]) =>
    scene.message({ ...ASKED_ANTHROPIC, model: "claude", messages: [QUESTION, ...messages] }, stream);

  test("comes with its signature, and goes back as it came", async () => {
    scene.says(THOUGHT);
    const { content } = await asked();
    expect(content[0]).toMatchObject({ type: "thinking", thinking: REASONING, signature: SIGNATURE });
    scene.forget();
    await asked(
      { role: "assistant", content },
      { role: "user", content: [{ type: "tool_result", tool_use_id: CALL.id, content: "Sunny." }] },
    );
    const sent = (scene.sent().messages as JsonObject[])[1]!;
    expect(sent).toEqual({ role: "assistant", content: JSON.parse(JSON.stringify(content)) });
  });

  test("comes sealed, and goes back sealed", async () => {
    scene.says({ redactedReasoning: SEALED, text: "Hm." });
    const { content } = await asked();
    expect(content[0]).toEqual({ type: "redacted_thinking", data: SEALED });
    scene.forget();
    await asked({ role: "assistant", content }, { role: "user", content: "And?" });
    expect(((scene.sent().messages as JsonObject[])[1]!.content as Json[])[0]).toEqual({
      type: "redacted_thinking",
      data: SEALED,
    });
  });
});

/** A message of OpenAI's with what the client keeps although it does not know it. */
type ThoughtfulMessage = OpenAI.ChatCompletionAssistantMessageParam & {
  reasoning_content?: string;
  reasoning_details?: JsonObject[];
};

/** Asks as a client of OpenAI's, and puts a stream together as its users do. */
async function askOpenai(model: string, stream: boolean, ...more: OpenAI.ChatCompletionMessageParam[]) {
  const body: OpenAI.ChatCompletionCreateParamsNonStreaming = {
    model,
    max_completion_tokens: 4_000,
    reasoning_effort: "low",
    messages: [QUESTION, ...more],
    tools: [{ type: "function", function: { name: "weather", parameters: TOOL } }],
  };
  const [completion, chunks] = await scene.chat(body, stream);
  const { content, tool_calls } = completion.choices[0]!.message;
  const message: ThoughtfulMessage = { role: "assistant", content };
  if (tool_calls !== undefined) message.tool_calls = tool_calls;
  const said = stream
    ? chunks.flatMap(({ choices }) => choices.map(({ delta }) => delta as Partial<ThoughtfulMessage>))
    : [completion.choices[0]!.message as Partial<ThoughtfulMessage>];
  for (const { reasoning_content, reasoning_details } of said) {
    if (reasoning_content != null) message.reasoning_content = (message.reasoning_content ?? "") + reasoning_content;
    if (reasoning_details != null)
      message.reasoning_details = [...(message.reasoning_details ?? []), ...reasoning_details];
  }
  return message;
}

describe.each(WAYS)("a thought of Anthropic's for a client of OpenAI's, stream: $stream", ({ stream }) => {
  test("comes as reasoning_content, with its signature beside it, and goes back as the thought it was", async () => {
    scene.says(THOUGHT);
    const message = await askOpenai("claude", stream);
    expect(message.reasoning_content).toBe(REASONING);
    expect(message.reasoning_details).toEqual([
      { type: "reasoning.text", text: REASONING, signature: SIGNATURE, index: 0 },
    ]);
    expect(message.content).toBe("Let me look.");
    scene.forget();
    await askOpenai("claude", stream, message, { role: "tool", tool_call_id: CALL.id, content: "Sunny." });
    const sent = scene.sent();
    expect((sent.messages as JsonObject[])[1]).toEqual({
      role: "assistant",
      content: [
        { type: "thinking", thinking: REASONING, signature: SIGNATURE },
        { type: "text", text: "Let me look." },
        { type: "tool_use", id: CALL.id, name: "weather", input: { city: "Berlin" } },
      ],
    });
    // The thought is there, so the model may go on thinking in the middle of its loop.
    expect(sent.thinking).toEqual({ type: "enabled", budget_tokens: 1_024 });
  });

  test("without the signature it cannot go back: the thought is left out, thinking is off, and both are said", async () => {
    scene.says(THOUGHT);
    const { reasoning_details: _, ...message } = await askOpenai("claude", stream);
    scene.forget();
    await askOpenai("claude", stream, message, { role: "tool", tool_call_id: CALL.id, content: "Sunny." });
    const sent = scene.sent();
    expect(((sent.messages as JsonObject[])[1]!.content as JsonObject[]).map(({ type }) => type)).toEqual([
      "text",
      "tool_use",
    ]);
    expect(sent.thinking).toBeUndefined();
    const warnings = (await scene.record()).warnings.join("\n");
    expect(warnings).toContain("without Anthropic's signature was left out");
    expect(warnings).toContain("so thinking was left out");
  });

  test("comes sealed as reasoning_details, and goes back sealed, in its place", async () => {
    const { events } = anthropicMessages;
    scene.up.plan((request) => {
      const answer = { ...THOUGHT, redactedReasoning: SEALED };
      return request.json().stream === true ? sse(events(answer)) : anthropicMessages.unary(answer);
    });
    const message = await askOpenai("claude", stream);
    expect(message.reasoning_details).toEqual([
      { type: "reasoning.text", text: REASONING, signature: SIGNATURE, index: 0 },
      { type: "reasoning.encrypted", data: SEALED, index: 1 },
    ]);
    scene.forget();
    await askOpenai("claude", stream, message, { role: "tool", tool_call_id: CALL.id, content: "Sunny." });
    expect((scene.sent().messages as JsonObject[])[1]!.content).toMatchObject([
      { type: "thinking", thinking: REASONING, signature: SIGNATURE },
      { type: "redacted_thinking", data: SEALED },
      { type: "text" },
      { type: "tool_use" },
    ]);
  });

  test("an answer without a thought has no field for one", async () => {
    scene.says({ text: "Sunny." });
    const message = await askOpenai("claude", stream);
    expect(Object.keys(message)).toEqual(["role", "content"]);
  });
});

const REASONING_ANSWER: Answer = { reasoning: ["First ", "this."], text: ["Then ", "that."] };

describe.each(WAYS)("a thought in OpenAI's dialect, stream: $stream", ({ stream }) => {
  test("is a thinking block for a client of Anthropic's, before the text", async () => {
    scene.says(REASONING_ANSWER);
    const { content, stop_reason } = await scene.message(
      { ...ASKED_ANTHROPIC, model: "small", messages: [QUESTION] },
      stream,
    );
    expect(content).toMatchObject([
      { type: "thinking", thinking: "First this.", signature: "" },
      { type: "text", text: "Then that." },
    ]);
    expect(stop_reason).toBe("end_turn");
  });

  test("is relayed as it is to a client of OpenAI's", async () => {
    scene.says(REASONING_ANSWER);
    const message = await askOpenai("small", stream);
    expect(message).toEqual({ role: "assistant", content: "Then that.", reasoning_content: "First this." });
  });

  test.each(DIALECTS)("goes back to a server that wants it from a client of %s", async (front) => {
    scene.says({ ...REASONING_ANSWER, toolCalls: [CALL] });
    if (front === "openai") {
      const message = await askOpenai("deep", stream);
      scene.forget();
      await askOpenai("deep", stream, message, { role: "tool", tool_call_id: CALL.id, content: "Sunny." });
    } else {
      const body = { ...ASKED_ANTHROPIC, model: "deep" };
      const { content } = await scene.message({ ...body, messages: [QUESTION] }, stream);
      const result = { type: "tool_result" as const, tool_use_id: CALL.id, content: "Sunny." };
      scene.forget();
      await scene.message(
        { ...body, messages: [QUESTION, { role: "assistant", content }, { role: "user", content: [result] }] },
        stream,
      );
    }
    expect((scene.sent().messages as JsonObject[])[1]).toMatchObject({
      role: "assistant",
      content: "Then that.",
      reasoning_content: "First this.",
      tool_calls: [{ id: CALL.id }],
    });
  });

  test("that OpenAI does not take back is left out of the next turn", async () => {
    scene.says(REASONING_ANSWER);
    const body = { ...ASKED_ANTHROPIC, model: "gpt" };
    const { content } = await scene.message({ ...body, messages: [QUESTION] }, stream);
    scene.forget();
    const next: Anthropic.MessageParam = { role: "user", content: "And?" };
    await scene.message({ ...body, messages: [QUESTION, { role: "assistant", content }, next] }, stream);
    expect((scene.sent().messages as JsonObject[])[1]).toEqual({ role: "assistant", content: "Then that." });
  });

  test("that nobody signed does not make Anthropic refuse a conversation that moved there", async () => {
    scene.says(REASONING_ANSWER);
    const { content } = await scene.message({ ...ASKED_ANTHROPIC, model: "small", messages: [QUESTION] }, stream);
    scene.forget();
    await scene.message(
      {
        ...ASKED_ANTHROPIC,
        model: "claude",
        messages: [QUESTION, { role: "assistant", content }, { role: "user", content: "And?" }],
      },
      stream,
    );
    expect(((scene.sent().messages as JsonObject[])[1]!.content as JsonObject[]).map(({ type }) => type)).toEqual([
      "text",
    ]);
  });
});

describe("the wish to think", () => {
  test.each<[string, string, string, JsonObject]>([
    ["low", "claude", "a budget", { thinking: { type: "enabled", budget_tokens: 1_024 } }],
    ["medium", "claude", "a budget", { thinking: { type: "enabled", budget_tokens: 8_192 } }],
    [
      "high",
      "opus",
      "an effort",
      { thinking: { type: "adaptive", display: "summarized" }, output_config: { effort: "high" } },
    ],
    ["none", "claude", "nothing", {}],
  ])("reasoning_effort %s for %s is %s at Anthropic", async (effort, model, _, sent) => {
    scene.says({ text: "Hm." });
    scene.forget();
    const reasoning_effort = effort as OpenAI.ReasoningEffort;
    await scene.chat({ model, messages: [QUESTION], max_completion_tokens: 20_000, reasoning_effort }, false);
    const { thinking, output_config } = scene.sent();
    expect({ ...(thinking ? { thinking } : {}), ...(output_config ? { output_config } : {}) }).toEqual(sent);
  });

  test.each<[Anthropic.ThinkingConfigParam, string, string | undefined]>([
    [{ type: "enabled", budget_tokens: 1_024 }, "thinker", "low"],
    [{ type: "enabled", budget_tokens: 10_000 }, "thinker", "medium"],
    [{ type: "enabled", budget_tokens: 31_999 }, "thinker", "high"],
    [{ type: "disabled" }, "thinker", undefined],
    // A model that does not think is not asked to: OpenAI would refuse the whole request.
    [{ type: "enabled", budget_tokens: 10_000 }, "gpt", undefined],
  ])("thinking %j for %s is reasoning_effort %s at OpenAI", async (thinking, model, effort) => {
    scene.says({ text: "Hm." });
    scene.forget();
    await scene.message({ model, max_tokens: 32_000, thinking, messages: [QUESTION] }, true);
    expect(scene.sent().reasoning_effort).toBe(effort as never);
    expect(scene.sent().thinking).toBeUndefined();
  });

  test("a model of OpenAI's that thinks gets the bound under the name that it takes", async () => {
    scene.says({ text: "Hm." });
    for (const [model, name] of [
      ["thinker", "max_completion_tokens"],
      [MODEL_AT.openai, "max_tokens"],
    ] as const) {
      scene.forget();
      await scene.message({ model, max_tokens: 900, messages: [QUESTION] }, false);
      expect(scene.sent()[name]).toBe(900);
    }
  });
});
