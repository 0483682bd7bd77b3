import { isObject, type Json, type JsonObject, parseBounded } from "../../../kernel/json.ts";
import { type AnswerDecoder, type Frame, MalformedAnswer } from "../../../spec/adapter.ts";
import type { EventPart, FinishReason } from "../../../spec/event.ts";
import type { ModelRequest } from "../../../spec/request.ts";
import { withTier } from "../../served-tier.ts";
import { errorInside } from "../errors.ts";
import { callersNames } from "../tool-names.ts";
import { begunResponse, isBackground } from "./background.ts";
import { DIALECT, type ItemReader, readerOf, Sink } from "./items.ts";
import { readUsage } from "./usage.ts";

const NOTHING: EventPart[] = [];

/** Fields of a response that have a canonical name, or are told otherwise. */
const RESPONSE = new Set(
  "id object created_at model output usage status error incomplete_details completed_at service_tier".split(" "),
);

/** Why an incomplete response ended. */
const INCOMPLETE: Readonly<Record<string, FinishReason>> = {
  max_output_tokens: "length",
  max_tokens: "length",
  content_filter: "content-filter",
};

/** The provider is still at it, and will charge for what is not here yet: no answer, whatever stands in it. */
const UNFINISHED: ReadonlySet<Json | undefined> = new Set(["queued", "in_progress"]);

/**
 * Reads a response of OpenAI's, or of a server that imitates it, whole or as typed events.
 * Events of an item find it by `output_index`; where a server counts none (llama.cpp), by the item's id, and
 * where it names none, by its kind. What a server left out of its deltas is taken from the events that repeat it,
 * down to the last one, which holds the whole response.
 */
export class ResponsesDecoder implements AnswerDecoder {
  readonly #sink: Sink;
  readonly #names: ReadonlyMap<string, string> | undefined;
  readonly #key: string;
  readonly #isBackground: boolean;
  /** Items that have begun, by `output_index` or the number that it would be; undefined once they are done. */
  readonly #items = new Map<Json, ItemReader | undefined>();
  /** Under which of them an item stands, by its ids. */
  readonly #indexOf = new Map<Json, Json>();
  /** The last one that began, by its kind. */
  readonly #lastOf = new Map<Json, Json>();
  #started = false;
  #over = false;

  constructor(request: ModelRequest) {
    const own = request.dialect === DIALECT;
    this.#sink = new Sink(own);
    this.#names = callersNames(request, DIALECT);
    this.#key = `call_${request.messages.length}`;
    this.#isBackground = isBackground(request);
  }

