import { expect, test } from "bun:test";
import type { Catalog, ProviderAccount } from "../domain/catalog/catalog.ts";
import type { Limit } from "../kernel/limit.ts";
import type { Level, ScopeDemand } from "../ports/meter.ts";
import { AccountThresholds } from "./account-thresholds.ts";

const perDay: Limit = { dimension: "usd", window: "day", amount: 10 };
const perMinute: Limit = { dimension: "requests", window: "minute", amount: 10 };

function job(limits: Record<string, Limit[]>) {
  const asked: (readonly ScopeDemand[])[] = [];
  const told: (readonly Level[])[] = [];
  const world = { ticks: 0, broken: false };
  const providers = Object.entries(limits).map(([name, limits]) => [
    name,
    { name, limits } as unknown as ProviderAccount,
  ]);
  const thresholds = new AccountThresholds({
    catalog: () => ({ providers: new Map(providers as [string, ProviderAccount][]) }) as unknown as Catalog,
    clock: { now: () => 0, ticks: () => world.ticks },
    meter: {
      async levels(scopes) {
        asked.push(scopes);
        if (world.broken) throw new Error("away");
        return [];
      },
    },
    standing: (levels) => void told.push(levels),
  });
  return { thresholds, asked, told, world };
}

test("accounts with quotas and budgets are looked at every ten seconds, by those limits alone", async () => {
  const { thresholds, asked, told, world } = job({ up: [perMinute, perDay], fast: [perMinute], free: [] });
  await thresholds.sweep();
  await thresholds.sweep();
  expect(asked).toMatchObject([[{ scope: "provider:up", zone: "UTC", limits: [perDay] }]]);
  expect(told).toHaveLength(1);
  world.ticks = 10_000;
  await thresholds.sweep();
  expect(asked).toHaveLength(2);
});

test("where no account has any, nobody is asked", async () => {
  const { thresholds, asked } = job({ fast: [perMinute] });
  await thresholds.sweep();
  expect(asked).toEqual([]);
});

test("a store that is away is asked again the next time", async () => {
  const { thresholds, asked, told, world } = job({ up: [perDay] });
  world.broken = true;
  await thresholds.sweep();
  Object.assign(world, { broken: false, ticks: 10_000 });
  await thresholds.sweep();
  expect([asked.length, told.length]).toEqual([2, 1]);
});
