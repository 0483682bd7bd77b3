import { isObject, type Json, type JsonObject } from "../../kernel/json.ts";
import { MalformedAnswer } from "../../spec/adapter.ts";
import { madeUpCallId } from "../../spec/call-id.ts";
import type { Block, EventPart } from "../../spec/event.ts";
import type { Picture } from "../../spec/picture.ts";
import { seal } from "../../spec/sealed.ts";
import { argumentsAsText } from "../../spec/tool-arguments.ts";
import { Citations } from "./citations.ts";
import { finishWord, reasonOf } from "./finish.ts";
import { readLogprobs } from "./logprobs.ts";
import { PartialArgs } from "./partial-args.ts";

const DIALECT = "gemini";

/** What the parts of an answer need to know of their request and of the answer as a whole. */
export interface CandidateContext {
  /** The caller's own names of functions whose names had to be changed. */
  names: ReadonlyMap<string, string> | undefined;
  /** The function whose arguments are the answer (see structured.ts). */
  structured: string | undefined;
  /** Whether the caller speaks this dialect, and may read what has no canonical name. */
  own: boolean;
  /** What tells this answer apart from others of the conversation. */
  answer: string;
}

/** Fields of a candidate that are read here. */
const READ = new Set(["content", "index", "finishReason", "logprobsResult"]);

/**
 * One candidate of an answer: turns the parts that come into blocks. Text and thoughts follow one
 * another. Why it ended is told when the answer is whole, because some answers repeat it in every
 * response and go on.
 */
export class Candidate {
  readonly index: number;
  readonly #context: CandidateContext;
  #kind: "none" | "text" | "reasoning" = "none";
  #block = -1;
  #blocks = 0;
  #calls = 0;
  #called = false;
  /** The call that is being written; its arguments where they come by place. */
  #partial: { block: number; structured: boolean; args: PartialArgs | undefined } | undefined;
  readonly #citations = new Citations();
  /** Citations that no text has been told yet. */
  #owed: JsonObject[] = [];
  /** What signs the text that is open. It stays open until something else comes, because its citations may come behind. */
  #signed: string | undefined;
  #ended: string | undefined;

  constructor(index: number, context: CandidateContext) {
    this.index = index;
    this.#context = context;
  }

  get finished(): boolean {
    return this.#ended !== undefined;
  }

