import { expect, test } from "bun:test";
import type { ProviderAccount } from "../domain/catalog/catalog.ts";
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

test("a model of the public list has its price, and says which list said so", () => {
  const rates = list.rates(account({}), "gpt-4o");
  expect(rates).toMatchObject({ input: 2.5, output: 10, cacheRead: 1.25 });
  expect(rates?.source).toMatch(/^genai-prices \d/);
});

test("the account's own price stands before the public one, by name or by pattern", () => {
  const own = account({
    prices: [{ model: "gpt-*", inputPerMTokUsd: 1, outputPerMTokUsd: 2, cacheReadPerMTokUsd: 0.5 }],
  });
  expect(list.rates(own, "gpt-4o")).toEqual({ input: 1, output: 2, cacheRead: 0.5, source: "configuration" });
});

test("a model that nobody knows has no price, rather than none to pay", () => {
  expect(list.rates(account({ kind: "openai-compatible" }), "my-own-model")).toBeUndefined();
});

test("a test provider costs nothing", () => {
  // What only reads has one price.
  expect(list.rates(account({}), "text-embedding-3-small")).toMatchObject({ input: 0.02, output: 0 });
  expect(list.rates(account({}), "whisper-1")).toBeUndefined();
  expect(list.rates(account({ kind: "demo" }), "demo")).toMatchObject({ input: 0, output: 0 });
});
