import { Account, PERIODS } from "../../domain/plans/account.ts";
import type { Amounts } from "../../domain/plans/amounts.ts";
import { chargesOf } from "../../domain/plans/charges.ts";
import type { Difference, Recount } from "../../ports/ledger.ts";
import type { Usage } from "../../ports/meter.ts";
import type { Ledger } from "./ledger.ts";
import type { LedgerAccounts } from "./ledger-accounts.ts";

/** Accounts that are asked for at once. */
const AT_ONCE = 50;

/** More are counted, and not listed. */
const LISTED = 1_000;

/** The counters may be told of an entry a moment later than the ledger: what differs is looked at again so often. */
const LOOKS = 3;
const LOOK_AGAIN_MS = 200;

const DIMENSIONS: readonly (keyof Amounts)[] = ["requests", "input", "output", "usd"];

export interface RecountPorts {
  ledger: Ledger;
  accounts: LedgerAccounts;
  now(): number;
  usage(scope: string, zone: string): Promise<Usage>;
  /** Has everybody count anew, from what is saved. */
  recount(): Promise<void>;
}

/**
 * Adds up the whole ledger while calls go on, and compares it with the counters. What is counted must be
 * no less than the ledger said before it was asked for, and no more than the ledger says after it.
 */
export async function recountLedger(ports: RecountPorts, mend: boolean): Promise<Recount> {
  const sums = new Sums(ports);
  await sums.read();
  for (const { scope, zone } of await ports.accounts.scopes()) sums.of(scope, zone);
  let scopes = [...sums.byScope.keys()];
  let differences: Difference[] = [];
  for (let look = 1; look <= LOOKS && scopes.length > 0; look++) {
    if (look > 1) await Bun.sleep(LOOK_AGAIN_MS);
    const found = await differing(ports, sums, scopes);
    // Their calendar was changed: what that carried over is read again, and looked at once more.
    if (found.moved.size > 0) await sums.readAgain(found.moved);
    differences = found.differences;
    scopes = [...new Set([...differences.map(({ scope }) => scope), ...found.moved.keys()])];
  }
  if (mend && differences.length > 0) {
    await sums.read();
    await ports.accounts.replace(sums.byScope, sums.last, ports.now());
    await ports.recount();
  }
  return {
    entries: sums.entries,
    accounts: sums.byScope.size,
    differences: differences.slice(0, LISTED),
    found: differences.length,
    mended: mend,
  };
}

interface Found {
  differences: Difference[];
  /** Scopes whose periods are others than those of the sums, as they are counted. */
  moved: Map<string, Usage>;
}

async function differing(ports: RecountPorts, sums: Sums, scopes: readonly string[]): Promise<Found> {
  const differences: Difference[] = [];
  const moved = new Map<string, Usage>();
  for (let i = 0; i < scopes.length; i += AT_ONCE) {
    await sums.read();
    const some = scopes.slice(i, i + AT_ONCE).map((scope) => sums.byScope.get(scope)!);
    const before = some.map((sum) => sum.usage(ports.now()));
    const counted = await Promise.all(some.map(({ scope, zone }) => ports.usage(scope, zone)));
    await sums.read();
    some.forEach((sum, j) => {
      const after = sum.usage(ports.now());
      if (isMoved(counted[j]!, after)) {
        moved.set(sum.scope, counted[j]!);
        return;
      }
      for (const period of PERIODS) {
        for (const of of DIMENSIONS) {
          const [least, is, most] = [before[j]!, counted[j]!, after].map(({ periods }) => periods[period].spent[of]);
          // Over a midnight there is nothing to compare.
          if (before[j]!.periods[period].start !== counted[j]!.periods[period].start) continue;
          if (is! < least! || is! > most!)
            differences.push({ scope: sum.scope, period, of, counted: is!, ledger: most! });
        }
      }
    });
  }
  return { differences, moved };
}

/** Whether one is counted in other periods than the other, but for a midnight in between. */
function isMoved(one: Usage, other: Usage): boolean {
  return PERIODS.some((period) => {
    const [a, b] = [one.periods[period], other.periods[period]];
    return one.zone !== other.zone || (a.start === b.start && a.since !== b.since);
  });
}

/** What the ledger says of each scope. */
class Sums {
  readonly byScope = new Map<string, Account>();
  entries = 0;
  last = 0;
  readonly #ports: RecountPorts;

  constructor(ports: RecountPorts) {
    this.#ports = ports;
  }

  of(scope: string, zone: string): Account {
    let sum = this.byScope.get(scope);
    if (sum === undefined) {
      sum = new Account(scope, zone, this.#ports.now());
      this.byScope.set(scope, sum);
    }
    return sum;
  }

  /** Goes on to what the ledger has by now. */
  async read(): Promise<void> {
    const last = await this.#ports.accounts.lastEntry();
    this.entries += await this.#add(this.last, last);
    this.last = last;
  }

  /** Adds up some scopes once more, in the periods in which they are counted. */
  async readAgain(usages: ReadonlyMap<string, Usage>): Promise<void> {
    for (const [scope, usage] of usages) this.byScope.set(scope, Account.alike(usage, this.#ports.now()));
    await this.#add(0, this.last, usages);
  }

  async #add(after: number, last: number, only?: ReadonlyMap<string, unknown>): Promise<number> {
    let entries = 0;
    for await (const { record } of this.#ports.ledger.entries(after, last)) {
      entries++;
      for (const { scope, zone, amounts } of chargesOf(record)) {
        if (only?.has(scope) === false) continue;
        this.of(scope, zone).spend(amounts, record.admittedAt as number, this.#ports.now());
      }
    }
    return entries;
  }
}
