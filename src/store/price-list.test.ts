import { describe, expect, test } from "bun:test";
import { findProvider } from "@pydantic/genai-prices";
import type { Price, ProviderAccount } from "../domain/catalog/catalog.ts";
import { PriceList } from "./price-list.ts";

const list = new PriceList((kind) => kind === "demo");

function account(over: Partial<ProviderAccount>): ProviderAccount {
  return {
    name: "a",
    kind: "openai",
    baseUrl: null,
    options: {},
    sealedKey: null,
    allowPrivateNetwork: false,
    prices: [],
    ...over,
  };
}

const NOW = Date.parse("2026-11-22T12:00:00Z");
const now = { at: NOW };
const row = (over: Partial<Price> = {}): Price => ({ model: "m", inputPerMTokUsd: 1, outputPerMTokUsd: 2, ...over });

test("a model of the public list has its price, and says which list said so, in which version", () => {
  const rates = list.rates(account({}), "gpt-4o", now);
  expect(rates).toMatchObject({ input: 2.5, output: 10, cacheRead: 1.25 });
  expect(rates?.source).toMatch(/^genai-prices \d+\.\d+\.\d+ \/ gpt-4o$/);
});

test("the account's own price stands before the public one, by name or by pattern", () => {
  const own = account({
    prices: [{ model: "gpt-*", inputPerMTokUsd: 1, outputPerMTokUsd: 2, cacheReadPerMTokUsd: 0.5 }],
  });
  expect(list.rates(own, "gpt-4o", now)).toEqual({
    input: 1,
    output: 2,
    cacheRead: 0.5,
    source: expect.stringMatching(/^provider a [0-9a-f]{12}$/),
  });
});

test("every price of a row reaches the rates", () => {
  const own = row({
    cacheReadPerMTokUsd: 3,
    cacheWritePerMTokUsd: 4,
    cacheWriteLongPerMTokUsd: 5,
    audioInputPerMTokUsd: 6,
    imageInputPerMTokUsd: 7,
    audioOutputPerMTokUsd: 8,
    imageOutputPerMTokUsd: 9,
    reasoningPerMTokUsd: 10,
    above: [{ tokens: 200_000, inputPerMTokUsd: 11 }],
    tiers: { batch: { outputPerMTokUsd: 12 } },
  });
  expect(list.rates(account({ prices: [own] }), "m", now)).toEqual({
    input: 1,
    output: 2,
    cacheRead: 3,
    cacheWrite: 4,
    cacheWriteLong: 5,
    audioInput: 6,
    imageInput: 7,
    audioOutput: 8,
    imageOutput: 9,
    reasoning: 10,
    above: [{ tokens: 200_000, input: 11 }],
    tiers: { batch: { output: 12 } },
    source: expect.any(String),
  });
});

describe("of several rows for a name the last begun counts:", () => {
  const day = 86_400_000;
  const prices = [
    row({ inputPerMTokUsd: 2, from: NOW - day }),
    row({ inputPerMTokUsd: 4, from: NOW + day }),
    row({ inputPerMTokUsd: 1 }),
    row({ inputPerMTokUsd: 3, from: NOW }),
    row({ model: "*", inputPerMTokUsd: 9 }),
  ];
  const rows: [string, number, number][] = [
    ["before all dates", NOW - 2 * day, 1],
    ["on a date's first moment", NOW - day, 2],
    ["just before one", NOW - 1, 2],
    ["on it", NOW, 3],
    ["just before the last", NOW + day - 1, 3],
    ["after it", NOW + 5 * day, 4],
  ];
  test.each(rows)("%s", (_, at, input) => {
    expect(list.rates(account({ prices }), "m", { at })?.input).toBe(input);
  });
  test("a name of which none has begun is passed over", () => {
    const later = [row({ from: NOW + day }), row({ model: "*", inputPerMTokUsd: 9 })];
    expect(list.rates(account({ prices: later }), "m", now)?.input).toBe(9);
    expect(list.rates(account({ prices: [row({ from: NOW + day })] }), "m", now)).toBeUndefined();
  });
});

test("a row is another version as soon as anything in it changes, and the same however it is written", () => {
  const source = (price: Price) => list.rates(account({ prices: [price] }), "m", now)!.source;
  const first = source(row({ tiers: { flex: { inputPerMTokUsd: 1 } } }));
  expect(source({ outputPerMTokUsd: 2, tiers: { flex: { inputPerMTokUsd: 1 } }, model: "m", inputPerMTokUsd: 1 })).toBe(first);
  expect(source(row({ tiers: { flex: { inputPerMTokUsd: 1.5 } } }))).not.toBe(first);
  expect(source(row())).not.toBe(first);
}); // biome-ignore format: short enough

