import { isObject, type Json, type JsonObject } from "../../kernel/json.ts";
import type { EventPart, TokenLogprob } from "../../spec/event.ts";
import type { GeminiRequestForm } from "../../spec/gemini-form.ts";
import type { ModelRequest } from "../../spec/request.ts";
import type { Usage } from "../../spec/usage.ts";
import type { AnswerEncoder, EncoderContext, PublicError } from "../../spec/wire.ts";
import {
  callSignatureOf,
  type Finish,
  finishWord,
  groundingOf,
  logprobsBody,
  merge,
  type Piece,
  partOf,
  usageBody,
  wholeThought,
} from "./answer.ts";
import { errorBody, providerErrorBody } from "./errors.ts";
import { signatureForCall, type WholeThought } from "./signatures.ts";

interface Candidate {
  index: number;
  pieces: Map<number, Piece>;
  /** Parts that have not been written yet. */
  parts: JsonObject[];
  /** Fields of the candidate that only this dialect knows, not written yet. */
  extra: JsonObject;
  citations: JsonObject[];
  logprobs: TokenLogprob[];
  /** What the provider signed the next call with. */
  signature: string | undefined;
  /** Signed thoughts of another provider's that the next call must bring back, and the text of the one that is open. */
  thoughts: WholeThought[];
  thinking: string;
  finish: Finish | undefined;
  /** Whether the caller has read something of it, and why it ended. */
  begun: boolean;
  told: boolean;
}

type OfBlock = Extract<EventPart, { block: number }>;

/**
 * Writes an answer as responses of Google's stream, or as one response. Each response of a stream
 * holds the parts that are new; a call is one part, written when it is whole, because Google's
 * clients run it at once. The last response tells why each candidate ended, and the usage. There
 * is no mark of the end: a stream that broke ends with an error instead of a finish reason.
 *
 * Google's older clients fail on comments, so there are none (`streamType` says so).
 */
export class GeminiEncoder implements AnswerEncoder {
  readonly streamType: string;
  /** A JSON array cannot hold frames of server-sent events. */
  readonly relays: boolean;
  readonly #request: ModelRequest;
  readonly #context: EncoderContext;
  readonly #array: boolean;
  readonly #candidates = new Map<number, Candidate>();
  #start: Extract<EventPart, { type: "start" }> = { type: "start" };
  #usage: Partial<Usage> = {};
  #usageRest: JsonObject | undefined;
  #usageTold = true;
  /** Fields of a response that only this dialect knows, not written yet. */
  #extra: JsonObject = {};
  /** Whether the prompt was refused, which leaves no candidate. */
  #blocked = false;
  #written = 0;
  /** Whether the caller reads the provider's own bytes, counts included. */
  #relayed = false;
  #over = false;

  constructor(request: ModelRequest, context: EncoderContext) {
    this.#request = request;
    this.#context = context;
    this.#array = (request.form as GeminiRequestForm | undefined)?.stream === "array";
    this.relays = !this.#array;
    this.streamType = this.#array ? "application/json" : "text/event-stream";
  }

  frames(parts: readonly EventPart[]): string {
    const [only] = parts;
    if (parts.length === 1 && only!.type === "text-delta") return this.#textAlone(only as TextDelta);
    let ended = false;
    for (const part of parts) {
      if (part.type === "end") ended = true;
      else this.#see(part);
    }
    const text = this.#flush();
    return ended ? text + this.#end() : text;
  }

  relayed(parts: readonly EventPart[]): void {
    this.#relayed = true;
    for (const part of parts) {
      this.#see(part);
      if (part.type === "unknown") this.#relayedRest(part);
    }
    for (const candidate of this.#candidates.values()) {
      candidate.begun ||= candidate.parts.length > 0;
      candidate.parts = [];
      candidate.extra = {};
      candidate.logprobs = [];
    }
    this.#extra = {};
    this.#usageTold = true;
  }

