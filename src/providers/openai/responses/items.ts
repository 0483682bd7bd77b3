import { isObject, type Json, type JsonObject, wordOf } from "../../../kernel/json.ts";
import type { Block, EventPart } from "../../../spec/event.ts";
import { pictureTypeOf } from "../../../spec/picture.ts";
import { readLogprobs } from "../logprobs.ts";
import { seal } from "./seal.ts";

export const DIALECT = "openai-responses";

const MESSAGE = new Set(["type", "role", "content", "status"]);
const CALL = new Set(["type", "name", "call_id", "arguments", "status"]);
const THOUGHT = new Set(["type", "summary", "content", "encrypted_content"]);

/** Where parts go, and how blocks are numbered. One an answer. */
export class Sink {
  parts: EventPart[] = [];
  #blocks = 0;
  /** Whether the caller speaks this dialect. */
  readonly own: boolean;
  /** Whether a function was called. Callers who can ask for other tools of their own are told no reason. */
  called = false;

  constructor(own: boolean) {
    this.own = own;
  }

  open(content: Block): number {
    const block = this.#blocks++;
    this.parts.push({ type: "block-start", choice: 0, block, content });
    return block;
  }

  text(block: number, text: string): void {
    if (text !== "") this.parts.push({ type: "text-delta", choice: 0, block, text });
  }

  end(block: number): void {
    this.parts.push({ type: "block-end", choice: 0, block });
  }

  /** Fields of the item that begins next, for callers of this dialect. */
  mark(item: JsonObject, known: ReadonlySet<string>): void {
    if (!this.own) return;
    const rest: JsonObject = { type: item.type ?? null };
    for (const name in item) if (!known.has(name)) rest[name] = item[name]!;
    this.parts.push({ type: "unknown", dialect: DIALECT, value: { item: rest } });
  }
}

/**
 * One item of the output, from its first event to the one that brings it whole. Servers leave
 * events out: a delta may be the first word of a part, and what never came in a delta is taken
 * from the event that repeats it.
 */
export interface ItemReader {
  /** An event of this item's, `output_item.done` excepted. */
  event(type: string, event: JsonObject): void;
  /** @param item as it is at the end; undefined where nothing tells it */
  done(item: JsonObject | undefined): void;
}

/** @param item as its first event tells it @param key sets apart made-up ids */
export function readerOf(item: JsonObject, key: string, sink: Sink): ItemReader {
  switch (item.type) {
    case "message":
      return new MessageReader(item, sink);
    case "reasoning":
      return new ThoughtReader(item, sink);
    case "function_call":
      return new CallReader(item, key, sink);
    case "image_generation_call":
      return sink.own ? new OpaqueReader(item, sink) : new PictureReader(item, sink);
    default:
      return new OpaqueReader(item, sink);
  }
}

/** A text, or a refusal, of a message. */
interface TextState {
  block: number;
  length: number;
  cited: number;
  ended: boolean;
}

class MessageReader implements ItemReader {
  readonly #item: JsonObject;
  readonly #sink: Sink;
  readonly #texts = new Map<Json, TextState>();
  #open: TextState | undefined;
  #marked = false;

  constructor(item: JsonObject, sink: Sink) {
    this.#item = item;
    this.#sink = sink;
  }

  event(type: string, event: JsonObject): void {
    const at = event.content_index ?? 0;
    switch (type) {
      case "response.content_part.added":
        if (isObject(event.part)) this.#begin(at, event.part.type === "refusal");
        return;
      case "response.output_text.delta":
      case "response.refusal.delta":
        this.#say(this.#begin(at, type === "response.refusal.delta"), event.delta);
        if (Array.isArray(event.logprobs)) this.#logprobs(event.logprobs);
        return;
      case "response.output_text.done":
        this.#rest(this.#begin(at, false), event.text);
        return;
      case "response.refusal.done":
        this.#rest(this.#begin(at, true), event.refusal);
        return;
      case "response.output_text.annotation.added":
        if (isObject(event.annotation)) this.#cite(this.#begin(at, false), event.annotation);
        return;
      case "response.content_part.done":
        if (isObject(event.part)) this.#part(at, event.part);
        return;
    }
  }

