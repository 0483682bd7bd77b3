import { setImmediate as turn } from "node:timers/promises";
import { type Account, PERIODS } from "../../domain/plans/account.ts";
import type { Amounts } from "../../domain/plans/amounts.ts";
import { chargesOf } from "../../domain/plans/charges.ts";
import type { Difference, Recount } from "../../ports/ledger.ts";
import type { Journal, LedgerEntry } from "../journal.ts";
import type { Accounts } from "./accounts.ts";

/** Entries added up between two turns of the event loop; each takes some microseconds. */
const SLICE = 500;

/** Accounts compared between two turns: each may have to be found in the journal first. */
const COMPARED = 200;

/** More are counted, and not listed. */
const LISTED = 1_000;

const DIMENSIONS: readonly (keyof Amounts)[] = ["requests", "input", "output", "usd"];

/**
 * Adds up the whole ledger beside the calls, and compares it with the accounts. What is committed
 * meanwhile is added up before the comparison; each account is compared, and mended, in one step
 * in which nothing can be committed.
 */
export async function recount(
  journal: Journal,
  accounts: Accounts,
  now: () => number,
  mend: boolean,
): Promise<Recount> {
  const sums = new Sums(accounts, now);
  let read = 0;
  for (const entry of journal.entries(0)) {
    sums.add(entry);
    if (++read % SLICE === 0) await turn();
  }
  for (const { scope, zone } of journal.accounts()) {
    sums.of(scope, zone);
    if (++read % SLICE === 0) await turn();
  }
  const differences: Difference[] = [];
  let found = 0;
  let compared = 0;
  for (const [scope, sum] of sums.byScope) {
    if (++compared % COMPARED === 0) await turn();
    for (const entry of journal.entries(sums.last)) sums.add(entry);
    const account = accounts.of(scope, sum.zone, now());
    // Its calendar may have been changed since it was first met.
    if (account.zone !== sum.zone) sum.move(account.zone, now());
    const differing = differencesOf(account, sum, now());
    found += differing.length;
    differences.push(...differing.slice(0, LISTED - differences.length));
    if (mend && differing.length > 0) {
      account.restate(sum, now());
      accounts.counted(account, sums.last);
    }
  }
  if (mend) await accounts.save(now);
  return { entries: sums.entries, accounts: sums.byScope.size, differences, found, mended: mend };
}

/** What the ledger says of each scope, in the periods that count now. */
class Sums {
  readonly byScope = new Map<string, Account>();
  entries = 0;
  /** Place of the last entry that was added. */
  last = 0;
  readonly #accounts: Accounts;
  readonly #now: () => number;

  constructor(accounts: Accounts, now: () => number) {
    this.#accounts = accounts;
    this.#now = now;
  }

  of(scope: string, zone: string): Account {
    let sum = this.byScope.get(scope);
    if (sum === undefined) {
      sum = this.#accounts.blank(scope, zone, this.#now());
      this.byScope.set(scope, sum);
    }
    return sum;
  }

  add({ seq, record }: LedgerEntry): void {
    this.last = seq;
    this.entries++;
    for (const { scope, zone, amounts } of chargesOf(record)) {
      const at = record.admittedAt as number;
      this.of(scope, zone).spend(amounts, at, this.#now());
    }
  }
}

function differencesOf(account: Account, sum: Account, now: number): Difference[] {
  const [counted, ledger] = [account.usage(now).periods, sum.usage(now).periods];
  return PERIODS.flatMap((period) =>
    DIMENSIONS.filter((of) => counted[period].spent[of] !== ledger[period].spent[of]).map((of) => {
      const both = { counted: counted[period].spent[of], ledger: ledger[period].spent[of] };
      return { scope: account.scope, period, of, ...both };
    }),
  );
}
