// Covers privacy.ts, and the same demand at other providers.
import { describe, expect, test } from "bun:test";
import type { JsonObject } from "../../kernel/json.ts";
import type { Dialect } from "../../spec/dialect.ts";
import type { ModelRequest } from "../../spec/request.ts";
import { ADAPTERS } from "../adapters.ts";

/** The fields of a request that speak of privacy. */
function sent(kind: string, dialect: Dialect, over: Partial<ModelRequest>): JsonObject {
  const request: ModelRequest = {
    dialect,
    model: "m",
    messages: [{ role: "user", parts: [{ type: "text", text: "Hi" }] }],
    stream: false,
    includeUsage: true,
    maxOutputTokens: 9,
    ...over,
  };
  const adapter = ADAPTERS.find((each) => each.kind === kind)!;
  const options = { project: "project-1" };
  const chosen = adapter.variant?.(request, "gpt-4o", options) ?? adapter;
  const { store, provider } = chosen.encode(request, "gpt-4o", options).body;
  return { ...(store === undefined ? {} : { store }), ...(provider === undefined ? {} : { provider }) };
}

const DEMANDED = { store: false, training: false } as const;

describe("what the API's policy demands of privacy", () => {
  test.each<[kind: string, dialect: Dialect, want: JsonObject]>([
    ["openai", "openai-chat", { store: false }],
    ["openai", "openai-responses", { store: false }],
    ["openai", "anthropic-messages", { store: false }],
    ["azure-openai", "openai-chat", { store: false }],
    ["openrouter", "openai-chat", { provider: { zdr: true, data_collection: "deny" } }],
    ["openrouter", "openai-responses", { store: false, provider: { zdr: true, data_collection: "deny" } }],
    ["openrouter", "anthropic-messages", { provider: { zdr: true, data_collection: "deny" } }],
    // Refuses every field that it does not know.
    ["mistral", "openai-chat", {}],
    ["groq", "openai-responses", { store: false }],
    ["google", "gemini", { store: false }],
    ["google", "openai-chat", { store: false }],
    ["vertex", "gemini", {}],
    ["anthropic", "openai-chat", {}],
  ])("is told %s, asked by %s, as %j", (kind, dialect, want) => {
    expect(sent(kind, dialect, DEMANDED)).toEqual(want);
  });

  test("stands before what the caller says of the same, and beside what it says of other things", () => {
    const extra = { provider: { data_collection: "allow", zdr: false, ignore: ["a"] } };
    expect(sent("openrouter", "openai-chat", { ...DEMANDED, extra })).toEqual({
      provider: { zdr: true, data_collection: "deny", ignore: ["a"] },
    });
  });

  test("is nothing where the API demands nothing", () => {
    for (const kind of ["openai", "openrouter", "google"]) expect(sent(kind, "openai-chat", {})).toEqual({});
  });
});
