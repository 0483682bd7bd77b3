import { expect, test } from "bun:test";
import { OPERATIONS } from "../../src/admin/operations.ts";
import { PERMISSIONS } from "../../src/domain/access/permissions.ts";
import { adminPlane } from "../support/admin-plane.ts";

/**
 * One authorization test an operation: a request that is good in every other way, so that
 * nothing but the permission stands between it and its effect. A new operation without a
 * row fails here; there are no exceptions, and there is no list for any.
 */
const REQUESTS: Record<string, { path: string; body?: unknown }> = {
  "applications.list": { path: "/api/v1/applications" },
  "audit-entries.list": { path: "/api/v1/audit-entries" },
  "captures.get": { path: "/api/v1/usage-records/call_1/capture" },
  "events.list": { path: "/api/v1/events" },
  "keys.create": { path: "/api/v1/keys", body: { application: "app_bot", name: "ci" } },
  "keys.get": { path: "/api/v1/keys/abcdefghjkmn" },
  "keys.list": { path: "/api/v1/keys" },
  "keys.revoke": { path: "/api/v1/keys/abcdefghjkmn/revoke" },
  "ledger.recount": { path: "/api/v1/ledger/recount", body: {} },
  "limit-requests.approve": { path: "/api/v1/limit-requests/lreq_1/approve", body: {} },
  "limit-requests.create": {
    path: "/api/v1/limit-requests",
    body: { scope: "application:app_bot", limit: { per: "day", requests: 500 }, reason: "a launch" },
  },
  "limit-requests.get": { path: "/api/v1/limit-requests/lreq_1" },
  "limit-requests.list": { path: "/api/v1/limit-requests" },
  "limit-requests.reject": { path: "/api/v1/limit-requests/lreq_1/reject", body: {} },
  "limit-requests.withdraw": { path: "/api/v1/limit-requests/lreq_1/withdraw" },
  "limits.list": { path: "/api/v1/limits?scope=tenant:ten_acme" },
  "providers.test": { path: "/api/v1/providers/up/test", body: {} },
  "statements.get": { path: "/api/v1/statements?scope=tenant:ten_acme&since=2026-01-01&until=2026-02-01" },
  "status.get": { path: "/api/v1/status" },
  "usage.get": { path: "/api/v1/usage?scope=tenant:ten_acme" },
  "usage-records.get": { path: "/api/v1/usage-records/call_1" },
  "usage-records.list": { path: "/api/v1/usage-records" },
};

/** A plane in which there is what the requests speak of. */
function furnished(overrides: Parameters<typeof adminPlane>[0] = {}) {
  const plane = adminPlane(overrides);
  plane.administration.limits.set("application:app_bot", [{ dimension: "requests", window: "day", amount: 100 }]);
  return plane;
}

test("every operation has an authorization test, and every test an operation", () => {
  expect(Object.keys(REQUESTS).sort()).toEqual(OPERATIONS.map(({ id }) => id).sort());
});

for (const operation of OPERATIONS) {
  const { path, body } = REQUESTS[operation.id]!;
  const options = body === undefined ? {} : { body };

  test(`${operation.id}: 401 without a token, with a wrong one, and with one in the wrong place`, async () => {
    const { call, administration } = furnished();
    expect((await call(operation.method, path, { ...options, token: null })).status).toBe(401);
    expect((await call(operation.method, path, { ...options, token: "wrong" })).status).toBe(401);
    for (const header of ["x-api-key", "api-key", "x-goog-api-key", "cookie", "x-admin-token"]) {
      const misplaced = { ...options, token: null, headers: { [header]: "test-admin-token-0123456789" } };
      expect((await call(operation.method, path, misplaced)).status).toBe(401);
    }
    expect(administration.entries).toEqual([]);
  });

  test(`${operation.id}: 403 with every permission but ${operation.permission}, and nothing happens`, async () => {
    const { call, administration } = furnished({ may: (_actor, permission) => permission !== operation.permission });
    const answer = await call(operation.method, path, options);
    expect(answer).toMatchObject({ status: 403, body: { code: "not_allowed" } });
    expect(administration.rows).toEqual([]);
    expect(administration.requests).toEqual([]);
    expect(administration.entries).toEqual([]);
  });

  test(`${operation.id}: ${operation.permission} alone opens it`, async () => {
    const { call } = furnished({ may: (_actor, permission) => permission === operation.permission });
    const { status } = await call(operation.method, path, options);
    expect([200, 201, 404]).toContain(status);
  });
}

test("every permission guards something", () => {
  const used = new Set<string>(OPERATIONS.map(({ permission }) => permission));
  used.add("metrics.read"); // asked for by src/http/admin-listener.ts, which is tested beside it
  expect([...used].sort()).toEqual(Object.keys(PERMISSIONS).sort());
});
