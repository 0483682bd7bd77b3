import { parseDatabaseUrl } from "../../src/config/shared-store.ts";
import type { Clock } from "../../src/kernel/clock.ts";
import type { UsageRecord } from "../../src/ports/records.ts";
import type { MeterUnderTest } from "../../src/store/meter-contract.ts";
import { Postgres } from "../../src/store/postgres/connection.ts";
import type { SharedBooks, SharedMeterOptions } from "../../src/store/postgres/meter.ts";
import type { SharedMeter } from "../../src/store/postgres/meter-shared.ts";

/** How a suite opens a node's meter on a database. */
export type OpenMeter = (postgres: Postgres, options: SharedMeterOptions) => Promise<SharedBooks>;

/** One node of a suite, with connections of its own. */
export interface TestNode extends SharedBooks {
  postgres: Postgres;
  /** What was told of trouble. */
  told: string[];
  stop(): Promise<void>;
}

export async function startNode(url: string, open: OpenMeter, clock?: Clock): Promise<TestNode> {
  const postgres = await Postgres.open(parseDatabaseUrl(url), { connections: 4, statementMs: 2_000 });
  const told: string[] = [];
  const onTrouble = (what: string, cause: unknown) => told.push(`${what}: ${cause}`);
  const books = await open(postgres, clock === undefined ? { onTrouble } : { onTrouble, clock });
  const stop = async () => {
    await books.meter.close();
    await postgres.close();
  };
  return { ...books, postgres, told, stop };
}

/** What would be known half a minute after all nodes have died. */
export async function declareDead(postgres: Postgres): Promise<void> {
  await postgres.query("UPDATE nodes SET beat = '-infinity'");
}

export async function ledgerOf({ ledger }: SharedBooks): Promise<UsageRecord[]> {
  const records: UsageRecord[] = [];
  for await (const { record } of ledger.entries()) records.push(record);
  return records;
}

/**
 * The meter, but that a call is settled when the counters know it too: for suites whose clock is another hour by then, or
 * that lose the counters at once.
 */
export function toldAtOnce(meter: SharedMeter): SharedMeter {
  const settle = meter.settle.bind(meter);
  meter.settle = async (hold, record) => {
    await settle(hold, record);
    await meter.told();
  };
  return meter;
}

/** A database of its own as the contract's store. */
export async function meterUnderTest(url: string, open: OpenMeter): Promise<MeterUnderTest> {
  const nodes: TestNode[] = [];
  return {
    async start(clock) {
      const node = await startNode(url, open, clock);
      nodes.push(node);
      return toldAtOnce(node.meter);
    },
    async kill() {
      await declareDead(nodes.at(-1)!.postgres);
    },
    records: () => ledgerOf(nodes[0]!),
    async remove() {
      await Promise.all(nodes.map((node) => node.stop()));
    },
  };
}
