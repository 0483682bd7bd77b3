import { expect, test } from "bun:test";
import { errorBody, statusWord } from "./errors.ts";

test("an error has Google's envelope, with our code, the field and the call's id in its details", () => {
  const error = {
    status: 400,
    code: "invalid_request",
    message: "contents is wrong",
    param: "contents",
    requestId: "r1",
  };
  expect(errorBody(error)).toEqual({
    error: {
      code: 400,
      message: "contents is wrong",
      status: "INVALID_ARGUMENT",
      details: [
        {
          "@type": "type.googleapis.com/google.rpc.ErrorInfo",
          reason: "INVALID_REQUEST",
          domain: "sallyport",
          metadata: { requestId: "r1" },
        },
        {
          "@type": "type.googleapis.com/google.rpc.BadRequest",
          fieldViolations: [{ field: "contents", description: "contents is wrong" }],
        },
      ],
    },
  });
  const refused = errorBody({ ...error, param: null, providerCode: "context_length_exceeded" });
  expect(JSON.stringify(refused)).toContain('"reason":"context_length_exceeded"');
});

test("every status has a word", () => {
  expect([401, 404, 418, 429, 500, 502, 504, 599].map(statusWord)).toEqual([
    ...["UNAUTHENTICATED", "NOT_FOUND", "INVALID_ARGUMENT", "RESOURCE_EXHAUSTED"],
    ...["INTERNAL", "UNAVAILABLE", "DEADLINE_EXCEEDED", "INTERNAL"],
  ]);
});
