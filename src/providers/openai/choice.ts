import { isObject, type Json, type JsonObject, parseJson } from "../../kernel/json.ts";
import type { Block, EventPart } from "../../spec/event.ts";
import { type Picture, pictureAt } from "../../spec/picture.ts";
import { OwedCitations, type Sources } from "../sources.ts";
import { Echo } from "../unfinished.ts";
import { isReason, reasonOf } from "./finish.ts";
import { readLogprobs } from "./logprobs.ts";
import { type Thought, thoughtsOf } from "./reasoning.ts";
import { detailOf, sealDetail } from "./sealed-details.ts";

type Kind = "none" | "text" | "reasoning" | "refusal" | "audio";

interface Call {
  block: number;
  id: string;
  name: string;
  /** Arguments that came before the name. */
  held: string;
  /** All arguments so far. */
  written: string;
  /** Whether its block has been opened. */
  open: boolean;
  /** The answer gave its reason to end: what else comes of the call is no part of it. */
  ended: boolean;
  /** A call with free text instead of arguments, OpenAI's `custom`: only this dialect knows it. */
  custom: boolean;
}

/** What a choice needs to know of its request. */
export interface ChoiceContext {
  /** The caller's own names of tools, by those that the server was given in their place. */
  names?: ReadonlyMap<string, string> | undefined;
  /** Whether the server wants its thoughts back with words for which the caller's dialect has no place. */
  seals?: boolean;
  /** What the answer rests on, where the caller's dialect is another. */
  sources?: Sources | undefined;
  /** Whether that is told behind the reason why the answer ended. */
  sourcesLast?: boolean;
  /** The unfinished turn that the answer repeats before it goes on. */
  echoed?: string | undefined;
}

/** Fields of a choice that only OpenAI's lookalikes know and that hold nothing the model said. */
const CHOICE_FIELDS = ["content_filter_results", "content_filter_offsets"] as const;

/**
 * One choice of an answer: turns its deltas, or its whole message, into blocks. Text, thought
 * and refusal follow one another; a call's block stays open until the choice ends, because
 * fragments of several calls may come interleaved.
 */
export class Choice {
  readonly index: number;
  /** Sets apart the ids that are made up here: those of one conversation must differ. */
  readonly #madeUp: string;
  readonly #names: ReadonlyMap<string, string> | undefined;
  /** What kind of block is open beside calls, and its number. */
  #kind: Kind = "none";
  #block = -1;
  #blocks = 0;
  /** Which thought of `reasoning_details` is being written. */
  #thought: Json = null;
  /** Whether the words of an item must go where a signature goes, and those of the thought that is being written. */
  readonly #seals: boolean;
  #detail: JsonObject | undefined;
  #calls: Call[] = [];
  readonly #callOf = new Map<Json, Call>();
  #last: Call | undefined;
  /** What the text has to cite when it ends, for a caller who is told it as citations. */
  readonly #owed: OwedCitations | undefined;
  readonly #sourcesLast: boolean;
  readonly #echo: Echo | undefined;
  /** How it ended, where its text goes on. */
  #ending: EventPart | undefined;
  finished = false;
  /** Whether a message or a delta has been read. */
  begun = false;

  constructor(index: number, madeUp: string, context: ChoiceContext = {}) {
    const { names, seals = false, sources, sourcesLast = false, echoed } = context;
    this.#sourcesLast = sourcesLast && sources !== undefined;
    this.#seals = seals;
    this.#owed = sources && new OwedCitations(sources);
    this.#echo = echoed === undefined ? undefined : new Echo(echoed);
    this.index = index;
    this.#madeUp = madeUp;
    this.#names = names;
  }

  /** @param delta a delta of a stream, or the message of a unary answer */
  read(delta: JsonObject, parts: EventPart[]): void {
    this.begun = true;
    if (delta.reasoning_details !== undefined || delta.reasoning_content || delta.reasoning) {
      this.#reasoning(delta, parts);
    }
    const content = delta.content;
    if (typeof content === "string") {
      if (content !== "") this.#say("text", content, parts);
    } else if (Array.isArray(content)) this.#list(content, parts);
    if (Array.isArray(delta.images)) for (const image of delta.images) this.#image({ images: [image] }, image, parts);
    const refusal = delta.refusal;
    if (typeof refusal === "string" && refusal !== "") this.#say("refusal", refusal, parts);
    // Before calls, which end the text.
    if (Array.isArray(delta.annotations)) this.#annotations(delta.annotations, parts);
    const calls = delta.tool_calls;
    if (Array.isArray(calls)) for (const call of calls) if (isObject(call)) this.#call(call, parts);
    if (isObject(delta.function_call)) this.#legacyCall(delta.function_call, parts);
    if (isObject(delta.audio)) this.#audio(delta.audio, parts);
    const executed = delta.executed_tools;
    if (Array.isArray(executed) && executed.length > 0) this.#whole({ executed_tools: executed }, parts);
  }