  unary(body: string): EventPart[] {
    const response = parseObject(body);
    if (response.object !== "response" && !Array.isArray(response.output)) {
      if (response.error === undefined || response.error === null) throw new MalformedAnswer("no response");
      return this.#fail(response);
    }
    if (UNFINISHED.has(response.status)) {
      if (this.#isBackground) return begunResponse(response);
      const message = `The provider's answer is not finished: it is ${response.status}.`;
      return [{ type: "error", error: { status: 502, message, code: "upstream_malformed", unfinished: true } }];
    }
    this.#start(response);
    return this.#whole(response);
  }

  frame({ event: name, data }: Frame): EventPart[] {
    if (this.#over || data === "" || data.startsWith("[DONE]")) return NOTHING;
    const event = parseObject(data);
    const type = typeof event.type === "string" ? event.type : name;
    switch (type) {
      case "response.created":
      case "response.in_progress":
      case "response.queued":
        if (isObject(event.response)) this.#start(event.response);
        return this.#take();
      case "response.output_item.added":
        if (isObject(event.item)) this.#begin(event.output_index ?? this.#items.size, event.item);
        return this.#take();
      case "response.output_item.done":
        if (isObject(event.item)) this.#done(this.#find(type, event, event.item) ?? this.#items.size, event.item);
        return this.#take();
      case "response.completed":
      case "response.incomplete":
      case "response.cancelled":
      case "response.failed":
        return this.#whole(isObject(event.response) ? event.response : {});
      case "error":
        return this.#fail(event);
      default:
        if (type === "" && event.error !== undefined) return this.#fail(event);
        this.#other(type, event);
        return this.#take();
    }
  }

  close(): EventPart[] {
    if (this.#over) return NOTHING;
    this.#over = true;
    const error = { status: 502, message: "The provider's answer ended before it was whole.", code: "upstream_cut" };
    return [{ type: "error", error }];
  }

  #take(): EventPart[] {
    const { parts } = this.#sink;
    if (parts.length === 0) return NOTHING;
    this.#sink.parts = [];
    return parts;
  }

  #start(response: JsonObject): void {
    if (this.#started) return;
    this.#started = true;
    const start: Extract<EventPart, { type: "start" }> = { type: "start" };
    const { id, model, created_at, service_tier } = response;
    if (typeof id === "string" && id !== "") start.id = id;
    if (typeof model === "string" && model !== "") start.model = model;
    if (typeof created_at === "number" && created_at > 0) start.created = Math.floor(created_at);
    if (typeof service_tier === "string" && service_tier !== "") start.extra = { service_tier };
    this.#tellRest(response);
    this.#sink.parts.push(start);
  }

  /** What callers of this dialect are told beside the canonical fields. */
  #tellRest(response: JsonObject): void {
    if (!this.#sink.own) return;
    const rest: JsonObject = {};
    for (const name in response) if (!RESPONSE.has(name)) rest[name] = response[name]!;
    for (const _ in rest) {
      this.#sink.parts.push({ type: "unknown", dialect: DIALECT, value: { response: rest } });
      return;
    }
  }

  #begin(index: Json, item: JsonObject): ItemReader {
    // An index that is used twice begins a new item.
    this.#items.get(index)?.done(undefined);
    const reader = readerOf(this.#named(item), `${this.#key}_${this.#items.size}`, this.#sink);
    this.#items.set(index, reader);
    for (const id of [item.id, item.call_id]) if (typeof id === "string" && id !== "") this.#indexOf.set(id, index);
    if (item.type !== undefined) this.#lastOf.set(item.type, index);
    return reader;
  }

  /** Where the item of an event stands; undefined where none has begun that could be meant. */
  #find(type: string, { output_index: index = null, item_id: id }: JsonObject, item?: JsonObject): Json | undefined {
    if (index !== null) return index;
    for (const each of [id, item?.id, item?.call_id]) {
      const known = each === undefined ? undefined : this.#indexOf.get(each);
      if (known !== undefined) return known;
    }
    const kind = item?.type ?? kindOf(type);
    const last = kind === undefined ? undefined : this.#lastOf.get(kind);
    return last !== undefined && this.#items.get(last) !== undefined ? last : undefined;
  }

  #done(index: Json, item: JsonObject): void {
    const reader = this.#items.get(index);
    if (reader === undefined && this.#items.has(index)) return;
    (reader ?? this.#begin(index, item)).done(this.#named(item));
    this.#items.set(index, undefined);
  }

  /** The caller's own name of a tool whose name the dialect does not take. */
  #named(item: JsonObject): JsonObject {
    const name = typeof item.name === "string" ? this.#names?.get(item.name) : undefined;
    return name === undefined ? item : { ...item, name };
  }

  /** An event of an item, or one that nobody knows. */
  #other(type: string, event: JsonObject): void {
    const index = this.#find(type, event);
    const reader = index === undefined ? undefined : this.#items.get(index);
    if (reader !== undefined) reader.event(type, event);
    else if (index !== undefined && this.#items.has(index)) return;
    else if (Object.hasOwn(ITEM_OF_DELTA, type)) {
      // A server that begins with the text.
      const item: JsonObject = { type: ITEM_OF_DELTA[type]! };
      if (typeof event.item_id === "string") item.id = event.item_id;
      this.#begin(index ?? this.#items.size, item).event(type, event);
    } else if (type !== "") this.#sink.parts.push({ type: "unknown", dialect: DIALECT, value: event });
  }

  /** The response as it is at the end: whatever of it has not been told yet, and why it ended. */
  #whole(response: JsonObject): EventPart[] {
    this.#start(response);
    const usage = withTier(readUsage(response.usage), response.service_tier);
    if (usage !== undefined) this.#sink.parts.push({ type: "usage", usage });
    const { error, status } = response;
    if ((error !== undefined && error !== null) || status === "failed") return this.#fail(response, true);
    const output = Array.isArray(response.output) ? response.output : [];
    for (const [index, item] of output.entries()) if (isObject(item)) this.#done(index, item);
    for (const reader of this.#items.values()) reader?.done(undefined);
    this.#tellRest(response);
    this.#over = true;
    this.#sink.parts.push(this.#finish(response), { type: "end" });
    return this.#take();
  }

  #finish({ status, incomplete_details: details }: JsonObject): EventPart {
    const why = isObject(details) && typeof details.reason === "string" ? details.reason : undefined;
    const raw = why ?? (typeof status === "string" ? status : null);
    let reason: FinishReason = this.#sink.called ? "tool-calls" : "stop";
    if (status === "incomplete") reason = why === undefined ? "length" : (INCOMPLETE[why] ?? "other");
    else if (raw !== null && raw !== "completed" && raw !== "complete") reason = "other";
    return { type: "finish", choice: 0, reason, raw };
  }

  /** @param final whether it is the response itself that failed: what else should have, before its first word? */
  #fail(event: JsonObject, final = this.#items.size === 0): EventPart[] {
    this.#over = true;
    const { error } = event;
    const value = isObject(error) || typeof error === "string" ? error : withoutType(event);
    const told = errorInside(value);
    this.#sink.parts.push({ type: "error", error: final ? { ...told, final } : told });
    return this.#take();
  }
}

/** What kind of item a first delta belongs to. */
const ITEM_OF_DELTA: Readonly<Record<string, string>> = {
  "response.output_text.delta": "message",
  "response.refusal.delta": "message",
  "response.reasoning_text.delta": "reasoning",
  "response.reasoning_summary_text.delta": "reasoning",
};

/** What kind of item an event belongs to that names none. */
function kindOf(type: string): string | undefined {
  if (type.startsWith("response.function_call_arguments.")) return "function_call";
  if (type.startsWith("response.reasoning_")) return "reasoning";
  return /^response\.(?:output_text|refusal|content_part)\./.test(type) ? "message" : undefined;
}

/** `{type: "error", code, message, param}`: the type is the event's, not the error's. */
function withoutType({ code = null, message = null, param = null }: JsonObject): JsonObject {
  return { code, message, param };
}

function parseObject(text: string): JsonObject {
  const value = parseBounded(text);
  if (value === undefined) throw new MalformedAnswer(`not JSON, or nested too deeply: ${text.slice(0, 80)}`);
  if (!isObject(value)) throw new MalformedAnswer(`not a JSON object: ${text.slice(0, 80)}`);
  return value;
}
