import { GatewayError } from "../../errors.ts";
import { isObject, type JsonObject } from "../../kernel/json.ts";
import type {
  BatchFacts,
  ChargeFacts,
  ObjectKind,
  ProviderObject,
  ProviderObjects,
} from "../../ports/provider-objects.ts";
import { MalformedAnswer, type ProviderAdapter } from "../../spec/adapter.ts";
import { type EventBatch, type EventPart, type ModelEvent, rewritten } from "../../spec/event.ts";
import type { ObjectCall } from "../../spec/operation.ts";
import { isObjectId } from "../../wire/openai-files/index.ts";
import type { Grant } from "../authorize.ts";
import type { CleanRequest } from "../guard-input.ts";
import { kindOf, ownerOf } from "../locate.ts";
import { type TokenPorts, worstTokens } from "../metering/worst.ts";
import type { Asked } from "../reserve.ts";
import type { Redact } from "../telling/redact.ts";
import { linesWithCleanErrors, withCleanErrors } from "../telling/told-errors.ts";
import { turn } from "../turn.ts";
import { type ChargePorts, chargeFacts } from "./charge-facts.ts";
import { judgedUnder } from "./judged-under.ts";
import { isKept, KeptResponse } from "./keep-responses.ts";
import { giveBack, type RefundPorts } from "./refund.ts";
import { ToldUsage } from "./told-usage.ts";

/** Where an answer comes from. */
export interface Place {
  asked: Pick<Asked, "target" | "attempt">;
  redact: Redact;
  /** By which it was asked. */
  adapter: Pick<ProviderAdapter, "keepsResponses">;
}

export interface KeepPorts extends TokenPorts, RefundPorts, ChargePorts {
  objects: ProviderObjects;
}

/**
 * Remembers whose the ids in an answer are before anybody hears of them, so that nobody can ask for
 * what is not known to be theirs, and takes out what names the account.
 * @throws GatewayError store_unavailable, MalformedAnswer
 */
export function keeping(
  events: AsyncGenerator<EventBatch>,
  clean: CleanRequest,
  place: Place,
  ports: KeepPorts,
): AsyncGenerator<EventBatch> {
  const { operation } = clean.request;
  const { target, attempt } = place.asked;
  const facts = () => chargeFacts(clean, target, attempt, ports);
  if (operation?.type === "object") return kept(events, clean, operation, place, facts, ports);
  return place.adapter.keepsResponses && isKept(clean.request)
    ? new KeptResponse(events, clean, target.account.name, facts, ports)
    : events;
}

async function* kept(
  events: AsyncGenerator<EventBatch>,
  clean: CleanRequest,
  operation: ObjectCall,
  place: Place,
  facts: () => ChargeFacts | null,
  ports: KeepPorts,
): AsyncGenerator<EventBatch> {
  const keeper = new Keeper(clean, operation, place.asked.target.account.name, facts, ports);
  const [object] = clean.hold.grant.objects.own;
  const usage = new ToldUsage(clean.request);
  for await (const batch of events) {
    const told: ModelEvent[] = [];
    for (const event of batch) {
      const parts: EventPart[] = [];
      for (const part of event.parts) {
        parts.push(await keep(part, keeper, place.redact));
        const used = usage.see(part);
        if (used !== undefined && object !== undefined) await giveBack(clean.call, object, used, ports);
      }
      told.push(parts.every((part, at) => part === event.parts[at]) ? event : rewritten(parts));
    }
    yield told;
  }
}

/** The part as it may be told. */
async function keep(part: EventPart, keeper: Keeper, redact: Redact): Promise<EventPart> {
  if (part.type !== "result" || part.result.kind !== "body") return part;
  const { content } = part.result;
  if ("bytes" in content) {
    const bytes = linesWithCleanErrors(content.bytes, redact);
    return bytes === content.bytes ? part : { ...part, result: { ...part.result, content: { bytes } } };
  }
  if (!("json" in content) || !isObject(content.json)) return part;
  const json = atHome(withCleanErrors(content.json, redact) as JsonObject);
  await keeper.keep(json);
  return json === content.json ? part : { ...part, result: { ...part.result, content: { json } } };
}

/**
 * Where the results of Anthropic's batches are: here, at the address that the caller's client has. At the
 * provider's, the client would show it the caller's key.
 */
function atHome(json: JsonObject): JsonObject {
  if (typeof json.results_url !== "string") return json;
  return { ...json, results_url: `/v1/messages/batches/${String(json.id)}/results` };
}

/** Larger than any of a provider's; what is larger is kept by its id alone. */
const MAX_TOLD = 64 * 1024;

/** The files that a provider makes of a batch, by the field that names them. */
const RESULTS = ["output_file_id", "error_file_id"] as const;

class Keeper {
  readonly #clean: CleanRequest;
  readonly #operation: ObjectCall;
  /** Name of the account. */
  readonly #provider: string;
  readonly #facts: () => ChargeFacts | null;
  readonly #ports: KeepPorts;