  done(item: JsonObject | undefined): void {
    const content = item?.content;
    if (Array.isArray(content)) for (const [at, part] of content.entries()) if (isObject(part)) this.#part(at, part);
    // A message that says nothing is told to callers of this dialect only.
    if (this.#texts.size === 0 && this.#sink.own) this.#begin(0, false);
    this.#end();
  }

  /** A part as a whole: what of it has not been told yet. */
  #part(at: Json, part: JsonObject): void {
    const refusal = part.type === "refusal";
    if (!refusal && part.type !== "output_text" && part.type !== "text") return;
    const known = this.#texts.get(at);
    const state = known ?? this.#begin(at, refusal);
    this.#rest(state, refusal ? part.refusal : part.text);
    if (Array.isArray(part.annotations)) {
      for (const annotation of part.annotations.slice(state.cited)) {
        if (isObject(annotation)) this.#cite(state, annotation);
      }
    }
    if (known === undefined && Array.isArray(part.logprobs)) this.#logprobs(part.logprobs);
    if (state === this.#open) this.#end();
  }

  #begin(at: Json, refusal: boolean): TextState {
    const known = this.#texts.get(at);
    if (known !== undefined) return known;
    this.#end();
    if (!this.#marked) this.#sink.mark(this.#item, MESSAGE);
    this.#marked = true;
    const block = this.#sink.open({ kind: refusal ? "refusal" : "text" });
    const state: TextState = { block, length: 0, cited: 0, ended: false };
    this.#open = state;
    this.#texts.set(at, state);
    return state;
  }

  #say(state: TextState, text: Json | undefined): void {
    if (typeof text !== "string" || state.ended) return;
    state.length += text.length;
    this.#sink.text(state.block, text);
  }

  /** The whole text, where nothing of it came in deltas. */
  #rest(state: TextState, text: Json | undefined): void {
    if (state.length === 0 && text !== "") this.#say(state, text);
  }

  #cite(state: TextState, value: JsonObject): void {
    if (state.ended) return;
    state.cited++;
    this.#sink.parts.push({ type: "citation", choice: 0, block: state.block, dialect: DIALECT, value });
  }

  #logprobs(tokens: Json[]): void {
    if (tokens.length === 0) return;
    const logprobs = readLogprobs(0, { content: tokens });
    if (logprobs !== undefined) this.#sink.parts.push(logprobs);
  }

  #end(): void {
    if (this.#open === undefined) return;
    this.#open.ended = true;
    this.#sink.end(this.#open.block);
    this.#open = undefined;
  }
}

/** Each text of a summary, or of the content, is a block; the last one is signed with what was sealed. */
class ThoughtReader implements ItemReader {
  readonly #item: JsonObject;
  readonly #sink: Sink;
  readonly #told = new Map<string, number>();
  #open: { key: string; block: number } | undefined;
  #marked = false;

  constructor(item: JsonObject, sink: Sink) {
    this.#item = item;
    this.#sink = sink;
  }

  event(type: string, event: JsonObject): void {
    switch (type) {
      case "response.reasoning_summary_text.delta":
        this.#say("summary", event.summary_index ?? 0, event.delta);
        return;
      case "response.reasoning_summary_text.done":
        this.#rest("summary", event.summary_index ?? 0, event.text);
        return;
      case "response.reasoning_text.delta":
        this.#say("content", event.content_index ?? 0, event.delta);
        return;
      case "response.reasoning_text.done":
        this.#rest("content", event.content_index ?? 0, event.text);
        return;
    }
  }

  done(item: JsonObject | undefined): void {
    for (const list of ["summary", "content"] as const) {
      const texts = item?.[list];
      if (!Array.isArray(texts)) continue;
      for (const [at, part] of texts.entries()) if (isObject(part)) this.#rest(list, at, part.text);
    }
    const sealed = item?.encrypted_content;
    if (typeof sealed === "string" && sealed !== "") this.#seal(sealed);
    else if (this.#told.size === 0 && this.#sink.own) this.#begin("summary", 0);
    this.#end();
  }

  #seal(encrypted: string): void {
    const id = typeof this.#item.id === "string" ? this.#item.id : "";
    const text = this.#sink.own ? encrypted : seal({ id, encrypted });
    if (this.#open !== undefined) {
      this.#sink.parts.push({ type: "signature-delta", choice: 0, block: this.#open.block, signature: text });
      return;
    }
    this.#mark();
    this.#sink.end(this.#sink.open({ kind: "redacted-reasoning", data: text }));
  }

