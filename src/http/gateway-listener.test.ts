import { expect, test } from "bun:test";
import type { Sockets } from "../gateway/call.ts";
import { gatewayHandler } from "./gateway-listener.ts";

const rows: [method: string, path: string, ready: boolean, status: number, text: string][] = [
  ["GET", "/livez", false, 200, "ok\n"],
  ["GET", "/readyz", true, 200, "ready\n"],
  ["GET", "/readyz", false, 503, "not ready: starting\n"],
  // Claude Code warms its connection so, and Ollama's command asks so whether somebody is there.
  ["HEAD", "/", false, 200, ""],
  ["GET", "/", false, 200, "ok\n"],
  ["GET", "/?x=1", false, 200, "ok\n"],
  ["POST", "/", true, 299, "on the road to /"],
  ["GET", "/v1/models", true, 299, "on the road to /v1/models"],
  ["HEAD", "/v1/models", true, 299, ""],
];
test.each(rows)("%s %s while ready is %p answers %i %j", async (method, path, ready, status, text) => {
  const answer = gatewayHandler({
    handle: async (arrival) => new Response(`on the road to ${arrival.path}`, { status: 299 }),
    ready: () => ({ ready }),
  });
  const sockets: Sockets = { timeout: () => {} };
  using server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    fetch: (request) => answer(request, "127.0.0.1", sockets),
  });
  const response = await fetch(new URL(path, server.url), { method });
  expect([response.status, await response.text()]).toEqual([status, text]);
});
