import { toGatewayError } from "../../errors.ts";
import { isObject } from "../../kernel/json.ts";
import type { ChargeFacts, ProviderObject, ProviderObjects } from "../../ports/provider-objects.ts";
import type { EventBatch, EventPart } from "../../spec/event.ts";
import type { ModelRequest } from "../../spec/request.ts";
import type { ResponsesRequestForm } from "../../spec/responses-form.ts";
import { isObjectId } from "../../wire/openai-files/index.ts";
import type { CleanRequest } from "../guard-input.ts";
import { ownerOf } from "../locate.ts";
import { judgedUnder } from "./judged-under.ts";

/** Whether a provider that keeps responses will keep the answer: it is so unless the caller, or the API, says otherwise. */
export function isKept({ dialect, operation, store, form }: ModelRequest): boolean {
  if (dialect !== "openai-responses" || operation !== undefined || store === false) return false;
  return (form as ResponsesRequestForm | undefined)?.plain?.store !== false;
}

/** Parts that may come before an answer says its id. */
const BEFORE: ReadonlySet<EventPart["type"]> = new Set<EventPart["type"]>(["ping", "unknown", "usage"]);

/**
 * Remembers whose an answer is before anybody hears its id, so that its owner, and nobody else, can go on
 * from it. In a stream the id comes long before the first word, so the wait costs no time there. What could
 * not be remembered is told all the same, with a warning: its id is unknown here then, and leads nobody
 * anywhere. No generator, because one more is paid for at every read.
 */
export class KeptResponse implements AsyncGenerator<EventBatch> {
  readonly #events: AsyncGenerator<EventBatch>;
  readonly #clean: CleanRequest;
  readonly #provider: string;
  readonly #facts: () => ChargeFacts | null;
  readonly #objects: Pick<ProviderObjects, "remember">;
  #done = false;

  /**
   * @param provider name of the account
   * @param facts of what is charged for it before it is known what it uses
   */
  constructor(
    events: AsyncGenerator<EventBatch>,
    clean: CleanRequest,
    provider: string,
    facts: () => ChargeFacts | null,
    ports: { objects: Pick<ProviderObjects, "remember"> },
  ) {
    this.#events = events;
    this.#clean = clean;
    this.#provider = provider;
    this.#facts = facts;
    this.#objects = ports.objects;
  }

  next(): Promise<IteratorResult<EventBatch>> {
    return this.#done ? this.#events.next() : this.#look();
  }

  return(value?: unknown): Promise<IteratorResult<EventBatch>> {
    return this.#events.return(value);
  }

  throw(thrown: unknown): Promise<IteratorResult<EventBatch>> {
    return this.#events.throw(thrown);
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.return();
  }

  async #look(): Promise<IteratorResult<EventBatch>> {
    const read = await this.#events.next();
    if (read.done !== true) {
      const found = startOf(read.value);
      this.#done = found !== undefined;
      if (isObjectId(found?.id)) await this.#remember(found.id);
    }
    return read;
  }

  async #remember(id: string): Promise<void> {
    const { hold, call } = this.#clean;
    const { api, catalog, request, caller } = hold.grant;
    const object: ProviderObject = {
      id,
      kind: "response",
      provider: this.#provider,
      api: `${api.slug}/${api.version}`,
      model: request.model,
      purpose: null,
      judged: judgedUnder(api, catalog),
      batch: null,
      charge: this.#facts(),
      told: { id, object: "response" },
      createdAt: call.at,
    };
    let why = "its id was given to somebody else before";
    try {
      if (await this.#objects.remember(ownerOf(caller), object)) return;
    } catch (thrown) {
      why = toGatewayError(thrown).public;
    }
    call.observed.warnings.push(`store: nobody can go on from this response: ${why}`);
  }
}

/** The beginning of an answer, with the id by which it is kept; without one where nothing is kept, or no id will come. */
function startOf(batch: EventBatch): { id?: string } | undefined {
  let isRefused = false;
  for (const { parts } of batch) {
    for (const part of parts) {
      // A provider that keeps nothing for this account says so.
      if (part.type === "unknown" && isObject(part.value) && isObject(part.value.response)) {
        isRefused ||= part.value.response.store === false;
      }
      if (part.type === "start") return isRefused || part.id === undefined ? {} : { id: part.id };
      if (!BEFORE.has(part.type)) return {};
    }
  }
  return undefined;
}
