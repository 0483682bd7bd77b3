import { type Kysely, sql } from "kysely";
import type { Principal } from "../../domain/access/principal.ts";
import type { Catalog } from "../../domain/catalog/catalog.ts";
import { GatewayError } from "../../errors.ts";
import type { Clock } from "../../kernel/clock.ts";
import type { RandomBytes } from "../../kernel/id.ts";
import type { Directory } from "../../ports/directory.ts";
import { DIRECTORY_MIGRATIONS } from "../migrations/directory.ts";
import { EPOCHS_MIGRATIONS } from "../migrations/directory-epochs-1-begin.ts";
import { migrate } from "../migrations/migration.ts";
import { type Committed, SqlAdministration } from "../sql/administration.ts";
import { readCatalog, withRevision } from "../sql/catalog.ts";
import { orUnavailable } from "../sql/fault.ts";
import { PrincipalCache } from "../sql/principal-cache.ts";
import { SqlProviderObjects } from "../sql/provider-objects.ts";
import { grantedTo, toPrincipal } from "../sql/rows.ts";
import type { Tables } from "../sql/tables.ts";
import type { Postgres } from "./connection.ts";
import { PostgresError } from "./error.ts";
import { KeyReader } from "./key-reader.ts";
import { Notifications } from "./notifications.ts";

export interface SharedDirectoryOptions {
  clock: Clock;
  random: RandomBytes;
  /** Principals kept in memory; about 1 kB each. */
  cachedPrincipals?: number;
  /** How often the database is asked whether anything has changed, in milliseconds. */
  heartbeatMs?: number;
  /** How long what is in memory is trusted after the database was last asked, in milliseconds. */
  leaseMs?: number;
  /** Told when the database is not heard of any more, and when it is again (undefined). */
  onContact?(error: Error | undefined): void;
}

const CACHED_PRINCIPALS = 100_000;
const HEARTBEAT_MS = 500;
const LEASE_MS = 2_000;
const CHANNEL = "sallyport_directory";

const AWAY = "The store cannot be reached; call again in a moment.";

/** A change, as nodes compare it: ids of audit entries. */
interface Epochs {
  revision: number;
  catalog: number;
  principals: number;
}

const EPOCHS = "SELECT revision, catalog, principals, pg_is_in_recovery() AS standby FROM epochs";

const BELONGINGS = `
  (SELECT coalesce(json_agg(json_build_object('id', s.id, 'api', s.api, 'plan', s.plan, 'state', s.state) ORDER BY s.seq), '[]')
     FROM subscriptions s WHERE s.application_id = a.id) AS subscriptions,
  (SELECT coalesce(json_agg(r), '[]') FROM (${grantedTo("a.id", "k.id")}) AS r) AS raises`;

/** Opens the directory that nodes share, making or migrating its tables. @throws MigrationError, PostgresError */
export async function openSharedDirectory(
  postgres: Postgres,
  options: SharedDirectoryOptions,
): Promise<PostgresDirectory> {
  await postgres.alone("migrations", async () => {
    const db = postgres.kysely<unknown>();
    await migrate(db, DIRECTORY_MIGRATIONS, options.clock.now(), "directory_migrations");
    await migrate(db, EPOCHS_MIGRATIONS, options.clock.now(), "epochs_migrations");
  });
  const directory = new PostgresDirectory(postgres, options);
  try {
    await directory.begin();
    return directory;
  } catch (error) {
    await directory.close();
    throw error;
  }
}

/**
 * The directory on PostgreSQL, shared by all nodes. What a node keeps of it in memory is trusted
 * under a lease: the database is asked every half second what changed last, and tells by NOTIFY in
 * between. From the moment a node hears of a change, no call is identified before the node has caught
 * up; a node that has not heard for as long as the lease asks first, and refuses when there is no
 * answer. So a revoked key is refused everywhere within the lease, whatever is lost or hangs.
 */
