/** What a model may say of its routing, in routing.ts. */
import { describe, expect, test } from "bun:test";
import { USUAL_ROUTING } from "../domain/catalog/catalog.ts";
import { contextTokens, outputTokens, routing } from "./routing.ts";

test("a model that says nothing is routed as usual", () => {
  const { hedgeAfterMs, ...usual } = USUAL_ROUTING;
  expect(hedgeAfterMs).toBeNull();
  expect(routing.parse(undefined)).toEqual(usual as never);
});

describe("what cannot be meant is refused, naming the field", () => {
  const rows: [string, unknown][] = [
    ["strategy", { strategy: "fastest" }],
    ["maxAttempts", { maxAttempts: 0 }],
    ["maxAttempts", { maxAttempts: 1.5 }],
    ["retries", { retries: -1 }],
    ["retries", { retries: 11 }],
    ["hedgeAfterMs", { hedgeAfterMs: 0 }],
    ["maxAttemptMs", { maxAttemptMs: Number.POSITIVE_INFINITY }],
    ["fallbackOn", { fallbackOn: [500] }],
    ["sticky", { sticky: "yes" }],
  ];
  test.each(rows)("%s: %j", (field, value) => {
    const { error } = routing.safeParse(value);
    expect(error!.issues[0]!.path[0]).toBe(field);
  });

  test("unknown settings", () => expect(routing.safeParse({ stragety: "listed" }).success).toBe(false));
  test.each([0, -1, 1.5, "8k"])("contextTokens and outputTokens: %p", (value) => {
    expect(outputTokens.safeParse(value).success).toBe(false);
    expect(contextTokens.safeParse(value).success).toBe(false);
  });
});
