/** What an administrator may say of prices, in prices.ts. */
import { describe, expect, test } from "bun:test";
import { edited, problems } from "../../test/support/configuration.ts";
import type { Price } from "../domain/catalog/catalog.ts";
import { priceFindings, priceRow, prices, tenantPrices } from "./prices.ts";

const row = { model: "m", inputPerMTokUsd: 1, outputPerMTokUsd: 2 };

describe("a price that cannot be is refused, naming the field:", () => {
  const rows: [string, object][] = [
    ["inputPerMTokUsd", { inputPerMTokUsd: -1 }],
    ["inputPerMTokUsd", { inputPerMTokUsd: Number.NaN }],
    ["inputPerMTokUsd", { inputPerMTokUsd: "1" }],
    ["inputPerMTokUsd", { inputPerMTokUsd: undefined }],
    ["outputPerMTokUsd", { outputPerMTokUsd: Number.POSITIVE_INFINITY }],
    ["outputPerMTokUsd", { outputPerMTokUsd: 1e308 }],
    ["outputPerMTokUsd", { outputPerMTokUsd: null }],
    ["reasoningPerMTokUsd", { reasoningPerMTokUsd: 1_000_001 }],
    ["audioInputPerMTokUsd", { audioInputPerMTokUsd: -0.001 }],
    ["cacheWriteLongPerMTokUsd", { cacheWriteLongPerMTokUsd: undefined }],
    ["above.0.tokens", { above: [{ tokens: 0, inputPerMTokUsd: 1 }] }],
    ["above.0.tokens", { above: [{ tokens: 2 ** 53 + 2, inputPerMTokUsd: 1 }] }],
    ["above.0.inputPerMTokUsd", { above: [{ tokens: 5, inputPerMTokUsd: -1 }] }],
    ["tiers.flex.outputPerMTokUsd", { tiers: { flex: { outputPerMTokUsd: -1 } } }],
    ["tiers", { tiers: { turbo: { outputPerMTokUsd: 1 } } }],
    ["from", { from: "yesterday" }],
    ["from", { from: "2026-02-30" }],
    ["model", { model: "" }],
  ];
  test.each(rows)("%s: %j", (field, over) => {
    for (const schema of [prices, tenantPrices]) {
      const { error } = schema.safeParse([{ ...row, ...over }]);
      expect(error?.issues[0]?.path.join(".")).toBe(`0.${field}`);
    }
  });
});

describe("in the file it is told with its line:", () => {
  const priced = "prices: [{ model: small, inputPerMTokUsd: 0.15, outputPerMTokUsd: 0.60 }]";
  const rows: [string, string][] = [
    ["inputPerMTokUsd: .nan", "conf/sallyport.yaml:9:47: providers[0].prices[0].inputPerMTokUsd: must be a number"],
    ["inputPerMTokUsd: -0.15", "conf/sallyport.yaml:9:47: providers[0].prices[0].inputPerMTokUsd: must be at least 0"],
    ["inputPerMTokUsd: 1e308", "conf/sallyport.yaml:9:47: providers[0].prices[0].inputPerMTokUsd: must be at most 1000000"],
  ]; // biome-ignore format: a table
  test.each(rows)("%s", (wrong, said) => {
    expect(problems(edited("inputPerMTokUsd: 0.15", wrong)).join("\n")).toContain(said);
  });

  test("two rows of which both would count, and an account that is not there", () => {
    const twice = priced.replace("]", ", { model: small, inputPerMTokUsd: 1, outputPerMTokUsd: 1 }]");
    expect(problems(edited(priced, twice)).join()).toContain("providers[0].prices[1].model: is small, as prices[0] is");
    const tenant = "  - name: acme\n    prices: [{ provider: uq, model: m, inputPerMTokUsd: 1, outputPerMTokUsd: 1 }]";
    expect(problems(edited("  - name: acme", tenant)).join()).toContain('names provider "uq", which this file does not have; did you mean "up"?'); // biome-ignore format: one line
  });
});

test("a price of nothing must be written", () => {
  expect(prices.safeParse([{ model: "m", inputPerMTokUsd: 0, outputPerMTokUsd: 0 }]).success).toBe(true);
  expect(prices.safeParse([{ model: "m" }]).success).toBe(false);
});

test("rows of which two would count are refused, and so are thresholds that do not rise or say nothing", () => {
  const found = (list: Parameters<typeof priceFindings>[0]) =>
    priceFindings(list, ["prices"]).map(({ path, message }) => `${path.join(".")} ${message}`);
  expect(found([row, { ...row, from: "2026-01-01" }, { ...row, model: "n" }, { ...row, provider: "p" }])).toEqual([]);
  expect(
    found([
      { ...row, from: "2026-01-01" },
      { ...row, from: "2026-01-01T00:00:00Z" },
    ]),
  ).toEqual(["prices.1.model is m from 2026-01-01T00:00:00.000Z, as prices[0] is; which of them counts would be open"]);
  const above = [{ tokens: 9, inputPerMTokUsd: 1 }, { tokens: 9, inputPerMTokUsd: 2 }, { tokens: 10 }];
  expect(found([{ ...row, above }])).toEqual([
    "prices.0.above.1.tokens must be more than in the entry before it",
    "prices.0.above.2 must name at least one price",
  ]);
});

test("a date becomes its first moment, UTC", () => {
  expect(priceRow<Price>({ ...row, from: "2026-01-01" })).toEqual({ ...row, from: Date.UTC(2026, 0, 1) });
  expect(priceRow<Price>(row)).toEqual(row);
});
