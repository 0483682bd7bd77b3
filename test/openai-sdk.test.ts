import { describe, expect, test } from "bun:test";
import OpenAI, { APIError } from "openai";
import type { JsonObject } from "../src/kernel/json.ts";
import type { EventPart } from "../src/spec/event.ts";
import { openaiChat } from "../src/wire/openai-chat/index.ts";

/** OpenAI's own client reads what the encoder writes. No network: its fetch is ours. */
const context = { requestId: "call_01", created: 1_700_000_000 };
const asked: JsonObject = { model: "small", messages: [{ role: "user", content: "hi" }] };

const at = (block: number) => ({ choice: 0, block });
const parts: EventPart[] = [
  { type: "start", id: "a1", model: "big" },
  { type: "block-start", ...at(0), content: { kind: "text" } },
  { type: "text-delta", ...at(0), text: "Let me " },
  { type: "text-delta", ...at(0), text: "see." },
  { type: "block-end", ...at(0) },
  { type: "block-start", ...at(1), content: { kind: "tool-call", id: "c1", name: "weather" } },
  { type: "arguments-delta", ...at(1), text: '{"city":' },
  { type: "block-start", ...at(2), content: { kind: "tool-call", id: "c2", name: "now" } },
  { type: "arguments-delta", ...at(1), text: '"Berlin"}' },
  { type: "block-end", ...at(1) },
  { type: "block-end", ...at(2) },
  { type: "finish", choice: 0, reason: "tool-calls", raw: null },
  { type: "usage", usage: { input: 10, output: 5 } },
  { type: "end" },
];

function client(body: string, type: string, status = 200): OpenAI {
  const answer = async () => new Response(body, { status, headers: { "content-type": type } });
  return new OpenAI({ apiKey: "x", baseURL: "http://gateway.test/v1", maxRetries: 0, fetch: answer });
}

describe("OpenAI's client", () => {
  const messages = [{ role: "user" as const, content: "hi" }];
  const calls = [
    { id: "c1", type: "function", function: { name: "weather", arguments: '{"city":"Berlin"}' } },
    { id: "c2", type: "function", function: { name: "now", arguments: "{}" } },
  ];

  test("reads a stream: text, two calls, the reason and the usage", async () => {
    const request = openaiChat.decode({ ...asked, stream: true, stream_options: { include_usage: true } });
    const written = openaiChat.encoder(request, context).frames(parts);
    const stream = client(written, "text/event-stream").chat.completions.stream({ model: "small", messages });
    const final = await stream.finalChatCompletion();
    expect(final.choices[0]).toMatchObject({
      finish_reason: "tool_calls",
      message: { role: "assistant", content: "Let me see.", tool_calls: calls },
    });
    expect(final.usage).toMatchObject({ prompt_tokens: 10, completion_tokens: 5, total_tokens: 15 });
  });

  test("reads a whole answer", async () => {
    const written = openaiChat.encoder(openaiChat.decode(asked), context).unary(parts);
    const answer = await client(written, "application/json").chat.completions.create({ model: "small", messages });
    expect(answer.choices[0]!.message).toMatchObject({ content: "Let me see.", tool_calls: calls });
  });

  test("throws what a stream that broke says", async () => {
    const encoder = openaiChat.encoder(openaiChat.decode({ ...asked, stream: true }), context);
    const error = {
      status: 502,
      code: "upstream_cut",
      message: "The answer was cut.",
      param: null,
      requestId: "call_01",
    };
    const written = encoder.frames(parts.slice(0, 3)) + encoder.errorFrame(error);
    const stream = await client(written, "text/event-stream").chat.completions.create({
      model: "small",
      messages,
      stream: true,
    });
    let text = "";
    const reading = (async () => {
      for await (const chunk of stream) text += chunk.choices[0]?.delta.content ?? "";
    })();
    await expect(reading).rejects.toThrow(APIError);
    expect(text).toBe("Let me ");
  });

  test("throws what a refusal says", async () => {
    const error = {
      status: 429,
      code: "rate_limit_exceeded",
      message: "Slow down.",
      param: null,
      requestId: "call_01",
    };
    const body = JSON.stringify(openaiChat.errorBody(error));
    const refused = client(body, "application/json", 429).chat.completions.create({ model: "small", messages });
    const thrown = await refused.then(
      () => undefined,
      (caught: unknown) => caught,
    );
    expect(thrown).toBeInstanceOf(OpenAI.RateLimitError);
    expect(thrown).toMatchObject({ code: "rate_limit_exceeded", type: "rate_limit_error" });
  });
});
