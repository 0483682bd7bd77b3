import { expect, test } from "bun:test";
import type { CatalogModel } from "../domain/catalog/catalog.ts";
import type { Limit } from "../kernel/limit.ts";
import type { Prices } from "../ports/prices.ts";
import type { ModelRequest } from "../spec/request.ts";
import type { Grant } from "./authorize.ts";
import { worstCaseOf, worstTokens } from "./worst.ts";

const request: ModelRequest = {
  dialect: "openai-chat",
  model: "m",
  messages: [],
  stream: false,
  includeUsage: false,
  maxOutputTokens: 10,
};
const unseen: ModelRequest = { ...request, dialectBound: ["conversation"] };
const target = (model: string, contextTokens?: number) => {
  const row = { provider: "p", model, weight: 1 };
  return contextTokens === undefined ? row : { ...row, contextTokens };
};

function grant(asked: ModelRequest, rows: CatalogModel["targets"]): Grant {
  return {
    call: { at: 0 },
    caller: { principal: { tenant: { id: "ten_1", name: "acme" } } },
    request: asked,
    bodyBytes: 100,
    model: { name: "m", targets: rows.slice(0, 1), fallbacks: rows.slice(1) },
    catalog: { providers: new Map([["p", { name: "p", kind: "k" }]]) },
  } as unknown as Grant;
}
const limiting = (dimensions: Limit["dimension"][]): Limit[] =>
  dimensions.map((dimension) => ({ dimension, window: "day", amount: 1 }));

const prices: Prices = {
  rates: (_, model) => (model === "unknown" ? undefined : { input: model === "dear" ? 10 : 1, output: 2, source: "t" }),
  contextTokens: (_, model) => (model === "known" ? 128_000 : undefined),
};

test("of several targets the longest context is taken: the row's own, the public one, or a large bound", () => {
  const longest = (...rows: CatalogModel["targets"]) => worstTokens(grant(unseen, rows), prices).input;
  expect(longest(target("known"))).toBe(128_000);
  expect(longest(target("known", 8_000))).toBe(8_000);
  expect(longest(target("known"), target("other", 300_000))).toBe(300_000);
  expect(longest(target("known"), target("other"))).toBe(2_000_000);
  expect(worstTokens(grant(request, [target("known")]), prices)).toEqual({ input: 100, output: 10 });
});

test("money is that of the dearest target; a model without a price is not to be had", () => {
  const rows = [target("cheap"), target("dear")];
  expect(worstCaseOf(grant(request, rows), prices, limiting(["usd"]))).toEqual({
    input: 100,
    output: 10,
    usd: 1_020_000,
  });
  expect(() => worstCaseOf(grant(request, [target("unknown")]), prices, limiting(["usd"]))).toThrow("has no price");
  expect(worstCaseOf(grant(request, [target("unknown")]), prices, limiting(["tokens"]))).toEqual({
    input: 100,
    output: 10,
    usd: 0,
  });
});

test("nothing is worked out where no limit asks for it", () => {
  expect(worstCaseOf(grant(unseen, [target("unknown")]), prices, limiting(["requests"]))).toEqual({
    input: 0,
    output: 0,
    usd: 0,
  });
});