  read(value: JsonObject, parts: EventPart[]): void {
    if (value.groundingMetadata !== undefined || value.citationMetadata !== undefined) {
      this.#owed.push(...this.#citations.read(value));
    }
    const content = value.content;
    if (isObject(content) && Array.isArray(content.parts)) {
      for (const part of content.parts) if (isObject(part)) this.#part(part, parts);
    }
    const logprobs = readLogprobs(this.index, value.logprobsResult);
    if (logprobs !== undefined) parts.push(logprobs);
    this.#cite(parts);
    // A caller of this dialect is told of citations apart, and a signature once more if it came in a later response.
    if (this.#context.own && this.#signed !== undefined) this.#endText(parts);
    this.#ended = finishWord(value.finishReason) ?? this.#ended;
    // In the response that says so, or a caller of this dialect would be told of the call once more.
    if (this.#ended !== undefined) this.#endCall(parts);
    if (this.#context.own) this.#rest(value, parts);
  }

  /** The answer is whole. @param blocked why the prompt was refused, where it was. */
  close(blocked: string | undefined, parts: EventPart[]): void {
    this.#endBlocks(parts);
    this.#tellUncited(parts);
    const raw = this.#ended ?? blocked ?? null;
    const refused = this.#ended === undefined && blocked !== undefined;
    const natural = raw === null ? "stop" : refused ? "content-filter" : reasonOf(raw);
    const reason = natural === "stop" && this.#called ? "tool-calls" : natural;
    parts.push({ type: "finish", choice: this.index, reason, raw });
  }

  /** The answer broke: nothing stays open. */
  abandon(parts: EventPart[]): void {
    this.#endBlocks(parts);
  }

  #part(part: JsonObject, parts: EventPart[]): void {
    const { text, functionCall } = part;
    const signature = typeof part.thoughtSignature === "string" ? part.thoughtSignature : "";
    if (isObject(functionCall)) this.#call(functionCall, signature, parts);
    else if (part.thought === true && isWords(part))
      this.#think(typeof text === "string" ? text : "", signature, parts);
    else if (typeof text === "string" || (signature !== "" && Object.keys(part).length === 1)) {
      if (typeof text === "string" && text !== "") this.#say("text", text, parts);
      if (signature !== "") this.#signText(signature, parts);
    } else if (Object.keys(part).length > 0) this.#opaque(part, parts);
  }

  #say(kind: "text" | "reasoning", text: string, parts: EventPart[]): void {
    if (this.#kind !== kind || this.#signed !== undefined) this.#open(kind, { kind }, parts);
    parts.push({ type: "text-delta", choice: this.index, block: this.#block, text });
  }

  #think(text: string, signature: string, parts: EventPart[]): void {
    if (text === "" && signature === "") return;
    if (this.#kind !== "reasoning") this.#open("reasoning", { kind: "reasoning" }, parts);
    const { index: choice } = this;
    const block = this.#block;
    if (text !== "") parts.push({ type: "text-delta", choice, block, text });
    if (signature === "") return;
    const sealed = seal({ dialect: DIALECT, place: "thought", data: signature });
    parts.push({ type: "signature-delta", choice, block, signature: sealed });
    this.#endText(parts);
  }

  #signText(signature: string, parts: EventPart[]): void {
    if (this.#kind === "text" && this.#signed === undefined) this.#signed = signature;
    else this.#seal("text", signature, undefined, parts);
  }

  /** Google signs calls and texts, which have no place for it in other dialects: a sealed thought beside them carries it. */
  #seal(place: "text" | "call", data: string, callId: string | undefined, parts: EventPart[]): void {
    this.#endText(parts);
    const extra: JsonObject = { format: "google-gemini-v1" };
    if (callId !== undefined) extra.id = callId;
    const sealed = seal(
      callId === undefined ? { dialect: DIALECT, place, data } : { dialect: DIALECT, place, data, callId },
    );
    this.#whole({ kind: "redacted-reasoning", data: sealed, extra }, parts);
  }

  #opaque(value: JsonObject, parts: EventPart[]): void {
    this.#endText(parts);
    const picture = pictureOf(value);
    const content: Block = { kind: "opaque", dialect: DIALECT, value };
    this.#whole(picture === undefined ? content : { ...content, picture }, parts);
  }

  #whole(content: Block, parts: EventPart[]): void {
    const block = this.#blocks++;
    parts.push({ type: "block-start", choice: this.index, block, content });
    parts.push({ type: "block-end", choice: this.index, block });
  }

  #call(call: JsonObject, signature: string, parts: EventPart[]): void {
    const name = typeof call.name === "string" ? call.name : "";
    if (name === "") this.#goOn(call, parts);
    else this.#begin(name, call, signature, parts);
  }

  #begin(name: string, call: JsonObject, signature: string, parts: EventPart[]): void {
    this.#endBlocks(parts);
    const structured = name === this.#context.structured;
    const number = this.#calls++;
    const given = typeof call.id === "string" && call.id !== "" ? call.id : undefined;
    const id = given ?? madeUpCallId(this.#context.answer, number);
    if (signature !== "") this.#seal("call", signature, id, parts);
    const block = this.#blocks++;
    const known = this.#context.names?.get(name) ?? name;
    const content: Block = structured ? { kind: "text" } : { kind: "tool-call", id, name: known };
    if (!structured) this.#called = true;
    parts.push({ type: "block-start", choice: this.index, block, content });
    const whole = isObject(call.args) && call.partialArgs === undefined ? call.args : undefined;
    this.#partial = { block, structured, args: whole === undefined ? new PartialArgs() : undefined };
    if (whole !== undefined) this.#argue(argumentsAsText(whole), parts);
    this.#goOn(call, parts);
  }

