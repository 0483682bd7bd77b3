import { expect, test } from "bun:test";
import { ADMIN_TOKEN, adminPlane, adminRequest, type CallOptions } from "../../test/support/admin-plane.ts";
import { adminHandler } from "./admin-listener.ts";

function listener(hostname = "127.0.0.1") {
  const state = { ready: true, reason: "draining" };
  const plane = adminPlane();
  const handle = adminHandler({
    admin: plane.deps,
    hostname,
    health: { ready: () => (state.ready ? { ready: true } : { ready: false, reason: state.reason }) },
    metrics: { contentType: "text/plain; version=0.0.4", text: async () => "sallyport_calls_total 1\n" },
  });
  const call = async (method: string, path: string, options: CallOptions = {}) => {
    const response = await handle(adminRequest(method, path, options), { address: "127.0.0.1" });
    return { status: response.status, headers: response.headers, text: await response.text() };
  };
  return { ...plane, state, call };
}

const open = { token: null } as const;

test("200: health needs no token, and readiness goes red while liveness stays", async () => {
  const { call, state } = listener();
  expect(await call("GET", "/livez", open)).toMatchObject({ status: 200, text: "ok\n" });
  expect(await call("GET", "/readyz", open)).toMatchObject({ status: 200, text: "ready\n" });
  state.ready = false;
  expect(await call("GET", "/livez", open)).toMatchObject({ status: 200 });
  expect(await call("GET", "/readyz", open)).toMatchObject({ status: 503, text: "not ready: draining\n" });
});

test("200: metrics are open where only this machine can ask", async () => {
  for (const hostname of ["127.0.0.1", "::1", "localhost"]) {
    const answer = await listener(hostname).call("GET", "/metrics", open);
    expect(answer).toMatchObject({ status: 200, text: "sallyport_calls_total 1\n" });
    expect(answer.headers.get("content-type")).toBe("text/plain; version=0.0.4");
  }
});

test("401, 403: metrics ask for a token with metrics.read where others can ask", async () => {
  for (const hostname of ["0.0.0.0", "::", "10.0.0.5", "gateway.internal"]) {
    const { call } = listener(hostname);
    expect((await call("GET", "/metrics", open)).status).toBe(401);
    expect((await call("GET", "/metrics", { token: "wrong" })).status).toBe(401);
    expect((await call("GET", "/metrics")).status).toBe(200);
  }
  const plane = adminPlane({ may: (_actor, permission) => permission !== "metrics.read" });
  const handle = adminHandler({
    admin: plane.deps,
    hostname: "0.0.0.0",
    health: { ready: () => ({ ready: true }) },
    metrics: { contentType: "text/plain", text: () => "" },
  });
  expect((await handle(adminRequest("GET", "/metrics"), { address: "10.0.0.9" })).status).toBe(403);
});

test("200: the page at / says where the API is, and may run or load nothing", async () => {
  const { call } = listener();
  const answer = await call("GET", "/", open);
  expect(answer.text).toContain("/api/v1/openapi.json");
  expect(answer.text).toContain("console follows");
  expect(answer.text).not.toMatch(/<script|<style|<img|onload|src=/i);
  expect(answer.headers.get("content-security-policy")).toContain("default-src 'none'");
  expect(answer.headers.get("x-content-type-options")).toBe("nosniff");
});

test("200: the OpenAPI document is served without a token", async () => {
  const { call } = listener();
  const answer = await call("GET", "/api/v1/openapi.json", open);
  expect(JSON.parse(answer.text)).toMatchObject({ openapi: "3.1.0", info: { version: "0.0.0-test" } });
});

test("operations are reached through the listener, with their guards", async () => {
  const { call } = listener();
  expect((await call("GET", "/api/v1/status")).status).toBe(200);
  expect((await call("GET", "/api/v1/status", open)).status).toBe(401);
});

