/** What refuse.ts and begin.ts owe to callers whom nobody knows, through the whole road. */
import { expect, test } from "bun:test";
import { chat, post, startApp } from "../../test/support/app.ts";

test("strangers fill no disk: beyond the bound they are told, and only counted", async () => {
  const app = await startApp({ settings: { badCredentialsPerMinute: 5 } });
  const calls = [
    () => post(app, { key: null }),
    () => post(app, { path: "/v1/nothing", key: null }),
    () => post(app, { headers: { "x-portkey-custom-host": "http://evil" }, key: null }),
    () => post(app, { headers: { "x-forwarded-for": "1.2.3.4" }, key: null }),
  ];
  const statuses = new Set<number>();
  for (let i = 0; i < 40; i++) statuses.add((await calls[i % calls.length]!()).status);
  expect([...statuses].sort()).toEqual([400, 401, 404]);
  expect(await app.records()).toHaveLength(5);
  // Whoever has a key is recorded all the same.
  expect((await post(app, { body: chat({ model: "demo" }) })).status).toBe(200);
  expect(await app.records()).toHaveLength(6);
  await app.stop();
});

test("bodies that are still being sent count before they are there", async () => {
  const app = await startApp({ settings: { maxBodyBytes: 1_024 } });
  const slow = Array.from({ length: 65 }, () =>
    fetch(`${app.url}/v1/chat/completions`, {
      method: "POST",
      headers: { "content-type": "application/json", authorization: `Bearer ${app.key}`, "content-length": "1000" },
      body: new ReadableStream({ start: (controller) => controller.enqueue(new Uint8Array(10)) }),
    }).catch(() => null),
  );
  const end = performance.now() + 3_000;
  while (app.gateway.bodyBytes < 600 && performance.now() < end) await Bun.sleep(10);
  expect(app.gateway.bodyBytes).toBeGreaterThanOrEqual(600);
  await app.stop();
  await Promise.all(slow);
});
