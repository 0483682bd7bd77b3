import type { RecordPage, RecordQuery, UsageRecord } from "../../src/ports/records.ts";
import { type Journal, type JournaledHold, limitedTokens, type Spent } from "../../src/store/journal.ts";

/** A journal that forgets with the process: for tests, as the plainest reading of the contract. */
export class MemoryJournal implements Journal {
  readonly #holds = new Map<number, JournaledHold>();
  readonly #records: UsageRecord[] = [];
  #last = 0;

  lastHold(): number {
    return this.#last;
  }

  unsettled(): JournaledHold[] {
    return [...this.#holds.values()];
  }

  async open(hold: JournaledHold): Promise<void> {
    this.#last = Math.max(this.#last, hold.hold);
    this.#holds.set(hold.hold, hold);
  }

  async close(hold: number, record: UsageRecord): Promise<void> {
    if (!this.#holds.delete(hold)) throw new Error(`Hold ${hold} is not open`);
    this.#records.push(record);
  }

  async append(record: UsageRecord): Promise<void> {
    this.#records.push(record);
  }

  spent(subscriptionId: string, since: number, step: number): Spent[] {
    const steps = new Map<number, Spent>();
    for (const record of this.#records) {
      if (record.subscriptionId !== subscriptionId || record.admittedAt === null || record.admittedAt < since) continue;
      const at = Number.isFinite(step) ? Math.floor(record.admittedAt / step) * step : since;
      const sum = steps.get(at) ?? { at, requests: 0, tokens: 0, usd: 0 };
      sum.requests += 1;
      sum.tokens += limitedTokens(record);
      sum.usd += record.costNanoUsd;
      steps.set(at, sum);
    }
    return [...steps.values()].sort((a, b) => a.at - b.at);
  }

  async page(query: RecordQuery): Promise<RecordPage> {
    const matching = this.#records
      .filter((record) => query.cursor === undefined || record.id < query.cursor)
      .filter((record) => query.tenantId === undefined || record.tenantId === query.tenantId)
      .filter((record) => query.keyId === undefined || record.keyId === query.keyId)
      .filter((record) => query.outcome === undefined || record.outcome === query.outcome)
      .filter((record) => query.id === undefined || record.id === query.id || record.requestId === query.id)
      .sort((a, b) => (a.id < b.id ? 1 : -1));
    const records = matching.slice(0, query.limit);
    return { records, next: matching.length > query.limit ? records.at(-1)!.id : null };
  }
}
