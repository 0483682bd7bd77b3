/**
 * Bad input, first part: who calls. Whatever is wrong with a credential, the caller is told so
 * in its own dialect, one record is left, and no provider hears of it.
 */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import { mintVirtualKey } from "../../src/domain/access/virtual-key.ts";
import type { AppOptions } from "../support/app.ts";
import { requestText, sendRaw } from "../support/raw-http.ts";
import { ASKED, type DialectName, FRONTS, type Refusal, Scene } from "../support/scene.ts";

let scene: Scene;
beforeAll(async () => {
  scene = await Scene.start();
});
afterAll(() => scene.stop());
beforeEach(() => scene.fresh());

const random = (count: number) => crypto.getRandomValues(new Uint8Array(count));
const another = () => mintVirtualKey("live", random).text;

/** One character more, less, other, or moved: none of it is a key that was ever minted. */
const malformed: Record<string, (key: string) => string> = {
  "a wrong checksum": (key) => `${key.slice(0, -1)}${key.endsWith("0") ? "1" : "0"}`,
  "another secret under its checksum": (key) =>
    key.replace(/_(.)([^_]*)$/, (_, a, rest) => `_${a === "0" ? "1" : "0"}${rest}`),
  "two characters changed places": (key) => {
    const at = [...key].findIndex(
      (letter, i) => i > 20 && letter !== key[i + 1] && key[i + 1] !== "_" && letter !== "_",
    );
    return `${key.slice(0, at)}${key[at + 1]}${key[at]}${key.slice(at + 2)}`;
  },
  "another public id": (key) => key.replace(/^(sp_live_)(.)/, (_, a, b) => `${a}${b === "0" ? "1" : "0"}`),
  "one character less": (key) => key.slice(0, -1),
  "one character more": (key) => `${key}0`,
  "upper case": (key) => key.toUpperCase().replace(/^SP_LIVE/, "sp_live"),
  "the prefix sp_prod_": (key) => key.replace("sp_live_", "sp_prod_"),
  "the prefix sp_test_ of a live key": (key) => key.replace("sp_live_", "sp_test_"),
  "only the prefix": () => "sp_live_",
  "quotes around it": (key) => `sp_"${key}"`,
  "a newline's escape after it": (key) => `${key}%0a`,
};

/** Headers that carry a key, and what must come of it. `looks`: how often the directory is asked. */
const rows: { name: string; headers(key: string): Record<string, string>; wanted: Refusal; looks: number }[] = [
  { name: "no key", headers: () => ({}), wanted: { code: "missing_credential", param: null }, looks: 0 },
  { name: "an empty x-api-key", headers: () => ({ "x-api-key": "" }), wanted: { code: "missing_credential" }, looks: 0 },
  { name: "an empty bearer", headers: () => ({ authorization: "Bearer " }), wanted: { code: "invalid_credential" }, looks: 0 },
  { name: "a key without a scheme", headers: (key) => ({ authorization: key }), wanted: { code: "invalid_credential" }, looks: 0 },
  { name: "the scheme Basic", headers: (key) => ({ authorization: `Basic ${btoa(key)}` }), wanted: { code: "invalid_credential" }, looks: 0 },
  { name: "a scheme without a blank", headers: (key) => ({ authorization: `Bearer${key}` }), wanted: { code: "invalid_credential" }, looks: 0 },
  { name: "an unknown key of our form", headers: () => ({ authorization: `Bearer ${another()}` }), wanted: { code: "invalid_credential" }, looks: 1 },
  { name: "a foreign key", headers: () => ({ "x-api-key": "sk-ant-0123456789" }), wanted: { code: "invalid_credential" }, looks: 1 },
  { name: "SQL for a key", headers: () => ({ "x-api-key": "'OR'1'='1'--" }), wanted: { code: "invalid_credential" }, looks: 1 },
  { name: "our own digest for a key", headers: () => ({ "x-api-key": "a".repeat(43) }), wanted: { code: "invalid_credential" }, looks: 1 },
  { name: "a key of 8,193 characters", headers: () => ({ "x-api-key": "k".repeat(8_193) }), wanted: { code: "conflicting_credentials" }, looks: 0 },
  { name: "two keys in one header", headers: (key) => ({ "x-api-key": `${key}, ${another()}` }), wanted: { code: "conflicting_credentials" }, looks: 0 },
  ...(["x-api-key", "api-key", "x-goog-api-key"] as const).map((name) => ({
    name: `another key in ${name}`,
    headers: (key: string) => ({ authorization: `Bearer ${key}`, [name]: another() }),
    wanted: { code: "conflicting_credentials" } as const,
    looks: 0,
  })),
  { name: "a bad key beside a good one", headers: (key) => ({ "x-api-key": key, "api-key": "sp_live_x" }), wanted: { code: "conflicting_credentials" }, looks: 0 },
  ...Object.entries(malformed).map(([name, spoil]) => ({
    name: `malformed: ${name}`,
    headers: (key: string) => ({ authorization: `Bearer ${spoil(key)}` }),
    wanted: { code: "invalid_credential" } as const,
    looks: 0,
  })),
]; // biome-ignore format: a table

