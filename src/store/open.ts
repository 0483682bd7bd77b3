import { ConfigurationError } from "../config/problem.ts";
import type { DatabaseAddress, RedisAddress } from "../config/shared-store.ts";
import type { Clock } from "../kernel/clock.ts";
import type { RandomBytes } from "../kernel/id.ts";
import type { Administration } from "../ports/administration.ts";
import type { Directory } from "../ports/directory.ts";
import type { Events } from "../ports/events.ts";
import type { Ledger, Recount } from "../ports/ledger.ts";
import type { Log } from "../ports/log.ts";
import type { Meter, MeterTime, MeterView } from "../ports/meter.ts";
import type { ProviderObjects } from "../ports/provider-objects.ts";
import type { Records, UsageRecord } from "../ports/records.ts";
import { MemoryMeter } from "./memory/meter.ts";
import type { SharedStores } from "./postgres/shared.ts";
import { startCheckpointer } from "./sqlite/checkpointer.ts";
import { openDirectory } from "./sqlite/directory.ts";
import { openEvents } from "./sqlite/events.ts";
import type { DataFolder } from "./sqlite/folder.ts";
import { type LedgerSync, openJournal } from "./sqlite/journal.ts";

/** Who is who and what is published, with its own way of being shared, or not. */
export interface Store {
  directory: Directory & Administration & { readonly objects: ProviderObjects; readonly failing?: boolean };
  /** Other nodes have it too; then one of them starts at a time. */
  shared: boolean;
  alone<T>(start: () => Promise<T>): Promise<T>;
  openBooks(): Promise<Books>;
  close(): Promise<void>;
}

/** The meter, and the ledger that it writes: this node's own, or shared. */
export interface Books {
  meter: Meter &
    MeterTime &
    MeterView & {
      readonly openHolds: number;
      readonly failing: boolean;
      recover(): Promise<UsageRecord[]>;
      retry(): Promise<{ written: number; left: number }>;
      sweep(): Promise<unknown>;
      recount(mend: boolean): Promise<Recount>;
    };
  records: Records & Pick<Ledger, "admitted">;
  events: Events;
  close(): Promise<void>;
}

/** Where the stores are that several nodes share; the embedded ones where nothing is said. */
export interface StoreAddresses {
  database: DatabaseAddress | undefined;
  redis: RedisAddress | undefined;
  /** Of the embedded ledger. */
  ledgerSync: LedgerSync;
}

interface Given {
  clock: Clock;
  random: RandomBytes;
  log: Log;
}

/** How connections fail where no PostgreSQL answers (https://nodejs.org/api/errors.html#common-system-errors). */
const NOBODY_THERE = /\b(?:ECONNREFUSED|ENOTFOUND|EHOSTUNREACH|ENETUNREACH|ETIMEDOUT|EAI_AGAIN)\b/;
const ASK = "; is PostgreSQL running there, and may this machine reach it?";

/**
 * PostgreSQL where DATABASE_URL says so, else a file. Nothing of PostgreSQL is loaded without.
 * @throws ConfigurationError where what a variable names cannot be used
 */
export async function openStore(folder: DataFolder, where: StoreAddresses, given: Given): Promise<Store> {
  const { database, redis } = where;
  const { clock, random, log } = given;
  if (database === undefined) {
    const directory = await openDirectory(folder.file("directory.db"), { clock, random });
    const openBooks = () => openOwnBooks(folder.file("ledger.db"), where.ledgerSync, clock, log);
    return { directory, shared: false, alone: (start) => start(), openBooks, close: () => directory.close() };
  }
  const { openShared, PostgresError } = await import("./postgres/shared.ts");
  try {
    const stores = await openShared(database, { clock, random, log });
    return { ...stores, shared: true, openBooks: () => openSharedBooks(stores, redis, log) };
  } catch (error) {
    if (!(error instanceof PostgresError)) throw error;
    const message = `names ${database.shown}, which cannot be used: ${error.message}${NOBODY_THERE.test(error.message) ? ASK : ""}`;
    throw new ConfigurationError([{ where: "DATABASE_URL", message }]);
  }
}

async function openOwnBooks(path: string, sync: LedgerSync, clock: Clock, log: Log): Promise<Books> {
  const journal = openJournal(path, sync);
  const events = await openEvents(path, clock);
  const stopCheckpointer = startCheckpointer(path, (cause) =>
    log.write("error", "the checkpointer of the ledger has ended; commits do its work", { detail: String(cause) }),
  );
  const meter = new MemoryMeter(journal, clock);
  const close = async () => {
    await retryRecords(meter, log);
    await meter.sweep();
    await stopCheckpointer();
    events.close();
    journal.shut();
  };
  return { meter, records: journal, events, close };
}

/** Counted in Redis where REDIS_URL says so, else in PostgreSQL. */
async function openSharedBooks(
  { postgres, events }: SharedStores,
  redis: StoreAddresses["redis"],
  log: Log,
): Promise<Books> {
  const onTrouble = (what: string, cause: unknown) =>
    log.write("warn", what, cause === undefined ? {} : { detail: String(cause) });
  const open = async () => {
    if (redis === undefined) return (await import("./postgres/meter.ts")).openPostgresMeter(postgres, { onTrouble });
    if (redis.exposed) {
      const detail = `${redis.shown} is reached over a network without encryption; use rediss:// in REDIS_URL`;
      log.write("warn", "what is asked of the counters crosses the network readable", { detail });
    }
    return (await import("./redis/meter.ts")).openRedisMeter(postgres, redis, { onTrouble });
  };
  try {
    const { meter, ledger: records } = await open();
    const close = async () => {
      await retryRecords(meter, log);
      await meter.close();
    };
    return { meter, records, events, close };
  } catch (error) {
    const { name, message } = error as Error;
    if (name !== "RedisAway" && name !== "Stale") throw error;
    const variable = redis === undefined ? "DATABASE_URL" : "REDIS_URL";
    throw new ConfigurationError([{ where: variable, message: `names counters that cannot be used: ${message}` }]);
  }
}

/** Commits the records that the ledger could not take when their calls ended, as soon as it can. */
export async function retryRecords(meter: Pick<MemoryMeter, "retry">, log: Log): Promise<void> {
  const { written, left } = await meter.retry();
  if (written === 0) return;
  const rest = left === 0 ? "" : `; ${left} are left`;
  log.write("warn", `usage records that could not be committed are committed now${rest}`, { count: written });
}
