import { expect, test } from "bun:test";
import type { JsonObject } from "../../../kernel/json.ts";
import { usedByBatch } from "./used.ts";

const usage = {
  input_tokens: 18,
  input_tokens_details: { cached_tokens: 4 },
  output_tokens: 7,
  output_tokens_details: { reasoning_tokens: 2 },
  total_tokens: 25,
};
const counts = (completed: number) => ({ total: 2, completed, failed: 2 - completed });

const rows: [what: string, batch: JsonObject, used: JsonObject[]][] = [
  ["that has ended", { status: "completed", usage }, [{ input: 18, output: 7, cacheRead: 4, reasoning: 2 }]],
  [
    "that was stopped in the middle",
    { status: "cancelled", usage, request_counts: counts(1) },
    [{ input: 18, output: 7, cacheRead: 4, reasoning: 2 }],
  ],
  ["of which no call was answered", { status: "failed", request_counts: counts(0) }, [{ input: 0, output: 0 }]],
  ["that goes on", { status: "in_progress", usage, request_counts: counts(0) }, []],
  ["that does not say", { status: "completed", request_counts: counts(2) }, []],
  [
    "that says zeros of calls that were answered",
    { status: "completed", usage: { input_tokens: 0, output_tokens: 0 }, request_counts: counts(2) },
    [],
  ],
  [
    "that says what cannot be",
    { status: "completed", usage: { input_tokens: -1, output_tokens: 7 }, request_counts: counts(2) },
    [],
  ],
  ["whose calls nobody counted", { status: "expired" }, []],
];

test.each(rows)("a batch %s", (_, batch, used) => {
  expect(usedByBatch({ object: "batch", ...batch })).toEqual(used as never);
});

test("no other object has used anything", () => {
  expect(usedByBatch({ object: "response", status: "completed", usage })).toEqual([]);
});
