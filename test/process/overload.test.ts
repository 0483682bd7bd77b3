/** More than the gateway may carry: it says so at once, and what it has begun is not harmed. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { chat, messages, post } from "../support/app.ts";
import { configuration, type GatewayProcess, Installation, until } from "../support/process.ts";
import { openaiChat, startUpstream, type Upstream } from "../support/upstream.ts";

const OPEN = 3;

let up: Upstream;
let installation: Installation;
let gateway: GatewayProcess;
const gate = Promise.withResolvers<void>();
beforeAll(async () => {
  up = await startUpstream();
  up.plan((request) => {
    const script = openaiChat.replies({ text: ["one ", "two"] })(request);
    return request.json().stream === true
      ? [...script.slice(0, 3), { do: "until", open: gate.promise }, ...script.slice(3)]
      : script;
  });
  installation = new Installation(configuration({ upstream: up.url, gateway: { maxOpenCalls: OPEN } }));
  gateway = await installation.start();
});
afterAll(async () => {
  await installation.remove();
  await up.stop();
});

test("the call too many is refused in its dialect, with when to come again; those before it end whole", async () => {
  const streams = await Promise.all(
    Array.from({ length: OPEN }, (_, i) =>
      post(gateway, { body: chat({ stream: true }), headers: { "x-request-id": `open-${i}` } }),
    ),
  );
  expect(streams.map(({ status }) => status)).toEqual([200, 200, 200]);
  expect((await gateway.metrics()).get("sallyport_open_calls")).toBe(OPEN);
  for (let i = 0; i < 20; i++) {
    const openai = await post(gateway, { body: chat() });
    expect(openai.status).toBe(503);
    expect(Number(openai.headers.get("retry-after"))).toBeGreaterThan(0);
    expect(await openai.json()).toMatchObject({ error: { code: "overloaded" } });
    const anthropic = await post(gateway, { path: "/v1/messages", body: messages() });
    expect(anthropic.status).toBe(503);
    expect(Number(anthropic.headers.get("retry-after"))).toBeGreaterThan(0);
    expect(await anthropic.json()).toMatchObject({ type: "error", error: { type: "overloaded_error" } });
  }
  // Health is no call: whoever watches the gateway must not take it for dead.
  expect((await fetch(`${gateway.url}/readyz`)).status).toBe(200);
  expect(up.requests).toHaveLength(OPEN);
  gate.resolve();
  for (const stream of streams) {
    const text = await stream.text();
    expect(text).toContain("two");
    expect(text).toEndWith("data: [DONE]\n\n");
  }
  expect(await until(async () => (await gateway.metrics()).get("sallyport_open_calls") === 0)).toBe(true);
  expect((await post(gateway, { body: chat() })).status).toBe(200);
  const records = await gateway.records();
  expect(records.filter(({ errorCode }) => errorCode === "overloaded")).toHaveLength(40);
  expect(records.filter(({ outcome }) => outcome === "finished")).toHaveLength(OPEN + 1);
}, 60_000);