describe.each(ASKED)("to $front, stream: $stream", ({ front, stream }) => {
  test.each(rows)("$name is refused", async ({ headers, wanted, looks }) => {
    const before = scene.app.lookUps;
    const sent = headers(scene.app.key);
    for (const value of Object.values(sent)) if (value.length > 12) scene.secret(value);
    const response = await scene.call(front, { stream }, { key: null, headers: sent });
    await scene.refused(front, response, wanted);
    expect(response.headers.get("www-authenticate")).toBe(response.status === 401 ? 'Bearer realm="sallyport"' : null);
    expect(scene.app.lookUps - before).toBe(looks);
  });

  test("the same row without its fault is served: the good key, and one look-up", async () => {
    const before = scene.app.lookUps;
    const { record } = await scene.served(front, { stream });
    expect(scene.app.lookUps - before).toBe(1);
    expect(record.keyId).toBe(scene.app.principal.key.id);
  });

  test("equal credentials in several headers are one", async () => {
    const { key } = scene.app;
    const headers = { "x-api-key": key, "api-key": ` ${key} `, "x-goog-api-key": key };
    await scene.served(front, { stream }, { headers });
    expect(scene.up.everything()).not.toContain(key);
  });

  test.each(["authorization", "x-api-key", "api-key", "x-goog-api-key"])("a key alone in %s is taken", async (name) => {
    const value = name === "authorization" ? `bEaReR   ${scene.app.key}` : scene.app.key;
    await scene.served(front, { stream }, { key: null, headers: { [name]: value } });
  });

  test("two Authorization headers are refused, also where they are equal", async () => {
    const body = JSON.stringify(FRONTS[front].body({ stream }));
    for (const second of [another(), scene.app.key]) {
      const before = scene.app.lookUps;
      const head = ["Host: gateway", "Content-Type: application/json"];
      const keys = [scene.app.key, second].map((key) => `Authorization: Bearer ${key}`);
      const text = requestText(`POST ${FRONTS[front].path} HTTP/1.1`, [...head, ...keys], body);
      await scene.refused(front, await sendRaw(scene.app.url, [text]), { code: "conflicting_credentials" });
      expect(scene.app.lookUps).toBe(before);
    }
  });
});

describe.each(ASKED)("a key in the query string, to $front, stream: $stream", ({ front, stream }) => {
  test.each(["key", "api_key", "api-key", "access_token"])(
    "?%s= is refused, and is in no log, record or answer",
    async (name) => {
      const before = scene.app.lookUps;
      const path = `${FRONTS[front].path}?beta=true&${name}=${scene.app.key}`;
      const said = await scene.refused(front, await scene.call(front, { stream }, { key: null, path }), {
        code: "missing_credential",
      });
      expect(said.message).toContain("query");
      expect(scene.app.lookUps).toBe(before);
    },
  );

  test("on a path that does not exist it is not repeated either", async () => {
    const path = `/v1/nothing?key=${scene.app.key}`;
    const dialect = stream ? "anthropic" : "openai";
    const headers: Record<string, string> = stream ? { "anthropic-version": "2023-06-01" } : {};
    await scene.refused(dialect, await scene.call(front, {}, { key: null, path, headers }), { code: "not_found" });
  });
});

