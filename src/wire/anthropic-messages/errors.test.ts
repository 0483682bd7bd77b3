import { describe, expect, test } from "bun:test";
import { ERRORS, type ErrorCode } from "../../errors.ts";
import type { PublicError } from "../../spec/wire.ts";
import { errorFrame } from "./errors.ts";
import { anthropicMessages } from "./index.ts";

function publicError(code: ErrorCode): PublicError {
  return { status: ERRORS[code].status, code, message: "why", param: null, requestId: "call_1" };
}

const REFUSED = { error: { message: "" } };

describe("every failure has one of Anthropic's error types", () => {
  test.each<[ErrorCode, string]>([
    ["invalid_request", "invalid_request_error"],
    ["unsupported_feature", "invalid_request_error"],
    ["missing_credential", "authentication_error"],
    ["invalid_credential", "authentication_error"],
    ["not_allowed", "permission_error"],
    ["model_not_found", "not_found_error"],
    ["method_not_allowed", "invalid_request_error"],
    ["body_timeout", "timeout_error"],
    ["conflict", "conflict_error"],
    ["body_too_large", "request_too_large"],
    ["unsupported_media_type", "invalid_request_error"],
    ["guardrail_blocked", "invalid_request_error"],
    ["rate_limit_exceeded", "rate_limit_error"],
    ["insufficient_quota", "billing_error"],
    ["internal", "api_error"],
    ["upstream_error", "api_error"],
    ["overloaded", "overloaded_error"],
    ["upstream_timeout", "timeout_error"],
  ])("%s is %s", (code, type) => {
    expect(anthropicMessages.errorBody(publicError(code))).toEqual({
      type: "error",
      error: { type, message: "why" },
      request_id: "call_1",
    });
  });
});

test("a thread is refused in the words on which Anthropic's clients send the whole conversation", () => {
  const refused = { ...publicError("invalid_request"), param: "thread" };
  expect(anthropicMessages.errorBody(refused)).toMatchObject({
    error: { type: "invalid_request_error", details: { error_code: "thread_unsupported_request" } },
  });
  expect(anthropicMessages.errorBody({ ...refused, param: "messages" })).toMatchObject({ error: { message: "why" } });
  expect(JSON.stringify(anthropicMessages.errorBody({ ...refused, param: "messages" }))).not.toContain("details");
});

test("a provider's own word for what is wrong with a request is a detail", () => {
  const refused = { ...publicError("upstream_rejected"), providerCode: "image_dimensions_too_large" };
  expect(anthropicMessages.errorBody(refused)).toMatchObject({
    error: { type: "invalid_request_error", details: { error_code: "image_dimensions_too_large" } },
  });
});

test("a prompt that is too long is told in the words on which Anthropic's clients shorten the conversation", () => {
  const told = (message: string, providerCode = "context_length_exceeded") =>
    (anthropicMessages.errorBody({ ...publicError("upstream_rejected"), message, providerCode }) as typeof REFUSED)
      .error;
  const maximum = "This model's maximum context length is 128000 tokens.";
  expect(told(maximum).message).toBe(`prompt is too long: ${maximum}`);
  expect(told("Prompt is too long: 2 tokens > 1 maximum").message).toBe("Prompt is too long: 2 tokens > 1 maximum");
  expect(told(maximum, "other").message).toBe(maximum);
});

test("an error in a stream is an event of that name", () => {
  expect(errorFrame(publicError("upstream_cut"))).toBe(
    'event: error\ndata: {"type":"error","error":{"type":"api_error","message":"why"},"request_id":"call_1"}\n\n',
  );
});
