import { expect, test } from "bun:test";
import type { Json, JsonObject } from "../kernel/json.ts";
import type { EventPart } from "../spec/event.ts";
import type { ModelRequest } from "../spec/request.ts";
import { ADAPTERS } from "./adapters.ts";
import { servedTier, withTier } from "./served-tier.ts";

test.each<[Json | undefined, string | undefined]>([
  ["default", "standard"],
  ["standard", "standard"],
  ["on_demand", "standard"],
  ["ON_DEMAND", "standard"],
  ["flex", "flex"],
  ["ON_DEMAND_FLEX", "flex"],
  ["SERVICE_TIER_FLEX", "flex"],
  ["priority", "priority"],
  ["ON_DEMAND_PRIORITY", "priority"],
  ["fast", "priority"],
  ["batch", "batch"],
  // Says nothing, or is bought beforehand.
  ...["auto", "scale", "reserved", "performance", "PROVISIONED_THROUGHPUT", "", "constructor"].map(
    (word): [string, undefined] => [word, undefined],
  ),
  [null, undefined],
  [7, undefined],
  [undefined, undefined],
])("%p is %p", (word, tier) => {
  expect(servedTier(word) as string | undefined).toBe(tier);
});

test("a tier without counts is none", () => {
  expect(withTier(undefined, "flex")).toBeUndefined();
  expect(withTier({ input: 1 }, "auto")).toEqual({ input: 1 });
});

const asked = (over: Partial<ModelRequest>): ModelRequest => {
  return { dialect: "openai-chat", model: "m", messages: [], stream: false, includeUsage: true, ...over };
};
const chat = { choices: [{ index: 0, message: { content: "Hi." }, finish_reason: "stop" }], usage: { prompt_tokens: 2, completion_tokens: 3 } }; // biome-ignore format: one answer
const message = (usage: JsonObject) => {
  return { type: "message", content: [], stop_reason: "end_turn", usage: { input_tokens: 2, output_tokens: 3, ...usage } };
}; // biome-ignore format: one answer
const gemini = (usage: JsonObject) => {
  return { candidates: [{ content: { parts: [{ text: "Hi." }] }, finishReason: "STOP" }], usageMetadata: { promptTokenCount: 2, candidatesTokenCount: 3, ...usage } };
}; // biome-ignore format: one answer
const converse = { output: { message: { role: "assistant", content: [{ text: "Hi." }] } }, stopReason: "end_turn", usage: { inputTokens: 2, outputTokens: 3 } }; // biome-ignore format: one answer
const response = { object: "response", status: "completed", output: [], usage: { input_tokens: 2, output_tokens: 3 } };

test.each<[string, Partial<ModelRequest>, JsonObject, string | undefined]>([
  ["openai", {}, { ...chat, service_tier: "priority" }, "priority"],
  ["groq", {}, { ...chat, service_tier: "on_demand" }, "standard"],
  ["openai", {}, chat, undefined],
  ["openai", { dialect: "openai-responses" }, { ...response, service_tier: "flex" }, "flex"],
  ["anthropic", {}, message({ service_tier: "priority" }), "priority"],
  ["anthropic", {}, message({ service_tier: "standard", speed: "fast" }), "fast"],
  ["anthropic", {}, message({ service_tier: "standard", speed: "standard" }), "standard"],
  ["google", {}, gemini({ trafficType: "ON_DEMAND_FLEX" }), "flex"],
  ["google", {}, gemini({ serviceTier: "priority" }), "priority"],
  ["bedrock", {}, { ...converse, serviceTier: { type: "flex" } }, "flex"],
  ["bedrock", {}, converse, undefined],
])("%s told %j, read as what it was served", (kind, over, answer, tier) => {
  const adapter = ADAPTERS.find((each) => each.kind === kind)!;
  const request = asked(over);
  const decoder = (adapter.variant?.(request, "gpt-5", { region: "us-east-1" }) ?? adapter).decoder(request);
  const parts = decoder.unary(JSON.stringify(answer));
  const usage = parts.find((part): part is Extract<EventPart, { type: "usage" }> => part.type === "usage")!.usage;
  expect(usage).toMatchObject({ input: 2, output: 3 });
  expect(usage.tier as string | undefined).toBe(tier);
});

test("a stream that tells its tier before its counts was served by it all the same", () => {
  const adapter = ADAPTERS.find(({ kind }) => kind === "openai")!;
  const decoder = adapter.decoder(asked({ stream: true }));
  const first = { id: "c", service_tier: "flex", choices: [{ index: 0, delta: { content: "Hi." } }] };
  const last = { id: "c", choices: [], usage: { prompt_tokens: 2, completion_tokens: 3 } };
  const parts = [first, last].flatMap((data) => decoder.frame({ event: "", data: JSON.stringify(data) }));
  expect(parts.at(-1)).toMatchObject({ type: "usage", usage: { input: 2, output: 3, tier: "flex" } });
});
