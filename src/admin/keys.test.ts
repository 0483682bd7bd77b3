import { expect, test } from "bun:test";
import { ADMIN_TOKEN, adminPlane, BOT, NOW } from "../../test/support/admin-plane.ts";
import { parseVirtualKey } from "../domain/access/virtual-key.ts";

const NEW_KEY = { application: "acme/research/bot", name: "ci" };

async function withKey() {
  const plane = adminPlane();
  const created = await plane.call("POST", "/api/v1/keys", { body: NEW_KEY });
  return {
    ...plane,
    id: created.body.id as string,
    secret: created.body.secret as string,
    etag: created.headers.get("etag")!,
  };
}

test("201: a key is issued by names, its secret shown, its digest kept, its entry written", async () => {
  const { call, administration, digestOf } = adminPlane();
  const body = { ...NEW_KEY, mode: "test", allowFrom: ["10.0.0.0/8", "2001:db8::1"], expires: "2027-01-01" };
  const { status, body: key, headers } = await call("POST", "/api/v1/keys", { body });
  expect(status).toBe(201);
  expect(parseVirtualKey(key.secret)).toMatchObject({ mode: "test", publicId: key.id });
  expect(key).toEqual({
    id: key.id,
    name: "ci",
    mode: "test",
    state: "active",
    application: BOT,
    createdAt: "2026-11-22T12:00:00.000Z",
    expiresAt: "2027-01-01T00:00:00.000Z",
    revokedAt: null,
    allowFrom: ["10.0.0.0/8", "2001:db8::1/128"],
    limits: [],
    secret: key.secret,
  });
  expect(headers.get("location")).toBe(`/api/v1/keys/${key.id}`);
  expect(administration.digests.get(key.id)).toBe(digestOf(key.secret));
  expect(administration.rows[0]).toMatchObject({ tenantId: "ten_acme", applicationId: "app_bot", createdAt: NOW });
  expect(administration.entries[0]).toMatchObject({
    action: "key.create",
    subject: `key:${key.id}`,
    tenantId: "ten_acme",
    actor: { kind: "admin-token", id: "bootstrap" },
    detail: { name: "ci", allowFrom: ["10.0.0.0/8", "2001:db8::1/128"] },
  });
});

test("201: the application may be given by id; mode, addresses and expiry have defaults", async () => {
  const { call } = adminPlane();
  const { status, body } = await call("POST", "/api/v1/keys", { body: { application: "app_bot", name: "x" } });
  expect(status).toBe(201);
  expect(body).toMatchObject({ mode: "live", allowFrom: [], expiresAt: null, application: BOT });
});

test("201: a key may have limits of its own, told as they were given", async () => {
  const { call, administration } = adminPlane();
  const limits = [{ per: "month", usd: 0.25 }, { per: "minute", requests: 30, burst: 10 }, { concurrent: 4 }];
  const { status, body } = await call("POST", "/api/v1/keys", { body: { ...NEW_KEY, limits } });
  expect(status).toBe(201);
  expect(body.limits).toEqual(limits);
  expect((await call("GET", `/api/v1/keys/${body.id}`)).body.limits).toEqual(limits);
  expect(administration.rows[0]?.limits?.[0]).toEqual({ dimension: "usd", window: "month", amount: 250_000_000 });
  expect(administration.entries[0]?.detail).toMatchObject({ limits });
});

test("the secret is in no later answer, no audit entry and no log line", async () => {
  const { call, id, secret, administration, log } = await withKey();
  await call("POST", `/api/v1/keys/${id}/revoke`);
  const everything = [
    (await call("GET", "/api/v1/keys")).text,
    (await call("GET", `/api/v1/keys/${id}`)).text,
    (await call("GET", "/api/v1/audit-entries")).text,
    JSON.stringify([administration.rows, administration.entries, log]),
  ];
  const core = secret.slice(-39, -7);
  for (const text of everything) expect(text).not.toContain(core);
});