  /** More of a call that has begun; without anything, its end. */
  #goOn(call: JsonObject, parts: EventPart[]): void {
    if (this.#partial === undefined) {
      if (Object.keys(call).length > 0) throw new MalformedAnswer("arguments of no call");
      return;
    }
    const { args } = this.#partial;
    if (args !== undefined) this.#argue(args.add(call.partialArgs), parts);
    // Some of the last fragments do not say that more follows, although it does; what comes behind the call ends it.
    const fragment = Array.isArray(call.partialArgs) && call.partialArgs.length > 0;
    if (call.willContinue !== true && !fragment) this.#endCall(parts);
  }

  #argue(text: string, parts: EventPart[]): void {
    if (text === "" || this.#partial === undefined) return;
    const { block, structured } = this.#partial;
    parts.push({ type: structured ? "text-delta" : "arguments-delta", choice: this.index, block, text });
  }

  #endCall(parts: EventPart[]): void {
    if (this.#partial === undefined) return;
    const { block, args } = this.#partial;
    this.#cite(parts);
    // A call without arguments.
    if (args?.begun === false) this.#argue("{}", parts);
    else if (args !== undefined) this.#argue(args.close(), parts);
    parts.push({ type: "block-end", choice: this.index, block });
    this.#partial = undefined;
  }

  #open(kind: "text" | "reasoning", content: Block, parts: EventPart[]): void {
    this.#endBlocks(parts);
    this.#kind = kind;
    this.#block = this.#blocks++;
    parts.push({ type: "block-start", choice: this.index, block: this.#block, content });
  }

  #endText(parts: EventPart[]): void {
    if (this.#kind === "none") return;
    this.#cite(parts);
    parts.push({ type: "block-end", choice: this.index, block: this.#block });
    this.#kind = "none";
    const signed = this.#signed;
    this.#signed = undefined;
    if (signed !== undefined) this.#seal("text", signed, undefined, parts);
  }

  #endBlocks(parts: EventPart[]): void {
    this.#endText(parts);
    this.#endCall(parts);
  }

  /** Citations belong to the text that is open. Where none is they wait for one: an empty text is refused by whoever reads it next. */
  #cite(parts: EventPart[]): void {
    if (this.#owed.length === 0) return;
    const answer = this.#partial?.structured === true ? this.#partial.block : undefined;
    const block = this.#kind === "text" ? this.#block : answer;
    if (block === undefined) return;
    for (const value of this.#owed) {
      parts.push({ type: "citation", choice: this.index, block, dialect: DIALECT, value });
    }
    this.#owed = [];
  }

  /** Citations of an answer in which no text followed. A caller of this dialect has them already, as they came. */
  #tellUncited(parts: EventPart[]): void {
    if (this.#owed.length === 0 || this.#context.own) return;
    const citationMetadata = { citationSources: this.#owed.map(({ url, ...rest }) => ({ uri: url!, ...rest })) };
    const value = { candidates: [{ index: this.index, citationMetadata }] };
    parts.push({ type: "unknown", dialect: DIALECT, value });
    this.#owed = [];
  }

  /** Fields that only this dialect knows, and the reason as it came, for a caller who reads it. */
  #rest(value: JsonObject, parts: EventPart[]): void {
    let rest: JsonObject | undefined;
    for (const name in value) {
      if (READ.has(name)) continue;
      rest ??= {};
      rest[name] = value[name]!;
    }
    const reason: Json | undefined = finishWord(value.finishReason);
    if (reason !== undefined) rest = { ...rest, finishReason: reason };
    if (rest === undefined) return;
    parts.push({ type: "unknown", dialect: DIALECT, value: { candidates: [{ index: this.index, ...rest }] } });
  }
}

/** Sketches that belong to a thought are not told to others. */
function pictureOf({ inlineData, fileData, thought }: JsonObject): Picture | undefined {
  if (thought === true) return undefined;
  const { mimeType, data, fileUri } = isObject(inlineData) ? inlineData : isObject(fileData) ? fileData : {};
  if (typeof mimeType !== "string" || !mimeType.startsWith("image/")) return undefined;
  if (typeof data === "string" && data !== "") return { mediaType: mimeType, data };
  return typeof fileUri === "string" ? { mediaType: mimeType, url: fileUri } : undefined;
}

/** Whether a part holds text at most, and not (of a thought) a picture. */
function isWords(part: JsonObject): boolean {
  return Object.keys(part).every((name) => name === "text" || name === "thought" || name === "thoughtSignature");
}