/** Keys that are known and may not be used. */
const principals: { name: string; principal: AppOptions["principal"] & object; wanted: Refusal }[] = [
  { name: "revoked", principal: { revokedAt: 1 }, wanted: { code: "invalid_credential" } },
  { name: "expired", principal: { expiresAt: Date.now() - 1 }, wanted: { code: "invalid_credential" } },
  { name: "revoked and expired", principal: { revokedAt: 1, expiresAt: 1 }, wanted: { code: "invalid_credential" } },
  { name: "from another network", principal: { allowFrom: ["10.0.0.0/8"] }, wanted: { code: "address_not_allowed" } },
  { name: "from a network that is none", principal: { allowFrom: ["nonsense"] }, wanted: { code: "address_not_allowed" } },
  { name: "without a subscription", principal: { subscriptions: [] }, wanted: { code: "model_not_found", param: "model" } },
  ...(["requested", "rejected", "suspended"] as const).map((state) => ({
    name: `with a ${state} subscription`,
    principal: { subscriptions: [{ id: "sub_1", api: "chat/v1", plan: "standard", state }] },
    wanted: { code: "model_not_found", param: "model" } as const,
  })),
  {
    name: "subscribed to an API that is gone",
    principal: { subscriptions: [{ id: "sub_1", api: "gone/v1", plan: "standard", state: "approved" }] },
    wanted: { code: "model_not_found", param: "model" },
  },
  {
    name: "under a plan that is gone",
    principal: { subscriptions: [{ id: "sub_1", api: "chat/v1", plan: "gone", state: "approved" }] },
    wanted: { code: "model_not_found", param: "model" },
  },
]; // biome-ignore format: a table

describe.each(principals)("a key that is known, $name", ({ principal, wanted }) => {
  test.each(ASKED)("is refused to $front, stream: $stream", async ({ front, stream }) => {
    const own = await Scene.start({ principal });
    await own.refused(front, await own.call(front, { stream }), wanted);
    await own.stop();
  });

  test("is named in the record, and only there", async () => {
    const own = await Scene.start({ principal });
    const response = await own.call("openai", {});
    const told = `${JSON.stringify([...response.headers])}${await response.text()}`;
    const [record] = await own.app.records();
    const { key, application, team, tenant } = own.app.principal;
    expect(record).toMatchObject({ outcome: "refused", errorCode: wanted.code, admittedAt: null, costNanoUsd: 0 });
    expect([record!.keyId, record!.applicationId, record!.teamId, record!.tenantId]).toEqual(
      [key, application, team, tenant].map(({ id }) => id),
    );
    expect(told).not.toContain(key.id);
    expect(told).not.toContain(application.id);
    await own.stop();
  });
});

test("whoever goes on with a key that was revoked fills the ledger no more than who guesses", async () => {
  const own = await Scene.start({ principal: { revokedAt: 1 }, settings: { badCredentialsPerMinute: 2 } });
  for (let i = 0; i < 5; i++) await own.call("openai", {});
  expect((await own.app.records()).map(({ errorCode }) => errorCode)).toEqual(Array(2).fill("invalid_credential"));
  await own.stop();
});

test("a key works until the moment it expires, and from then on not", async () => {
  let now = Date.UTC(2026, 0, 1);
  const clock = { now: () => now, ticks: () => performance.now() };
  const own = await Scene.start({ clock, principal: { expiresAt: now + 1_000 } });
  now += 999;
  await own.served("openai", {});
  await own.fresh();
  now += 1;
  await own.refused("openai", await own.call("openai", {}), { code: "invalid_credential" });
  await own.stop();
});

describe("who keeps guessing", () => {
  test.each(ASKED)(
    "is told to wait and leaves no more records; a good key from there works ($front, $stream)",
    async ({ front, stream }) => {
      const own = await Scene.start({ settings: { badCredentialsPerMinute: 3 } });
      const guess = () => own.call(front, { stream }, { key: another() });
      for (let i = 0; i < 3; i++) await own.refused(front, await guess(), { code: "invalid_credential" });
      for (let i = 0; i < 3; i++) {
        const response = await guess();
        await own.refused(front, response, { code: "too_many_attempts", unrecorded: true });
        expect(Number(response.headers.get("retry-after"))).toBeGreaterThan(0);
      }
      expect((await own.call(front, { stream })).status).toBe(200);
      await own.stop();
    },
  );
});

/** The negative control of this file: a call that is served must fail every expectation above. */
test("what is served does not pass for refused", async () => {
  const check = async (front: DialectName) =>
    await scene.refused(front, await scene.call(front, {}), { code: "invalid_credential" });
  for (const front of ["openai", "anthropic"] as const) await expect(check(front)).rejects.toThrow();
});
