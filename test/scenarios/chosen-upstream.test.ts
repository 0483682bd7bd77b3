/** What callers may not choose by a value: model and endpoint behind a star, and servers inside. Proves gateway/authorize.ts and gateway/decode.ts. */
import { afterAll, beforeAll, beforeEach, describe, test } from "bun:test";
import { Scene } from "../support/scene.ts";

let scene: Scene;
beforeAll(async () => {
  scene = await Scene.start({
    models: [
      { name: "or/*", targets: [{ provider: "up", model: "*", weight: 1 }], fallbacks: [] },
      { name: "x-*", targets: [{ provider: "up", model: "*", weight: 1 }], fallbacks: [] },
      { name: "fixed/*", targets: [{ provider: "up", model: "openrouter/*", weight: 1 }], fallbacks: [] },
    ],
    api: { models: ["*"] },
  });
});
afterAll(() => scene.stop());
beforeEach(() => scene.fresh());

describe("a name behind a star", () => {
  test.each(["or/@preset/mine", "or/openai/gpt@preset/mine", "or/openrouter/auto", "x-..", "or/.."])(
    "%s is no model",
    async (model) => {
      await scene.refused("openai", await scene.call("openai", { model }), { code: "model_not_found", param: "model" });
    },
  );

  test.each(["or/openai/gpt-4.1", "fixed/auto"])("%s is one", async (model) => {
    await scene.served("openai", { model });
  });

  test.each([".", ".."])("%s is refused before it is looked for", async (model) => {
    await scene.refused("openai", await scene.call("openai", { model }), { code: "invalid_request", param: "model" });
  });
});

test("a server inside is not named to a provider", async () => {
  const tools = [{ type: "mcp", server_label: "x", server_url: "https://169.254.169.254/" }];
  await scene.refused("openai", await scene.call("openai", { model: "or/m", tools }), {
    code: "invalid_request",
    param: "tools[0].server_url",
  });
});