test("a tenant's own price stands before the account's, for all accounts or for one", () => {
  const prices = [{ ...row({ inputPerMTokUsd: 5 }), provider: "b" }, row({ inputPerMTokUsd: 7 })];
  const asking = { ...now, tenant: { name: "acme", prices } };
  const at = (name: string) => list.rates(account({ name, prices: [row()] }), "m", asking);
  expect(at("a")).toMatchObject({ input: 7, source: expect.stringMatching(/^tenant acme [0-9a-f]{12}$/) });
  expect(at("b")?.input).toBe(5);
  expect(list.rates(account({ prices: [row()] }), "m", now)?.input).toBe(1);
  const dated = { ...now, tenant: { name: "acme", prices: [row({ inputPerMTokUsd: 5, from: NOW + 1 })] } };
  expect(list.rates(account({ prices: [row()] }), "m", dated)?.input).toBe(1);
});

test("a row may be written by the name that callers use; the provider's own name goes before it", () => {
  const by = { ...now, calledBy: "small" };
  const small = row({ model: "small", inputPerMTokUsd: 3 });
  expect(list.rates(account({ prices: [small] }), "small-2026", by)?.input).toBe(3);
  expect(list.rates(account({ prices: [small] }), "small-2026", now)).toBeUndefined();
  const both = [small, row({ model: "small-2026", inputPerMTokUsd: 4 })];
  expect(list.rates(account({ prices: both }), "small-2026", by)?.input).toBe(4);
  // A pattern is of the provider's names: it would match all that callers may call.
  expect(list.rates(account({ prices: [row({ model: "sm*" })] }), "big-2026", by)).toBeUndefined();
});

test("a model that nobody knows has no price, rather than none to pay", () => {
  expect(list.rates(account({ kind: "openai-compatible" }), "my-own-model", now)).toBeUndefined();
});

test("nothing is free because a list says zero: only who writes a zero makes it so", () => {
  const free = findProvider({ providerId: "openrouter" })!.models.find(({ prices }) => {
    return !Array.isArray(prices) && prices.input_mtok === 0 && prices.output_mtok === 0;
  });
  const router = account({ kind: "openrouter" });
  const name = free?.id ?? "none";
  if (free !== undefined) expect(list.rates(router, name, now)).toBeUndefined();
  const zero = { model: name, inputPerMTokUsd: 0, outputPerMTokUsd: 0 };
  expect(list.rates(account({ kind: "openrouter", prices: [zero] }), name, now)).toMatchObject({ input: 0, output: 0 });
});

test("long prompts, long cache and sound have their public prices", () => {
  const claude = list.rates(account({ kind: "anthropic" }), "claude-sonnet-4-5", now)!;
  expect(claude.cacheWriteLong).toBeGreaterThan(claude.cacheWrite!);
  const gemini = list.rates(account({ kind: "google" }), "gemini-2.5-pro", now)!;
  expect(gemini.above).toEqual([{ tokens: 200_000, input: 2.5, output: 15, cacheRead: expect.any(Number) }]);
  const sound = list.rates(account({}), "gpt-audio", now)!;
  expect(sound.audioInput).toBeGreaterThan(sound.input);
});

test("a public price that changes by date or hour is that of the instant", () => {
  const at = (instant: string) => list.rates(account({}), "o3", { at: Date.parse(instant) })?.input;
  expect([at("2025-06-01T00:00:00Z"), at("2025-06-11T00:00:00Z"), at("2025-06-01T00:00:00Z")]).toEqual([10, 2, 10]);
});

test("a test provider costs nothing, and what only reads has one price", () => {
  expect(list.rates(account({}), "text-embedding-3-small", now)).toMatchObject({ input: 0.02, output: 0 });
  expect(list.rates(account({}), "whisper-1", now)).toBeUndefined();
  expect(list.rates(account({ kind: "demo" }), "demo", now)).toMatchObject({ input: 0, output: 0 });
});

test("how much a model takes is told where it is publicly known", () => {
  expect(list.contextTokens(account({}), "gpt-4o")).toBe(128_000);
  expect(list.contextTokens(account({}), "my-own-model")).toBeUndefined();
});
