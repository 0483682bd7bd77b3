import { expect, test } from "bun:test";
import type { JsonObject } from "../../../kernel/json.ts";
import { usedByResponse } from "./used.ts";

const usage = {
  input_tokens: 18,
  input_tokens_details: { cached_tokens: 4 },
  output_tokens: 7,
  output_tokens_details: { reasoning_tokens: 2 },
  total_tokens: 25,
};
const all = { input: 18, output: 7, cacheRead: 4, reasoning: 2 };
const output = [{ type: "message" }];
const failed = (code: string, over: JsonObject = {}) => ({ status: "failed", usage: null, error: { code }, ...over });

const rows: [what: string, response: JsonObject, used: JsonObject[]][] = [
  ["that is there", { status: "completed", usage, output }, [all]],
  ["that was served another way", { status: "completed", usage, service_tier: "flex" }, [{ ...all, tier: "flex" }]],
  ["that ended at its bound", { status: "incomplete", usage, output }, [all]],
  ["that was stopped", { status: "cancelled", usage, output }, [all]],
  ["that failed in the middle", { status: "failed", usage, output, error: { code: "server_error" } }, [all]],
  ["that waits", { status: "queued", usage }, []],
  ["that goes on", { status: "in_progress", usage, output }, []],
  ["of a state that nobody knows", { status: "done", usage }, []],
  ["without a state", { usage, output }, []],
  ["that was stopped and does not say", { status: "cancelled", usage: null, output: [] }, []],
  ["that is there and does not say", { status: "completed", usage: null, output: [] }, []],
  ["that tells of its prompt alone", { status: "completed", usage: { input_tokens: 18 }, output: [] }, []],
  ["that tells zeros", { status: "completed", usage: { input_tokens: 0, output_tokens: 0 }, output }, []],
  ["that wrote for nothing", { status: "completed", usage: { input_tokens: 18, output_tokens: 0 }, output }, []],
  ["that tells what cannot be", { status: "completed", usage: { input_tokens: -18, output_tokens: 7 } }, []],
  ["that failed before its first word", failed("server_error"), [{ output: 0 }]],
  ["that failed and tells zeros", failed("x", { usage: { input_tokens: 0, output_tokens: 0 } }), [{ output: 0 }]],
  ["that failed for no reason", { status: "failed", usage: null, error: null }, [{ output: 0 }]],
  ["that failed, wrote and does not say", failed("server_error", { output }), []],
  ["that failed and tells of its prompt", failed("server_error", { usage: { input_tokens: 18 } }), []],
  ["whose prompt was refused", failed("invalid_prompt"), [{ input: 0, output: 0 }]],
];

test.each(rows)("a response %s", (_, response, used) => {
  expect(usedByResponse({ object: "response", ...response })).toEqual(used as never);
});

test("no other object has used anything", () => {
  expect(usedByResponse({ object: "batch", status: "completed", usage })).toEqual([]);
  expect(usedByResponse({ object: "list", data: [], status: "completed", usage })).toEqual([]);
});
