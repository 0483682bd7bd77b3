import { describe, expect, test } from "bun:test";
import { ADAPTERS } from "../../providers/adapters.ts";
import { UnsupportedFeature } from "../../spec/adapter.ts";
import type { Complete, Operation } from "../../spec/operation.ts";
import type { ModelRequest } from "../../spec/request.ts";
import { apiOf } from "./api-of.ts";

const adapter = (kind: string) => ADAPTERS.find((each) => each.kind === kind)!;

const asking = (operation: Operation, over: Partial<ModelRequest> = {}): ModelRequest => {
  return {
    dialect: "openai-completions",
    model: "m",
    messages: [],
    stream: false,
    includeUsage: true,
    operation,
    ...over,
  };
};

describe("A provider is asked", () => {
  test("by its own API where it has one", () => {
    const api = apiOf(adapter("openai"), asking({ type: "embed", inputs: [{ text: "a" }] }), "m", {});
    expect(api.encode(asking({ type: "embed", inputs: [{ text: "a" }] }), "m").path).toBe("/embeddings");
  });

  test("for nothing that it does not do", () => {
    const request = asking({ type: "embed", inputs: [{ text: "a" }] });
    for (const kind of ["anthropic", "groq", "deepseek"]) {
      expect(() => apiOf(adapter(kind), request, "m", {})).toThrow(UnsupportedFeature);
    }
  });

  test("for no count where it has no API for it: the estimate is made here", () => {
    const request = asking(
      { type: "count-tokens" },
      { messages: [{ role: "user", parts: [{ type: "text", text: "four".repeat(10) }] }] },
    );
    const parts = [...apiOf(adapter("groq"), request, "m", {}).local!(request, "m")].flat();
    expect(parts).toEqual([{ type: "result", result: { kind: "token-count", tokens: 14 } }, { type: "end" }]);
  });
});

describe("A completion as a conversation (as-conversation.ts)", () => {
  const bodyOf = (operation: Complete, over: Partial<ModelRequest> = {}) => {
    const request = asking(operation, over);
    return apiOf(adapter("anthropic"), request, "claude", {}).encode(request, "claude").body;
  };

  test("has the prompt as its only message, and the legacy API's own bound", () => {
    expect(bodyOf({ type: "complete", prompts: ["Once"] })).toMatchObject({
      max_tokens: 16,
      messages: [{ role: "user", content: "Once" }],
    });
    expect(bodyOf({ type: "complete", prompts: ["Once"] }, { maxOutputTokens: 99 })).toMatchObject({ max_tokens: 99 });
  });

  test.each<[string, Complete]>([
    ["prompt", { type: "complete", prompts: ["a", "b"] }],
    ["prompt", { type: "complete", prompts: [[1]] }],
    ["suffix", { type: "complete", prompts: ["a"], suffix: "z" }],
    ["echo", { type: "complete", prompts: ["a"], echo: true }],
    ["best_of", { type: "complete", prompts: ["a"], bestOf: 2 }],
  ])("refuses %s of %j", (field, operation) => {
    expect(() => bodyOf(operation)).toThrow(expect.objectContaining({ name: "UnsupportedFeature", field }));
  });
});
