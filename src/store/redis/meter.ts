import type { RedisAddress } from "../../config/shared-store.ts";
import type { Postgres } from "../postgres/connection.ts";
import { Ledger } from "../postgres/ledger.ts";
import { LedgerAccounts } from "../postgres/ledger-accounts.ts";
import { openLedgerTables } from "../postgres/ledger-schema.ts";
import type { SharedBooks, SharedMeterOptions } from "../postgres/meter.ts";
import { Node } from "../postgres/meter-node.ts";
import { SharedMeter } from "../postgres/meter-shared.ts";
import { RedisConnection } from "./connection.ts";
import { RedisCounters } from "./counters.ts";
import { RedisCounting } from "./counting.ts";
import { SCRIPT } from "./script.ts";

export interface RedisMeterOptions extends SharedMeterOptions {
  /** For tests that must fail then: whatever Redis has is believed. */
  unchecked?: boolean;
  /** For tests on machines that are busy: how long Redis may take to answer, in milliseconds. */
  answerMs?: number;
}

/** The meter on PostgreSQL's ledger and Redis's counters. @throws PostgresError, RedisAway where one cannot be reached at the start */
export async function openRedisMeter(
  postgres: Postgres,
  address: RedisAddress,
  { clock, onTrouble = () => {}, unchecked = false, answerMs }: RedisMeterOptions = {},
): Promise<SharedBooks> {
  const installation = await openLedgerTables(postgres);
  const now = () => (clock ?? Date).now();
  const ledger = new Ledger(postgres);
  const accounts = new LedgerAccounts(postgres, now);
  const counters = new RedisCounters(new RedisConnection(address, SCRIPT, answerMs), accounts, {
    ...(clock === undefined ? {} : { now }),
    unchecked,
    installation,
  });
  const counting = new RedisCounting(counters, ledger, accounts);
  const node = new Node(postgres, counting);
  counting.node = node;
  await node.join(true);
  return { meter: new SharedMeter(counting, node, { ledger, accounts, now }, onTrouble), ledger };
}
