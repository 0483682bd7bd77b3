import { describe, expect, test } from "bun:test";
import type { Level } from "../ports/meter.ts";
import { openaiChat } from "../wire/openai-chat/index.ts";
import { Call } from "./call.ts";
import { commonHeaders, duration } from "./headers.ts";

describe("durations are written as OpenAI writes them", () => {
  test.each([
    [0, "0ms"],
    [119.2, "120ms"],
    [1_000, "1s"],
    [59_001, "1m0s"],
    [360_000, "6m0s"],
    [86_341_000, "23h59m1s"],
  ])("%d ms is %s", (ms, text) => expect(duration(ms)).toBe(text));
});

test("the limit nearest to its end stands in x-ratelimit, all of them in RateLimit", () => {
  const clock = { now: () => 0, ticks: () => 0 };
  const call = new Call(
    { request: new Request("http://a/"), sockets: { timeout: () => {} }, path: "/", query: "", peer: "::1" },
    "call_1",
    openaiChat,
    clock,
    1,
  );
  const level = (window: "minute" | "day", limit: number, remaining: number): Level => ({
    demand: { scope: "subscription:s", dimension: "requests", window, limit, amount: 1 },
    remaining,
    resetMs: 61_000,
  });
  call.levels = [level("minute", 10, 9), level("day", 100, 5)];
  expect(commonHeaders(call)).toMatchObject({
    "x-ratelimit-limit-requests": "100",
    "x-ratelimit-remaining-requests": "5",
    "x-ratelimit-reset-requests": "1m1s",
    ratelimit: '"minute";r=9;t=61, "day";r=5;t=61',
    "ratelimit-policy": '"minute";q=10;w=60, "day";q=100;w=86400',
  });
});
