import { expect, test } from "bun:test";
import { adminPlane } from "../../test/support/admin-plane.ts";

async function withEntries() {
  const plane = adminPlane();
  for (const name of ["a", "b", "c"])
    await plane.call("POST", "/api/v1/keys", { body: { application: "app_bot", name } });
  return plane;
}

test("200: entries come newest first, with who, what and when", async () => {
  const { call } = await withEntries();
  const { body } = await call("GET", "/api/v1/audit-entries");
  expect(body.items.map(({ detail }: { detail: { name: string } }) => detail.name)).toEqual(["c", "b", "a"]);
  expect(body.items[0]).toMatchObject({
    id: 3,
    at: "2026-11-22T12:00:00.000Z",
    actor: { kind: "admin-token", id: "bootstrap" },
    action: "key.create",
    tenantId: "ten_acme",
  });
});

test("200: entries are paged", async () => {
  const { call } = await withEntries();
  const first = await call("GET", "/api/v1/audit-entries?limit=2");
  const second = await call("GET", `/api/v1/audit-entries?limit=2&cursor=${first.body.next}`);
  expect([...first.body.items, ...second.body.items].map(({ id }) => id)).toEqual([3, 2, 1]);
  expect(second.body.next).toBeNull();
});

test("401: no token; 403: no permission; 405: nobody writes or removes entries here", async () => {
  const { call, administration } = await withEntries();
  expect((await call("GET", "/api/v1/audit-entries", { token: null })).status).toBe(401);
  const weak = adminPlane({ administration, may: (_actor, permission) => permission !== "audit.read" });
  expect((await weak.call("GET", "/api/v1/audit-entries")).status).toBe(403);
  for (const method of ["POST", "PUT", "DELETE"]) {
    const answer = await call(method, "/api/v1/audit-entries");
    expect(answer.status).toBe(405);
    expect(answer.headers.get("allow")).toBe("GET, HEAD");
  }
  expect(administration.entries).toHaveLength(3);
});
