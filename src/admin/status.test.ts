import { expect, test } from "bun:test";
import { adminPlane, NOW } from "../../test/support/admin-plane.ts";

test("200: version, uptime, revision and counts", async () => {
  const { call } = adminPlane();
  const { body } = await call("GET", "/api/v1/status");
  expect(body).toEqual({
    version: "0.0.0-test",
    startedAt: "2026-11-22T11:58:29.500Z",
    uptimeSeconds: 90,
    catalogRevision: 3,
    counts: { providers: 0, models: 0, apis: 0, plans: 0, guardrails: 0, applications: 2 },
  });
});

test("200: a clock that was set back gives no negative uptime", async () => {
  const { call, clock } = adminPlane();
  clock.wall = NOW - 1_000_000;
  expect((await call("GET", "/api/v1/status")).body.uptimeSeconds).toBe(0);
});

test("401: no token; 403: no permission", async () => {
  expect((await adminPlane().call("GET", "/api/v1/status", { token: null })).status).toBe(401);
  expect((await adminPlane({ may: () => false }).call("GET", "/api/v1/status")).status).toBe(403);
});
