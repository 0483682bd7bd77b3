import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import type { Json } from "../../kernel/json.ts";
import { errorInside, errorOf } from "./errors.ts";

const none = () => null;
const of = (body: Json | string, status = 400) =>
  errorOf(status, typeof body === "string" ? body : JSON.stringify(body), none);

describe("an answer whose status is an error", () => {
  test.each<[string, Json | string, object]>([
    [
      "OpenAI's",
      { error: { message: "no", type: "invalid_request_error", param: "stop", code: "unsupported_parameter" } },
      { message: "no", type: "invalid_request_error", param: "stop", code: "unsupported_parameter" },
    ],
    ["with nulls", { error: { message: "no", type: null, param: null, code: null } }, { message: "no" }],
    [
      "OpenRouter's, with the provider's own inside",
      {
        error: {
          message: "Provider returned error",
          code: 429,
          metadata: { raw: '{"error":{"message":"slow down"}}' },
        },
      },
      { message: "Provider returned error: slow down", code: "429" },
    ],
    [
      "OpenRouter's, with the provider's words",
      { error: { message: "Provider returned error", metadata: { raw: "slow down" } } },
      { message: "Provider returned error: slow down" },
    ],
    [
      "xAI's",
      { code: "invalid-argument", error: "Incorrect API key" },
      { message: "Incorrect API key", code: "invalid-argument" },
    ],
    ["Ollama's", { error: "model not found" }, { message: "model not found" }],
    ["Mistral's", { detail: "Invalid API Key" }, { message: "Invalid API Key" }],
    [
      "Mistral's, with FastAPI's in its message",
      {
        object: "error",
        message: { detail: [{ type: "extra_forbidden", loc: ["body", "x"], msg: "Extra inputs" }] },
        type: "invalid_request_error",
        param: null,
      },
      { message: "body.x: Extra inputs", type: "invalid_request_error" },
    ],
    [
      "FastAPI's",
      { detail: [{ loc: ["body", "seed"], msg: "Extra inputs are not permitted" }] },
      { message: "body.seed: Extra inputs are not permitted" },
    ],
    [
      "Mistral's wrapped",
      { object: "error", message: { detail: [] }, type: "invalid_request_error" },
      { type: "invalid_request_error" },
    ],
    ["DashScope's", { code: "Throttling", message: "slow", request_id: "r" }, { message: "slow", code: "Throttling" }],
    ["a list", [{ error: { message: "no", code: 400 } }], { message: "no", code: "400" }],
    ["plain text", "upstream connect error", { message: "upstream connect error" }],
  ])("%s", (_, body, expected) => {
    expect(of(body)).toMatchObject({ status: 400, ...expected });
  });

  test.each([
    ["a web page", "<html><body>502</body></html>"],
    ["empty", ""],
    ["null", "null"],
    ["a number", "7"],
  ])("%s tells nothing but its status", (_, body) => {
    expect(of(body, 502)).toEqual({ status: 502, message: "The provider answered 502." });
  });

  test("a message is cut to a length that a log can bear", () => {
    expect(of({ error: { message: "x".repeat(100_000) } }).message.length).toBeLessThan(2_100);
  });

  test("nothing that can be sent makes it throw", () => {
    fc.assert(fc.property(fc.oneof(fc.json(), fc.string()), (body) => typeof of(body).message === "string"));
  });

  test("nesting without end is given up", () => {
    let body = '{"message":"deep"}';
    for (let i = 0; i < 1_000; i++) body = `{"error":${body}}`;
    expect(of(body).message).toBe("The provider answered 400.");
  });
});

describe("when to come back", () => {
  const after = (headers: Record<string, string>) => errorOf(429, "{}", (name) => headers[name] ?? null).retryAfterMs;
  const date = "Wed, 21 Oct 2026 07:28:00 GMT";
  test.each<[string, Record<string, string>, number | undefined]>([
    ["seconds", { "retry-after": "3" }, 3_000],
    ["parts of a second", { "retry-after": "0.25" }, 250],
    ["milliseconds before seconds", { "retry-after-ms": "40", "retry-after": "3" }, 40],
    ["a date, counted from the answer's own", { "retry-after": "Wed, 21 Oct 2026 07:28:30 GMT", date }, 30_000],
    ["a date that is over", { "retry-after": "Wed, 21 Oct 2026 07:27:00 GMT", date }, undefined],
    ["a date without one to count from", { "retry-after": date }, undefined],
    [
      "the limit that is used up",
      { "x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "1m2.5s" },
      62_500,
    ],
    [
      "the later of two",
      {
        "x-ratelimit-remaining-requests": "0",
        "x-ratelimit-reset-requests": "120ms",
        "x-ratelimit-remaining-tokens": "0",
        "x-ratelimit-reset-tokens": "2s",
      },
      2_000,
    ],
    [
      "a limit that is not used up",
      { "x-ratelimit-remaining-tokens": "9", "x-ratelimit-reset-tokens": "1h" },
      undefined,
    ],
    ["more than a day", { "retry-after": "1e9" }, 86_400_000],
    ["nonsense", { "retry-after": "soon", "retry-after-ms": "-1" }, undefined],
    ["nothing", {}, undefined],
  ])("%s", (_, headers, expected) => {
    expect(after(headers)).toBe(expected as number);
  });
});

test.each<[string, Json, number]>([
  ["a number", { code: 402, message: "x" }, 402],
  ["a number as text", { code: "503", message: "x" }, 503],
  ["a status of its own", { status_code: 400, code: "tool_use_failed", message: "x" }, 400],
  ["a word", { code: "insufficient_quota", message: "x" }, 429],
  ["a type", { type: "server_error", code: "odd", message: "x" }, 500],
  ["a number that is no status", { code: 3001, message: "x" }, 502],
  ["nothing", {}, 502],
  ["text", "gone", 502],
  ["null", null, 502],
])("an error inside a 200 has the status that %s stands for", (_, value, status) => {
  expect(errorInside(value).status).toBe(status);
});

test("an error nested without end still has its status", () => {
  const deep = `${"[".repeat(100_000)}${"]".repeat(100_000)}`;
  expect(of(deep, 503)).toMatchObject({ status: 503 });
  expect(of(`{"detail":[{"msg":"no","loc":${deep}}]}`, 422)).toMatchObject({ status: 422 });
  expect(of({ error: { message: "no", metadata: { raw: deep } } }, 429)).toMatchObject({ status: 429 });
});
