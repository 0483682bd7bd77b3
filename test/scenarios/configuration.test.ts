import { afterAll, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { loadConfig } from "../../src/config/load.ts";
import { keyDigest } from "../../src/domain/access/virtual-key.ts";
import type { PlannedChange } from "../../src/ports/administration.ts";
import { providerKeyContext } from "../../src/ports/vault.ts";
import { openDirectory, type SqliteDirectory } from "../../src/store/sqlite/directory.ts";
import { createSealer, createUnsealer } from "../../src/vault/envelope.ts";
import { openKeyring } from "../../src/vault/keyring.ts";
import { EXAMPLE, KEY, KINDS } from "../support/configuration.ts";
import { APPLY, countedBytes, ManualClock, SYSTEM } from "../support/directory.ts";

/** From the file to the store with nothing replaced: loader, vault and directory as they run. */
const folder = mkdtempSync(join(tmpdir(), "sallyport-configuration-"));
afterAll(() => rmSync(folder, { recursive: true }));
const random = (count: number) => crypto.getRandomValues(new Uint8Array(count));
const keyring = openKeyring({ value: undefined, file: join(folder, "master.key"), expected: undefined, random });
const master = keyring.master.reveal();
const digest = (key: string) => keyDigest(keyring.derive("virtual keys"), key);
const sealing = { sealer: createSealer(master, random), digest };

const ENV = { UP_KEY: "sk-upstream", BOT_KEY: KEY };

function desired(text: string, env: Record<string, string>) {
  return loadConfig("sallyport.yaml", { kinds: KINDS, env, readFile: () => text }).desired(sealing);
}

async function withStore(run: (store: SqliteDirectory, apply: typeof applyTo) => Promise<void>): Promise<void> {
  const store = await openDirectory(join(mkdtempSync(join(folder, "s-")), "directory.db"), {
    clock: new ManualClock(),
    random: countedBytes(),
  });
  try {
    await run(store, applyTo);
  } finally {
    await store.close();
  }
}

function applyTo(store: SqliteDirectory, text = EXAMPLE, env: Record<string, string> = ENV): Promise<PlannedChange[]> {
  return store.change(SYSTEM, APPLY, (writer) => writer.apply(desired(text, env)));
}

const lines = (changes: PlannedChange[]) => changes.map((change) => `${change.verb} ${change.subject}`);

describe("the documented example, applied", () => {
  test("is what calls meet: its key has a principal, its account's key opens for this account alone", () =>
    withStore(async (store, apply) => {
      await apply(store);
      expect(store.findPrincipal(digest(KEY))).toMatchObject({
        tenant: { name: "acme" },
        application: { name: "bot" },
        subscriptions: [{ api: "chat/v1", plan: "standard", state: "approved" }],
        allowFrom: ["10.0.0.0/8"],
        expiresAt: Date.UTC(2027, 0, 1),
      });
      const account = store.catalog().providers.get("up")!;
      const unsealer = createUnsealer(master);
      expect(unsealer.open(account.sealedKey!, providerKeyContext(account)).reveal()).toBe("sk-upstream");
      const moved = { ...account, baseUrl: "https://evil.example/v1" };
      expect(() => unsealer.open(account.sealedKey!, providerKeyContext(moved))).toThrow();
    }));

  test("a second time changes nothing, although sealing is random", () =>
    withStore(async (store, apply) => {
      await apply(store);
      const catalog = store.catalog();
      expect(await store.plan(desired(EXAMPLE, ENV))).toEqual([]);
      expect(await apply(store)).toEqual([]);
      expect(store.catalog()).toBe(catalog);
      expect((await store.audit(null, 10)).items).toHaveLength(1);
    }));

  test("follows a rotated secret, and nothing else", () =>
    withStore(async (store, apply) => {
      await apply(store);
      expect(lines(await apply(store, EXAMPLE, { ...ENV, UP_KEY: "sk-rotated" }))).toEqual(["update provider up"]);
      const account = store.catalog().providers.get("up")!;
      const opened = createUnsealer(master).open(account.sealedKey!, providerKeyContext(account));
      expect(opened.reveal()).toBe("sk-rotated");
    }));

  test("seals the same secret anew for another address", () =>
    withStore(async (store, apply) => {
      await apply(store);
      const text = EXAMPLE.replace("https://llm.internal/v1", "https://llm2.internal/v1");
      expect(lines(await apply(store, text))).toEqual(["update provider up"]);
      const account = store.catalog().providers.get("up")!;
      expect(createUnsealer(master).open(account.sealedKey!, providerKeyContext(account)).reveal()).toBe("sk-upstream");
    }));

  test("leaves no secret in the store's file or in the audit log", () =>
    withStore(async (store, apply) => {
      await apply(store);
      const audit = JSON.stringify((await store.audit(null, 10)).items);
      const rows = JSON.stringify([...store.catalog().providers.values(), await store.keys(null, null, 10)]);
      for (const secret of ["sk-upstream", KEY]) expect(audit + rows).not.toContain(secret);
      const files = new Bun.Glob("s-*/directory.db*").scanSync(folder);
      for (const file of files) {
        const bytes = await Bun.file(join(folder, file)).text();
        for (const secret of ["sk-upstream", KEY]) expect(bytes).not.toContain(secret);
      }
    }));
});
