import type { Clock } from "../../kernel/clock.ts";
import { EVENTS_MIGRATIONS } from "../migrations/events-1-begin.ts";
import { migrate } from "../migrations/migration.ts";
import { type EventTables, SqlEvents } from "../sql/events.ts";
import type { Postgres } from "./connection.ts";

/** Opens the events that nodes share, making or migrating their table. @throws MigrationError, PostgresError */
export async function openSharedEvents(postgres: Postgres, clock: Clock): Promise<SqlEvents> {
  await postgres.alone("migrations", () =>
    migrate(postgres.kysely<unknown>(), EVENTS_MIGRATIONS, clock.now(), "events_migrations"),
  );
  return new SqlEvents(postgres.kysely<EventTables>(), clock);
}
