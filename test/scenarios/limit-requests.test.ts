/** Higher limits, from the 429 to the call that passes: a gateway and its admin plane over one embedded directory. */
import { afterEach, beforeEach, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { DesiredState } from "../../src/ports/administration.ts";
import { openDirectory, type SqliteDirectory } from "../../src/store/sqlite/directory.ts";
import { adminPlane } from "../support/admin-plane.ts";
import { type App, post, startApp } from "../support/app.ts";
import { desiredState, ManualClock } from "../support/directory.ts";
import { openaiChat, startUpstream, type Upstream } from "../support/upstream.ts";

const DAY = 24 * 3_600_000;
let folder: string;
let clock: ManualClock;
let upstream: Upstream;
let store: SqliteDirectory;
let app: App;
let admin: ReturnType<typeof adminPlane>;

/** Two tenants, each with an application that may make two requests a day. */
function desired(perDay = 2): DesiredState {
  const state = desiredState();
  Object.assign(state.providers[0]!, { baseUrl: `${upstream.url}/v1`, sealedKey: "sk-test" });
  Object.assign(state.apis[0]!, { guardrails: [], approval: "auto" });
  state.plans[0]!.limits = [{ dimension: "requests", window: "day", amount: perDay }];
  return state;
}

const SYSTEM = { kind: "system", id: "config" } as const;
const apply = (state: DesiredState) =>
  store.change(SYSTEM, { action: "config.apply", subject: "config", tenantId: null, detail: {} }, (writer) =>
    writer.apply(state),
  );

/** A key of the application of a tenant, and what its calls are answered. */
async function keyOf(tenant: string, application: string) {
  const key = { application: `${tenant}/research/${application}`, name: "fresh" };
  const { secret, id } = (await admin.call("POST", "/api/v1/keys", { body: key })).body;
  const call = async () => (await post({ url: app.url, key: secret })).status;
  return { id, secret, call, principal: () => store.findPrincipal(admin.digestOf(secret))! };
}

async function ask(scope: string, requests: number, more: object = {}): Promise<string> {
  const body = { scope, limit: { per: "day", requests }, reason: "a launch", ...more };
  const { status, body: made } = await admin.call("POST", "/api/v1/limit-requests", { body });
  expect(status).toBe(201);
  return made.id;
}
const act = (id: string, verb: string) => admin.call("POST", `/api/v1/limit-requests/${id}/${verb}`, { body: {} });

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "sallyport-limit-requests-"));
  clock = new ManualClock();
  upstream = await startUpstream();
  upstream.plan(openaiChat.replies({ text: "Hello." }));
  const random = (count: number) => crypto.getRandomValues(new Uint8Array(count));
  store = await openDirectory(join(folder, "directory.db"), { clock, random });
  await apply(desired());
  app = await startApp({ directory: store, clock });
  admin = adminPlane({ administration: store, directory: store, clock, meter: app.meter });
});

afterEach(async () => {
  await app.stop();
  await upstream.stop();
  await store.close();
  rmSync(folder, { recursive: true });
});

test("429 at the plan's limit; what is granted lets the very next call pass, and no more than that", async () => {
  const { call, principal } = await keyOf("acme", "bot");
  const other = await keyOf("umbrella", "hive");
  const scope = `subscription:${principal().subscriptions[0]!.id}`;
  expect([await call(), await call(), await call()]).toEqual([200, 200, 429]);
  const id = await ask(scope, 4);
  expect(await call()).toBe(429);
  await act(id, "approve");
  expect([await call(), await call(), await call()]).toEqual([200, 200, 429]);
  // Nobody else has more by it.
  expect([await other.call(), await other.call(), await other.call()]).toEqual([200, 200, 429]);
  const { items } = (await admin.call("GET", `/api/v1/limits?scope=${scope}`)).body;
  expect(items).toMatchObject([{ scope, limit: "4", remaining: "0", grantedUntil: null }]);
});

test("what was granted for a time ends by the clock, and nothing has to be written for it", async () => {
  const { call, principal } = await keyOf("acme", "bot");
  const until = new Date(clock.time + 2_000).toISOString();
  const scope = `subscription:${principal().subscriptions[0]!.id}`;
  await act(await ask(scope, 50, { until }), "approve");
  expect([await call(), await call(), await call()]).toEqual([200, 200, 200]);
  expect((await admin.call("GET", `/api/v1/limits?scope=${scope}`)).body.items[0]).toMatchObject({
    limit: "50",
    grantedUntil: until,
  });
  const revision = store.catalog().revision;
  clock.time += 2_000;
  expect(await call()).toBe(429);
  expect(store.catalog().revision).toBe(revision);
  clock.time += DAY;
  expect([await call(), await call(), await call()]).toEqual([200, 200, 429]);
});

test("a raise that is withdrawn is gone with the answer", async () => {
  const { call, principal } = await keyOf("acme", "bot");
  const id = await ask(`subscription:${principal().subscriptions[0]!.id}`, 50);
  await act(id, "approve");
  expect([await call(), await call(), await call()]).toEqual([200, 200, 200]);
  expect((await act(id, "withdraw")).status).toBe(200);
  expect(await call()).toBe(429);
});

test("a plan that becomes higher than what was granted counts; one that is lowered does not take it away", async () => {
  const { call, principal } = await keyOf("acme", "bot");
  await act(await ask(`subscription:${principal().subscriptions[0]!.id}`, 3), "approve");
  await apply(desired(4));
  expect([await call(), await call(), await call(), await call(), await call()]).toEqual([200, 200, 200, 200, 429]);
  clock.time += DAY;
  await apply(desired(1));
  expect([await call(), await call(), await call(), await call()]).toEqual([200, 200, 200, 429]);
});

test("a raise of an application leaves the plan's limit where it is, and each of its limits is asked for alone", async () => {
  const state = desired(5);
  state.tenants[0]!.teams[0]!.applications[0]!.limits = [{ dimension: "requests", window: "day", amount: 1 }];
  await apply(state);
  const { call, principal } = await keyOf("acme", "bot");
  expect([await call(), await call()]).toEqual([200, 429]);
  await act(await ask(`application:${principal().application.id}`, 50), "approve");
  expect([await call(), await call(), await call(), await call(), await call()]).toEqual([200, 200, 200, 200, 429]);
});

test("what was granted is there after a restart", async () => {
  const { call, principal } = await keyOf("acme", "bot");
  await act(await ask(`subscription:${principal().subscriptions[0]!.id}`, 3), "approve");
  await store.close();
  store = await openDirectory(join(folder, "directory.db"), { clock, random: (count) => new Uint8Array(count) });
  await app.stop();
  app = await startApp({ directory: store, clock });
  expect([await call(), await call(), await call(), await call()]).toEqual([200, 200, 200, 429]);
});

test("what was granted for a time is over for good when it is over, though the clock be set back", async () => {
  const { call, principal } = await keyOf("acme", "bot");
  const until = new Date(clock.now() + 3_600_000).toISOString();
  const id = await ask(`subscription:${principal().subscriptions[0]!.id}`, 9, { until });
  await act(id, "approve");
  expect([await call(), await call(), await call()]).toEqual([200, 200, 200]);
  clock.time += 2 * 3_600_000;
  expect(await call()).toBe(429);
  clock.time -= 2 * 3_600_000;
  expect(await call()).toBe(429);
});
