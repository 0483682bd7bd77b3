import { GatewayError } from "../../src/errors.ts";
import type { Event, EventQuery, Events, KeptEvent } from "../../src/ports/events.ts";
import { markOf } from "../../src/store/sql/events.ts";

/** Events that are forgotten with the process: for tests, as the plainest reading of the contract. */
export class MemoryEvents implements Events {
  readonly kept: KeptEvent[] = [];
  readonly #marks = new Set<string>();

  async raise(event: Event): Promise<boolean> {
    const mark = markOf(event);
    if (this.#marks.has(mark)) return false;
    this.#marks.add(mark);
    this.kept.unshift({ ...event, id: this.kept.length + 1 });
    return true;
  }

  async page({ type, scope, tenantId, cursor, limit }: EventQuery) {
    if (cursor !== undefined && !/^\d+$/.test(cursor))
      throw new GatewayError("invalid_request", "The cursor is not one of ours.", { param: "cursor" });
    const found = this.kept.filter(
      (each) =>
        (type === undefined || each.type === type) &&
        (scope === undefined || each.scope === scope) &&
        (tenantId === undefined || each.tenantId === tenantId) &&
        (cursor === undefined || each.id < Number(cursor)),
    );
    const events = found.slice(0, limit);
    return { events, next: found.length > limit ? String(events.at(-1)!.id) : null };
  }
}
