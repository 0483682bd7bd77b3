import { describe, expect, test } from "bun:test";
import type { ProviderError } from "../../spec/event.ts";
import { errorInside, errorOf } from "./errors.ts";

const none = () => null;

describe("an answer that is no success", () => {
  test.each<[number, string, Partial<ProviderError>]>([
    [
      529,
      '{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}',
      { message: "Overloaded", type: "overloaded_error" },
    ],
    [
      401,
      '{"type":"error","error":{"type":"authentication_error","message":"invalid x-api-key"},"request_id":"req_1"}',
      { message: "invalid x-api-key" },
    ],
    [400, '{"error":{"type":"invalid_request_error","message":"m","details":{"error_code":"c"}}}', { code: "c" }],
    [400, '{"type":"error","error":{"type":"invalid_request_error"}}', { message: "invalid_request_error" }],
    [502, "<html>Bad gateway at 10.0.0.7</html>", { message: "The provider answered with status 502." }],
    [500, "", { message: "The provider answered with status 500." }],
    [500, '{"error":"text"}', { message: "The provider answered with status 500." }],
    [500, '{"error":{"message":7}}', { message: "The provider answered with status 500." }],
  ])("%d %s", (status, body, expected) => {
    expect(errorOf(status, body, none)).toMatchObject({ status, ...expected });
  });

  test.each<[string, string, number | undefined]>([
    ["retry-after", "7", 7_000],
    ["retry-after", "0.5", 500],
    ["retry-after-ms", "250", 250],
    ["retry-after", "Wed, 21 Oct 2026 07:28:00 GMT", undefined],
    ["retry-after", "-1", undefined],
    ["retry-after", "1e9", undefined],
  ])("%s: %s", (name, value, expected) => {
    const error = errorOf(429, "", (asked) => (asked === name ? value : null));
    expect(error.retryAfterMs).toBe(expected);
  });
});

describe("an error inside an answer has the status of its type", () => {
  test.each([
    ["invalid_request_error", 400],
    ["authentication_error", 401],
    ["billing_error", 402],
    ["permission_error", 403],
    ["not_found_error", 404],
    ["request_too_large", 413],
    ["rate_limit_error", 429],
    ["api_error", 500],
    ["timeout_error", 504],
    ["overloaded_error", 529],
    ["tomorrows_error", 502],
  ])("%s", (type, status) => {
    expect(errorInside({ type: "error", error: { type, message: "m" } })).toEqual({ status, message: "m", type });
  });

  test("one that says nothing is still an error", () => {
    for (const value of [undefined, null, {}, { error: "x" }, { error: {} }]) {
      expect(errorInside(value)).toMatchObject({ status: 502 });
    }
  });
});
