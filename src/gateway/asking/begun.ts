import { MalformedAnswer } from "../../spec/adapter.ts";
import type { EventBatch, EventPart, ProviderError } from "../../spec/event.ts";
import { fromProviderError } from "../telling/upstream-error.ts";

/** Events in order, as they are read. Whoever stops reading early must call `return`. */
export type EventStream = AsyncIterableIterator<EventBatch, void, void> & {
  return(): Promise<IteratorResult<EventBatch, void>>;
};

/** So many reads without content are passed on all the same, or a provider's keep-alives would never reach the caller. */
const MAX_PRELUDE = 64;
const MAX_PRELUDE_BYTES = 1024 * 1024;

/** Parts that say nothing yet. */
const PRELUDE: ReadonlySet<EventPart["type"]> = new Set<EventPart["type"]>(["start", "ping", "usage", "unknown"]);

/**
 * Reads on until there is something that a caller could see, and gives back all of it from
 * the start. Until then another target may still be asked.
 * @param others whether there is another. Where text came in one read with an error, nobody has seen it either, so
 * the other may do better; where there is none, how the network cut the answer makes no difference to it.
 * @param kept whether it was made before and is read again: that it failed then is what it says, not that reading it did
 * @throws what an error inside the answer says, and MalformedAnswer where there is nothing at all.
 */
export async function begun(events: AsyncGenerator<EventBatch>, others = false, kept = false): Promise<EventStream> {
  const held: EventBatch[] = [];
  let bytes = 0;
  while (held.length < MAX_PRELUDE && bytes < MAX_PRELUDE_BYTES) {
    const { done, value } = await events.next();
    if (done) break;
    held.push(value);
    const failed = kept ? undefined : errorIn(value, others);
    if (failed !== undefined) {
      await events.return(undefined);
      throw fromProviderError(failed);
    }
    if (isTelling(value)) break;
    for (const { original } of value) if (original !== undefined) bytes += original.end - original.start;
  }
  if (held.length === 0) throw new MalformedAnswer("the answer is empty");
  return new Resumed(held, events);
}

function isTelling(batch: EventBatch): boolean {
  return batch.some((event) => event.parts.some((part) => !PRELUDE.has(part.type)));
}

/** @param anywhere also behind what a caller could see */
function errorIn(batch: EventBatch, anywhere: boolean): ProviderError | undefined {
  for (const event of batch) {
    for (const part of event.parts) {
      if (part.type === "error") return part.error;
      if (!anywhere && !PRELUDE.has(part.type)) return undefined;
    }
  }
  return undefined;
}

/** What was read ahead, and then the rest. No generator, because a generator more is paid for at every read. */
class Resumed implements EventStream {
  readonly #held: EventBatch[];
  readonly #rest: AsyncGenerator<EventBatch>;

  constructor(held: EventBatch[], rest: AsyncGenerator<EventBatch>) {
    this.#held = held;
    this.#rest = rest;
  }

  next(): Promise<IteratorResult<EventBatch, void>> {
    // What was passed on is not kept: a megabyte of the shortest frames is fifty of events.
    const value = this.#held.shift();
    return value === undefined ? this.#rest.next() : Promise.resolve({ done: false, value });
  }

  return(): Promise<IteratorResult<EventBatch, void>> {
    this.#held.length = 0;
    return this.#rest.return(undefined);
  }

  [Symbol.asyncIterator](): this {
    return this;
  }
}
