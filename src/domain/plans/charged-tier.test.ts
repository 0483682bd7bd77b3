import { expect, test } from "bun:test";
import type { ModelRequest } from "../../spec/request.ts";
import type { ServedTier } from "../../spec/usage.ts";
import { chargedTier, tierOf, tiersOf } from "./price.ts";

const asked = (over: Partial<ModelRequest>): ModelRequest => {
  return { dialect: "openai-chat", model: "m", messages: [], stream: false, includeUsage: false, ...over };
};

test("an answer is priced as it was served, and as asked for where nobody says", () => {
  const rows: [Partial<ModelRequest>, ServedTier | undefined, string | undefined][] = [
    [{}, undefined, undefined],
    [{}, "priority", "priority"],
    [{}, "standard", undefined],
    [{ serviceTier: "priority" }, undefined, "priority"],
    [{ serviceTier: "priority" }, "standard", undefined],
    [{ serviceTier: "flex" }, "flex", "flex"],
    [{ serviceTier: "default" }, "priority", "priority"],
    [{ extra: { speed: "fast" } }, undefined, "fast"],
    [{ extra: { speed: "fast" } }, "standard", undefined],
    [{ extra: { speed: "fast" } }, "fast", "fast"],
  ];
  for (const [over, served, charged] of rows) {
    expect(chargedTier(asked(over), served) as string | undefined).toBe(charged);
  }
});

test("tiers are known by all their names", () => {
  expect(tierOf(asked({ serviceTier: "fast" }))).toBe("priority");
  expect(tierOf(asked({ serviceTier: "SERVICE_TIER_FLEX" }))).toBe("flex");
  expect(tierOf(asked({ serviceTier: "performance" }))).toBeUndefined();
  expect(tiersOf(asked({ extra: { speed: "fast" } }))).toEqual(["fast"]);
});
