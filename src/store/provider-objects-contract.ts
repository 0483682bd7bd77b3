import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import type { ObjectOwner, ObjectQuery, ProviderObject, ProviderObjects } from "../ports/provider-objects.ts";

/** A store with two tenants, of which the second has one application and the first two. */
export interface OpenObjects {
  objects: ProviderObjects;
  one: ObjectOwner;
  /** Another application of the same tenant. */
  beside: ObjectOwner;
  /** Another tenant's. */
  other: ObjectOwner;
  close(): Promise<void>;
}

const file = (id: string, over: Partial<ProviderObject> = {}): ProviderObject => ({
  ...{ id, kind: "file", provider: "up", api: "chat/v1", model: "small", purpose: "user_data", judged: "m" },
  batch: null,
  charge: null,
  told: { id, object: "file" },
  createdAt: 1,
  ...over,
});

const query = (over: Partial<ObjectQuery> = {}): ObjectQuery => ({
  kind: "file",
  apis: ["chat/v1"],
  oldestFirst: false,
  limit: 10,
  ...over,
});

const n = (id: string) => Number(id.split("-")[1]);

/** What every store of whose a provider's ids are must keep. */
export function providerObjectsContract(name: string, open: () => Promise<OpenObjects>): void {
  describe(`${name} as provider objects`, () => {
    let store: OpenObjects;
    beforeEach(async () => {
      store = await open();
    });
    afterEach(() => store.close());
    const ids = async (owner: ObjectOwner, over: Partial<ObjectQuery> = {}) =>
      (await store.objects.page(owner, query(over)))?.objects.map(({ id }) => id);

    test("what was remembered is found by its owner, as it was", async () => {
      const batch = { url: "/v1/chat/completions", calls: 2, input: 30, output: 40 };
      const rates = {
        input: 0.1,
        output: 2.5,
        above: [{ tokens: 9, input: 1 }],
        tiers: { batch: { input: 0.05 } },
        source: "s",
      };
      const charge = { record: "call_1", attempt: 1, model: "m-2026", rates, tier: "batch" as const, prompt: null };
      const given = file("file-1", { purpose: "batch", judged: null, batch, charge, createdAt: 77 });
      expect(await store.objects.remember(store.one, given)).toBe(true);
      expect(await store.objects.find(store.one, ["file-0", "file-1"])).toEqual({ own: [given], foreign: [] });
    });

    test("nobody else finds it, lists it, pages by it, forgets it or takes its id", async () => {
      const { objects, one } = store;
      await objects.remember(one, file("file-1"));
      for (const stranger of [store.beside, store.other]) {
        expect(await objects.find(stranger, ["file-1"])).toEqual({ own: [], foreign: ["file-1"] });
        expect(await ids(stranger)).toEqual([]);
        expect(await objects.page(stranger, query({ after: "file-1" }))).toBeUndefined();
        await objects.forget(stranger, "up", "file-1");
        expect(await objects.remember(stranger, file("file-1", { told: { id: "mine" } }))).toBe(false);
        expect((await objects.find(one, ["file-1"])).own).toEqual([file("file-1")]);
        // Neither with a tenant of its own and the owner's application, nor the other way round.
        const mixed = { tenantId: stranger.tenantId, applicationId: one.applicationId };
        if (mixed.tenantId !== one.tenantId) expect((await objects.find(mixed, ["file-1"])).own).toEqual([]);
      }
    });

    test("one id at two accounts is two objects", async () => {
      const { objects, one, other } = store;
      await objects.remember(one, file("file-1"));
      expect(await objects.remember(other, file("file-1", { provider: "up-2" }))).toBe(true);
      expect((await objects.find(other, ["file-1"])).own.map(({ provider }) => provider)).toEqual(["up-2"]);
      expect((await objects.find(one, ["file-1"])).foreign).toEqual([]);
    });

    test("what is remembered again is what it is now, since when it first was", async () => {
      const { objects, one } = store;
      await objects.remember(one, file("file-1"));
      await objects.remember(one, file("file-2"));
      const again = file("file-1", { judged: "n", told: { id: "file-1", status: "processed" }, createdAt: 9 });
      expect(await objects.remember(one, again)).toBe(true);
      expect((await objects.find(one, ["file-1"])).own).toEqual([{ ...again, createdAt: 1 }]);
      expect(await ids(one)).toEqual(["file-2", "file-1"]);
    });

    test("what was forgotten is free", async () => {
      const { objects, one, other } = store;
      await objects.remember(one, file("file-1"));
      await objects.forget(one, "up-2", "file-1");
      expect((await objects.find(one, ["file-1"])).own).toHaveLength(1);
      await objects.forget(one, "up", "file-1");
      expect(await objects.find(one, ["file-1"])).toEqual({ own: [], foreign: [] });
      expect(await objects.remember(other, file("file-1"))).toBe(true);
    });

    test("what is remembered at the same moment is each told apart", async () => {
      const { objects, one, other } = store;
      await objects.remember(one, file("file-1"));
      const many = Array.from({ length: 120 }, (_, n) => `resp-${n}`);
      const at = [
        objects.remember(other, file("file-1")),
        ...many.map((id) => objects.remember(n(id) % 2 === 0 ? one : other, file(id))),
        objects.remember(one, file("resp-1", { model: "late" })),
        objects.remember(one, file("resp-2", { model: "late" })),
        objects.remember(one, file("resp-1", { provider: "up-2" })),
      ];
      expect(await Promise.all(at)).toEqual([false, ...many.map(() => true), false, true, true]);
      expect((await objects.find(one, many)).own).toHaveLength(61);
      expect((await objects.find(other, many)).own).toHaveLength(60);
      expect((await objects.find(one, ["resp-2"])).own[0]!.model).toBe("late");
    });

    test("what is old enough is forgotten, whoever's, the oldest first and no other kind", async () => {
      const { objects, one, other } = store;
      const response = (id: string, createdAt: number) => file(id, { kind: "response", createdAt });
      await objects.remember(one, response("resp-1", 20));
      await objects.remember(other, response("resp-2", 10));
      await objects.remember(one, response("resp-3", 30));
      await objects.remember(one, file("file-1", { createdAt: 1 }));
      expect(await objects.expire("response", 30, 1)).toBe(1);
      expect((await objects.find(other, ["resp-2"])).own).toEqual([]);
      expect(await objects.expire("response", 30, 10)).toBe(1);
      expect(await objects.expire("response", 30, 10)).toBe(0);
      expect((await objects.find(one, ["resp-1", "resp-3", "file-1"])).own.map(({ id }) => id).sort()).toEqual([
        "file-1",
        "resp-3",
      ]);
    });

    test("pages come newest first or oldest first, whole and without gaps", async () => {
      const { objects, one } = store;
      for (const n of [1, 2, 3]) await objects.remember(one, file(`file-${n}`));
      await objects.remember(one, file("batch-1", { kind: "batch" }));
      expect(await ids(one)).toEqual(["file-3", "file-2", "file-1"]);
      expect(await objects.page(one, query({ limit: 2 }))).toMatchObject({ more: true });
      expect(await ids(one, { limit: 2, after: "file-3" })).toEqual(["file-2", "file-1"]);
      expect(await objects.page(one, query({ limit: 2, after: "file-3" }))).toMatchObject({ more: false });
      expect(await ids(one, { oldestFirst: true, after: "file-1" })).toEqual(["file-2", "file-3"]);
      expect(await ids(one, { kind: "batch" })).toEqual(["batch-1"]);
    });

    test("a page has one purpose and some APIs where that is asked", async () => {
      const { objects, one } = store;
      await objects.remember(one, file("file-1", { purpose: "batch" }));
      await objects.remember(one, file("file-2", { api: "other/v1" }));
      expect(await ids(one, { purpose: "batch" })).toEqual(["file-1"]);
      expect(await ids(one)).toEqual(["file-1"]);
      expect(await ids(one, { apis: [] })).toEqual([]);
      expect(await ids(one, { apis: ["chat/v1", "other/v1"] })).toEqual(["file-2", "file-1"]);
    });

    test("many ids are looked up at once", async () => {
      await store.objects.remember(store.one, file("file-1"));
      const many = Array.from({ length: 1_200 }, (_, n) => `file-${n}`);
      expect((await store.objects.find(store.one, many)).own).toHaveLength(1);
    });
  });
}
