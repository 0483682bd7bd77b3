import { describe, expect, test } from "bun:test";
import { ERRORS, type ErrorCode } from "../../errors.ts";
import { errorBody, errorFrame } from "./errors.ts";
import { openaiChat } from "./index.ts";

const of = (code: ErrorCode, param: string | null = null) => {
  const body = errorBody({ status: ERRORS[code].status, code, message: "It failed.", param, requestId: "call_1" });
  return body.error as { message: string; type: string; param: string | null; code: string };
};

describe("errors in OpenAI's envelope", () => {
  test.each<[ErrorCode, string, string]>([
    ["invalid_request", "invalid_request_error", "invalid_request"],
    ["body_too_large", "invalid_request_error", "body_too_large"],
    ["missing_credential", "authentication_error", "missing_credential"],
    ["invalid_credential", "authentication_error", "invalid_api_key"],
    ["not_allowed", "permission_error", "not_allowed"],
    ["model_not_found", "invalid_request_error", "model_not_found"],
    ["not_found", "not_found_error", "not_found"],
    ["rate_limit_exceeded", "rate_limit_error", "rate_limit_exceeded"],
    ["insufficient_quota", "insufficient_quota", "insufficient_quota"],
    ["guardrail_blocked", "invalid_request_error", "guardrail_blocked"],
    ["internal", "server_error", "internal"],
    ["upstream_error", "server_error", "upstream_error"],
    ["overloaded", "server_error", "overloaded"],
    ["upstream_timeout", "server_error", "upstream_timeout"],
  ])("%s", (code, type, told) => {
    expect(of(code)).toEqual({ message: "It failed.", type, param: null, code: told });
  });

  test("the field at fault is named", () => {
    expect(of("invalid_request", "messages[0].content").param).toBe("messages[0].content");
  });

  test("a provider's own word for what is wrong with a request stands in place of ours", () => {
    const error = { status: 400, code: "upstream_rejected", message: "no", param: null, requestId: "call_1" };
    const body = errorBody({ ...error, providerCode: "context_length_exceeded" });
    expect(body.error).toMatchObject({ code: "context_length_exceeded", type: "invalid_request_error" });
  });

  test.each(Object.keys(ERRORS) as ErrorCode[])("%s has a type", (code) => {
    expect(of(code).type).toMatch(/^[a-z_]+$/);
  });

  test("in a stream the envelope is one event, and nothing that looks like an end", () => {
    const error = { status: 502, code: "upstream_cut", message: "a\nb", param: null, requestId: "call_1" };
    const frame = errorFrame(error);
    expect(frame).toBe(`data: ${JSON.stringify(openaiChat.errorBody(error))}\n\n`);
    expect(frame).not.toContain("[DONE]");
    expect(frame.match(/\n/g)).toHaveLength(2);
  });
});
