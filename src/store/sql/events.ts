import type { Generated, Kysely } from "kysely";
import { GatewayError } from "../../errors.ts";
import type { Clock } from "../../kernel/clock.ts";
import type { Event, EventQuery, Events, KeptEvent } from "../../ports/events.ts";
import { orUnavailable } from "./fault.ts";

export interface EventTables {
  events: {
    seq: Generated<number>;
    mark: string;
    type: string;
    scope: string;
    tenant_id: string | null;
    over: number | null;
    event: string;
  };
}

/** Events that are kept at least, of those whose periods are over. The others are kept in any case: a mark must not be given twice. */
const KEPT = 100_000;
/** After how many that were raised here the old ones are looked for, and how many are forgotten then at most. */
const PRUNED_AFTER = 500;
const PRUNED_AT_ONCE = 1_000;

const MAX_PAGE = 200;

/** Events in a database: a unique row decides who was first. */
export class SqlEvents implements Events {
  readonly #db: Kysely<EventTables>;
  readonly #clock: Clock;
  readonly #kept: number;
  #raised = 0;

  /** @param kept how many are kept at least of those whose periods are over. */
  constructor(db: Kysely<EventTables>, clock: Clock, kept = KEPT) {
    this.#db = db;
    this.#clock = clock;
    this.#kept = kept;
  }

  async raise(event: Event): Promise<boolean> {
    const row = await orUnavailable("The event could not be kept.", () =>
      this.#db
        .insertInto("events")
        .values({
          mark: markOf(event),
          type: event.type,
          scope: event.scope,
          tenant_id: event.tenantId,
          over: event.periodEnd,
          event: JSON.stringify(event),
        })
        .onConflict((conflict) => conflict.column("mark").doNothing())
        .returning("seq")
        .executeTakeFirst(),
    );
    if (row === undefined) return false;
    this.#raised += 1;
    if (this.#raised % PRUNED_AFTER === 0) await this.prune().catch(() => {});
    return true;
  }

  async page(query: EventQuery): Promise<{ events: KeptEvent[]; next: string | null }> {
    let rows = this.#db.selectFrom("events").select(["seq", "event"]).orderBy("seq", "desc");
    if (query.type !== undefined) rows = rows.where("type", "=", query.type);
    if (query.scope !== undefined) rows = rows.where("scope", "=", query.scope);
    if (query.tenantId !== undefined) rows = rows.where("tenant_id", "=", query.tenantId);
    if (query.cursor !== undefined) rows = rows.where("seq", "<", positionOf(query.cursor));
    const size = Math.min(Math.max(Math.trunc(query.limit) || 1, 1), MAX_PAGE);
    const found = await orUnavailable("The store could not be read.", () => rows.limit(size + 1).execute());
    const shown = found.slice(0, size);
    const events = shown.map(({ seq, event }) => ({ ...(JSON.parse(event) as Event), id: seq }));
    return { events, next: found.length > size ? String(shown.at(-1)!.seq) : null };
  }

  /** Forgets some of the oldest whose periods are over, where there are too many. */
  async prune(): Promise<void> {
    const last = await this.#db
      .selectFrom("events")
      .select((select) => select.fn.max("seq").as("seq"))
      .executeTakeFirst();
    const old = this.#db
      .selectFrom("events")
      .select("seq")
      .where("seq", "<=", Number(last?.seq ?? 0) - this.#kept)
      .where("over", "<=", this.#clock.now())
      .orderBy("seq")
      .limit(PRUNED_AT_ONCE);
    await this.#db.deleteFrom("events").where("seq", "in", old).execute();
  }
}

/** What is the same for all who find out the same. */
export function markOf({ type, scope, limit, threshold, periodStart }: Event): string {
  return JSON.stringify([type, scope, limit.dimension, limit.window, limit.amount, threshold, periodStart]);
}

function positionOf(cursor: string): number {
  if (/^\d{1,15}$/.test(cursor)) return Number(cursor);
  throw new GatewayError("invalid_request", "The cursor is not one of ours.", { param: "cursor" });
}
