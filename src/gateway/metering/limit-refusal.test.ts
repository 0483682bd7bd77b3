import { describe, expect, test } from "bun:test";
import type { Limit, LimitDimension, LimitWindow } from "../../kernel/limit.ts";
import { fitsLater, type Refused, refusal } from "./limit-refusal.ts";

const worst = { input: 200, output: 100, usd: 80_000_000 };

interface Case {
  scope?: string;
  dimension: LimitDimension;
  window?: LimitWindow | null;
  amount: number;
  remaining?: number;
  retryAfterMs?: number | null;
}

function refused({
  scope = "subscription:s",
  dimension,
  window = "day",
  amount,
  remaining = 0,
  ...rest
}: Case): Refused {
  const limit: Limit = { dimension, window, amount };
  const { retryAfterMs = 5_500 } = rest;
  return { admitted: false, refusedBy: { scope, limit, remaining, resetMs: 9_000 }, retryAfterMs, levels: [] };
}

describe("a refusal says which limit it was, and what the caller can do", () => {
  // biome-ignore format: one line each
  const rows: [string, Case, string][] = [
    ["a limit that is used up", { dimension: "requests", amount: 2 }, "The plan's limit of 2 requests per day is used up. Try again in 6 s."],
    ["one of one", { dimension: "requests", amount: 1 }, "The plan's limit of 1 request per day is used up. Try again in 6 s."],
    ["a budget, to the nano-dollar", { dimension: "usd", window: "month", amount: 300_000 }, "The plan's budget of $0.0003 per month never allows so much: this call could need $0.08; lower max_tokens or the prompt."],
    ["a budget with something left", { dimension: "usd", window: "month", amount: 100_000_000, remaining: 70_000_000 }, "The plan's budget of $0.1 per month has $0.07 left, and this call could need $0.08; lower max_tokens or the prompt, or try again in 6 s."],
    ["a budget without an end that has something left", { dimension: "usd", window: "total", amount: 100_000_000, remaining: 70_000_000 }, "The plan's budget of $0.1 in total has $0.07 left, and this call could need $0.08; lower max_tokens or the prompt."],
    ["tokens of both kinds", { dimension: "tokens", window: "minute", amount: 1_000, remaining: 299 }, "The plan's limit of 1000 tokens per minute has 299 tokens left, and this call could need 300 tokens; lower max_tokens or the prompt, or try again in 6 s."],
    ["tokens of the prompt, which max_tokens is no matter of", { dimension: "inputTokens", window: "minute", amount: 1_000, remaining: 9 }, "The plan's limit of 1000 input tokens per minute has 9 input tokens left, and this call could need 200 input tokens; shorten the prompt, or try again in 6 s."],
    ["tokens of the answer, which the prompt is no matter of", { dimension: "outputTokens", window: "minute", amount: 1_000, remaining: 9 }, "The plan's limit of 1000 output tokens per minute has 9 output tokens left, and this call could need 100 output tokens; lower max_tokens, or try again in 6 s."],
    ["places", { scope: "key:k", dimension: "concurrent", window: null, amount: 2 }, "The key's limit of 2 concurrent calls is used up."],
    ["none at all", { scope: "tenant:t", dimension: "requests", amount: 0 }, "The tenant's limit of 0 requests per day allows none."],
  ];
  test.each(rows)("%s", (_, about, said) => {
    const endless =
      about.window === "total" || about.amount === 0 || (about.amount < worst.usd && about.dimension === "usd");
    const retryAfterMs = endless ? null : 5_500;
    expect(refusal(refused({ ...about, retryAfterMs }), worst).public).toBe(said);
  });
});

test("a rate passes by itself, a quota or budget does not, and an account of a provider's is no caller's business", () => {
  const code = (about: Case) => refusal(refused(about), worst).code;
  expect(code({ dimension: "tokens", window: "minute", amount: 9 })).toBe("rate_limit_exceeded");
  expect(code({ dimension: "concurrent", window: null, amount: 9 })).toBe("rate_limit_exceeded");
  expect(code({ dimension: "usd", window: "minute", amount: 9 })).toBe("insufficient_quota");
  expect(code({ dimension: "requests", window: "month", amount: 9 })).toBe("insufficient_quota");
  const full = refusal(refused({ scope: "provider:up", dimension: "requests", amount: 9, retryAfterMs: null }), worst);
  expect(full).toMatchObject({ code: "overloaded", retryAfterMs: 60_000 });
  expect(full.public).not.toContain("up");
});

test("what is larger than a limit, but may be shortened, fits when the period begins anew", () => {
  const never = refused({ dimension: "usd", amount: 50_000_000, remaining: 10, retryAfterMs: null });
  const short = { input: 200, output: 16, usd: 40_000_000 };
  expect(fitsLater(never, short).retryAfterMs).toBe(9_000);
  expect(fitsLater(never, worst).retryAfterMs).toBeNull();
  expect(fitsLater({ ...never, refusedBy: { ...never.refusedBy, resetMs: 0 } }, short).retryAfterMs).toBeNull();
  expect(fitsLater({ ...never, retryAfterMs: 5 }, short).retryAfterMs).toBe(5);
  const said = refusal(fitsLater(never, short), worst).public;
  expect(said).toContain(
    "has $0.00000001 left, and this call could need $0.08; lower max_tokens or the prompt, or try again in 9 s.",
  );
});