test.each(["/nothing", "/livez/", "/LIVEZ", "/metrics/x", "/api", "/index.html", "/constructor", "/__proto__"])(
  "404: %s",
  async (path) => {
    const { call } = listener();
    const answer = await call("GET", path, open);
    expect(answer.status).toBe(404);
    expect(JSON.parse(answer.text)).toMatchObject({ code: "not_found" });
  },
);

test("405: pages are read only", async () => {
  const { call } = listener();
  for (const path of ["/", "/livez", "/readyz", "/metrics", "/api/v1/openapi.json"]) {
    const answer = await call("POST", path);
    expect(answer.status).toBe(405);
    expect(answer.headers.get("allow")).toBe("GET, HEAD");
    expect(await call("HEAD", path)).toMatchObject({ status: 200, text: "" });
  }
});

test.each([
  "evil.example",
  "evil.example:8081",
  "127.0.0.1.evil.example",
  "localhost.evil.example",
  "0.0.0.0:8081",
  "10.0.0.1",
])("421: on loopback, a request that came by the name %s is refused, even with the token", async (host) => {
  const { call } = listener();
  for (const path of ["/", "/metrics", "/readyz", "/api/v1/openapi.json", "/api/v1/status"]) {
    const answer = await call("GET", path, { headers: { host } });
    expect(answer.status).toBe(421);
    expect(JSON.parse(answer.text)).toMatchObject({ code: "foreign_host" });
  }
});

test.each(["127.0.0.1:8081", "127.0.0.1", "localhost", "LocalHost:9999", "[::1]:8081", "127.0.0.2:1"])(
  "200: on loopback, %s is a name of this machine",
  async (host) => {
    expect((await listener().call("GET", "/api/v1/status", { headers: { host } })).status).toBe(200);
  },
);

test("200: elsewhere the listener cannot know its names, and the token guards", async () => {
  const { call } = listener("0.0.0.0");
  expect((await call("GET", "/api/v1/status", { headers: { host: "gateway.internal:8081" } })).status).toBe(200);
});

test.each(["a, b", "", "user@host", "a/b"])("400: Host %p is no host", async (host) => {
  const { call } = listener("0.0.0.0");
  expect((await call("GET", "/livez", { headers: { host } })).status).toBe(400);
});

const NEW_KEY = { body: { application: "app_bot", name: "ci" } };

test.each([
  ["another site", { origin: "https://evil.example" }],
  ["another port of this machine", { origin: "http://127.0.0.1:3000" }],
  ["a sandboxed page", { origin: "null" }],
  ["a site that hides its origin", { "sec-fetch-site": "cross-site" }],
])("403: a change that comes from %s, even with the token", async (_case, headers) => {
  const { call, administration } = listener();
  const answer = await call("POST", "/api/v1/keys", { ...NEW_KEY, headers });
  expect(answer.status).toBe(403);
  expect(JSON.parse(answer.text)).toMatchObject({ code: "foreign_origin" });
  expect(administration.rows).toEqual([]);
});

test("201: a change from the listener's own pages, and from programs, is let through", async () => {
  const { call } = listener();
  expect(
    (await call("POST", "/api/v1/keys", { ...NEW_KEY, headers: { origin: "http://127.0.0.1:8081" } })).status,
  ).toBe(201);
  expect((await call("POST", "/api/v1/keys", NEW_KEY)).status).toBe(201);
});

test("500: metrics that cannot be made say nothing of why", async () => {
  const plane = adminPlane();
  const handle = adminHandler({
    admin: plane.deps,
    hostname: "127.0.0.1",
    health: { ready: () => ({ ready: true }) },
    metrics: { contentType: "text/plain", text: () => Promise.reject(new Error("inner text")) },
  });
  const answer = await handle(adminRequest("GET", "/metrics"), { address: "127.0.0.1" });
  expect(answer.status).toBe(500);
  expect(await answer.text()).not.toContain("inner text");
  expect(plane.log.at(-1)?.fields?.detail).toContain("inner text");
  expect(JSON.stringify(plane.log)).not.toContain(ADMIN_TOKEN);
});