  unary(parts: readonly EventPart[]): string {
    for (const part of parts) {
      if (part.type === "error") return JSON.stringify(providerErrorBody(part.error));
      this.#see(part);
    }
    const candidates: Json[] = [];
    for (const candidate of this.#inOrder()) {
      if (this.#blocked && candidate.parts.length === 0) continue;
      candidates.push(this.#body(candidate, joined(candidate.parts), true));
    }
    const body: JsonObject = candidates.length > 0 || !this.#blocked ? { candidates } : {};
    return JSON.stringify({ ...body, ...this.#extra, ...this.#envelope(true) });
  }

  errorFrame(error: PublicError): string {
    this.#over = true;
    const text = this.#frame(JSON.stringify(errorBody(error)));
    return this.#array ? `${text}\r\n]` : text;
  }

  /** Most of a stream: more of one text, and nothing else. */
  #textAlone(part: TextDelta): string {
    const candidate = this.#candidate(part.choice);
    const kind = candidate.pieces.get(part.block)?.content.kind;
    if (kind !== "text" || candidate.index > 0 || hasAny(candidate.extra) || hasAny(this.#extra)) {
      this.#see(part);
      return this.#flush();
    }
    candidate.begun = true;
    const rest = JSON.stringify(this.#envelope(false)).slice(1);
    return this.#frame(
      `{"candidates":[{"content":{"parts":[{"text":${JSON.stringify(part.text)}}],"role":"model"},"index":${candidate.index}}],${rest}`,
    );
  }

  #see(part: EventPart): void {
    switch (part.type) {
      case "start":
        this.#start = { ...this.#start, ...part };
        return;
      case "usage":
        Object.assign(this.#usage, part.usage);
        this.#usageTold = false;
        return;
      case "finish":
        this.#candidate(part.choice).finish = part;
        return;
      case "logprobs":
        if (part.content !== null) this.#candidate(part.choice).logprobs.push(...part.content);
        return;
      case "unknown":
        if (part.dialect === "gemini" && isObject(part.value)) this.#rest(part.value);
        return;
      case "ping":
      case "result":
      case "error":
      case "end":
        return;
      default:
        this.#block(this.#candidate(part.choice), part);
    }
  }

  #block(candidate: Candidate, part: OfBlock): void {
    if (part.type === "block-start") {
      candidate.pieces.set(part.block, { content: part.content, text: "", signature: "", citations: [] });
      return;
    }
    const piece = candidate.pieces.get(part.block);
    if (piece === undefined) return;
    const { kind } = piece.content;
    switch (part.type) {
      case "text-delta":
        if (kind === "reasoning") candidate.thinking += part.text;
        candidate.parts.push(kind === "reasoning" ? { text: part.text, thought: true } : { text: part.text });
        return;
      case "arguments-delta":
        piece.text += part.text;
        return;
      case "signature-delta":
        piece.signature += part.signature;
        return;
      case "citation":
        // Google's own stand in the metadata beside the content, which is a rest.
        if (part.dialect !== "gemini") candidate.citations.push(part.value);
        return;
      case "block-end":
        candidate.pieces.delete(part.block);
        this.#blockEnd(candidate, piece);
        return;
    }
  }

  #blockEnd(candidate: Candidate, piece: Piece): void {
    const { content, signature } = piece;
    const callSignature = callSignatureOf(content);
    if (callSignature !== undefined) {
      candidate.signature = callSignature;
      return;
    }
    const thought = wholeThought(piece, candidate.thinking);
    if (thought !== undefined) candidate.thoughts.push(thought);
    if (content.kind === "reasoning") candidate.thinking = "";
    // What they said has been written as it came.
    if (content.kind === "text" || content.kind === "refusal") return;
    if (content.kind === "reasoning" && signature === "") return;
    const isCall = content.kind === "tool-call";
    const thoughts = isCall && candidate.thoughts.length > 0 ? signatureForCall(candidate.thoughts) : undefined;
    const part = partOf(piece, isCall ? (candidate.signature ?? thoughts) : undefined);
    if (isCall) {
      candidate.signature = undefined;
      candidate.thoughts = [];
    }
    if (part !== undefined) candidate.parts.push(part);
  }

  #rest(value: JsonObject): void {
    const { candidates, usageMetadata, ...rest } = value;
    merge(this.#extra, rest);
    if (isObject(rest.promptFeedback) && typeof rest.promptFeedback.blockReason === "string") this.#blocked = true;
    if (isObject(usageMetadata)) {
      this.#usageRest = { ...this.#usageRest, ...usageMetadata };
      this.#usageTold = false;
    }
    if (!Array.isArray(candidates)) return;
    for (const each of candidates) {
      if (!isObject(each)) continue;
      const { index, ...fields } = each;
      merge(this.#candidate(typeof index === "number" ? index : 0).extra, fields);
    }
  }

  /** What of a rest the caller has read in the provider's own bytes. */
  #relayedRest({ value }: Extract<EventPart, { type: "unknown" }>): void {
    if (!isObject(value) || !Array.isArray(value.candidates)) return;
    for (const each of value.candidates) {
      if (!isObject(each) || each.finishReason === undefined) continue;
      this.#candidate(typeof each.index === "number" ? each.index : 0).told = true;
    }
  }

  /** One response with what is new; "" where nothing is. */
  #flush(): string {
    const candidates: Json[] = [];
    let said = 0;
    for (const candidate of this.#inOrder()) {
      const { finishReason: _held, ...extra } = candidate.extra;
      const silent = candidate.parts.length === 0 && !hasAny(extra) && candidate.logprobs.length === 0;
      // Google's clients read the first of the list, whatever its index says, so each keeps its place,
      // also behind one that has not begun.
      while (candidates.length < candidate.index) candidates.push({ index: candidates.length });
      candidates.push(silent ? { index: candidate.index } : this.#body(candidate, joined(candidate.parts), false));
      if (!silent) said = candidates.length;
    }
    candidates.length = said;
    if (candidates.length === 0 && !hasAny(this.#extra)) return "";
    const body = { ...(candidates.length > 0 ? { candidates } : {}), ...this.#extra, ...this.#envelope(false) };
    this.#extra = {};
    return this.#frame(JSON.stringify(body));
  }

  #end(): string {
    if (this.#over) return "";
    this.#over = true;
    const candidates: Json[] = [];
    for (const candidate of this.#inOrder()) {
      if (candidate.told || (this.#blocked && !candidate.begun)) continue;
      const parts = candidate.begun ? [{ text: "" }] : [];
      candidates.push(this.#body(candidate, parts, true));
    }
    let text = "";
    if (candidates.length > 0 || !(this.#usageTold || this.#relayed)) {
      const body: JsonObject = candidates.length > 0 ? { candidates } : {};
      text = this.#frame(JSON.stringify({ ...body, ...this.#envelope(true) }));
    }
    if (!this.#array) return text;
    return this.#written === 0 ? "[]" : `${text}\r\n]`;
  }

  /** A candidate with these parts; its fields are written once. */
  #body(candidate: Candidate, parts: JsonObject[], last: boolean): JsonObject {
    const { finishReason, ...extra } = candidate.extra;
    candidate.extra = finishReason === undefined || last ? {} : { finishReason };
    candidate.parts = [];
    candidate.begun ||= parts.length > 0;
    const body: JsonObject = {};
    if (parts.length > 0) body.content = { parts, role: "model" };
    if (last) {
      // The provider's own word, where it is one that only this dialect has.
      if (typeof finishReason === "string") body.finishReason = finishReason;
      else if (candidate.finish !== undefined) body.finishReason = finishWord(candidate.finish);
      const grounding = groundingOf(candidate.citations);
      if (grounding !== undefined) body.groundingMetadata = grounding;
    }
    body.index = candidate.index;
    Object.assign(body, extra);
    if (candidate.logprobs.length > 0) body.logprobsResult = logprobsBody(candidate.logprobs);
    candidate.logprobs = [];
    return body;
  }

  #envelope(last: boolean): JsonObject {
    const { id, model } = this.#start;
    const body: JsonObject = {};
    if (last && (hasAny(this.#usage) || this.#usageRest !== undefined)) {
      body.usageMetadata = usageBody(this.#usage, this.#usageRest);
    }
    body.modelVersion = model ?? this.#request.model;
    body.responseId = id ?? this.#context.requestId.replace(/^[a-z]+_/, "");
    return body;
  }

  #frame(json: string): string {
    const first = this.#written++ === 0;
    if (this.#array) return `${first ? "[" : ",\r\n"}${json}`;
    return `data: ${json}\r\n\r\n`;
  }

  #inOrder(): Candidate[] {
    const all = [...this.#candidates.values()];
    return all.length < 2 ? all : all.sort((a, b) => a.index - b.index);
  }

  #candidate(index: number): Candidate {
    let candidate = this.#candidates.get(index);
    if (candidate === undefined) {
      candidate = {
        index,
        pieces: new Map(),
        parts: [],
        extra: {},
        citations: [],
        logprobs: [],
        signature: undefined,
        thoughts: [],
        thinking: "",
        finish: undefined,
        begun: false,
        told: false,
      };
      this.#candidates.set(index, candidate);
    }
    return candidate;
  }
}

type TextDelta = Extract<EventPart, { type: "text-delta" }>;

/** Texts that follow one another are one part, and a signature without text belongs to the text before it. */
function joined(parts: readonly JsonObject[]): JsonObject[] {
  const out: JsonObject[] = [];
  for (const part of parts) {
    const last = out.at(-1);
    const same = last !== undefined && typeof part.text === "string" && typeof last.text === "string";
    if (same && part.thought === last.thought && last.thoughtSignature === undefined) {
      out[out.length - 1] = { ...last, ...part, text: `${last.text}${part.text}` };
    } else out.push(part);
  }
  return out;
}

function hasAny(object: object): boolean {
  for (const _ in object) return true;
  return false;
}
