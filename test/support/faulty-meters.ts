/** Meters with one planted fault each: what a suite must catch to be worth anything. */
import { NOTHING } from "../../src/domain/plans/amounts.ts";
import type { Clock } from "../../src/kernel/clock.ts";
import type { Demand, Reservation } from "../../src/ports/meter.ts";
import type { UsageRecord } from "../../src/ports/records.ts";
import { MemoryMeter } from "../../src/store/memory/meter.ts";
import type { MeterUnderTest } from "../../src/store/meter-contract.ts";
import { MemoryJournal } from "./memory-journal.ts";

/** Looks only at what was spent, as one that counts after the call. */
class HoldsNothing extends MemoryMeter {
  override reserve(demand: Demand, draft: UsageRecord): Promise<Reservation> {
    const free = (all: Demand["scopes"]) =>
      all.map((each) => ({ ...each, amounts: { ...NOTHING, requests: each.amounts.requests } }));
    return super.reserve({ scopes: free(demand.scopes), anyOf: free(demand.anyOf) }, draft);
  }
}

/** Gives back what was not used, and then once more. */
class RefundsTwice extends MemoryMeter {
  override async settle(hold: number, record: UsageRecord): Promise<void> {
    await super.settle(hold, record);
    const at = record.admittedAt!;
    const account = this.accounts.of(`key:${record.keyId}`, record.timeZone, at);
    if (record.costNanoUsd > 0) account.charge({ ...NOTHING, usd: -1 }, at, at, Math.max(at, account.usedAt));
  }
}

/** Takes from the tenant before it asks the others, and does not give it back. */
class TakesFromSome extends MemoryMeter {
  override async reserve(demand: Demand, draft: UsageRecord): Promise<Reservation> {
    const answer = await super.reserve(demand, draft);
    const tenant = demand.scopes.find(({ scope }) => scope.startsWith("tenant:"));
    if (!answer.admitted && tenant !== undefined) {
      const account = this.accounts.of(tenant.scope, tenant.zone, 0);
      account.charge({ ...NOTHING, requests: 1 }, account.usedAt, account.usedAt, account.usedAt);
    }
    return answer;
  }
}

/** Believes that everything has been saved. */
class Forgets extends MemoryJournal {
  override mark() {
    return { ...super.mark(), seq: this.lastEntry() };
  }
}

/** Lets go of what a dead process had reserved. */
class LetsGo extends MemoryMeter {
  override async recover(): Promise<UsageRecord[]> {
    const records = await super.recover();
    for (const { keyId, timeZone, costNanoUsd, admittedAt } of records) {
      const account = this.accounts.of(`key:${keyId}`, timeZone, admittedAt!);
      account.charge({ ...NOTHING, usd: -costNanoUsd }, admittedAt!, admittedAt!, account.usedAt);
    }
    return records;
  }
}

/** Is refused where it would still fit: one below each limit. */
class RefusesTooSoon extends MemoryMeter {
  override reserve(demand: Demand, draft: UsageRecord): Promise<Reservation> {
    const lower = (all: Demand["scopes"]) =>
      all.map((each) => ({ ...each, amounts: { ...each.amounts, usd: each.amounts.usd + 1 } }));
    return super.reserve({ scopes: lower(demand.scopes), anyOf: demand.anyOf }, draft);
  }
}

function faulty(
  Meter: new (journal: MemoryJournal, clock: Clock) => MemoryMeter,
  Journal: new () => MemoryJournal = MemoryJournal,
) {
  return async (): Promise<MeterUnderTest> => {
    const journal = new Journal();
    return {
      start: async (clock) => new Meter(journal, clock),
      kill: async () => {},
      records: async () => (await journal.page({ limit: 1_000 })).records,
      remove: async () => {},
    };
  };
}

export const FAULTY = [
  ["holds nothing of what a call may spend", faulty(HoldsNothing)],
  ["refunds a nano-dollar too many", faulty(RefundsTwice)],
  ["takes from some scopes where others refuse", faulty(TakesFromSome)],
  ["forgets at a restart what was not saved", faulty(MemoryMeter, Forgets)],
  ["lets go of what a dead process had reserved", faulty(LetsGo)],
  ["refuses one nano-dollar too soon", faulty(RefusesTooSoon)],
] as const;
