import type { Kysely, Selectable } from "kysely";
import type { JsonObject } from "../../kernel/json.ts";
import type {
  BatchFacts,
  FoundObjects,
  ObjectKind,
  ObjectOwner,
  ObjectQuery,
  ProviderObject,
  ProviderObjects,
} from "../../ports/provider-objects.ts";
import { orUnavailable } from "./fault.ts";
import type { Tables } from "./tables.ts";

/** Whose a provider's ids are, in the directory's own database: the owners stand there too. */
export class SqlProviderObjects implements ProviderObjects {
  readonly #writer: Kysely<Tables>;
  readonly #reader: Kysely<Tables>;

  constructor(writer: Kysely<Tables>, reader: Kysely<Tables>) {
    this.#writer = writer;
    this.#reader = reader;
  }

  async remember(owner: ObjectOwner, object: ProviderObject): Promise<boolean> {
    const { id, kind, provider, api, model, purpose, judged, createdAt } = object;
    const batch = object.batch === null ? null : JSON.stringify(object.batch);
    const facts = { kind, api, model, purpose, judged, batch, told: JSON.stringify(object.told) };
    const row = await store(() =>
      this.#writer
        .insertInto("provider_objects")
        .values({
          tenant_id: owner.tenantId,
          application_id: owner.applicationId,
          ...{ id, provider, ...facts },
          created_at: createdAt,
        })
        .onConflict((conflict) =>
          conflict
            .columns(["id", "provider"])
            .doUpdateSet(facts)
            .where("provider_objects.tenant_id", "=", owner.tenantId)
            .where("provider_objects.application_id", "=", owner.applicationId),
        )
        .returning("seq")
        .executeTakeFirst(),
    );
    return row !== undefined;
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

function toObject(row: Selectable<Tables["provider_objects"]>): ProviderObject {
  const { id, provider, api, model, purpose, judged } = row;
  return {
    ...{ id, provider, api, model, purpose, judged },
    kind: row.kind as ObjectKind,
    batch: row.batch === null ? null : (JSON.parse(row.batch) as BatchFacts),
    told: JSON.parse(row.told) as JsonObject,
    createdAt: row.created_at,
  };
}

/** Nobody is asked for an object whose owner cannot be looked up, and none is shown that could not be kept. */
function store<T>(run: () => Promise<T>): Promise<T> {
  return orUnavailable("The store could not be asked whose this is.", run);
}
