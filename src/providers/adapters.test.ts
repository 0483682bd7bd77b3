import { expect, test } from "bun:test";
import { ADAPTERS } from "./adapters.ts";

test("every kind is there once, and each that is no test provider has somewhere to go or is told where", () => {
  const kinds = ADAPTERS.map((adapter) => adapter.kind);
  expect(new Set(kinds).size).toBe(kinds.length);
  for (const kind of ["openai", "openai-compatible", "anthropic", "demo"]) expect(kinds).toContain(kind);
  for (const adapter of ADAPTERS) {
    if (adapter.baseUrl !== null) expect(new URL(adapter.baseUrl).href).toMatch(/^https?:/);
  }
});

test("an account's key goes into headers only, and nothing else of it", () => {
  for (const adapter of ADAPTERS) {
    for (const value of Object.values(adapter.credential("the-key"))) expect(value).toContain("the-key");
  }
});
