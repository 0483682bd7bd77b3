import { describe, expect, test } from "bun:test";
import { type ErrorCode, type ErrorDetails, GatewayError, toGatewayError } from "../../errors.ts";
import { MalformedAnswer } from "../../spec/adapter.ts";
import { reasonOf } from "./reason.ts";
import { fromProviderError, toCallError } from "./upstream-error.ts";

const reason = (code: ErrorCode, details: ErrorDetails) =>
  reasonOf(new GatewayError(code, "told to the caller", details));

describe("the reason of a failure", () => {
  test("is what the code does not say", () => {
    expect(reason("upstream_unreachable", { internal: "ECONNREFUSED" })).toBe("ECONNREFUSED");
    expect(reason("rate_limit_exceeded", { internal: "tenant:ten_1 has reached its limit" })).toBe(
      "tenant:ten_1 has reached its limit",
    );
    expect(reasonOf(toCallError(new MalformedAnswer("content-type text/html")))).toBe("content-type text/html");
    expect(reasonOf(fromProviderError({ status: 400, message: "secret", type: "invalid_request_error" }))).toBe(
      "the provider answered 400 invalid_request_error",
    );
    expect(reason("invalid_request", {})).toBeUndefined();
  });

  test("quotes nobody", () => {
    for (const error of [
      toGatewayError(new SyntaxError("unexpected token near 'grey falcon'")),
      toCallError(new MalformedAnswer("not a JSON object: grey falcon")),
      toCallError(new MalformedAnswer("a choice with index grey falcon")),
      fromProviderError({ status: 400, message: "grey falcon", type: "grey falcon" }),
      fromProviderError({ status: 400, message: "x", type: "org-falcon99" }),
      fromProviderError({ status: 502, message: "not JSON: grey falcon", code: "upstream_malformed" }),
      new GatewayError("upstream_error", "grey falcon"),
    ]) {
      expect(reasonOf(error) ?? "").not.toContain("falcon");
    }
    expect(reasonOf(toGatewayError(new SyntaxError("x")))).toBe("SyntaxError");
    expect(reasonOf(toGatewayError("x"))).toBeUndefined();
  });

  test("is short", () => {
    expect(reason("upstream_error", { internal: "x".repeat(10_000) })).toHaveLength(300);
  });
});
