import type { Clock } from "../../kernel/clock.ts";
import type { Postgres } from "./connection.ts";
import { Ledger } from "./ledger.ts";
import { LedgerAccounts } from "./ledger-accounts.ts";
import { openLedgerTables } from "./ledger-schema.ts";
import { PostgresCounting } from "./meter-counting.ts";
import { Node } from "./meter-node.ts";
import { SharedMeter } from "./meter-shared.ts";

export interface SharedMeterOptions {
  /** Told what went wrong beside the calls; it is tried again. */
  onTrouble?(what: string, cause: unknown): void;
  /** For tests: decides windows in place of the store's clock. */
  clock?: Clock;
}

/** The meter of a node, and the ledger that it writes. */
export interface SharedBooks {
  meter: SharedMeter;
  ledger: Ledger;
}

/** The meter on PostgreSQL alone. @throws PostgresError where it cannot be reached at the start */
export async function openPostgresMeter(postgres: Postgres, options: SharedMeterOptions = {}): Promise<SharedBooks> {
  await openLedgerTables(postgres);
  const { clock, onTrouble = () => {} } = options;
  const ledger = new Ledger(postgres);
  // The sums of the ledger only follow: within seconds this machine's clock is as good, and its time never goes back.
  const now = () => (clock ?? Date).now();
  const accounts = new LedgerAccounts(postgres, now);
  const counting = new PostgresCounting(postgres, ledger, accounts, clock && (() => clock.now()));
  const node = new Node(postgres, counting);
  counting.node = node;
  await node.join(true);
  return { meter: new SharedMeter(counting, node, { ledger, accounts, now }, onTrouble), ledger };
}
