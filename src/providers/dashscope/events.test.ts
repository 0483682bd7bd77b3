import { describe, expect, test } from "bun:test";
import type { JsonObject } from "../../kernel/json.ts";
import { MalformedAnswer } from "../../spec/adapter.ts";
import type { EventPart } from "../../spec/event.ts";
import { openaiChat } from "../../wire/openai-chat/index.ts";
import { errorInside, errorOf } from "./errors.ts";
import { dashscopeNative } from "./index.ts";

/** `events.ts`, `choice.ts` and `errors.ts`: what DashScope says. */

const HI = [{ role: "user", content: "Hi" }];
const request = openaiChat.decode({ model: "m", messages: HI });

function streamed(...events: JsonObject[]): EventPart[] {
  const decoder = dashscopeNative.decoder(request);
  return [
    ...events.flatMap((event) => decoder.frame({ event: "result", data: JSON.stringify(event) })),
    ...decoder.close(),
  ];
}
const whole = (body: JsonObject) => dashscopeNative.decoder(request).unary(JSON.stringify(body));

const USAGE = { input_tokens: 16, output_tokens: 4, total_tokens: 20, prompt_tokens_details: { cached_tokens: 8 } };
const chunk = (message: JsonObject, finish_reason = "null", more: JsonObject = {}) => ({
  output: { choices: [{ message: { role: "assistant", ...message }, finish_reason, ...more }] },
  usage: USAGE,
  request_id: "req_1",
});

function blocks(parts: readonly EventPart[]): [string, string][] {
  const found = new Map<string, [string, string]>();
  for (const part of parts) {
    if (part.type === "block-start") {
      const { content } = part;
      const name = content.kind === "tool-call" ? `${content.kind} ${content.id} ${content.name}` : content.kind;
      found.set(`${part.choice}.${part.block}`, [name, ""]);
    } else if (part.type === "text-delta" || part.type === "arguments-delta") {
      found.get(`${part.choice}.${part.block}`)![1] += part.text;
    }
  }
  return [...found.values()];
}

test("a streamed answer: thoughts, text, usage that is not added up", () => {
  const parts = streamed(
    chunk({ content: "", reasoning_content: "Hm." }),
    chunk({ content: "Hel", reasoning_content: "" }),
    chunk({ content: "lo" }),
    chunk({ content: "" }, "stop"),
  );
  expect(parts[0]).toEqual({ type: "start", id: "req_1" });
  expect(blocks(parts)).toEqual([
    ["reasoning", "Hm."],
    ["text", "Hello"],
  ]);
  expect(parts.filter(({ type }) => type === "usage").at(-1)).toEqual({
    type: "usage",
    usage: { input: 16, output: 4, cacheRead: 8 },
  });
  expect(parts).toContainEqual({ type: "finish", choice: 0, reason: "stop", raw: "stop" });
  expect(parts.at(-1)).toEqual({ type: "end" });
});

test("calls in fragments, whose empty ids and names say nothing", () => {
  const call = (index: number, id: string, name: string | undefined, args: string) => ({
    index,
    id,
    type: "function",
    function: { ...(name === undefined ? {} : { name }), arguments: args },
  });
  const parts = streamed(
    chunk({ content: "", tool_calls: [call(0, "call_a", "shell", '{"a"')] }),
    chunk({ content: "", tool_calls: [call(1, "", "time", "")] }),
    chunk({ content: "", tool_calls: [call(0, "", "", ":1}")] }),
    chunk({ content: "", tool_calls: [call(0, "", undefined, "")] }, "tool_calls"),
  );
  expect(blocks(parts)).toEqual([
    ["tool-call call_a shell", '{"a":1}'],
    ["tool-call call_1_0_1 time", ""],
  ]);
  expect(parts).toContainEqual({ type: "finish", choice: 0, reason: "tool-calls", raw: "tool_calls" });
});