  constructor(
    clean: CleanRequest,
    operation: ObjectCall,
    provider: string,
    facts: () => ChargeFacts | null,
    ports: KeepPorts,
  ) {
    this.#clean = clean;
    this.#operation = operation;
    this.#provider = provider;
    this.#facts = facts;
    this.#ports = ports;
  }

  async keep(json: JsonObject): Promise<void> {
    const { name, id } = this.#operation;
    if (name.startsWith("responses.")) {
      // Providers tell a deletion each in their own words.
      if (name === "responses.delete")
        await this.#ports.objects.forget(ownerOf(this.#grant.caller), this.#provider, id!);
      else if (name !== "responses.items" && json.id !== id) throw new MalformedAnswer("another id, or none");
      return;
    }
    if (name === "files.delete" || name === "batches.delete") {
      if (json.deleted === true || json.type === "message_batch_deleted") {
        await this.#ports.objects.forget(ownerOf(this.#grant.caller), this.#provider, id!);
      }
      return;
    }
    if (!isObjectId(json.id) || (id !== undefined && json.id !== id)) throw new MalformedAnswer("another id, or none");
    const isBatch = name.startsWith("batches.");
    const known = id === undefined ? undefined : this.#grant.objects.own[0];
    if (known !== undefined) await this.#remember({ ...known, told: bounded(json) });
    else
      await this.#remember({
        ...this.#made(json.id, kindOf(this.#clean.request), json),
        batch: await this.#calls(),
        charge: this.#facts(),
      });
    if (isBatch) await this.#keepResults(json);
  }

  get #grant(): Grant {
    return this.#clean.hold.grant;
  }

  #made(id: string, kind: ObjectKind, told: JsonObject): ProviderObject {
    const { api, catalog, request } = this.#grant;
    return {
      id,
      kind,
      provider: this.#provider,
      api: `${api.slug}/${api.version}`,
      model: request.model,
      purpose: purposeOf(told) ?? purposeOf(this.#operation.fields),
      judged: judgedUnder(api, catalog),
      batch: null,
      charge: null,
      told: bounded(told),
      createdAt: this.#clean.call.at,
    };
  }

  /** The files that the provider makes of a batch are its owner's too. */
  async #keepResults(batch: JsonObject): Promise<void> {
    const ids = RESULTS.flatMap((field) => (isObjectId(batch[field]) ? batch[field] : []));
    if (ids.length === 0) return;
    const { own } = await this.#ports.objects.find(ownerOf(this.#grant.caller), ids);
    for (const id of ids) {
      if (own.some((known) => known.id === id && known.provider === this.#provider)) continue;
      await this.#remember({ ...this.#made(id, "file", fileOf(id, batch)), judged: null });
    }
  }

  /** What the provider gives a second owner would be shown to both. */
  async #remember(object: ProviderObject): Promise<void> {
    if (await this.#ports.objects.remember(ownerOf(this.#grant.caller), object)) return;
    throw new GatewayError("upstream_malformed", "The provider sent something that is no answer.", {
      internal: `the id of a ${object.kind} at ${object.provider} is another application's already`,
    });
  }

  /** Of a file of calls, counted from what was sent; of a batch, those of its file. */
  async #calls(): Promise<BatchFacts | null> {
    const grant = this.#grant;
    const { most } = this.#operation;
    if (this.#operation.name !== "files.create") {
      const listed = most === undefined ? null : { url: "", calls: this.#clean.request.calls?.length ?? 0, ...most };
      return grant.objects.own[0]?.batch ?? listed;
    }
    const { calls } = this.#clean.request;
    if (calls === undefined) return null;
    let input = 0;
    let output = 0;
    let longest = 0;
    for (const [at, { request, bytes }] of calls.entries()) {
      const most = worstTokens({ request, bodyBytes: bytes, model: grant.model, catalog: grant.catalog }, this.#ports);
      input += most.input;
      output += most.output;
      longest = Math.max(longest, most.input);
      await turn(this.#clean.call, at + 1);
    }
    return { url: calls[0]!.url, calls: calls.length, input, output, longest };
  }
}

/** OpenAI's word for what batches give. */
const RESULT = "batch_output";

function purposeOf({ purpose }: JsonObject): string | null {
  return typeof purpose === "string" ? purpose.slice(0, 100) : null;
}

function bounded(told: JsonObject): JsonObject {
  return JSON.stringify(told).length > MAX_TOLD ? { id: told.id ?? null, object: told.object ?? null } : told;
}

/** What is known of a file of results before anybody asks for it. */
function fileOf(id: string, batch: JsonObject): JsonObject {
  const created = batch.completed_at ?? batch.created_at ?? 0;
  return { id, object: "file", bytes: 0, created_at: created, filename: `${id}.jsonl`, purpose: RESULT };
}
