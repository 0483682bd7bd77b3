import type { Insertable, Kysely, Selectable } from "kysely";
import type { JsonObject } from "../../kernel/json.ts";
import type {
  BatchFacts,
  ChargeFacts,
  FoundObjects,
  ObjectKind,
  ObjectOwner,
  ObjectQuery,
  ProviderObject,
  ProviderObjects,
} from "../../ports/provider-objects.ts";
import { orUnavailable } from "./fault.ts";
import type { Tables } from "./tables.ts";

type Row = Insertable<Tables["provider_objects"]>;

interface Waiting {
  row: Row;
  resolve(kept: boolean): void;
  reject(error: unknown): void;
}

/** Rows of one statement, which takes a bounded number of values. */
const AT_ONCE = 50;

/** Whose a provider's ids are, in the directory's own database: the owners stand there too. */
export class SqlProviderObjects implements ProviderObjects {
  readonly #writer: Kysely<Tables>;
  readonly #reader: Kysely<Tables>;
  #waiting: Waiting[] = [];

  constructor(writer: Kysely<Tables>, reader: Kysely<Tables>) {
    this.#writer = writer;
    this.#reader = reader;
  }

  async remember(owner: ObjectOwner, object: ProviderObject): Promise<boolean> {
    const { promise, resolve, reject } = Promise.withResolvers<boolean>();
    // Everybody whose answer begins in the same turn is written at once: a row costs little, a commit much.
    if (this.#waiting.length === 0) setImmediate(() => void this.#flush());
    this.#waiting.push({ row: toRow(owner, object), resolve, reject });
    return promise;
  }

  async #flush(): Promise<void> {
    const all = this.#waiting;
    this.#waiting = [];
    const batches: Waiting[][] = [];
    // A statement may not write a row twice.
    let keys = new Set<string>();
    for (const each of all) {
      const key = keyOf(each.row);
      const last = batches.at(-1);
      if (last === undefined || last.length === AT_ONCE || keys.has(key)) {
        batches.push([each]);
        keys = new Set();
      } else last.push(each);
      keys.add(key);
    }
    for (const batch of batches) await this.#settle(batch);
  }

