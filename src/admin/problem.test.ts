import { expect, test } from "bun:test";
import { ERRORS, type ErrorCode, GatewayError } from "../errors.ts";
import { problemDocument, problemResponse } from "./problem.ts";

test("every code of the error table becomes a problem with its status and title, and without its internal message", () => {
  for (const code of Object.keys(ERRORS) as ErrorCode[]) {
    const error = new GatewayError(code, "public text", { internal: "internal text", cause: new Error("cause text") });
    const document = problemDocument(error, "req_1");
    expect(document).toEqual({
      type: `urn:sallyport:error:${code}`,
      title: ERRORS[code].title,
      status: ERRORS[code].status,
      detail: "public text",
      code,
      requestId: "req_1",
    });
  }
});

test("a 401 says how to authenticate, and whether the token was bad", () => {
  const missing = problemResponse(new GatewayError("missing_credential", "x"), "req_1");
  expect(missing.headers.get("www-authenticate")).toBe('Bearer realm="sallyport"');
  const bad = problemResponse(new GatewayError("invalid_credential", "x"), "req_1");
  expect(bad.headers.get("www-authenticate")).toBe('Bearer realm="sallyport", error="invalid_token"');
});

test("Retry-After is whole seconds, at least one", () => {
  const after = (retryAfterMs: number) =>
    problemResponse(new GatewayError("overloaded", "x", { retryAfterMs }), "req_1").headers.get("retry-after");
  expect([after(1), after(1_000), after(1_001)]).toEqual(["1", "1", "2"]);
});
