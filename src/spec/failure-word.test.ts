import { expect, test } from "bun:test";
import { failureWord } from "./failure-word.ts";

test.each([
  ["MALFORMED_FUNCTION_CALL", "MALFORMED_FUNCTION_CALL"],
  ["function_call_filter: MALFORMED_FUNCTION_CALL", "function_call_filter: MALFORMED_FUNCTION_CALL"],
  ["malformed_tool_use", "malformed_tool_use"],
  ['"}],"done', "error"],
  ["", "error"],
  ["x".repeat(65), "error"],
  [null, "error"],
])("the word %j is told as %s", (raw, told) => {
  expect(failureWord(raw)).toBe(told);
});
