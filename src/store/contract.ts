import { describe, expect, test } from "bun:test";
import {
  ADMIN,
  applicationOf,
  desiredState,
  keyAction,
  type OpenEmpty,
  useStore,
} from "../../test/support/directory.ts";
import type { KeyRow } from "../ports/administration.ts";
import { applyContract } from "./apply-contract.ts";
import { limitRequestsContract } from "./limit-requests-contract.ts";

/**
 * What every store must keep, whatever it is made of. A store's own test calls this with a
 * way to open an empty one.
 */
export function directoryContract(name: string, open: OpenEmpty): void {
  applyContract(name, open);
  limitRequestsContract(name, open);

  describe(`${name} as directory and administration`, () => {
    const { store, clock, apply, newKey, createKey, revokeKey } = useStore(open);

    describe("an empty store", () => {
      test("knows nobody and publishes nothing", async () => {
        expect(await store().findPrincipal("digest-acme")).toBeUndefined();
        expect(store().catalog().models.size).toBe(0);
        expect(await store().applications()).toEqual([]);
        expect((await store().keys(null, null, 10)).items).toEqual([]);
        expect((await store().audit(null, 10)).items).toEqual([]);
      });
    });

    describe("a change", () => {
      test("is seen at once when it returns, and its entry with it", async () => {
        await apply(desiredState());
        expect(await store().findPrincipal("digest-new")).toBeUndefined();
        const key = await newKey("acme");
        await createKey(key);
        expect(await store().findPrincipal("digest-new")).toMatchObject({ key: { id: key.id } });
        expect(await store().key(key.tenantId, key.id)).toEqual(key);
        const [entry] = (await store().audit(null, 1)).items;
        expect(entry).toMatchObject({
          actor: ADMIN,
          action: "key.create",
          subject: `key:${key.id}`,
          tenantId: key.tenantId,
        });
      });

      test("that throws leaves neither the change nor an entry", async () => {
        await apply(desiredState());
        const key = await newKey("acme");
        const entries = (await store().audit(null, 100)).items.length;
        const revision = store().catalog().revision;
        const change = store().change(ADMIN, keyAction("key.create", key), async (writer) => {
          await writer.createKey(key, "digest-new");
          throw new Error("no");
        });
        await expect(change).rejects.toThrow("no");
        expect(await store().key(null, key.id)).toBeUndefined();
        expect(await store().findPrincipal("digest-new")).toBeUndefined();
        expect((await store().audit(null, 100)).items).toHaveLength(entries);
        expect(store().catalog().revision).toBe(revision);
      });

      test("is invisible to look-ups until it is committed", async () => {
        await apply(desiredState());
        const key = await newKey("acme");
        await store().change(ADMIN, keyAction("key.create", key), async (writer) => {
          await writer.createKey(key, "digest-new");
          expect(await store().findPrincipal("digest-new")).toBeUndefined();
          expect(await store().key(null, key.id)).toBeUndefined();
        });
        expect(await store().findPrincipal("digest-new")).toBeDefined();
      });

      test("gives the catalog a later revision, and leaves the old catalog as it was", async () => {
        await apply(desiredState());
        const before = store().catalog();
        await createKey(await newKey("acme"));
        expect(store().catalog().revision).toBeGreaterThan(before.revision);
        const edited = desiredState();
        edited.apis[0]!.capture = true;
        await apply(edited);
        expect(before.apis.get("chat/v1")?.capture).toBe(false);
        expect(store().catalog().apis.get("chat/v1")?.capture).toBe(true);
      });

      test("waits for the one before it: fifty at once all happen, each with its entry", async () => {
        await apply(desiredState());
        const owner = await newKey("acme");
        const ids = Array.from({ length: 50 }, (_, i) => `key${String(i).padStart(9, "0")}`);
        await Promise.all(ids.map((id) => createKey({ ...owner, id }, `digest-${id}`)));
        const found = await Promise.all(ids.map((id) => store().findPrincipal(`digest-${id}`)));
        expect(ids.filter((_, i) => found[i] === undefined)).toEqual([]);
        expect((await store().audit(null, 50)).items.every((entry) => entry.action === "key.create")).toBe(true);
      });
    });

    describe("a key", () => {
      test("is revoked at once, once, and is still found, so that authorization can tell", async () => {
        await apply(desiredState());
        const { key, tenant } = (await store().findPrincipal("digest-acme"))!;
        expect(await revokeKey(tenant.id, key.id)).toBe(true);
        const at = clock().now();
        expect((await store().findPrincipal("digest-acme"))?.revokedAt).toBe(at);
        const entries = (await store().audit(null, 100)).items.length;
        clock().time += 1000;
        expect(await revokeKey(tenant.id, key.id)).toBe(true);
        expect((await store().findPrincipal("digest-acme"))?.revokedAt).toBe(at);
        expect((await store().audit(null, 100)).items).toHaveLength(entries);
      });

      test("that is expired is still found", async () => {
        const state = desiredState();
        applicationOf(state).keys[0]!.expiresAt = clock().now() - 1;
        await apply(state);
        expect((await store().findPrincipal("digest-acme"))?.expiresAt).toBe(clock().now() - 1);
      });

      const taken: [string, (key: KeyRow) => [KeyRow, string]][] = [
        ["the public id of another", (key) => [key, "digest-other"]],
        ["the digest of another", (key) => [{ ...key, id: "another00000" }, "digest-new"]],
      ];
      for (const [what, second] of taken) {
        test(`with ${what} is refused`, async () => {
          await apply(desiredState());
          const key = await newKey("acme");
          await createKey(key);
          const [row, digest] = second(key);
          await expect(createKey(row, digest)).rejects.toMatchObject({ code: "conflict" });
        });
      }
    });

    describe("a foreign tenant", () => {
      test("sees no key, revokes none, and makes none: it is answered as if there were nothing", async () => {
        await apply(desiredState());
        const acme = (await store().findPrincipal("digest-acme"))!;
        const umbrella = (await store().findPrincipal("digest-umbrella"))!;
        expect(await store().key(umbrella.tenant.id, acme.key.id)).toBeUndefined();
        expect((await store().keys(umbrella.tenant.id, null, 100)).items.map((key) => key.id)).toEqual([
          umbrella.key.id,
        ]);
        expect(await revokeKey(umbrella.tenant.id, acme.key.id)).toBe(false);
        expect(await revokeKey(umbrella.tenant.id, "nosuchkey000")).toBe(false);
        expect((await store().findPrincipal("digest-acme"))?.revokedAt).toBeNull();
        const stray: KeyRow = { ...(await newKey("acme")), tenantId: umbrella.tenant.id };
        await expect(createKey(stray)).rejects.toMatchObject({ code: "not_found" });
        expect(await store().findPrincipal("digest-new")).toBeUndefined();
      });
    });

    describe("a page", () => {
      test("of keys comes newest first, each key once, with the next one's cursor", async () => {
        await apply({ ...desiredState(), tenants: [desiredState().tenants[0]!] });
        const owner = await newKey("acme");
        for (let i = 0; i < 5; i++) await createKey({ ...owner, id: `key${i}00000000` }, `digest-${i}`);
        const seen: string[] = [];
        let cursor: string | null = null;
        do {
          const page = await store().keys(owner.tenantId, cursor, 2);
          expect(page.items.length).toBeLessThanOrEqual(2);
          seen.push(...page.items.map((key) => key.id));
          cursor = page.next;
        } while (cursor !== null);
        expect(seen.slice(0, 5)).toEqual([4, 3, 2, 1, 0].map((i) => `key${i}00000000`));
        expect(new Set(seen).size).toBe(6);
      });

      for (const cursor of ["", "x", "-1", "1e3", "1; drop table keys"]) {
        test(`after the cursor ${JSON.stringify(cursor)} is refused`, async () => {
          await expect(store().keys(null, cursor, 10)).rejects.toMatchObject({
            code: "invalid_request",
            param: "cursor",
          });
          await expect(store().audit(cursor, 10)).rejects.toMatchObject({ code: "invalid_request" });
        });
      }
    });

    test("a setting is kept, replaced, and missing until it is set", async () => {
      expect(await store().setting("admin-token")).toBeUndefined();
      await store().setSetting("admin-token", "a");
      await store().setSetting("admin-token", "b");
      expect(await store().setting("admin-token")).toBe("b");
    });

    test("what is handed out cannot be changed by who gets it", async () => {
      await apply(desiredState());
      const principal = (await store().findPrincipal("digest-acme"))!;
      expect(() => Object.assign(principal.tenant, { id: "other" })).toThrow(TypeError);
      expect(() => Object.assign(principal.subscriptions[0]!, { state: "rejected" })).toThrow(TypeError);
      expect(() => Object.assign(store().catalog().apis.get("chat/v1")!, { capture: true })).toThrow(TypeError);
    });

    for (const text of ["' OR 1=1 --", "digest-acme' --", "", "\0", "%", "digest-%"]) {
      test(`the look-up of ${JSON.stringify(text)} finds nobody`, async () => {
        await apply(desiredState());
        expect(await store().findPrincipal(text)).toBeUndefined();
      });
    }
  });
}
