import { setImmediate as turn } from "node:timers/promises";
import { Account } from "../../domain/plans/account.ts";
import { chargesOf, isProviders } from "../../domain/plans/charges.ts";
import type { Journal, LedgerEntry } from "../journal.ts";

/** Accounts saved in one step, at most: it stands between calls, and each takes some microseconds. */
const SLICE = 128;

/** An account that nobody has used for so long is forgotten; what was saved of it is found again. */
const IDLE_MS = 120_000;

/** Accounts looked at in one step for whether they are idle. */
const LOOKED_AT = 4_096;

/**
 * The accounts that are in use. They are a cache of the ledger: each is saved now and then with the
 * entry up to which it has been counted, and after a restart the entries that came later are counted again.
 */
export class Accounts {
  readonly #journal: Journal;
  readonly #byScope = new Map<string, Account>();
  /** Counted since they were last saved. */
  #unsaved = new Set<Account>();
  #saving = false;
  /** Up to which entry of the ledger all accounts have been saved. */
  #saved: number;
  #looking: MapIterator<[string, Account]> | undefined;

  constructor(journal: Journal) {
    this.#journal = journal;
    this.#saved = journal.mark().seq;
  }

  /** In memory now. */
  get size(): number {
    return this.#byScope.size;
  }

  /** Counted, and not saved yet. */
  get unsaved(): number {
    return this.#unsaved.size;
  }

  /** The account of a scope; in the calendar of `zone` if it is a new one. */
  of(scope: string, zone: string, now: number): Account {
    const known = this.#byScope.get(scope);
    if (known !== undefined) return known;
    const saved = this.#journal.account(scope);
    const account = saved === undefined ? new Account(scope, zone, now) : Account.from(saved);
    this.#byScope.set(scope, account);
    return account;
  }

  /** An account with the periods of a scope's, and nothing counted in them; a new one, in the calendar of `zone`, where there is none. */
  blank(scope: string, zone: string, now: number): Account {
    const known = this.#byScope.get(scope);
    if (known !== undefined) return known.blank(now);
    const saved = this.#journal.account(scope);
    return saved === undefined ? new Account(scope, zone, now) : Account.from(saved).blank(now);
  }

  /** Says that the account has counted this entry of the ledger. */
  counted(account: Account, seq: number): void {
    account.upto = seq;
    this.#unsaved.add(account);
  }

  /** Counts an entry of the ledger in each account that has not counted it yet, as if it were the time at which it was admitted. */
  apply({ seq, record }: LedgerEntry): void {
    const at = record.admittedAt as number;
    for (const { scope, zone, amounts } of chargesOf(record)) {
      const account = this.of(scope, zone, at);
      if (account.upto >= seq) continue;
      if (record.refundOf !== null) {
        account.spend(amounts, at, Math.max(at, account.usedAt));
        this.counted(account, seq);
        continue;
      }
      // What was admitted before the last that was counted, or with it, says nothing of which calendar counts since.
      if (account.zone !== zone && at > account.usedAt) account.move(zone, at);
      const ended = at + Math.ceil(record.totalMs);
      // Whether an account of a provider was asked is known at the end; everyone else has asked from the beginning.
      const asked = isProviders(scope) ? ended : at;
      account.charge(amounts, at, ended, Math.max(at, account.usedAt), asked);
      this.counted(account, seq);
    }
  }

  /**
   * Saves accounts that a call has moved to its calendar, at once: by the entries of the ledger nobody can tell which of
   * the calls of one moment came last.
   */
  moved(accounts: readonly Account[], now: number): void {
    try {
      const saved = accounts.map((account) => account.save(now));
      this.#journal.saveAccounts(saved, { seq: this.#saved, at: now });
    } catch {
      for (const account of accounts) this.#unsaved.add(account);
    }
  }

  /** Saves what has been counted, a slice between two turns of the event loop each. */
  async save(now: () => number): Promise<void> {
    const seq = this.#journal.lastEntry();
    // Refusals alone are entries as well: a start that had to read a million of them would take its time.
    if (this.#saving || (this.#unsaved.size === 0 && seq === this.#saved)) return;
    this.#saving = true;
    // What is counted from here on is saved next time.
    const waiting = [...this.#unsaved];
    this.#unsaved = new Set();
    try {
      do {
        const slice = waiting.slice(-SLICE);
        const at = now();
        const last = slice.length === waiting.length;
        // The time is kept with each slice: after a restart the clock may say that it is earlier than what was saved.
        const mark = { seq: last ? seq : this.#saved, at };
        this.#journal.saveAccounts(
          slice.map((account) => account.save(at)),
          mark,
        );
        this.#saved = mark.seq;
        waiting.length -= slice.length;
        if (waiting.length > 0) await turn();
      } while (waiting.length > 0);
    } catch {
      // The disk is full, or busy: the ledger has everything, and the next time may find it better.
    } finally {
      for (const account of waiting) this.#unsaved.add(account);
      this.#saving = false;
    }
  }

  /** Forgets accounts of which nothing would be lost; looks at some of them each time. */
  forgetIdle(now: number): void {
    // Until its slice is saved, what is found again of an account would be older than what it has counted.
    if (this.#saving) return;
    this.#looking ??= this.#byScope.entries();
    for (let looked = 0; looked < LOOKED_AT; looked++) {
      const { done, value } = this.#looking.next();
      if (done === true) {
        this.#looking = undefined;
        return;
      }
      const [scope, account] = value;
      if (account.running === 0 && now - account.usedAt >= IDLE_MS && !this.#unsaved.has(account)) {
        this.#byScope.delete(scope);
      }
    }
  }
}
