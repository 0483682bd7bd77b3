import type { DatabaseAddress } from "../../config/shared-store.ts";
import type { Clock } from "../../kernel/clock.ts";
import type { RandomBytes } from "../../kernel/id.ts";
import type { Events } from "../../ports/events.ts";
import type { Log } from "../../ports/log.ts";
import { Postgres } from "./connection.ts";
import { openSharedDirectory, type PostgresDirectory } from "./directory.ts";
import { openSharedEvents } from "./events.ts";

export { PostgresError } from "./error.ts";

/** What nodes share, opened by one of them. */
export interface SharedStores {
  readonly postgres: Postgres;
  readonly directory: PostgresDirectory;
  readonly events: Events;
  /** Runs a node's start: one at a time, so that what is made once is made by one of them. @throws PostgresError */
  alone<T>(start: () => Promise<T>): Promise<T>;
  close(): Promise<void>;
}

/** @throws MigrationError, PostgresError */
export async function openShared(
  address: DatabaseAddress,
  { clock, random, log }: { clock: Clock; random: RandomBytes; log: Log },
): Promise<SharedStores> {
  if (address.exposed) {
    const detail = `${address.shown} is reached over a network without encryption; add sslmode=verify-full to DATABASE_URL`;
    log.write("warn", "what is asked of the database crosses the network readable", { detail });
  }
  const postgres = await Postgres.open(address, {
    onTrouble: (error) => log.write("debug", "a connection to the database broke", { detail: error.message }),
  });
  try {
    const directory = await openSharedDirectory(postgres, {
      clock,
      random,
      onContact: (error) =>
        error === undefined
          ? log.write("info", "the database answers again")
          : log.write("error", "the database does not answer; calls are refused until it does", {
              detail: `${address.shown}: ${error.message}`,
            }),
    });
    return {
      postgres,
      directory,
      events: await openSharedEvents(postgres, clock),
      alone: (start) => postgres.alone("start", start),
      async close() {
        await directory.close();
        await postgres.close();
      },
    };
  } catch (error) {
    await postgres.close();
    throw error;
  }
}
