import { afterAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { IdleKeys } from "./idle-keys.ts";
import { configurationOf, demandOf } from "./meter.ts";

const folder = mkdtempSync(join(tmpdir(), "idle-keys-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

test("what is compared differs in limits alone: two of each of six scopes, and every scope of the configuration", () => {
  const [without, limited] = [demandOf(false), demandOf(true)];
  expect(limited.scopes.map(({ limits }) => limits.length)).toEqual([2, 2, 2, 2, 2, 2]);
  expect<unknown>({ ...limited, scopes: limited.scopes.map((scope) => ({ ...scope, limits: [] })) }).toEqual(without);
  const texts = [false, true].map((yes) => JSON.stringify(configurationOf(1, yes)));
  expect(texts.map((text) => text.split('"usd"').length - 1)).toEqual([0, 9]);
});

test("keys that are not used are in no account, and those that were are forgotten when they are idle", async () => {
  const run = async (mode: string) => {
    const argv = [process.execPath, join(import.meta.dir, "idle-keys.ts"), mode, folder, "1500"];
    const child = Bun.spawn(argv, { stdio: ["ignore", "pipe", "inherit"] });
    return await new Response(child.stdout).text();
  };
  await run("fill");
  const { keys, accounts, active, waking } = JSON.parse(await run("measure")) as IdleKeys;
  // Fifteen hundred keys and the five that all of them share.
  expect([keys, accounts]).toEqual([1_500, { used: 1_505, idle: 0 }]);
  expect(Math.min(active.p50, waking.p50)).toBeGreaterThan(0);
}, 60_000);
