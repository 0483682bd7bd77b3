import { type Clock, DAY, HOUR } from "../kernel/clock.ts";
import type { Log } from "../ports/log.ts";
import type { ProviderObjects } from "../ports/provider-objects.ts";

export interface ExpiredResponsesPorts {
  objects: Pick<ProviderObjects, "expire">;
  clock: Clock;
  log: Log;
}

/** So long do providers keep a response: OpenAI, Azure, xAI, Fireworks. After that its id leads nowhere. */
export const RESPONSES_KEPT_MS = 30 * DAY;

/** Rows that are deleted at once; a call that writes waits for no more than that. */
const AT_ONCE = 500;

/** Forgets whose responses were that their provider keeps no longer, so that the table does not grow for ever. */
export class ExpiredResponses {
  readonly #ports: ExpiredResponsesPorts;
  #due = 0;
  #running = false;

  constructor(ports: ExpiredResponsesPorts) {
    this.#ports = ports;
  }

  /** To be called often: deletes some if there are any, and looks again after an hour if there are none. */
  async sweep(): Promise<void> {
    const { objects, clock, log } = this.#ports;
    if (this.#running || clock.ticks() < this.#due) return;
    this.#running = true;
    try {
      const gone = await objects.expire("response", clock.now() - RESPONSES_KEPT_MS, AT_ONCE);
      if (gone < AT_ONCE) this.#due = clock.ticks() + HOUR;
    } catch (error) {
      this.#due = clock.ticks() + HOUR;
      log.write("warn", "old responses could not be forgotten; it is tried again in an hour", {
        detail: String(error),
      });
    } finally {
      this.#running = false;
    }
  }
}
