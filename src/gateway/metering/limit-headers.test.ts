import { describe, expect, test } from "bun:test";
import type { Limit } from "../../kernel/limit.ts";
import type { Level } from "../../ports/meter.ts";
import { duration, limitHeaders } from "./limit-headers.ts";

describe("durations are written as OpenAI writes them", () => {
  test.each([
    [0, "0ms"],
    [119.2, "120ms"],
    [999, "999ms"],
    [999.5, "1s"],
    [1_000, "1s"],
    [59_001, "1m0s"],
    [360_000, "6m0s"],
    [86_341_000, "23h59m1s"],
  ])("%d ms is %s", (ms, text) => expect(duration(ms)).toBe(text));
});

const level = (over: Partial<Limit>, remaining: number, scope = "subscription:s"): Level => ({
  scope,
  limit: { dimension: "requests", window: "minute", amount: 10, ...over },
  remaining,
  resetMs: 61_000,
});
const AT = Date.UTC(2026, 0, 1);

test("the limit nearest to its end stands in x-ratelimit, one of each window in RateLimit", () => {
  const levels = [level({}, 9), level({ window: "day", amount: 100 }, 5), level({ window: "total" }, 7, "key:k")];
  expect(limitHeaders(levels, "openai-chat", AT)).toEqual({
    "x-ratelimit-limit-requests": "100",
    "x-ratelimit-remaining-requests": "5",
    "x-ratelimit-reset-requests": "1m1s",
    ratelimit: '"minute";r=9;t=61, "day";r=5;t=61, "key-total";r=7',
    "ratelimit-policy": '"minute";q=10;w=60, "day";q=100;w=86400, "key-total";q=10',
  });
});

test("a limit that allows nothing is nearest to its end, wherever it stands", () => {
  const levels = [level({}, 9), level({ amount: 0, window: "day" }, 0, "key:k")];
  for (const order of [levels, levels.toReversed()]) {
    const { "x-ratelimit-limit-requests": limit, "x-ratelimit-remaining-requests": left } = limitHeaders(
      order,
      "openai-chat",
      AT,
    );
    expect([limit, left]).toEqual(["0", "0"]);
  }
});

test("of several limits of one dimension and window the one with the least left stands in RateLimit", () => {
  const levels = [level({ amount: 100 }, 50), level({ amount: 1_000 }, 20, "key:k"), level({}, 30, "team:t")];
  expect(limitHeaders([...levels, level({ dimension: "tokens" }, 7)], "gemini", AT)).toMatchObject({
    ratelimit: '"key-minute";r=20;t=61, "minute-tokens";r=7;t=61',
    "ratelimit-policy": '"key-minute";q=1000;w=60, "minute-tokens";q=10;w=60',
  });
});

test("callers of Messages find them under Anthropic's names as well, with a moment for the reset", () => {
  const levels = [level({ dimension: "inputTokens", window: "hour", amount: 500 }, 20, "team:t")];
  expect(limitHeaders(levels, "anthropic-messages", AT)).toEqual({
    "anthropic-ratelimit-input-tokens-limit": "500",
    "anthropic-ratelimit-input-tokens-remaining": "20",
    "anthropic-ratelimit-input-tokens-reset": "2026-01-01T00:01:01Z",
    ratelimit: '"team-hour-inputTokens";r=20;t=61',
    "ratelimit-policy": '"team-hour-inputTokens";q=500;w=3600',
  });
});

test("a reset told as a moment is not too early by a part of a second", () => {
  const levels = [level({ window: "day" }, 5)];
  expect(limitHeaders(levels, "anthropic-messages", AT - 61_005)["anthropic-ratelimit-requests-reset"]).toBe(
    "2026-01-01T00:00:00Z",
  );
});

test("no reset is told of a limit in total, which has none", () => {
  const total = [level({ window: "total" }, 7), level({ dimension: "tokens", window: "total" }, 9)];
  const headers = limitHeaders(total, "anthropic-messages", AT);
  expect(Object.keys(headers).filter((name) => name.includes("reset"))).toEqual([]);
  expect(headers).toMatchObject({
    "x-ratelimit-remaining-requests": "7",
    "x-ratelimit-remaining-tokens": "9",
    "anthropic-ratelimit-tokens-remaining": "9",
  });
});

test("what is left of a budget is told in dollars; who may run at once is told nobody", () => {
  const levels = [
    level({ dimension: "usd", window: "month", amount: 5e9 }, 1_250_000_000),
    level({ dimension: "concurrent", window: null, amount: 3 }, 1),
  ];
  expect(limitHeaders(levels, "gemini", AT)).toMatchObject({
    "x-sallyport-budget-remaining-usd": "1.25",
    "ratelimit-policy": '"month-usd";q=5000000000;qu="nano-usd";w=2592000',
  });
  expect(limitHeaders([levels[1]!], "gemini", AT)).toEqual({});
});