export class PostgresDirectory extends SqlAdministration implements Directory {
  /** Whose files and batches at providers are. */
  readonly objects: SqlProviderObjects;
  readonly #keys: KeyReader;
  readonly #clock: Clock;
  readonly #heartbeatMs: number;
  readonly #leaseMs: number;
  readonly #onContact: NonNullable<SharedDirectoryOptions["onContact"]>;
  readonly #notifications: Notifications;
  readonly #principals: PrincipalCache;
  readonly #loading = new Map<string, Promise<Principal | undefined>>();
  #catalog: Catalog | undefined;
  /** What is in memory is as of these. */
  #epochs: Epochs = { revision: -1, catalog: -1, principals: -1 };
  /** When the question was sent whose answer last confirmed it. */
  #confirmedAt = Number.NEGATIVE_INFINITY;
  /** Rises with every change that was heard of; `#caughtUp` follows when memory has it. */
  #heardOf = 0;
  #caughtUp = 0;
  #renewing: Promise<void> | undefined;
  /** The last change of this node that was begun; the next one waits for it. */
  #changing: Promise<unknown> = Promise.resolve();
  #timer: Timer | undefined;
  #inContact = true;
  #closed = false;

  constructor(postgres: Postgres, options: SharedDirectoryOptions) {
    const db = postgres.kysely<Tables>();
    super(db, db, options);
    this.objects = new SqlProviderObjects(db, db);
    this.#keys = new KeyReader((text, values) => postgres.query(text, values), BELONGINGS);
    this.#clock = options.clock;
    this.#heartbeatMs = options.heartbeatMs ?? HEARTBEAT_MS;
    this.#leaseMs = options.leaseMs ?? LEASE_MS;
    this.#onContact = options.onContact ?? (() => {});
    this.#principals = new PrincipalCache(options.cachedPrincipals ?? CACHED_PRINCIPALS);
    this.#notifications = new Notifications(postgres, CHANNEL, (payload) => this.#hear(payload));
  }

  /** Reads what is there, and begins to listen. @throws PostgresError */
  async begin(): Promise<void> {
    await this.#renew();
    this.#beat();
  }

