import { describe, expect, test } from "bun:test";
import { apiKey, type Catalog, type CatalogModel, findModel, matchesPattern, targetModel } from "./catalog.ts";

function model(name: string, target: string): CatalogModel {
  return { name, targets: [{ provider: "p", model: target, weight: 1 }], fallbacks: [] };
}

function catalogOf(...models: CatalogModel[]): Catalog {
  const patterns = models.filter((m) => m.name.endsWith("*")).sort((a, b) => b.name.length - a.name.length);
  const exact = models.filter((m) => !m.name.endsWith("*"));
  return {
    revision: 1,
    providers: new Map(),
    models: new Map(exact.map((m) => [m.name, m])),
    patterns,
    apis: new Map(),
    plans: new Map(),
    guardrails: new Map(),
  };
}

describe("a model is found", () => {
  const catalog = catalogOf(
    model("gpt-x", "gpt-x-2026"),
    model("openai/*", "*"),
    model("openai/ft:*", "ft:*"),
    model("x-*", "y-*:free"),
  );
  const rows: [string, string | undefined, string | undefined][] = [
    ["gpt-x", "gpt-x", "gpt-x-2026"],
    ["openai/gpt-5", "openai/*", "gpt-5"],
    ["openai/ft:a/b", "openai/ft:*", "ft:a/b"],
    ["x-1", "x-*", "y-1:free"],
    ["openai/$&", "openai/*", "$&"],
    ["openai/", undefined, undefined],
    ["GPT-X", undefined, undefined],
    ["gpt-x ", undefined, undefined],
    ["__proto__", undefined, undefined],
    ["", undefined, undefined],
  ];
  for (const [name, found, upstream] of rows) {
    test(`${JSON.stringify(name)} is ${found ?? "unknown"}${upstream === undefined ? "" : `, upstream ${upstream}`}`, () => {
      const hit = findModel(catalog, name);
      expect(hit?.name).toBe(found);
      expect(hit && targetModel(hit, hit.targets[0]!, name)).toBe(upstream);
    });
  }
});

test("a pattern's star is its last character only", () => {
  expect(matchesPattern("a*", "abc")).toBe(true);
  expect(matchesPattern("*", "anything")).toBe(true);
  expect(matchesPattern("a*c", "abc")).toBe(false);
  expect(matchesPattern("a*c", "a*c")).toBe(true);
});

test("an API is named by slug and version", () => {
  expect(apiKey("chat", "v1")).toBe("chat/v1");
});
