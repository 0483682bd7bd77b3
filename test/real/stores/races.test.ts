/**
 * A thousand races on the embedded store: two hundred calls at once, each charged to six scopes, under a budget in
 * money for exactly ten; and as many in which what was not used comes back while others ask. RACES=n does n of them.
 */
import { expect, test } from "bun:test";
import { NOTHING } from "../../../src/domain/plans/amounts.ts";
import type { Limit } from "../../../src/kernel/limit.ts";
import type { Demand } from "../../../src/ports/meter.ts";
import { ManualClock, sampleRecord, type WatchedMeter } from "../../../src/store/meter-contract.ts";
import { onSqlite } from "../../support/embedded-meters.ts";

const RACES = Number(process.env.RACES ?? 1_000);
const CALLERS = 200;
const PASS = 10;
const COST = 2_000_000;

/** Six scopes of one race, each with a budget of its own; `by` has the one that is short. */
function demandOf(race: number, by: number): Demand {
  const budget = (usd: number): Limit => ({ dimension: "usd", window: "month", amount: usd });
  const kinds = ["key", "application", "team", "tenant", "subscription", "model"];
  const scopes = kinds.map((kind, i) => ({
    scope: `${kind}:${race}`,
    zone: "UTC",
    limits: [budget(i === by ? PASS * COST : 1_000 * COST)],
    amounts: { ...NOTHING, requests: 1, output: 1_000, usd: COST },
  }));
  return { scopes, anyOf: [] };
}

const idsOf = (race: number) => ({
  ...{ keyId: `${race}`, applicationId: `${race}`, teamId: `${race}`, tenantId: `${race}`, subscriptionId: `${race}` },
  catalogModel: `${race}`,
});

/** @returns how many were admitted */
async function race(meter: WatchedMeter, number: number, used: number): Promise<number> {
  const demand = demandOf(number, number % 6);
  const ended = await Promise.all(
    Array.from({ length: CALLERS }, async (_, i) => {
      const record = sampleRecord({ ...idsOf(number), inputTokens: 0, outputTokens: 1_000, costNanoUsd: COST });
      // Some come when others have ended already.
      for (let turn = 0; turn < i % 97; turn++) await new Promise((resolve) => setImmediate(resolve));
      const reservation = await meter.reserve(demand, record);
      if (!reservation.admitted) return 0;
      await meter.settle(reservation.hold, { ...record, costNanoUsd: used });
      return 1;
    }),
  );
  return ended.reduce<number>((sum, one) => sum + one, 0);
}

test(`${RACES} races for a budget of ${PASS}: nobody passes beyond it, and nobody is refused below it`, async () => {
  const under = await onSqlite();
  try {
    const meter = await under.start(new ManualClock());
    const passed: number[] = [];
    for (let number = 0; number < RACES; number++) passed.push(await race(meter, number, COST));
    expect(passed.filter((count) => count > PASS)).toEqual([]);
    expect(passed.filter((count) => count < PASS)).toEqual([]);
    expect(meter.openHolds).toBe(0);
  } finally {
    await under.remove();
  }
}, 600_000);

test(`${RACES} races in which half of each reservation comes back: never above the budget, and no less than it held at once`, async () => {
  const under = await onSqlite();
  try {
    const meter = await under.start(new ManualClock());
    let [most, least] = [0, CALLERS];
    for (let number = 0; number < RACES; number++) {
      const count = await race(meter, number, COST / 2);
      [most, least] = [Math.max(most, count), Math.min(least, count)];
      const { spent } = (await meter.usage(`tenant:${number}`, "UTC")).periods.month;
      expect(spent.usd).toBe((count * COST) / 2);
    }
    // Twice as many fit when half comes back, but for the last, whose worst case must fit.
    expect(most).toBeLessThanOrEqual(2 * PASS - 1);
    expect(least).toBeGreaterThanOrEqual(PASS);
    console.log(`refunds while others ask: between ${least} and ${most} of ${CALLERS} passed`);
  } finally {
    await under.remove();
  }
}, 600_000);