  catalog(): Catalog {
    if (this.#catalog === undefined || this.failing) throw new GatewayError("store_unavailable", AWAY);
    return this.#catalog;
  }

  /** Whether the database has not been heard of for so long that nothing in memory is trusted. */
  get failing(): boolean {
    return this.#clock.ticks() - this.#confirmedAt > this.#leaseMs;
  }

  findPrincipal(digest: string): Principal | undefined | Promise<Principal | undefined> {
    if (this.failing || this.#caughtUp !== this.#heardOf) return this.#findAfresh(digest);
    return this.#principals.get(digest) ?? this.#load(digest);
  }

  /** Lets go of the database, after the changes that have already begun. */
  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#timer);
    await this.#changing.catch(() => {});
    await this.#notifications.close();
    await this.#renewing?.catch(() => {});
  }

  /** One at a time on this node, so that waiting ones hold no connection; the lock does the same for all nodes. */
  protected transaction<T>(fn: (transaction: Kysely<Tables>) => Promise<T>): Promise<T> {
    const run = () =>
      this.writer.transaction().execute(async (transaction) => {
        await sql`SELECT revision FROM epochs FOR UPDATE`.execute(transaction);
        return await fn(transaction);
      });
    const done = this.#changing.then(run, run);
    this.#changing = done.catch(() => {});
    return done;
  }

  protected async announce(transaction: Kysely<Tables>, change: Committed): Promise<void> {
    const { revision } = change;
    await sql`
      UPDATE epochs SET revision = ${revision},
        catalog = CASE WHEN ${change.catalog !== undefined} THEN ${revision} ELSE catalog END,
        principals = CASE WHEN ${change.principals} THEN ${revision} ELSE principals END`.execute(transaction);
    await sql`
      SELECT pg_notify(${CHANNEL}, json_build_object(
        'revision', revision, 'catalog', catalog, 'principals', principals)::text) FROM epochs`.execute(transaction);
  }

  /** The change is committed; should the database be away now, nothing is trusted until it is back. */
  protected async changed(): Promise<void> {
    this.#heardOf++;
    await this.#renew().catch(() => {
      this.#confirmedAt = Number.NEGATIVE_INFINITY;
    });
  }

  async #findAfresh(digest: string): Promise<Principal | undefined> {
    await this.#renew().catch((cause: unknown) => {
      throw new GatewayError("store_unavailable", AWAY, { internal: String(cause), cause });
    });
    return this.#principals.get(digest) ?? (await this.#load(digest));
  }

  /** Asks the database whose key this is; many calls with one key ask once. */
  #load(digest: string): Promise<Principal | undefined> {
    let loading = this.#loading.get(digest);
    if (loading === undefined) {
      loading = this.#read(digest).finally(() => this.#loading.delete(digest));
      this.#loading.set(digest, loading);
    }
    return loading;
  }

  async #read(digest: string): Promise<Principal | undefined> {
    // No text of PostgreSQL has this character, and no digest of ours.
    if (digest.includes("\0")) return undefined;
    for (;;) {
      const { principals } = this.#epochs;
      const heardOf = this.#heardOf;
      const asked = this.#clock.ticks();
      const row = await orUnavailable(AWAY, () => this.#keys.read(digest));
      if (row === undefined) return undefined;
      if (this.#clock.ticks() - asked > this.#leaseMs) throw new GatewayError("store_unavailable", AWAY);
      // What was read before a change that has been heard of since may be what was before it.
      if (principals !== this.#epochs.principals || heardOf !== this.#heardOf) continue;
      const principal = toPrincipal(row, row);
      this.#principals.keep(digest, principal);
      return principal;
    }
  }

  #hear(payload: string): void {
    const told = readEpochs(payload);
    // Nothing that is kept here is another; the new revision comes with the next heartbeat.
    if (told?.catalog === this.#epochs.catalog && told.principals === this.#epochs.principals) return;
    this.#heardOf++;
    void this.#renew().catch(() => {});
  }

  /** Asks for the epochs, and reads what has changed. Many callers at once make one question. */
  async #renew(): Promise<void> {
    const wanted = this.#heardOf;
    do {
      this.#renewing ??= this.#catchUp().finally(() => {
        this.#renewing = undefined;
      });
      await this.#renewing;
    } while (this.#caughtUp < wanted);
  }

  async #catchUp(): Promise<void> {
    try {
      // What is heard of meanwhile may have come too late for this answer.
      for (let heardOf = -1; heardOf !== this.#heardOf; ) {
        heardOf = this.#heardOf;
        const asked = this.#clock.ticks();
        const [row] = await this.#notifications.ask<Epochs & { standby: boolean }>(EPOCHS);
        if (row === undefined) throw new PostgresError("the table epochs is empty", undefined);
        // A standby tells what was true on another machine some time ago.
        if (row.standby) throw new PostgresError("the database is a standby, which may be behind", undefined);
        await this.#follow(row);
        this.#confirmedAt = asked;
        this.#caughtUp = heardOf;
      }
      this.#contact(undefined);
    } catch (error) {
      this.#contact(error as Error);
      throw error;
    }
  }

  /** Brings memory to these epochs, or later ones. Also backwards, where a database was restored. */
  async #follow({ revision, catalog, principals }: Epochs): Promise<void> {
    const known = this.#epochs;
    if (this.#catalog === undefined || catalog !== known.catalog) {
      const read = await this.#readCatalog();
      this.#catalog = read.catalog;
      this.#epochs = read.epochs;
    } else if (revision !== known.revision || principals !== known.principals) {
      this.#catalog = withRevision(this.#catalog, revision);
      this.#epochs = { revision, catalog, principals };
    }
    if (this.#epochs.principals !== known.principals) this.#principals.clear();
  }

  #readCatalog(): Promise<{ catalog: Catalog; epochs: Epochs }> {
    const reading = this.reader.transaction().setIsolationLevel("repeatable read").setAccessMode("read only");
    return reading.execute(async (transaction) => {
      const { rows } = await sql<Epochs>`SELECT revision, catalog, principals FROM epochs`.execute(transaction);
      const epochs = rows[0];
      if (epochs === undefined) throw new PostgresError("the table epochs is empty", undefined);
      return { catalog: await readCatalog(transaction, epochs.revision), epochs };
    });
  }

  #beat(): void {
    if (this.#closed) return;
    this.#timer = setTimeout(() => {
      void this.#renew()
        .catch(() => {})
        .finally(() => this.#beat());
    }, this.#heartbeatMs);
  }

  #contact(error: Error | undefined): void {
    if (this.#closed || this.#inContact === (error === undefined)) return;
    this.#inContact = error === undefined;
    this.#onContact(error);
  }
}

/** A change as a node tells it; undefined where somebody else has written to the channel. */
function readEpochs(payload: string): Epochs | undefined {
  try {
    return JSON.parse(payload) as Epochs;
  } catch {
    return undefined;
  }
}
