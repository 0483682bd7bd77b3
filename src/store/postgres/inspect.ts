import type { DatabaseAddress } from "../../config/shared-store.ts";
import { DIRECTORY_MIGRATIONS } from "../migrations/directory.ts";
import { type AccountRow, type SealedAccount, toSealedAccount } from "../sql/rows.ts";
import { dial, disconnect, SCHEMA } from "./connection.ts";
import { translated } from "./error.ts";

/** What a look at the shared database found. Nothing is made and nothing is written. */
export interface SharedInspection {
  version: string;
  standby: boolean;
  farClock: number;
  mayBegin: boolean;
  /** undefined before the first start. */
  directory:
    | {
        schema: { applied: number; known: number };
        latestAt: number | null;
        providers: SealedAccount[];
        settings: Record<string, string>;
      }
    | undefined;
}

interface ServerRow {
  version: string;
  standby: boolean;
  far_clock: number;
  may_create: boolean;
  has_schema: boolean;
  has_tables: boolean;
}

const SERVER = `
  SELECT current_setting('server_version') AS version, pg_is_in_recovery() AS standby,
         floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint AS far_clock,
         has_database_privilege(current_database(), 'CREATE') AS may_create,
         to_regnamespace('${SCHEMA}') IS NOT NULL AS has_schema,
         to_regclass('${SCHEMA}.directory_migrations') IS NOT NULL AS has_tables`;

/** @throws PostgresError where it cannot be asked. */
export async function inspectShared(address: DatabaseAddress): Promise<SharedInspection> {
  const client = await dial(address);
  const rows = async <R extends object>(text: string) => (await client.query<R>(text)).rows;
  try {
    const [server] = await rows<ServerRow>(SERVER);
    const { version, standby, far_clock, may_create, has_schema, has_tables } = server!;
    // Debian says "15.18 (Debian 15.18-0+deb12u1)".
    const facts = { version: version.split(" ")[0]!, standby, farClock: far_clock, mayBegin: has_schema || may_create };
    if (!has_tables) return { ...facts, directory: undefined };
    const [steps] = await rows<{ applied: number | null }>("SELECT max(id) AS applied FROM directory_migrations");
    const [latest] = await rows<{ at: number | null }>("SELECT max(at) AS at FROM audit");
    const settings = await rows<{ name: string; value: string }>("SELECT name, value FROM settings");
    const accounts = await rows<AccountRow>("SELECT * FROM providers ORDER BY name");
    return {
      ...facts,
      directory: {
        schema: { applied: steps?.applied ?? 0, known: DIRECTORY_MIGRATIONS.length },
        latestAt: latest?.at ?? null,
        settings: Object.fromEntries(settings.map(({ name, value }) => [name, value])),
        providers: accounts.map(toSealedAccount),
      },
    };
  } catch (error) {
    throw translated(error);
  } finally {
    await disconnect(client);
  }
}
