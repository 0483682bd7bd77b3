/**
 * Relaying beside dialects-relay.test.ts: many streams at once, each in odd pieces, and
 * fields of a request that nobody knows.
 */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import { DIALECTS, greet, MODELS, PROVIDERS, Scene } from "../support/scene.ts";
import { sse } from "../support/upstream.ts";

let scene: Scene;
beforeAll(async () => {
  scene = await Scene.start();
});
afterAll(() => scene.stop());
beforeEach(() => {
  scene.up.plan(greet);
  return scene.fresh();
});

const withoutTrailer = (said: string) => said.replace(/: sallyport \{[^\n]*\}\n\n/, "");

describe.each(DIALECTS)("%s on both sides", (dialect) => {
  const model = MODELS[dialect];

  test("forty streams at once, cut into pieces at random, do not mix", async () => {
    const own = (i: number) => PROVIDERS[dialect].frames({ text: [`caller ${i} `, "é\u{1f600} ", `and ${i}.`] });
    scene.up.plan((request) => sse(own(Number(request.json().messages[0].content)), { split: { seed: 9, max: 60 } }));
    const asking = dialect === "openai" ? { stream_options: { include_usage: true } } : {};
    await Promise.all(
      Array.from({ length: 40 }, async (_, i) => {
        const messages = [{ role: "user", content: String(i) }];
        const response = await scene.call(dialect, { model, stream: true, ...asking, messages });
        expect(withoutTrailer(await response.text())).toBe(own(i).join(""));
      }),
    );
    await scene.fresh();
  });

  test("a field of the request that nobody knows reaches the provider as it is", async () => {
    const unknown = { x_new: { a: [1, null, "é", { deep: true }] }, x_null: null };
    await scene.served(dialect, { model, ...unknown });
    expect(scene.up.requests[0]!.json()).toMatchObject(unknown);
  });

  test("a provider of the other dialect does not get it; the caller is told which, and its value is in no header or record", async () => {
    const other = MODELS[dialect === "openai" ? "anthropic" : "openai"];
    const { response, record } = await scene.served(dialect, { model: other, x_new: "secret words" });
    expect(scene.up.everything()).not.toContain("x_new");
    expect(response.headers.get("x-sallyport-warnings")).toContain("x_new");
    expect(record.warnings.join()).toContain("x_new");
    expect(JSON.stringify([...response.headers]) + JSON.stringify(record)).not.toContain("secret words");
  });

  test("a field's name, told in a header, cannot become a header", async () => {
    const other = MODELS[dialect === "openai" ? "anthropic" : "openai"];
    const name = "x\r\nx-evil: 1\u0000\u2028é";
    const { response } = await scene.served(dialect, { model: other, [name]: 1 });
    expect(response.headers.get("x-evil")).toBeNull();
    expect(response.headers.get("x-sallyport-warnings")).toMatch(/^[\x20-\x7e]+$/);
  });
});
