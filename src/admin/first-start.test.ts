import { afterAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { firstStart } from "../config/first-start.ts";
import { keyDigest, parseVirtualKey } from "../domain/access/virtual-key.ts";
import { Secret } from "../kernel/secret.ts";
import { ADAPTERS } from "../providers/adapters.ts";
import { openDirectory } from "../store/sqlite/directory.ts";
import { bootstrapToken, isFirstStart, makeFirstThings, rememberStart } from "./first-start.ts";

const folder = mkdtempSync(join(tmpdir(), "first-start-"));
afterAll(() => rmSync(folder, { recursive: true }));

const clock = { now: () => Date.UTC(2026, 0, 2), ticks: () => 0 };
const random = (count: number) => crypto.getRandomValues(new Uint8Array(count));
const PEPPER = new Uint8Array(32).fill(3);
const sealer = { seal: () => "", fingerprint: () => "" };
let made = 0;
const directory = () => openDirectory(join(folder, `${made++}.db`), { clock, random });

test("a token that was made holds for good once it is kept, and is made anew as long as it is not", async () => {
  const settings = await directory();
  const untold = await bootstrapToken(settings, PEPPER, undefined, random);
  const told = await bootstrapToken(settings, PEPPER, undefined, random);
  expect(told.made!.text).toMatch(/^spa_[0-9a-hjkmnp-tv-z]{40}$/);
  expect(told.made!.text).not.toBe(untold.made!.text);
  expect(told.verify(told.made!.text)).toEqual({ kind: "admin-token", id: "bootstrap" });
  expect(told.verify(untold.made!.text)).toBeUndefined();
  await told.made!.keep();
  const later = await bootstrapToken(settings, PEPPER, undefined, random);
  expect(later.made).toBeNull();
  expect(later.verify(told.made!.text)).toBeDefined();
  await settings.close();
});

test("the operator's own token stands before the one that was made, and nothing is told", async () => {
  const settings = await directory();
  const old = await bootstrapToken(settings, PEPPER, undefined, random);
  await old.made!.keep();
  const token = await bootstrapToken(settings, PEPPER, new Secret("the-operators-own-token"), random);
  expect(token.made).toBeNull();
  expect(token.verify("the-operators-own-token")).toBeDefined();
  expect(token.verify(old.made!.text)).toBeUndefined();
  await settings.close();
});

test("a first start is one until it is remembered; its key may call the demo model, and every step is in the audit log", async () => {
  const store = await directory();
  expect(await isFirstStart(store)).toBe(true);
  const { desired } = firstStart({ env: {}, kinds: ADAPTERS, sealer });
  const digest = (key: string) => keyDigest(PEPPER, key);
  const key = await makeFirstThings(store, desired, digest, { clock, random });
  expect(parseVirtualKey(key)?.mode).toBe("live");
  const principal = store.findPrincipal(digest(key))!;
  expect(principal.subscriptions).toMatchObject([{ state: "approved" }]);
  expect(store.catalog().models.has("demo")).toBe(true);
  expect(await isFirstStart(store)).toBe(true);
  await rememberStart(store, clock);
  expect(await isFirstStart(store)).toBe(false);
  const { items } = await store.audit(null, 10);
  expect(items.map(({ action, actor }) => [action, actor.kind])).toEqual([
    ["key.create", "system"],
    ["first-start", "system"],
  ]);
  expect(JSON.stringify(items)).not.toContain(key);
  await store.close();
});
