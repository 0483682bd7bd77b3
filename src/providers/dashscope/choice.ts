import { isObject, type Json, type JsonObject } from "../../kernel/json.ts";
import type { Block, EventPart, FinishReason, TokenLogprob } from "../../spec/event.ts";
import { pictureAt } from "../../spec/picture.ts";
import type { Sources } from "../sources.ts";

const REASONS: Record<string, FinishReason> = { stop: "stop", length: "length", tool_calls: "tool-calls" };

interface Call {
  block: number;
  id: string;
  name: string;
  /** Arguments that came before the name. */
  held: string;
  open: boolean;
}

/**
 * One answer of a call. Calls come in fragments under their `index`, and may interleave; later
 * fragments repeat `id` and `name` as "", which says nothing. "null" is no reason to end.
 */
export class Choice {
  readonly index: number;
  readonly #madeUp: string;
  readonly #sources: Sources;
  readonly #names: ReadonlyMap<string, string> | undefined;
  /** How many of the pages that the answer rests on have been told. */
  #cited = 0;
  readonly #calls = new Map<Json, Call>();
  #kind: "none" | "text" | "reasoning" = "none";
  #block = -1;
  #blocks = 0;
  finished = false;

  /**
   * @param madeUp sets apart the ids that are made up here
   * @param sources what the answer rests on
   * @param names the caller's own names of tools, by those that the model was given in their place
   */
  constructor(index: number, madeUp: string, sources: Sources, names: ReadonlyMap<string, string> | undefined) {
    this.#names = names;
    this.#sources = sources;
    this.index = index;
    this.#madeUp = madeUp;
  }

  read(value: JsonObject, parts: EventPart[]): void {
    // What comes behind the reason why it ended is no part of it.
    if (this.finished) return;
    const message = isObject(value.message) ? value.message : {};
    if (typeof message.reasoning_content === "string") this.#say("reasoning", message.reasoning_content, parts);
    if (typeof message.content === "string") this.#say("text", message.content, parts);
    else if (Array.isArray(message.content)) this.#list(message.content, parts);
    if (Array.isArray(message.tool_calls)) for (const call of message.tool_calls) this.#call(call, parts);
    if (isObject(value.logprobs)) this.#logprobs(value.logprobs, parts);
    const raw = value.finish_reason;
    if (typeof raw === "string" && raw !== "" && raw !== "null") this.#finish(raw, parts);
  }

  /** A whole answer that gave no reason gets the obvious one. */
  close(parts: EventPart[]): void {
    if (!this.finished) this.#finish(null, parts);
  }

  /** Content of models that see, hear and paint: `[{text}, {image: "https://…"}]`. */
  #list(items: Json[], parts: EventPart[]): void {
    for (const item of items) {
      const text = isObject(item) ? item.text : item;
      if (typeof text === "string") this.#say("text", text, parts);
      if (isObject(item) && typeof item.image === "string" && item.image !== "") this.#picture(item.image, parts);
    }
  }

  #picture(image: string, parts: EventPart[]): void {
    this.#endBlock(parts);
    const block = this.#blocks++;
    const value = { content: [{ image }] };
    const content: Block = { kind: "opaque", dialect: "dashscope", value, picture: pictureAt(image) };
    parts.push({ type: "block-start", choice: this.index, block, content });
    parts.push({ type: "block-end", choice: this.index, block });
  }

  #say(kind: "text" | "reasoning", text: string, parts: EventPart[]): void {
    if (text === "") return;
    if (this.#kind !== kind) {
      this.#endBlock(parts);
      this.#kind = kind;
      this.#block = this.#blocks++;
      parts.push({ type: "block-start", choice: this.index, block: this.#block, content: { kind } });
    }
    parts.push({ type: "text-delta", choice: this.index, block: this.#block, text });
  }

  #endBlock(parts: EventPart[]): void {
    if (this.#kind === "text") {
      for (const value of this.#sources.all().slice(this.#cited)) {
        parts.push({ type: "citation", choice: this.index, block: this.#block, dialect: "dashscope", value });
        this.#cited++;
      }
    }
    if (this.#kind !== "none") parts.push({ type: "block-end", choice: this.index, block: this.#block });
    this.#kind = "none";
  }

  #call(value: Json, parts: EventPart[]): void {
    if (!isObject(value)) return;
    const called = isObject(value.function) ? value.function : {};
    const key = value.index ?? this.#calls.size;
    let call = this.#calls.get(key);
    if (call === undefined) {
      this.#endBlock(parts);
      const id =
        typeof value.id === "string" && value.id !== "" ? value.id : `call_${this.#madeUp}_${this.#calls.size}`;
      call = { block: this.#blocks++, id, name: "", held: "", open: false };
      this.#calls.set(key, call);
    }
    if (typeof called.name === "string" && call.name === "") call.name = this.#names?.get(called.name) ?? called.name;
    const given = called.arguments;
    call.held += typeof given === "string" ? given : isObject(given) ? JSON.stringify(given) : "";
    if (call.name !== "") this.#tell(call, parts);
  }

  #tell(call: Call, parts: EventPart[]): void {
    const { block, id, name, held } = call;
    if (!call.open) {
      call.open = true;
      parts.push({ type: "block-start", choice: this.index, block, content: { kind: "tool-call", id, name } });
    }
    if (held !== "") parts.push({ type: "arguments-delta", choice: this.index, block, text: held });
    call.held = "";
  }

  #logprobs(value: JsonObject, parts: EventPart[]): void {
    if (!Array.isArray(value.content)) return;
    const content = value.content.flatMap((item) => {
      const token = tokenOf(item);
      if (token === undefined) return [];
      const top = isObject(item) && Array.isArray(item.top_logprobs) ? item.top_logprobs : [];
      return [{ ...token, top: top.map(tokenOf).filter((other) => other !== undefined) }];
    });
    if (content.length > 0) parts.push({ type: "logprobs", choice: this.index, content, refusal: null });
  }

  #finish(raw: string | null, parts: EventPart[]): void {
    this.finished = true;
    this.#endBlock(parts);
    for (const call of this.#calls.values()) {
      if (!call.open) this.#tell(call, parts);
      parts.push({ type: "block-end", choice: this.index, block: call.block });
    }
    const obvious = this.#calls.size > 0 ? "tool-calls" : "stop";
    const reason = raw === null ? obvious : Object.hasOwn(REASONS, raw) ? REASONS[raw]! : "other";
    parts.push({ type: "finish", choice: this.index, reason, raw });
  }
}

function tokenOf(value: Json): Omit<TokenLogprob, "top"> | undefined {
  if (!isObject(value) || typeof value.token !== "string" || typeof value.logprob !== "number") return undefined;
  const { token, logprob, bytes } = value;
  const known = Array.isArray(bytes) && bytes.every((byte) => typeof byte === "number");
  return { token, logprob, bytes: known ? (bytes as number[]) : null };
}