  /** What stands beside the message: log probabilities, filter results, the reason why it ended. */
  readRest(choice: JsonObject, stops: readonly string[] | undefined, parts: EventPart[]): void {
    if (isObject(choice.logprobs)) {
      const logprobs = readLogprobs(this.index, choice.logprobs);
      if (logprobs !== undefined) parts.push(logprobs);
    }
    for (const name of CHOICE_FIELDS) {
      const value = choice[name];
      if (isObject(value) && Object.keys(value).length > 0) {
        const fragment: JsonObject = { index: this.index, [name]: value };
        parts.push({ type: "unknown", dialect: "openai-chat", value: { choices: [fragment] } });
      }
    }
    const raw = choice.finish_reason;
    if (!isReason(raw) || this.finished) return;
    // vLLM and SGLang name the stop sequence that was met.
    const met = choice.stop_reason ?? choice.matched_stop;
    const sequence = typeof met === "string" && stops?.includes(met) ? met : undefined;
    this.#finish(raw, sequence, parts);
  }

  /** Whether the reason is known and not told, because its text goes on. */
  get waits(): boolean {
    return this.#ending !== undefined;
  }

  /** Whether no reason was given and a call stops in the middle of its arguments. Some providers give no reason, but none writes half a call. */
  get broken(): boolean {
    if (this.finished) return false;
    return this.#calls.some(({ written }) => written.trim() !== "" && parseJson(written) === undefined);
  }

  /** The answer is whole: whatever is open ends, and a choice that gave no reason gets the obvious one. */
  close(parts: EventPart[]): void {
    if (!this.finished) this.#finish(null, undefined, parts);
    this.#endBlocks(parts);
    if (this.#ending !== undefined) parts.push(this.#ending);
    this.#ending = undefined;
  }

  #finish(raw: string | null, sequence: string | undefined, parts: EventPart[]): void {
    const held = this.#echo?.end() ?? "";
    if (held !== "") this.#say("text", held, parts);
    // A text goes on until the answer is whole where what it rests on is told behind the reason.
    const waits = this.#sourcesLast && this.#kind === "text";
    if (waits) this.#endCalls(parts);
    else this.#endBlocks(parts);
    this.finished = true;
    const inferred = this.#callOf.size > 0 ? "tool-calls" : "stop";
    const reason = raw === null ? inferred : sequence === undefined ? reasonOf(raw) : "stop-sequence";
    const finish: EventPart = { type: "finish", choice: this.index, reason, raw };
    if (sequence !== undefined) finish.stopSequence = sequence;
    if (waits) this.#ending = finish;
    else parts.push(finish);
  }