  async #settle(batch: readonly Waiting[]): Promise<void> {
    try {
      const kept = new Set((await this.#write(batch.map(({ row }) => row))).map(keyOf));
      for (const { row, resolve } of batch) resolve(kept.has(keyOf(row)));
    } catch (error) {
      const [first, ...others] = batch;
      // What is wrong with one row is no fault of those beside it.
      if (others.length === 0) first?.reject(error);
      else await Promise.all(batch.map((each) => this.#settle([each])));
    }
  }

  /** @returns those of the rows that are their owner's now. */
  #write(rows: Row[]): Promise<Pick<Row, "id" | "provider">[]> {
    return store(() =>
      this.#writer
        .insertInto("provider_objects")
        .values(rows)
        .onConflict((conflict) =>
          conflict
            .columns(["id", "provider"])
            .doUpdateSet(({ ref }) => ({
              kind: ref("excluded.kind"),
              api: ref("excluded.api"),
              model: ref("excluded.model"),
              purpose: ref("excluded.purpose"),
              judged: ref("excluded.judged"),
              batch: ref("excluded.batch"),
              charge: ref("excluded.charge"),
              told: ref("excluded.told"),
            }))
            .whereRef("provider_objects.tenant_id", "=", "excluded.tenant_id")
            .whereRef("provider_objects.application_id", "=", "excluded.application_id"),
        )
        .returning(["id", "provider"])
        .execute(),
    );
  }

  async find(owner: ObjectOwner, ids: readonly string[]): Promise<FoundObjects> {
    const rows = [];
    // PostgreSQL takes no text with this character, and no provider has given an id with it.
    const possible = ids.filter((id) => !id.includes("\0"));
    // Statements take a bounded number of values.
    for (let at = 0; at < possible.length; at += 500) {
      const some = possible.slice(at, at + 500);
      const found = await store(() =>
        this.#reader
          .selectFrom("provider_objects")
          .selectAll()
          .where("id", "in", some)
          .orderBy("seq", "desc")
          .execute(),
      );
      rows.push(...found);
    }
    const own = rows.filter((row) => row.tenant_id === owner.tenantId && row.application_id === owner.applicationId);
    const owned = new Set(own.map(({ id }) => id));
    const foreign = new Set(rows.flatMap(({ id }) => (owned.has(id) ? [] : id)));
    return { own: own.map(toObject), foreign: [...foreign] };
  }

  async forget(owner: ObjectOwner, provider: string, id: string): Promise<void> {
    await store(() =>
      this.#writer
        .deleteFrom("provider_objects")
        .where("tenant_id", "=", owner.tenantId)
        .where("application_id", "=", owner.applicationId)
        .where("provider", "=", provider)
        .where("id", "=", id)
        .execute(),
    );
  }

  async expire(kind: ObjectKind, before: number, limit: number): Promise<number> {
    const old = this.#writer
      .selectFrom("provider_objects")
      .select("seq")
      .where("kind", "=", kind)
      .where("created_at", "<", before)
      .orderBy("created_at")
      .limit(limit);
    const { numDeletedRows } = await store(() =>
      this.#writer.deleteFrom("provider_objects").where("seq", "in", old).executeTakeFirstOrThrow(),
    );
    return Number(numDeletedRows);
  }

  async page(
    owner: ObjectOwner,
    query: ObjectQuery,
  ): Promise<{ objects: ProviderObject[]; more: boolean } | undefined> {
    const mine = this.#reader
      .selectFrom("provider_objects")
      .where("tenant_id", "=", owner.tenantId)
      .where("application_id", "=", owner.applicationId)
      .where("kind", "=", query.kind);
    // A list must not be empty in SQL; no API has this name.
    let rows = mine.selectAll().where("api", "in", ["", ...query.apis]);
    if (query.purpose !== undefined) rows = rows.where("purpose", "=", query.purpose);
    const { after } = query;
    if (after?.includes("\0") === true) return undefined;
    if (after !== undefined) {
      const last = await store(() =>
        mine.select("seq").where("id", "=", after).orderBy("seq", "desc").executeTakeFirst(),
      );
      if (last === undefined) return undefined;
      rows = rows.where("seq", query.oldestFirst ? ">" : "<", last.seq);
    }
    const ordered = rows.orderBy("seq", query.oldestFirst ? "asc" : "desc").limit(query.limit + 1);
    const found = await store(() => ordered.execute());
    return { objects: found.slice(0, query.limit).map(toObject), more: found.length > query.limit };
  }
}

function toRow(owner: ObjectOwner, object: ProviderObject): Row {
  const { id, kind, provider, api, model, purpose, judged, createdAt } = object;
  return {
    tenant_id: owner.tenantId,
    application_id: owner.applicationId,
    ...{ id, kind, provider, api, model, purpose, judged },
    batch: object.batch === null ? null : JSON.stringify(object.batch),
    charge: object.charge === null ? null : JSON.stringify(object.charge),
    told: JSON.stringify(object.told),
    created_at: createdAt,
  };
}

function keyOf({ id, provider }: Pick<Row, "id" | "provider">): string {
  return JSON.stringify([id, provider]);
}

function toObject(row: Selectable<Tables["provider_objects"]>): ProviderObject {
  const { id, provider, api, model, purpose, judged } = row;
  return {
    ...{ id, provider, api, model, purpose, judged },
    kind: row.kind as ObjectKind,
    batch: row.batch === null ? null : (JSON.parse(row.batch) as BatchFacts),
    charge: row.charge === null ? null : (JSON.parse(row.charge) as ChargeFacts),
    told: JSON.parse(row.told) as JsonObject,
    createdAt: row.created_at,
  };
}

/** Nobody is asked for an object whose owner cannot be looked up, and none is shown that could not be kept. */
function store<T>(run: () => Promise<T>): Promise<T> {
  return orUnavailable("The store could not be asked whose this is.", run);
}
