import { MalformedAnswer } from "../spec/adapter.ts";
import type { EventBatch, EventPart } from "../spec/event.ts";
import { fromProviderError } from "./upstream-error.ts";

/** Events in order, as they are read. Whoever stops reading early must call `return`. */
export type EventStream = AsyncIterableIterator<EventBatch, void, void> & {
  return(): Promise<IteratorResult<EventBatch, void>>;
};

/** So many reads without content are passed on all the same, or a provider's keep-alives would never reach the caller. */
const MAX_PRELUDE = 64;

/** Parts that say nothing yet. */
const PRELUDE: ReadonlySet<EventPart["type"]> = new Set<EventPart["type"]>(["start", "ping", "usage", "unknown"]);

/**
 * Reads on until there is something that a caller could see, and gives back all of it from
 * the start. Until then another target may still be asked.
 * @throws what an error inside the answer says, and MalformedAnswer where there is nothing at all.
 */
export async function begun(events: AsyncGenerator<EventBatch>): Promise<EventStream> {
  const held: EventBatch[] = [];
  while (held.length < MAX_PRELUDE) {
    const { done, value } = await events.next();
    if (done) break;
    held.push(value);
    const telling = firstTelling(value);
    if (telling === undefined) continue;
    if (telling.type === "error") {
      await events.return(undefined);
      throw fromProviderError(telling.error);
    }
    break;
  }
  if (held.length === 0) throw new MalformedAnswer("the answer is empty");
  return new Resumed(held, events);
}

function firstTelling(batch: EventBatch): EventPart | undefined {
  for (const event of batch) for (const part of event.parts) if (!PRELUDE.has(part.type)) return part;
  return undefined;
}

/** What was read ahead, and then the rest. No generator, because a generator more is paid for at every read. */
class Resumed implements EventStream {
  readonly #held: EventBatch[];
  readonly #rest: AsyncGenerator<EventBatch>;
  #at = 0;

  constructor(held: EventBatch[], rest: AsyncGenerator<EventBatch>) {
    this.#held = held;
    this.#rest = rest;
  }

  next(): Promise<IteratorResult<EventBatch, void>> {
    if (this.#at < this.#held.length) return Promise.resolve({ done: false, value: this.#held[this.#at++]! });
    return this.#rest.next();
  }

  return(): Promise<IteratorResult<EventBatch, void>> {
    this.#at = this.#held.length;
    return this.#rest.return(undefined);
  }

  [Symbol.asyncIterator](): this {
    return this;
  }
}
