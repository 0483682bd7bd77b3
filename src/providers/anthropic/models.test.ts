import { describe, expect, test } from "bun:test";
import { MODELS, type ModelTraits, traitsOf } from "./models.ts";

describe("a model's traits follow from its name, whatever stands around it", () => {
  test.each<[string, Partial<ModelTraits>]>([
    ["claude-3-haiku-20240307", { maxOutput: 4_096, thinking: "none", structured: false, sampling: "all" }],
    ["claude-3-opus-latest", { maxOutput: 4_096 }],
    ["claude-3-5-sonnet-20241022", { maxOutput: 8_192, thinking: "none" }],
    ["claude-3-7-sonnet@20250219", { maxOutput: 64_000, defaultOutput: 32_000, thinking: "budget" }],
    ["claude-sonnet-4-20250514", { maxOutput: 64_000, thinking: "budget", structured: false, sampling: "all" }],
    ["claude-sonnet-4-0", { maxOutput: 64_000, structured: false }],
    ["claude-opus-4-20250514", { maxOutput: 32_000, structured: false }],
    ["claude-opus-4-1-20250805", { maxOutput: 32_000, structured: true, sampling: "one" }],
    ["claude-haiku-4-5-20251001", { maxOutput: 64_000, thinking: "budget", structured: true, efforts: [] }],
    ["us.anthropic.claude-sonnet-4-5-20250929-v1:0", { thinking: "budget", structured: true, sampling: "one" }],
    ["anthropic/claude-opus-4.5", { efforts: ["low", "medium", "high"], prefill: true }],
    ["claude-sonnet-4-6", { thinking: "adaptive", sampling: "one", prefill: false }],
    ["claude-opus-4-7", { sampling: "none", systemTurns: false, thinkingOff: "omit" }],
    ["claude-opus-4-8", { systemTurns: true }],
    ["claude-opus-5", { thinkingOff: "disabled", forcedTool: true }],
    ["claude-haiku-5-5", { thinkingOff: "disabled", forcedTool: true }],
    ["claude-sonnet-5-5", { thinkingOff: "between_tools", forcedTool: false }],
    ["claude-opus-5-5", { thinkingOff: "never", forcedTool: false }],
    ["claude-fable-5", { thinkingOff: "never", forcedTool: true }],
    ["claude-fable-5-2", { thinkingOff: "never", forcedTool: false }],
    ["claude-mythos-preview", { thinkingOff: "never" }],
    ["claude-sonata-7", { thinking: "adaptive", sampling: "none" }],
    ["glm-4.6", { thinking: "budget", structured: false, sampling: "all", defaultOutput: 8_192 }],
  ])("%s", (name, traits) => {
    expect(traitsOf(name)).toMatchObject(traits);
  });
});

test("nobody is asked for more than the model writes", () => {
  for (const name of MODELS) expect(traitsOf(name).defaultOutput).toBeLessThanOrEqual(traitsOf(name).maxOutput);
});
