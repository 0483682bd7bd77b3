import { expect, test } from "bun:test";
import type { FinishReason } from "../../spec/event.ts";
import type { ModelRequest } from "../../spec/request.ts";
import { ResponseHead } from "./response.ts";

const REQUEST: ModelRequest = {
  dialect: "openai-responses",
  model: "m",
  messages: [],
  stream: false,
  includeUsage: true,
};

test.each<[FinishReason, string | null, string, boolean]>([
  ["stop", "completed", "completed", false],
  ["length", "max_output_tokens", "incomplete", true],
  ["content-filter", null, "incomplete", true],
  ["failed", "MALFORMED_FUNCTION_CALL", "failed", true],
  // Stopped by its caller; it was told as completed where a guard has answers written anew.
  ["other", "cancelled", "cancelled", true],
  ["other", "a_new_word", "completed", false],
])("an answer that ended as %s (%s) is %s", (reason, raw, status, isCut) => {
  const head = new ResponseHead(REQUEST, { requestId: "call_1", created: 1 });
  head.finish({ type: "finish", choice: 0, reason, raw });
  expect([head.ended([]).status, head.isCut]).toEqual([status, isCut]);
});