test.each([
  ["no application", { name: "ci" }, "application"],
  ["an unknown application", { ...NEW_KEY, application: "acme/research/nobody" }, "application"],
  ["another tenant's team before the name", { ...NEW_KEY, application: "other/research/bot" }, "application"],
  ["no name", { application: "app_bot" }, "name"],
  ["an empty name", { ...NEW_KEY, name: "" }, "name"],
  ["a name of spaces", { ...NEW_KEY, name: "  " }, "name"],
  ["a line break in the name", { ...NEW_KEY, name: "a\nb" }, "name"],
  ["an invisible character in the name", { ...NEW_KEY, name: "a\u200bb" }, "name"],
  ["a long name", { ...NEW_KEY, name: "a".repeat(101) }, "name"],
  ["an unknown mode", { ...NEW_KEY, mode: "prod" }, "mode"],
  ["no address", { ...NEW_KEY, allowFrom: ["10.0.0.0/8", "localhost"] }, "allowFrom[1]"],
  ["an odd address", { ...NEW_KEY, allowFrom: ["10"] }, "allowFrom[0]"],
  ["a mask too long", { ...NEW_KEY, allowFrom: ["10.0.0.0/33"] }, "allowFrom[0]"],
  ["bits beyond the mask", { ...NEW_KEY, allowFrom: ["10.1.0.0/8"] }, "allowFrom[0]"],
  ["one address that is no list", { ...NEW_KEY, allowFrom: "10.0.0.0/8" }, "allowFrom"],
  ["an expiry that has been", { ...NEW_KEY, expires: "2026-11-22" }, "expires"],
  ["an expiry without a zone", { ...NEW_KEY, expires: "2027-01-01T00:00:00" }, "expires"],
  ["an expiry that is no date", { ...NEW_KEY, expires: "2027-02-30" }, "expires"],
  ["an expiry as a number", { ...NEW_KEY, expires: 1_800_000_000 }, "expires"],
  ["limits that are no list", { ...NEW_KEY, limits: { per: "day", requests: 1 } }, "limits"],
  ["a limit without a window", { ...NEW_KEY, limits: [{ requests: 1 }] }, "limits[0].per"],
  ["two limits of one kind", { ...NEW_KEY, limits: [1, 2].map((requests) => ({ per: "day", requests })) }, "limits[1]"],
  ["a limit that overflows", { ...NEW_KEY, limits: [{ per: "day", tokens: 2 ** 53 }] }, "limits[0].tokens"],
  ["a field that an actor may not set", { ...NEW_KEY, id: "abcdefghjkmn" }, "id"],
  ["a secret of the caller's choice", { ...NEW_KEY, secret: "sp_live_x" }, "secret"],
  ["a tenant beside the application", { ...NEW_KEY, tenantId: "ten_other" }, "tenantId"],
])("400: %s", async (_case, body, field) => {
  const { call, administration } = adminPlane();
  const answer = await call("POST", "/api/v1/keys", { body });
  expect(answer.status).toBe(400);
  expect(answer.body).toMatchObject({ code: "invalid_request", param: field });
  expect(administration.rows).toEqual([]);
  expect(administration.entries).toEqual([]);
});

test("401: no token and a wrong token issue nothing", async () => {
  const { call, administration } = adminPlane();
  const none = await call("POST", "/api/v1/keys", { body: NEW_KEY, token: null });
  expect(none).toMatchObject({ status: 401, body: { code: "missing_credential" } });
  expect(none.headers.get("www-authenticate")).toBe('Bearer realm="sallyport"');
  const wrong = await call("POST", "/api/v1/keys", { body: NEW_KEY, token: `${ADMIN_TOKEN}x` });
  expect(wrong).toMatchObject({ status: 401, body: { code: "invalid_credential" } });
  expect(administration.rows).toEqual([]);
});

test("403: an actor without the permission issues, sees and revokes nothing", async () => {
  const plane = await withKey();
  const weak = adminPlane({ administration: plane.administration, may: () => false });
  for (const [method, path] of [
    ["POST", "/api/v1/keys"],
    ["GET", "/api/v1/keys"],
    ["GET", `/api/v1/keys/${plane.id}`],
    ["POST", `/api/v1/keys/${plane.id}/revoke`],
  ] as const) {
    const answer = await weak.call(method, path, method === "POST" ? { body: NEW_KEY } : {});
    expect(answer).toMatchObject({ status: 403, body: { code: "not_allowed" } });
  }
  expect(plane.administration.rows).toHaveLength(1);
  expect(plane.administration.rows[0]?.revokedAt).toBeNull();
});

