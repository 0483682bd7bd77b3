// Covers upstream/answer.ts, upstream/openai-chat.ts and upstream/anthropic-messages.ts.
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import Anthropic from "@anthropic-ai/sdk";
import OpenAI from "openai";
import { type Answer, fragments, whole, words } from "./upstream/answer.ts";
import { anthropicMessages, openaiChat, sse, startUpstream, type Upstream } from "./upstream.ts";

let up: Upstream;
beforeEach(async () => {
  up = await startUpstream();
});
afterEach(async () => {
  await up.stop();
});

/** `expect().rejects` takes the SDKs' own kind of promise for one that has resolved. */
async function failureOf(call: PromiseLike<unknown>): Promise<string> {
  try {
    await call;
    return "it did not fail";
  } catch (thrown) {
    return String(thrown);
  }
}

test("pieces of a text add up to the text", () => {
  for (const text of ["", " ", "one", " two  words \n", "a\n\nb c", "é 😀 x"]) {
    expect(words(text).join("")).toBe(text);
    expect(fragments(text).join("")).toBe(text);
  }
  expect(words("Hello there, world.").length).toBe(3);
  expect(whole(["a", "b"])).toBe("ab");
});

describe("the official SDKs read what the makers write", () => {
  const everything: Answer = {
    model: "m-1",
    text: "Hello there, world.",
    toolCalls: [
      { id: "call_1", name: "weather", arguments: '{"city":"Ulm","days":3}' },
      { id: "call_2", name: "now", arguments: "" },
    ],
    usage: { input: 100, output: 40, cacheRead: 60, cacheWrite: 10, reasoning: 5 },
  };

  test("openai-chat, unary and streamed", async () => {
    const client = new OpenAI({ apiKey: "k", baseURL: `${up.url}/v1`, maxRetries: 0 });
    up.plan(openaiChat.replies(everything, { stream: { split: { seed: 5 } } }));
    const asked = { model: "m", messages: [{ role: "user" as const, content: "?" }] };
    const unary = await client.chat.completions.create(asked);
    expect(unary.choices[0]!.message.content).toBe("Hello there, world.");
    expect(unary.choices[0]!.finish_reason).toBe("tool_calls");
    expect(unary.usage).toMatchObject({ prompt_tokens: 100, prompt_tokens_details: { cached_tokens: 60 } });

    const stream = client.chat.completions.stream({ ...asked, stream_options: { include_usage: true } });
    const streamed = await stream.finalChatCompletion();
    expect(streamed.choices[0]!.message.content).toBe("Hello there, world.");
    const calls = streamed.choices[0]!.message.tool_calls!.map((call) => call.type === "function" && call.function);
    expect(calls).toMatchObject([
      { name: "weather", arguments: '{"city":"Ulm","days":3}' },
      { name: "now", arguments: "" },
    ]);
    expect(streamed.usage?.total_tokens).toBe(140);
    expect(up.requests[1]!.json().stream).toBe(true);
  });

  test("openai-chat: choices, refusal, failures", async () => {
    const client = new OpenAI({ apiKey: "k", baseURL: `${up.url}/v1`, maxRetries: 0 });
    const asked = { model: "m", n: 2, messages: [{ role: "user" as const, content: "?" }] };
    up.plan(openaiChat.replies({ choices: [{ text: "a b" }, { refusal: "I will not." }] }));
    const stream = client.chat.completions.stream(asked);
    const { choices } = await stream.finalChatCompletion();
    expect(choices.map((choice) => [choice.message.content, choice.message.refusal ?? null])).toEqual([
      ["a b", null],
      [null, "I will not."],
    ]);
    up.answer(openaiChat.failure(401, { message: "bad key", type: "invalid_request_error", code: "invalid_api_key" }));
    expect(await failureOf(client.chat.completions.create(asked))).toContain("401 bad key");
    up.answer(
      sse([...openaiChat.frames({ text: "a" }).slice(0, 2), ...openaiChat.failureFrames({ message: "broke" })]),
    );
    expect(await failureOf(client.chat.completions.stream(asked).finalChatCompletion())).toContain("broke");
  });

  test("anthropic-messages, unary and streamed", async () => {
    const client = new Anthropic({ apiKey: "k", baseURL: up.url, maxRetries: 0 });
    const answer: Answer = {
      ...everything,
      reasoning: "Let me think.",
      signature: "abc=",
      redactedReasoning: "sealed",
    };
    up.plan(anthropicMessages.replies(answer, { stream: { split: "bytes" } }));
    const asked = { model: "m", max_tokens: 9, messages: [{ role: "user" as const, content: "?" }] };
    const unary = await client.messages.create(asked);
    expect(unary.content.map((block) => block.type)).toEqual([
      "thinking",
      "redacted_thinking",
      "text",
      "tool_use",
      "tool_use",
    ]);
    expect(unary.usage).toMatchObject({
      input_tokens: 30,
      cache_read_input_tokens: 60,
      cache_creation_input_tokens: 10,
    });

    const streamed = await client.messages.stream(asked).finalMessage();
    expect(streamed.content as unknown).toEqual(unary.content);
    expect(streamed.stop_reason).toBe("tool_use");
    expect(streamed.usage.output_tokens).toBe(40);
  });

  test("anthropic-messages: unknown events and pings are passed over, failures are told", async () => {
    const client = new Anthropic({ apiKey: "k", baseURL: up.url, maxRetries: 0 });
    const asked = { model: "m", max_tokens: 9, messages: [{ role: "user" as const, content: "?" }] };
    const frames = anthropicMessages.frames({ text: "ok", stopSequence: "END" });
    up.answer(
      sse([...frames.slice(0, 3), anthropicMessages.pingFrame(), anthropicMessages.unknownFrame(), ...frames.slice(3)]),
    );
    const message = await client.messages.stream(asked).finalMessage();
    expect([message.stop_reason, message.stop_sequence]).toEqual(["stop_sequence", "END"]);

    up.answer(anthropicMessages.failure(529, { type: "overloaded_error", message: "Overloaded" }));
    expect(await failureOf(client.messages.create(asked))).toContain("Overloaded");
    up.answer(
      sse([...frames.slice(0, 3), anthropicMessages.failureFrame({ type: "overloaded_error", message: "Overloaded" })]),
    );
    expect(await failureOf(client.messages.stream(asked).finalMessage())).toContain("Overloaded");
  });
});
