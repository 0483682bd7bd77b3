/** What dispatch.ts and ask.ts do with several targets, through the whole road. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { chat, post, startApp } from "../../test/support/app.ts";
import { json, openaiChat, silence, startUpstream, type Upstream } from "../../test/support/upstream.ts";

let first: Upstream;
let second: Upstream;
beforeAll(async () => {
  [first, second] = [await startUpstream(), await startUpstream()];
});
afterAll(async () => {
  await first.stop();
  await second.stop();
});

function start() {
  const row = (provider: string) => ({ provider, model: "m", weight: 1 });
  return startApp({
    upstream: first.url,
    providers: [{ name: "other", baseUrl: `${second.url}/v1`, sealedKey: "sk-other-0123456789" }],
    models: [{ name: "small", targets: [row("up")], fallbacks: [row("other")] }],
    settings: { deadlines: { firstByteMs: 100, unaryMs: 100 } },
  });
}

test("a target that is silent for too long costs its own attempt, and the next one serves", async () => {
  for (const stream of [true, false]) {
    const app = await start();
    first.answer(silence());
    second.plan(openaiChat.replies({ text: "from the other" }));
    const response = await post(app, { body: chat({ stream }) });
    expect(response.status).toBe(200);
    expect(await response.text()).toContain("other");
    const [record] = await app.records();
    expect(record!.attempts.map(({ provider, error }) => [provider, error])).toEqual([
      ["up", "upstream_timeout"],
      ["other", null],
    ]);
    await app.stop();
  }
});

test("the last target's silence ends the call with 504", async () => {
  const app = await start();
  first.answer(silence());
  second.answer(silence());
  expect((await post(app)).status).toBe(504);
  expect((await app.records())[0]).toMatchObject({ outcome: "failed", errorCode: "upstream_timeout" });
  await app.stop();
});

test("every attempt that a provider may charge for is charged", async () => {
  const app = await start();
  first.answer(json(200, { no: "answer" }));
  second.plan(openaiChat.replies({ text: "ok", usage: { input: 50, output: 30 } }));
  expect((await post(app)).status).toBe(200);
  const [record] = await app.records();
  expect(record!.provider).toBe("other");
  // The prompt of the first, as counted, beside what the second reported.
  expect(record!.inputTokens).toBeGreaterThan(50);
  expect(record!.outputTokens).toBe(30);
  await app.stop();
});

test("a stream that falls silent after its first event has no other target", async () => {
  const app = await startApp({ upstream: first.url, settings: { deadlines: { idleMs: 100 } } });
  first.answer([...openaiChat.stream({ text: "a b c d" }).slice(0, 4), { do: "silence" }]);
  const text = await (await post(app, { body: chat({ stream: true }) })).text();
  expect(text).toContain("upstream_timeout");
  expect(text).not.toContain("[DONE]");
  await app.stop();
});