test("404: foreign or unknown alike", async () => {
  const { call } = await withKey();
  for (const id of ["abcdefghjkmn", "x", "app_bot"]) {
    const seen = await call("GET", `/api/v1/keys/${id}`);
    const revoked = await call("POST", `/api/v1/keys/${id}/revoke`);
    for (const answer of [seen, revoked]) {
      expect(answer).toMatchObject({ status: 404, body: { code: "not_found", detail: "There is no such key." } });
    }
  }
});

test("500: where the commit fails there is no key and no entry, and the answer says nothing of why", async () => {
  const { call, administration, log } = adminPlane();
  administration.broken = new Error("disk I/O error at /secret/path");
  const answer = await call("POST", "/api/v1/keys", { body: NEW_KEY });
  expect(answer).toMatchObject({ status: 500, body: { code: "internal" } });
  expect(answer.text).not.toContain("disk");
  expect(log[0]?.fields?.detail).toContain("disk I/O error");
  expect(administration.rows).toEqual([]);
  expect(administration.digests.size).toBe(0);
  expect(administration.entries).toEqual([]);
});

test("a list is paged, newest page by page, each key once, and may be cut to a tenant", async () => {
  const { call } = adminPlane();
  for (let i = 0; i < 5; i++) await call("POST", "/api/v1/keys", { body: { ...NEW_KEY, name: `k${i}` } });
  await call("POST", "/api/v1/keys", { body: { application: "app_crawler", name: "foreign" } });
  const names: string[] = [];
  let cursor: string | null = "";
  while (cursor !== null) {
    const { body }: { body: { items: { name: string }[]; next: string | null } } = await call(
      "GET",
      `/api/v1/keys?limit=2${cursor === "" ? "" : `&cursor=${cursor}`}`,
    );
    names.push(...body.items.map(({ name }) => name));
    cursor = body.next;
  }
  expect(names.sort()).toEqual(["foreign", "k0", "k1", "k2", "k3", "k4"]);
  const foreign = await call("GET", "/api/v1/keys?tenant=ten_other");
  expect((await call("GET", "/api/v1/keys?tenant=other")).body, "by its name").toEqual(foreign.body);
  expect(foreign.body.items).toMatchObject([{ name: "foreign", application: { tenant: { name: "other" } } }]);
  expect((await call("GET", "/api/v1/keys?cursor=nonsense")).status).toBe(400);
});

test("an expired key says so", async () => {
  const { call, clock } = adminPlane();
  const { body } = await call("POST", "/api/v1/keys", { body: { ...NEW_KEY, expires: "2026-11-22T12:00:01Z" } });
  clock.wall = NOW + 1_000;
  expect((await call("GET", `/api/v1/keys/${body.id}`)).body.state).toBe("expired");
});

test("revoking puts the key out of use, once; again changes nothing and leaves no second entry", async () => {
  const { call, id, clock, administration } = await withKey();
  const first = await call("POST", `/api/v1/keys/${id}/revoke`);
  expect(first).toMatchObject({ status: 200, body: { id, state: "revoked", revokedAt: "2026-11-22T12:00:00.000Z" } });
  clock.wall += 60_000;
  expect((await call("POST", `/api/v1/keys/${id}/revoke`)).body).toEqual(first.body);
  expect(administration.entries.map(({ action }) => action)).toEqual(["key.revoke", "key.create"]);
  expect(administration.entries[0]).toMatchObject({ subject: `key:${id}`, tenantId: "ten_acme" });
});

test("412: If-Match with another state revokes nothing; with the state that was read it does", async () => {
  const { call, id, etag, administration } = await withKey();
  const stale = await call("POST", `/api/v1/keys/${id}/revoke`, { headers: { "if-match": '"stale"' } });
  expect(stale).toMatchObject({ status: 412, body: { code: "precondition_failed" } });
  expect(administration.rows[0]?.revokedAt).toBeNull();

  expect((await call("GET", `/api/v1/keys/${id}`)).headers.get("etag")).toBe(etag);
  const fresh = await call("POST", `/api/v1/keys/${id}/revoke`, { headers: { "if-match": etag } });
  expect(fresh.status).toBe(200);
  expect(fresh.headers.get("etag")).not.toBe(etag);
  const again = await call("POST", `/api/v1/keys/${id}/revoke`, { headers: { "if-match": etag } });
  expect(again.status).toBe(412);
});

