import type { Postgres } from "./connection.ts";

/** Version of the tables below, in `meter.version`. */
export const LEDGER_VERSION = 1;

/**
 * `usage_records` is the ledger: appended to and never changed, a Hold's number at most once, so no call
 * is ever charged twice. `holds` are the calls that run, on all nodes. `nodes` are the processes: each
 * write of a node that takes or gives is made under a share lock of its row, and only while the row has the
 * epoch that the node believes in. Whoever counts anew, or declares a node dead, changes the row,
 * and so waits for the writes that run and prevents all later ones.
 * `accounts` are the sums of the ledger up to an entry, and `meter` says up to which; `counters` are
 * the accounts as they are now, where PostgreSQL counts.
 */
const SCHEMA = [
  `CREATE TABLE meter (
     one integer PRIMARY KEY CHECK (one = 1),
     version integer NOT NULL,
     -- Several installations may count in one Redis.
     installation text NOT NULL DEFAULT left(md5(random()::text || clock_timestamp()::text), 12),
     epoch bigint NOT NULL,
     -- Where it is counted in this epoch: 'postgres', or the run_id of a Redis.
     counted_in text NOT NULL,
     seq bigint NOT NULL,
     at bigint NOT NULL)`,
  `INSERT INTO meter (one, version, epoch, counted_in, seq, at) VALUES (1, ${LEDGER_VERSION}, 0, '', 0, 0)`,
  "CREATE SEQUENCE meter_epochs",
  "CREATE SEQUENCE hold_numbers INCREMENT 1000",
  `CREATE TABLE nodes (
     id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
     epoch bigint NOT NULL,
     beat timestamptz NOT NULL) WITH (fillfactor = 20)`,
  `CREATE TABLE holds (
     number bigint PRIMARY KEY,
     node bigint NOT NULL,
     at bigint NOT NULL,
     draft text NOT NULL,
     taken text NOT NULL)`,
  "CREATE INDEX holds_node ON holds (node)",
  `CREATE TABLE usage_records (
     seq bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
     number bigint UNIQUE,
     id text COLLATE "C" NOT NULL UNIQUE,
     request_id text NOT NULL,
     admitted_at bigint,
     tenant_id text,
     key_id text,
     outcome text NOT NULL,
     record text NOT NULL)`,
  "CREATE INDEX usage_records_tenant ON usage_records (tenant_id, id)",
  "CREATE INDEX usage_records_key ON usage_records (key_id, id)",
  "CREATE INDEX usage_records_request ON usage_records (request_id)",
  "CREATE INDEX usage_records_admitted ON usage_records (admitted_at, seq) WHERE admitted_at IS NOT NULL",
  "CREATE TABLE accounts (scope text PRIMARY KEY, upto bigint NOT NULL, state text NOT NULL)",
  "CREATE TABLE counters (scope text PRIMARY KEY, state text) WITH (fillfactor = 50)",
];

/**
 * Makes the tables where there are none.
 * @returns the installation's name
 * @throws Error where they are a newer Sallyport's
 */
export async function openLedgerTables(postgres: Postgres): Promise<string> {
  const version = async () => {
    const [row] = await postgres.query<{ found: boolean }>(
      "SELECT to_regclass('sallyport.meter') IS NOT NULL AS found",
    );
    if (row?.found !== true) return undefined;
    return (await postgres.query<{ version: number }>("SELECT version FROM meter"))[0]?.version;
  };
  if ((await version()) === undefined) {
    await postgres.alone("ledger", async () => {
      if ((await version()) !== undefined) return;
      await postgres.transaction(async (query) => {
        for (const statement of SCHEMA) await query(statement);
      });
    });
  }
  const found = await version();
  if (found !== LEDGER_VERSION) {
    throw new Error(
      `the database's ledger was written by a newer Sallyport (${found}; this one knows ${LEDGER_VERSION})`,
    );
  }
  const [row] = await postgres.query<{ installation: string }>("SELECT installation FROM meter");
  return row!.installation;
}
