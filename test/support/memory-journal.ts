import type { SavedAccount } from "../../src/domain/plans/account.ts";
import type { RecordPage, RecordQuery, UsageRecord } from "../../src/ports/records.ts";
import type { Journal, JournaledHold, LedgerEntry, Mark } from "../../src/store/journal.ts";

/** A journal that forgets with the process: for tests, as the plainest reading of the contract. */
export class MemoryJournal implements Journal {
  readonly #holds = new Map<number, JournaledHold>();
  readonly #records: UsageRecord[] = [];
  readonly #accounts = new Map<string, SavedAccount>();
  #mark: Mark = { seq: 0, at: 0 };
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

  async close(hold: number, record: UsageRecord, committed: (seq: number) => void): Promise<void> {
    if (!this.#holds.delete(hold)) throw new Error(`Hold ${hold} is not open`);
    committed(this.#records.push(record));
  }

  async recordOf(id: string): Promise<UsageRecord | undefined> {
    return this.#records.find((each) => each.id === id) ?? this.#records.findLast(({ requestId }) => requestId === id);
  }

  async append(record: UsageRecord, committed: (seq: number) => void = () => {}): Promise<void> {
    committed(this.#records.push(record));
  }

  async find(id: string): Promise<UsageRecord | undefined> {
    return this.#records.find((record) => record.id === id);
  }

  async *admitted(since: number, until: number): AsyncIterable<readonly UsageRecord[]> {
    const at = ({ admittedAt }: UsageRecord) => admittedAt ?? Number.NaN;
    yield this.#records.filter((each) => at(each) >= since && at(each) < until).sort((a, b) => at(a) - at(b));
  }

  lastEntry(): number {
    return this.#records.length;
  }

  entries(after: number, last = this.#records.length): LedgerEntry[] {
    return this.#records.slice(after, last).map((record, i) => ({ seq: after + i + 1, record }));
  }

  account(scope: string): SavedAccount | undefined {
    return this.#accounts.get(scope);
  }

  accounts(): Iterable<SavedAccount> {
    return this.#accounts.values();
  }

  saveAccounts(accounts: readonly SavedAccount[], mark?: Mark): void {
    for (const account of accounts) this.#accounts.set(account.scope, account);
    if (mark !== undefined) this.#mark = mark;
  }

  mark(): Mark {
    return this.#mark;
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