const repeat = { "idempotency-key": "build-4711" };

test("a repeated call with the same Idempotency-Key makes one key, and tells its secret once", async () => {
  const { call, administration } = adminPlane();
  const first = await call("POST", "/api/v1/keys", { body: NEW_KEY, headers: repeat });
  const second = await call("POST", "/api/v1/keys", { body: NEW_KEY, headers: repeat });
  expect(first.status).toBe(201);
  expect(first.headers.get("idempotency-replayed")).toBeNull();
  expect(second.status).toBe(200);
  expect(second.headers.get("idempotency-replayed")).toBe("true");
  expect(second.body).toEqual({ ...first.body, secret: null });
  expect(administration.rows).toHaveLength(1);
  expect(administration.entries).toHaveLength(1);
});

test("a repetition is known after a restart, and after the key has been revoked or has expired", async () => {
  const before = adminPlane();
  const body = { ...NEW_KEY, expires: "2026-12-01" };
  const first = await before.call("POST", "/api/v1/keys", { body, headers: repeat });
  const after = adminPlane({ administration: before.administration });
  await after.call("POST", `/api/v1/keys/${first.body.id}/revoke`);
  after.clock.wall = Date.UTC(2027, 0, 1);
  const second = await after.call("POST", "/api/v1/keys", { body, headers: repeat });
  expect(second).toMatchObject({ status: 200, body: { id: first.body.id, state: "revoked", secret: null } });
});

test("ten equal calls at once make one key, and one of them gets its secret", async () => {
  const { call, administration } = adminPlane();
  const calls = Array.from({ length: 10 }, () => call("POST", "/api/v1/keys", { body: NEW_KEY, headers: repeat }));
  const answers = await Promise.all(calls);
  expect(answers.map(({ status }) => status).sort()).toEqual([...Array(9).fill(200), 201]);
  expect(new Set(answers.map(({ body }) => body.id)).size).toBe(1);
  expect(answers.filter(({ body }) => body.secret !== null)).toHaveLength(1);
  expect(administration.rows).toHaveLength(1);
});

test.each([
  ["another name", { ...NEW_KEY, name: "other" }],
  ["another application", { ...NEW_KEY, application: "app_crawler" }],
  ["another mode", { ...NEW_KEY, mode: "test" }],
  ["other addresses", { ...NEW_KEY, allowFrom: ["10.0.0.0/8"] }],
  ["another expiry", { ...NEW_KEY, expires: "2027-01-01" }],
  ["other limits", { ...NEW_KEY, limits: [{ concurrent: 4 }] }],
])("409: the same Idempotency-Key with %s", async (_case, body) => {
  const { call, administration } = adminPlane();
  await call("POST", "/api/v1/keys", { body: NEW_KEY, headers: repeat });
  const answer = await call("POST", "/api/v1/keys", { body, headers: repeat });
  expect(answer).toMatchObject({ status: 409, body: { code: "conflict", param: "idempotency-key" } });
  expect(answer.text).not.toContain("secret");
  expect(administration.rows).toHaveLength(1);
});

test("Idempotency-Keys of different actors are independent", async () => {
  const one = adminPlane();
  const two = adminPlane({
    administration: one.administration,
    verifyToken: () => ({ kind: "admin-token", id: "another" }),
  });
  const first = await one.call("POST", "/api/v1/keys", { body: NEW_KEY, headers: repeat });
  const second = await two.call("POST", "/api/v1/keys", { body: NEW_KEY, headers: repeat });
  expect([first.status, second.status]).toEqual([201, 201]);
  expect(first.body.id).not.toBe(second.body.id);
});

test.each(["", "a b", "ü", "x".repeat(256)])("400: an Idempotency-Key like %.10p", async (key) => {
  const { call } = adminPlane();
  const answer = await call("POST", "/api/v1/keys", { body: NEW_KEY, headers: { "idempotency-key": key } });
  expect(answer).toMatchObject({ status: 400, body: { param: "idempotency-key" } });
});

test("without an Idempotency-Key equal calls make different keys", async () => {
  const { call, administration } = adminPlane();
  await call("POST", "/api/v1/keys", { body: NEW_KEY });
  await call("POST", "/api/v1/keys", { body: NEW_KEY });
  expect(new Set(administration.rows.map(({ id }) => id)).size).toBe(2);
});