  #say(list: "summary" | "content", at: Json, text: Json | undefined): void {
    if (typeof text !== "string" || text === "") return;
    const key = `${list} ${wordOf(at)}`;
    if (this.#open?.key !== key) {
      // Of a text that is over nothing more can be told.
      if (this.#told.has(key)) return;
      this.#begin(list, at);
    }
    this.#told.set(key, (this.#told.get(key) ?? 0) + text.length);
    this.#sink.text(this.#open!.block, text);
  }

  #rest(list: "summary" | "content", at: Json, text: Json | undefined): void {
    if ((this.#told.get(`${list} ${wordOf(at)}`) ?? 0) === 0) this.#say(list, at, text);
  }

  #begin(list: "summary" | "content", at: Json): void {
    this.#end();
    this.#mark();
    const key = `${list} ${wordOf(at)}`;
    const extra = { type: list === "summary" ? "reasoning.summary" : "reasoning.text" };
    const block = this.#sink.open(this.#sink.own ? { kind: "reasoning", extra } : { kind: "reasoning" });
    this.#open = { key, block };
    this.#told.set(key, 0);
  }

  #mark(): void {
    if (!this.#marked) this.#sink.mark(this.#item, THOUGHT);
    this.#marked = true;
  }

  #end(): void {
    if (this.#open === undefined) return;
    this.#sink.end(this.#open.block);
    this.#open = undefined;
  }
}

class CallReader implements ItemReader {
  readonly #item: JsonObject;
  readonly #sink: Sink;
  readonly #block: number;
  #length = 0;

  constructor(item: JsonObject, key: string, sink: Sink) {
    this.#item = item;
    this.#sink = sink;
    sink.called = true;
    sink.mark(item, CALL);
    const id = textOf(item.call_id) || textOf(item.id) || key;
    this.#block = sink.open({ kind: "tool-call", id, name: textOf(item.name) });
  }

  event(type: string, event: JsonObject): void {
    if (type === "response.function_call_arguments.delta") this.#write(textOf(event.delta));
    else if (type === "response.function_call_arguments.done") this.#rest(event.arguments);
  }

  /** Arguments that the first event holds may come again in deltas, so they count only here. */
  done(item: JsonObject | undefined): void {
    this.#rest(item?.arguments ?? this.#item.arguments);
    this.#sink.end(this.#block);
  }

  #rest(given: Json | undefined): void {
    const text = isObject(given) ? JSON.stringify(given) : textOf(given);
    if (this.#length === 0) this.#write(text);
  }

  #write(text: string): void {
    if (text === "") return;
    this.#length += text.length;
    this.#sink.parts.push({ type: "arguments-delta", choice: 0, block: this.#block, text });
  }
}

/** What the provider runs, or what only this dialect defines: its events go on as they came. */
class OpaqueReader implements ItemReader {
  readonly #sink: Sink;
  readonly #block: number;

  constructor(item: JsonObject, sink: Sink) {
    this.#sink = sink;
    this.#block = sink.open({ kind: "opaque", dialect: DIALECT, value: item });
  }

  event(_type: string, event: JsonObject): void {
    this.#sink.parts.push({ type: "opaque-delta", choice: 0, block: this.#block, value: event });
  }

  done(item: JsonObject | undefined): void {
    if (item !== undefined) this.event("", { type: "response.output_item.done", item });
    this.#sink.end(this.#block);
  }
}

/** A picture that the model made, for callers of other dialects: they are told of it when it is done. */
class PictureReader implements ItemReader {
  readonly #item: JsonObject;
  readonly #sink: Sink;

  constructor(item: JsonObject, sink: Sink) {
    this.#item = item;
    this.#sink = sink;
  }

  event(): void {}

  done(item: JsonObject | undefined): void {
    const value = { ...this.#item, ...item };
    const content: Block = { kind: "opaque", dialect: DIALECT, value };
    const data = textOf(value.result);
    if (data !== "") {
      const format = textOf(value.output_format);
      content.picture = { mediaType: format === "" ? pictureTypeOf(data) : `image/${format}`, data };
    }
    this.#sink.end(this.#sink.open(content));
  }
}

function textOf(value: Json | undefined): string {
  return typeof value === "string" ? value : "";
}
