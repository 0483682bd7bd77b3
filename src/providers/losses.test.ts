import { describe, expect, test } from "bun:test";
import { UnsupportedFeature } from "../spec/adapter.ts";
import { openaiChat } from "../wire/openai-chat/index.ts";
import { ADAPTERS } from "./adapters.ts";
import { Losses, saysNothing } from "./losses.ts";

describe("what a provider has no place for", () => {
  test("is told once", () => {
    const losses = new Losses(false);
    losses.warn("seed", "left out");
    losses.warn("seed", "left out again");
    losses.carry({ store: true }, {});
    expect(losses.warnings.map(({ field }) => field)).toEqual(["seed", "store"]);
  });

  test("goes through where the caller speaks the provider's dialect, below what was checked", () => {
    const losses = new Losses(true);
    const body = { model: "checked", options: { seed: 1 } };
    losses.carryRequest({ model: "other", options: { seed: 2, num_ctx: 8 }, raw: true, modalities: ["audio"] }, body);
    expect(body as object).toEqual({
      model: "checked",
      options: { seed: 1, num_ctx: 8 },
      raw: true,
      modalities: ["audio"],
    });
    expect(losses.warnings).toEqual([]);
  });

  test("cannot reach what all objects inherit", () => {
    const body = {};
    new Losses(true).carry(JSON.parse('{"__proto__": {"spoiled": true}}'), body);
    expect((body as { spoiled?: boolean }).spoiled).toBeUndefined();
  });

  for (const extra of [
    { mcp_servers: [{}] },
    { web_search_options: {} },
    { moderation: { model: "m" } },
    { modalities: ["text", "audio"] },
  ]) {
    test(`is refused where the answer would be another one: ${JSON.stringify(extra)}`, () => {
      expect(() => new Losses(false).carryRequest(extra, {})).toThrow(UnsupportedFeature);
    });
  }

  test("is no loss where it says nothing", () => {
    const losses = new Losses(false);
    losses.carryRequest({ moderation: false, container: null, modalities: ["text"], annotations: [] }, {});
    expect(losses.warnings.map(({ field }) => field)).toEqual(["moderation", "modalities"]);
  });

  test("is not told where it is empty, as clients send answers back", () => {
    const losses = new Losses(false);
    losses.carry({ annotations: [], audio: null, images: [{}] }, {});
    expect(losses.warnings.map(({ field }) => field)).toEqual(["images"]);
    expect([null, [], false, 0, "", {}].map(saysNothing)).toEqual([true, true, false, false, false, false]);
  });

  test.each(["anthropic", "bedrock", "google", "cohere", "dashscope-native", "ollama"])(
    "stands beside an earlier answer, and is told of by %s",
    (kind) => {
      const adapter = ADAPTERS.find((each) => each.kind === kind)!;
      const images = [{ type: "image_url", image_url: { url: "data:image/png;base64,iVBORw0KGgo=" } }];
      const answer = { role: "assistant", content: "Here.", refusal: null, annotations: [], audio: null, images };
      const messages = [{ role: "user", content: "A cat." }, answer, { role: "user", content: "Blue." }];
      const { warnings } = adapter.encode(openaiChat.decode({ model: "m", messages }), "m");
      expect(warnings.map(({ field }) => field)).toEqual(["images"]);
    },
  );
});