  #endBlocks(parts: EventPart[]): void {
    this.#endBlock(parts);
    this.#endCalls(parts);
  }

  #endCalls(parts: EventPart[]): void {
    for (const call of this.#calls) {
      if (!call.open) this.#openCall(call, parts);
      parts.push({ type: "block-end", choice: this.index, block: call.block });
      call.ended = true;
    }
    if (this.#calls.length > 0) this.#calls = [];
  }

  #endBlock(parts: EventPart[]): void {
    if (this.#kind === "none") return;
    if (this.#detail !== undefined) {
      const { index: choice } = this;
      parts.push({ type: "signature-delta", choice, block: this.#block, signature: sealDetail(this.#detail) });
      this.#detail = undefined;
    }
    // Only now it is known how much of the text they stand for.
    if (this.#kind === "text") for (const value of this.#owed?.take() ?? []) this.#cite(value, parts);
    parts.push({ type: "block-end", choice: this.index, block: this.#block });
    this.#kind = "none";
  }

  #open(kind: Kind, content: Block, parts: EventPart[]): void {
    this.#endBlock(parts);
    this.#kind = kind;
    this.#block = this.#blocks++;
    parts.push({ type: "block-start", choice: this.index, block: this.#block, content });
  }

  #say(kind: "text" | "reasoning" | "refusal", said: string, parts: EventPart[]): void {
    const text = kind === "text" && this.#echo !== undefined ? this.#echo.push(said) : said;
    if (text === "") return;
    if (this.#kind !== kind) this.#open(kind, { kind }, parts);
    parts.push({ type: "text-delta", choice: this.index, block: this.#block, text });
  }

  /** A picture that the model made, in OpenRouter's `images` or within the content, or something else that only this dialect knows. */
  #image(value: JsonObject, image: Json, parts: EventPart[]): void {
    const given = isObject(image) ? image.image_url : undefined;
    const url = isObject(given) ? given.url : given;
    this.#whole(value, parts, typeof url === "string" && url !== "" ? pictureAt(url) : undefined);
  }

  /** A block that is whole at once, of a kind that only this dialect knows. */
  #whole(value: JsonObject, parts: EventPart[], picture?: Picture): void {
    this.#endBlock(parts);
    const block = this.#blocks++;
    const content: Block = { kind: "opaque", dialect: "openai-chat", value };
    if (picture !== undefined) content.picture = picture;
    parts.push({ type: "block-start", choice: this.index, block, content });
    parts.push({ type: "block-end", choice: this.index, block });
  }

  #reasoning(delta: JsonObject, parts: EventPart[]): void {
    const plain = delta.reasoning_content || delta.reasoning;
    const thoughts = thoughtsOf(delta.reasoning_details, typeof plain === "string" ? plain : "");
    for (const thought of thoughts) this.#think(thought, parts);
  }

  #think(thought: Thought, parts: EventPart[]): void {
    const { extra, sealed } = thought;
    const detail = this.#seals ? detailOf(thought) : undefined;
    if (sealed !== undefined) {
      this.#endBlock(parts);
      const block = this.#blocks++;
      const data = detail === undefined ? sealed : sealDetail({ ...detail, data: sealed });
      const content: Block = { kind: "redacted-reasoning", data };
      if (extra !== undefined && detail === undefined) content.extra = extra;
      parts.push({ type: "block-start", choice: this.index, block, content });
      parts.push({ type: "block-end", choice: this.index, block });
      return;
    }
    if (thought.text === "" && thought.signature === "") return;
    if (this.#kind !== "reasoning" || (thought.index !== undefined && thought.index !== this.#thought)) {
      const bare = extra === undefined || detail !== undefined;
      this.#open("reasoning", bare ? { kind: "reasoning" } : { kind: "reasoning", extra }, parts);
      this.#detail = detail;
    }
    this.#thought = thought.index ?? this.#thought;
    if (thought.text !== "") {
      parts.push({ type: "text-delta", choice: this.index, block: this.#block, text: thought.text });
    }
    if (thought.signature === "") return;
    if (this.#detail !== undefined) this.#detail.signature = `${this.#detail.signature ?? ""}${thought.signature}`;
    else parts.push({ type: "signature-delta", choice: this.index, block: this.#block, signature: thought.signature });
  }

  /** Mistral's content: texts, thoughts, and references to what it found. */
  #list(items: Json[], parts: EventPart[]): void {
    for (const item of items) {
      if (typeof item === "string") {
        if (item !== "") this.#say("text", item, parts);
      } else if (!isObject(item)) continue;
      else if (item.type === "text" || item.type === "output_text") {
        if (typeof item.text === "string" && item.text !== "") this.#say("text", item.text, parts);
      } else if (item.type === "thinking") this.#thinking(item, parts);
      else this.#image({ content: [item] }, item, parts);
    }
  }

  #thinking(item: JsonObject, parts: EventPart[]): void {
    const { thinking } = item;
    const pieces = Array.isArray(thinking) ? thinking : [thinking ?? ""];
    for (const piece of pieces) {
      const text = isObject(piece) ? piece.text : piece;
      if (typeof text === "string" && text !== "") this.#say("reasoning", text, parts);
    }
    if (typeof item.signature === "string" && item.signature !== "") {
      this.#think({ text: "", signature: item.signature }, parts);
    }
  }

  /**
   * A call, whole or in fragments. Its `index` tells which one; where there is none (Mistral,
   * Gemini) the id does, and where there is neither a name begins a new call. An empty id or
   * name (DashScope repeats them) says nothing. A new id together with a name is a new call
   * even under an index that was used: some servers give every call the index 0.
   */
  #call(value: JsonObject, parts: EventPart[]): void {
    const called = isObject(value.function) ? value.function : undefined;
    const id = typeof value.id === "string" ? value.id : "";
    const name = typeof called?.name === "string" ? called.name : "";
    const key = value.index ?? (id !== "" ? id : null);
    let call = key !== null ? this.#callOf.get(key) : name === "" ? this.#last : undefined;
    if (call !== undefined && id !== "" && name !== "" && id !== call.id) call = undefined;
    if (call === undefined) {
      call = this.#newCall(id, called === undefined && value.type === "custom", parts);
      this.#callOf.set(key ?? call.id, call);
    }
    this.#last = call;
    if (call.ended) return;
    if (call.custom) this.#custom(call, value, parts);
    else this.#fill(call, name, called?.arguments, parts);
  }

  #newCall(id: string, custom: boolean, parts: EventPart[]): Call {
    // A block that is open ends: a call may overlap other calls only.
    this.#endBlock(parts);
    const madeUp = `call_${this.#madeUp}_${this.#callOf.size}`;
    const call: Call = {
      block: this.#blocks++,
      id: id || madeUp,
      name: "",
      held: "",
      written: "",
      open: false,
      ended: false,
      custom,
    };
    this.#calls.push(call);
    return call;
  }

  #custom(call: Call, value: JsonObject, parts: EventPart[]): void {
    const { index: choice } = this;
    const fragment = { tool_calls: [value] };
    if (call.open) parts.push({ type: "opaque-delta", choice, block: call.block, value: fragment });
    else {
      call.open = true;
      const content: Block = { kind: "opaque", dialect: "openai-chat", value: fragment };
      parts.push({ type: "block-start", choice, block: call.block, content });
    }
  }

  /** The form of 2023: at most one call, without an id. */
  #legacyCall(value: JsonObject, parts: EventPart[]): void {
    const name = typeof value.name === "string" ? value.name : "";
    let call = this.#callOf.get("function_call");
    if (call === undefined) {
      // Snowflake sends an empty one beside every answer.
      if (name === "") return;
      call = this.#newCall("", false, parts);
      this.#callOf.set("function_call", call);
    }
    if (!call.ended) this.#fill(call, name, value.arguments, parts);
  }

  #fill(call: Call, name: string, given: Json | undefined, parts: EventPart[]): void {
    if (call.name === "") call.name = this.#names?.get(name) ?? name;
    if (!call.open && call.name !== "") this.#openCall(call, parts);
    const text = typeof given === "string" ? given : isObject(given) ? JSON.stringify(given) : "";
    if (text === "") return;
    call.written += text;
    if (call.open) parts.push({ type: "arguments-delta", choice: this.index, block: call.block, text });
    else call.held += text;
  }

  #openCall(call: Call, parts: EventPart[]): void {
    call.open = true;
    const { block, id, name, held } = call;
    parts.push({ type: "block-start", choice: this.index, block, content: { kind: "tool-call", id, name } });
    if (held !== "") parts.push({ type: "arguments-delta", choice: this.index, block, text: held });
  }

  #cite(value: JsonObject, parts: EventPart[]): void {
    parts.push({ type: "citation", choice: this.index, block: this.#block, dialect: "openai-chat", value });
  }

  #annotations(annotations: Json[], parts: EventPart[]): void {
    for (const value of annotations) {
      if (!isObject(value)) continue;
      if (this.#kind === "text") this.#cite(value, parts);
      else if (this.#owed !== undefined) this.#owed.add(value);
      else {
        const fragment = { index: this.index, delta: { annotations: [value] } };
        parts.push({ type: "unknown", dialect: "openai-chat", value: { choices: [fragment] } });
      }
    }
  }

  /** Spoken answers: base64 in `data`, and what was said in `transcript`. */
  #audio(audio: JsonObject, parts: EventPart[]): void {
    if (!audio.id && !audio.data && !audio.transcript) return;
    if (this.#kind !== "audio") {
      this.#open("audio", { kind: "opaque", dialect: "openai-chat", value: { audio } }, parts);
    } else parts.push({ type: "opaque-delta", choice: this.index, block: this.#block, value: { audio } });
  }
}
