/** It is the test of src/store/postgres/meter-desk.ts as well; what both do, the contract of meters says. */
import { expect, test } from "bun:test";
import { limit, sampleRecord, scopeDemand } from "../meter-contract.ts";
import type { Postgres, Query, Value } from "./connection.ts";
import { Ledger } from "./ledger.ts";
import { LedgerAccounts } from "./ledger-accounts.ts";
import { PostgresCounting } from "./meter-counting.ts";
import type { Node } from "./meter-node.ts";

/** A database in which nothing has happened yet, and nothing is kept. */
const empty = (async (text: string, values: readonly Value[] = []) => {
  if (text.includes("FROM nodes")) return [{ now: 1_000 }];
  if (text.includes("FROM counters")) return (values[0] as string[]).map((scope) => ({ scope, state: null }));
  return [];
}) as Query;

test("a Hold that another node has settled does not grow, and takes nobody with it", async () => {
  let transactions = 0;
  const postgres = {
    query: empty,
    transaction: (run: (query: Query) => Promise<unknown>) => {
      transactions++;
      return run(empty);
    },
  } as unknown as Postgres;
  const counting = new PostgresCounting(postgres, new Ledger(postgres), new LedgerAccounts(postgres, () => 0));
  counting.node = { fence: { node: 1, epoch: 1 } } as unknown as Node;
  const demand = scopeDemand([limit("requests", "day", 1)]);
  const gone = { number: 7, at: 0, open: [], taken: [], counted: true };
  const [grown, taking] = await Promise.all([
    counting.extend(gone, [demand], sampleRecord()),
    counting.reserve(8, { scopes: [demand], anyOf: [] }, sampleRecord()),
  ]);
  expect([grown, taking.admitted, transactions]).toEqual([false, true, 1]);
});
