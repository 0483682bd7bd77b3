import { afterEach, beforeEach, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openDirectory, type SqliteDirectory } from "../../src/store/sqlite/directory.ts";
import { adminPlane, NOW } from "../support/admin-plane.ts";
import { desiredState } from "../support/directory.ts";

/** The admin plane over the embedded store: what its own tests say of a store in memory, said of SQLite. */
let folder: string;
let store: SqliteDirectory;
let plane: ReturnType<typeof adminPlane>;

async function open(): Promise<void> {
  const random = (count: number) => crypto.getRandomValues(new Uint8Array(count));
  store = await openDirectory(join(folder, "directory.db"), { clock: { now: () => NOW, ticks: () => 0 }, random });
  plane = adminPlane({ administration: store, directory: store });
}

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "sallyport-admin-"));
  await open();
  const action = { action: "config.apply", subject: "config", tenantId: null, detail: {} };
  await store.change({ kind: "system", id: "config" }, action, (writer) => writer.apply(desiredState()));
});

afterEach(async () => {
  await store.close();
  rmSync(folder, { recursive: true });
});

const NEW_KEY = { application: "acme/research/bot", name: "fresh" };
const repeat = { "idempotency-key": "build-1" };

test("a key that was issued opens the gateway at once, and is shut at once when revoked", async () => {
  const { body } = await plane.call("POST", "/api/v1/keys", { body: { ...NEW_KEY, allowFrom: ["192.0.2.0/24"] } });
  const principal = store.findPrincipal(plane.digestOf(body.secret));
  expect(principal).toMatchObject({
    key: { id: body.id },
    application: { name: "bot" },
    allowFrom: ["192.0.2.0/24"],
    revokedAt: null,
  });
  expect(await plane.call("POST", `/api/v1/keys/${body.id}/revoke`)).toMatchObject({
    status: 200,
    body: { state: "revoked" },
  });
  expect(store.findPrincipal(plane.digestOf(body.secret))?.revokedAt).toBe(NOW);
});

test("each change leaves one entry, with who and what, and what changed nothing leaves none", async () => {
  const { body } = await plane.call("POST", "/api/v1/keys", { body: NEW_KEY });
  await plane.call("POST", `/api/v1/keys/${body.id}/revoke`);
  await plane.call("POST", `/api/v1/keys/${body.id}/revoke`);
  const { items } = (await plane.call("GET", "/api/v1/audit-entries")).body;
  expect(items.map(({ action, subject }: { action: string; subject: string }) => [action, subject])).toEqual([
    ["key.revoke", `key:${body.id}`],
    ["key.create", `key:${body.id}`],
    ["config.apply", "config"],
  ]);
  expect(items[0].actor).toEqual({ kind: "admin-token", id: "bootstrap" });
});

test("ten equal calls at once make one key; after a restart a repetition still makes none", async () => {
  const calls = Array.from({ length: 10 }, () =>
    plane.call("POST", "/api/v1/keys", { body: NEW_KEY, headers: repeat }),
  );
  const answers = await Promise.all(calls);
  expect(answers.map(({ status }) => status).sort()).toEqual([...Array(9).fill(200), 201]);
  await store.close();
  await open();
  const late = await plane.call("POST", "/api/v1/keys", { body: NEW_KEY, headers: repeat });
  expect(late).toMatchObject({ status: 200, body: { id: answers[0]!.body.id, secret: null } });
  const { items } = (await plane.call("GET", "/api/v1/keys")).body;
  expect(items.filter(({ name }: { name: string }) => name === "fresh")).toHaveLength(1);
});

test("keys are listed newest first, page by page, and by tenant", async () => {
  for (const name of ["a", "b", "c"]) await plane.call("POST", "/api/v1/keys", { body: { ...NEW_KEY, name } });
  const first = (await plane.call("GET", "/api/v1/keys?limit=2")).body;
  const second = (await plane.call("GET", `/api/v1/keys?limit=3&cursor=${first.next}`)).body;
  const names = [...first.items, ...second.items].map(({ name }) => name);
  expect(names.slice(0, 3)).toEqual(["c", "b", "a"]);
  expect(second.next).toBeNull();
  const { items } = (await plane.call("GET", "/api/v1/applications")).body;
  const hive = items.find(({ name }: { name: string }) => name === "hive");
  const foreign = (await plane.call("GET", `/api/v1/keys?tenant=${hive.tenant.id}`)).body;
  expect(foreign.items).toMatchObject([{ name: "ci", application: { name: "hive" } }]);
});

test("400: a cursor that no page gave", async () => {
  for (const path of ["/api/v1/keys", "/api/v1/audit-entries"]) {
    const answer = await plane.call("GET", `${path}?cursor=1;DROP%20TABLE%20keys`);
    expect(answer).toMatchObject({ status: 400, body: { code: "invalid_request", param: "cursor" } });
  }
});

test("the status counts what the store has published", async () => {
  expect((await plane.call("GET", "/api/v1/status")).body).toMatchObject({
    catalogRevision: 1,
    counts: { providers: 1, models: 3, apis: 1, plans: 2, guardrails: 1, applications: 2 },
  });
});

test("a key whose application was taken out of the configuration is still shown", async () => {
  const { body } = await plane.call("POST", "/api/v1/keys", { body: NEW_KEY });
  const without = desiredState();
  without.tenants[0]!.teams[0]!.applications = [];
  const action = { action: "config.apply", subject: "config", tenantId: null, detail: {} };
  await store.change({ kind: "system", id: "config" }, action, (writer) => writer.apply(without));
  const seen = await plane.call("GET", `/api/v1/keys/${body.id}`);
  expect(seen.status).toBe(200);
  expect((await plane.call("GET", "/api/v1/keys")).status).toBe(200);
});