test("a whole answer, of a model that reads, of one that sees, and in the older form", () => {
  const list = chunk({ content: [{ text: "Hello" }] }, "stop");
  const older = { output: { text: "Hello", finish_reason: "stop" }, request_id: "r" };
  for (const body of [chunk({ content: "Hello" }, "stop"), list, older]) {
    const parts = whole(body);
    expect(blocks(parts)).toEqual([["text", "Hello"]]);
    expect(parts.at(-1)).toEqual({ type: "end" });
  }
});

test("several answers end when all have", () => {
  const two = openaiChat.decode({ model: "m", n: 2, messages: HI });
  const decoder = dashscopeNative.decoder(two);
  const send = (body: JsonObject) => decoder.frame({ event: "result", data: JSON.stringify(body) });
  send(chunk({ content: "one" }, "stop", { index: 0 }));
  expect(decoder.close()).toMatchObject([{ type: "error" }]);
});

test("log probabilities and an unknown reason", () => {
  const logprobs = {
    content: [{ token: "Hi", logprob: -1, bytes: [72], top_logprobs: [{ token: "x", logprob: -2 }, 3] }, {}],
  };
  const parts = whole(chunk({ content: "Hi" }, "weather", { logprobs }));
  expect(parts).toContainEqual({
    type: "logprobs",
    choice: 0,
    content: [{ token: "Hi", logprob: -1, bytes: [72], top: [{ token: "x", logprob: -2, bytes: null }] }],
    refusal: null,
  });
  expect(parts).toContainEqual({ type: "finish", choice: 0, reason: "other", raw: "weather" });
});

describe("what goes wrong", () => {
  const failed = { code: "Throttling.RateQuota", message: "Requests rate limit exceeded.", request_id: "r" };

  test("an error inside a stream or a 200 ends the answer", () => {
    const error = { status: 429, message: failed.message, code: failed.code };
    expect(streamed(chunk({ content: "Hel" }), failed).at(-1)).toEqual({ type: "error", error });
    expect(whole(failed)).toEqual([{ type: "error", error }]);
    const decoder = dashscopeNative.decoder(request);
    expect(decoder.frame({ event: "error", data: '{"message":"odd"}' })).toMatchObject([{ error: { status: 502 } }]);
    expect(decoder.close()).toEqual([]);
  });

  test("a stream without a reason to end was cut", () => {
    expect(streamed(chunk({ content: "Hel" })).at(-1)).toMatchObject({ error: { code: "upstream_cut" } });
  });

  const statuses: [string, number][] = [
    ["Throttling", 429],
    ["insufficient_quota", 429],
    ["InvalidApiKey", 401],
    ["AccessDenied.Unpurchased", 403],
    ["ModelNotFound", 404],
    ["InvalidParameter.Format", 400],
    ["DataInspectionFailed", 400],
    ["InternalError.Algo", 500],
    ["Weather", 502],
  ];
  for (const [code, status] of statuses) {
    test(`${code} inside a 200 stands for ${status}`, () => {
      expect(errorInside({ code, message: "x" })).toEqual({ status, code, message: "x" });
    });
  }

  const header = (name: string) => (name === "retry-after" ? "2" : null);
  const bodies: [string, object][] = [
    [JSON.stringify(failed), { message: failed.message, code: failed.code }],
    ['{"error":{"code":"invalid_api_key","message":"no"}}', { message: "no", code: "invalid_api_key" }],
    ["<html>", { message: "The provider answered 429." }],
  ];
  for (const [body, told] of bodies) {
    test(`an error's words: ${body.slice(0, 40)}`, () => {
      expect(errorOf(429, body, header)).toEqual({ status: 429, retryAfterMs: 2_000, ...told } as never);
    });
  }

  for (const body of ["", "[]", "{}", '{"output":{"choices":[1]}}', '{"output":{"choices":[{"index":-1}]}}']) {
    test(`is no answer: ${body}`, () => {
      expect(() => dashscopeNative.decoder(request).unary(body)).toThrow(MalformedAnswer);
    });
  }
});
