import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import type { Event, Events } from "../ports/events.ts";

export interface OpenEvents {
  events: Events;
  /** The same store, as another node sees it, or this one after a restart. */
  again(): Promise<Events>;
  close(): Promise<void>;
}

export const threshold = (over: Partial<Event> = {}): Event => ({
  type: "limit.threshold",
  at: 1_000,
  scope: "key:a",
  tenantId: "ten_1",
  limit: { dimension: "usd", window: "day", amount: 5_000_000_000 },
  threshold: 50,
  used: 2_500_000_001,
  periodStart: 0,
  periodEnd: 86_400_000,
  ...over,
});

/** What every store of events must keep. */
export function eventsContract(name: string, open: () => Promise<OpenEvents>): void {
  describe(`${name} as events`, () => {
    let store: OpenEvents;
    beforeEach(async () => {
      store = await open();
    });
    afterEach(() => store.close());
    const all = async (query: object = {}) => (await store.events.page({ limit: 200, ...query })).events;

    test("what is raised is kept as it was, and is the first", async () => {
      expect(await all()).toEqual([]);
      expect(await store.events.raise(threshold())).toBe(true);
      expect(await all()).toEqual([{ ...threshold(), id: expect.any(Number) }]);
    });

    test("what was raised before is not raised again, whoever finds it, and whenever", async () => {
      await store.events.raise(threshold());
      expect(await store.events.raise(threshold({ at: 2_000, used: 4_000_000_000 }))).toBe(false);
      expect(await (await store.again()).raise(threshold({ at: 3_000 }))).toBe(false);
      expect(await all()).toHaveLength(1);
    });

    test("of a hundred at once, on two nodes, one is the first", async () => {
      const other = await store.again();
      const raised = await Promise.all(
        Array.from({ length: 100 }, (_, i) => (i % 2 === 0 ? other : store.events).raise(threshold({ at: i }))),
      );
      expect(raised.filter(Boolean)).toHaveLength(1);
      expect(await all()).toHaveLength(1);
    });

    const others: [string, Partial<Event>][] = [
      ["another scope", { scope: "key:b" }],
      ["another threshold", { threshold: 80 }],
      ["another period", { periodStart: 86_400_000, periodEnd: 2 * 86_400_000 }],
      ["another window", { limit: { dimension: "usd", window: "month", amount: 5_000_000_000 } }],
      ["another dimension", { limit: { dimension: "tokens", window: "day", amount: 5_000_000_000 } }],
      ["another amount: the limit was raised", { limit: { dimension: "usd", window: "day", amount: 6_000_000_000 } }],
    ];
    test.each(others)("%s is another event", async (_case, over) => {
      await store.events.raise(threshold());
      expect(await store.events.raise(threshold(over))).toBe(true);
      expect(await all()).toHaveLength(2);
    });

    test("pages come newest first, whole and without gaps, cut by type, scope and tenant", async () => {
      for (let i = 0; i < 5; i++) await store.events.raise(threshold({ scope: `key:${i}`, tenantId: `ten_${i % 2}` }));
      const first = await store.events.page({ limit: 3 });
      const second = await store.events.page({ limit: 3, cursor: first.next! });
      const scopes = [...first.events, ...second.events].map(({ scope }) => scope);
      expect(scopes).toEqual([4, 3, 2, 1, 0].map((i) => `key:${i}`));
      expect(second.next).toBeNull();
      expect((await all({ scope: "key:3" })).map(({ scope }) => scope)).toEqual(["key:3"]);
      expect((await all({ tenantId: "ten_1" })).map(({ scope }) => scope)).toEqual(["key:3", "key:1"]);
      expect(await all({ type: "limit.threshold" })).toHaveLength(5);
      await expect(store.events.page({ limit: 3, cursor: "x" })).rejects.toMatchObject({ param: "cursor" });
    });

    test("what belongs to no tenant, and what is counted in total, are kept like the others", async () => {
      const event = threshold({ scope: "model:small", tenantId: null, periodStart: null, periodEnd: null });
      await store.events.raise(event);
      expect(await store.events.raise(event)).toBe(false);
      expect(await all()).toMatchObject([{ tenantId: null, periodStart: null, periodEnd: null }]);
    });
  });
}
