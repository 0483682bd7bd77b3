import { isObject, type Json, type JsonObject, parseBounded } from "../../kernel/json.ts";
import { type AnswerDecoder, type Frame, MalformedAnswer } from "../../spec/adapter.ts";
import type { EventPart } from "../../spec/event.ts";
import { Alike } from "../alike.ts";
import {
  type CallersNames,
  type Calls,
  DIALECT,
  finishOf,
  inputText,
  type Opening,
  readOpening,
  restOfBlock,
  restOfDelta,
  restOfMessage,
  startOf,
  unknown,
} from "./content.ts";
import { errorInside } from "./errors.ts";
import { partsOfMessage } from "./unary.ts";
import { UsageReader } from "./usage.ts";

interface OpenBlock {
  /** Our number: unlike the provider's `index` it is never used twice. */
  number: number;
  kind: "text" | "reasoning" | "redacted-reasoning" | "tool-call" | "opaque" | "structured" | "refusal";
  /** What a tool's block began with, and whether fragments of its arguments have come. */
  input: Json | undefined;
  wroteArguments: boolean;
}

const NO_PARTS: EventPart[] = [];

/**
 * Reads Anthropic's answers (https://docs.claude.com/en/build-with-claude/streaming).
 * It leans towards reading: an event, block or delta that it does not know is handed on as
 * it came, and blocks that were never closed are. Only what is no JSON object is malformed.
 */
export class MessagesDecoder implements AnswerDecoder {
  readonly #structured: string | undefined;
  readonly #names: CallersNames;
  readonly #usage = new UsageReader();
  readonly #open = new Map<number, OpenBlock>();
  readonly #alike = new Alike();
  readonly #calls: Calls = { client: false, structured: false };
  #blocks = 0;
  #messageId = "";
  #started = false;
  #finished = false;
  #done = false;

  /**
   * @param structured name of the tool whose arguments are the answer, where the request has one.
   * @param names the caller's own names of tools, by those that Anthropic was given in their place.
   */
  constructor(structured: string | undefined, names?: CallersNames) {
    this.#structured = structured;
    this.#names = names;
  }

  unary(body: string): EventPart[] {
    this.#done = true;
    return partsOfMessage(body, this.#structured, this.#names);
  }

  frame(frame: Frame): EventPart[] {
    // Copies of this API end with OpenAI's mark, or send events without data.
    if (frame.data === "" || frame.data === "[DONE]" || this.#done) return NO_PARTS;
    return this.#alike.again(frame) ?? this.#alike.learn(frame, this.#read(frame));
  }

  #read(frame: Frame): EventPart[] {
    const event = parseBounded(frame.data);
    if (!isObject(event)) throw new MalformedAnswer(`a frame of ${frame.data.length} characters is not a JSON object`);
    switch (event.type ?? frame.event) {
      case "content_block_delta":
        return this.#delta(event);
      case "content_block_start":
        return this.#blockStart(event);
      case "content_block_stop":
        return this.#blockStop(event.index);
      case "message_start":
        return this.#messageStart(event);
      case "message_delta":
        return this.#messageDelta(event);
      case "message_stop":
        return this.#messageStop();
      case "ping":
        return [{ type: "ping" }];
      case "error":
        this.#done = true;
        return [...this.#closeBlocks(), { type: "error", error: errorInside(event) }];
      default:
        return [unknown(event)];
    }
  }

  close(): EventPart[] {
    if (this.#done) return NO_PARTS;
    if (this.#finished) return this.#messageStop();
    this.#done = true;
    const error = { status: 502, message: "The provider's answer ended before it was whole.", code: "upstream_cut" };
    return [...this.#closeBlocks(), { type: "error", error }];
  }

  #messageStart(event: JsonObject): EventPart[] {
    const message = event.message;
    if (this.#started || !isObject(message)) return [unknown(event)];
    this.#started = true;
    if (typeof message.id === "string") this.#messageId = message.id;
    const parts: EventPart[] = [startOf(message)];
    const usage = this.#usage.read(message.usage);
    if (usage !== undefined) parts.push({ type: "usage", usage });
    const rest = restOfMessage(message);
    if (rest !== undefined) parts.push(rest);
    return parts;
  }

  #blockStart(event: JsonObject): EventPart[] {
    const { index, content_block: content } = event;
    if (typeof index !== "number" || !isObject(content)) return [unknown(event)];
    const parts = this.#blockStop(index);
    const madeUpId = `toolu_${this.#messageId}_${index}`;
    return this.#begin(parts, index, readOpening(content, madeUpId, this.#structured, this.#names));
  }

  #begin(before: EventPart[], index: number, opening: Opening): EventPart[] {
    const { content, text, signature, rest } = opening;
    const block = this.#blocks++;
    this.#open.set(index, {
      number: block,
      kind: opening.structured ? "structured" : content.kind,
      input: opening.input,
      wroteArguments: false,
    });
    if (opening.structured) this.#calls.structured = true;
    else if (content.kind === "tool-call") this.#calls.client = true;
    const parts = before.length === 0 ? [] : [...before];
    if (rest !== undefined) parts.push(restOfBlock(rest));
    parts.push({ type: "block-start", choice: 0, block, content });
    if (text !== "") parts.push({ type: "text-delta", choice: 0, block, text });
    if (signature !== "") parts.push({ type: "signature-delta", choice: 0, block, signature });
    return parts;
  }

  #delta(event: JsonObject): EventPart[] {
    const { index, delta } = event;
    if (typeof index !== "number" || !isObject(delta)) return [unknown(event)];
    const open = this.#open.get(index);
    if (open === undefined) return this.#deltaWithoutStart(event, index, delta);
    const block = open.number;
    switch (open.kind) {
      case "text":
        if (delta.type === "text_delta") return textDelta(block, delta.text);
        if (delta.type === "citations_delta" && isObject(delta.citation)) {
          return [{ type: "citation", choice: 0, block, dialect: DIALECT, value: delta.citation }];
        }
        break;
      case "tool-call":
      case "structured":
        if (delta.type === "input_json_delta") return this.#input(open, delta.partial_json);
        break;
      case "reasoning":
        if (delta.type === "thinking_delta") return textDelta(block, delta.thinking);
        if (delta.type === "signature_delta" && typeof delta.signature === "string") {
          return [{ type: "signature-delta", choice: 0, block, signature: delta.signature }];
        }
        break;
      case "opaque":
        return [{ type: "opaque-delta", choice: 0, block, value: delta }];
    }
    return [unknown(event)];
  }

  /** Anthropic sends an empty fragment first; it says nothing. */
  #input(open: OpenBlock, fragment: Json | undefined): EventPart[] {
    if (typeof fragment !== "string" || fragment === "") return NO_PARTS;
    open.wroteArguments = true;
    if (open.kind === "structured") return textDelta(open.number, fragment);
    return [{ type: "arguments-delta", choice: 0, block: open.number, text: fragment }];
  }

  /** Some copies of this API leave out `content_block_start` for texts. */
  #deltaWithoutStart(event: JsonObject, index: number, delta: JsonObject): EventPart[] {
    const type = delta.type === "text_delta" ? "text" : delta.type === "thinking_delta" ? "thinking" : undefined;
    if (type === undefined) return [unknown(event)];
    const parts = this.#begin([], index, readOpening({ type }, "", undefined, undefined));
    return [...parts, ...this.#delta(event)];
  }

  #blockStop(index: Json | undefined): EventPart[] {
    const open = typeof index === "number" ? this.#open.get(index) : undefined;
    if (open === undefined) return NO_PARTS;
    this.#open.delete(index as number);
    const parts: EventPart[] = [];
    // A tool without arguments ends without a fragment; some copies of this API put all of them into the start.
    if (!open.wroteArguments && (open.kind === "tool-call" || open.kind === "structured")) {
      parts.push(...this.#input(open, inputText(open.input)));
    }
    parts.push({ type: "block-end", choice: 0, block: open.number });
    return parts;
  }

  #closeBlocks(): EventPart[] {
    const parts: EventPart[] = [];
    for (const open of this.#open.values()) parts.push({ type: "block-end", choice: 0, block: open.number });
    this.#open.clear();
    return parts;
  }

  #messageDelta(event: JsonObject): EventPart[] {
    const parts: EventPart[] = [];
    const usage = this.#usage.read(event.usage);
    if (usage !== undefined) parts.push({ type: "usage", usage });
    const delta = isObject(event.delta) ? event.delta : {};
    const raw = typeof delta.stop_reason === "string" ? delta.stop_reason : null;
    const rest = restOfDelta(event, raw);
    if (rest !== undefined) parts.push(rest);
    if (raw === null || this.#finished) return parts;
    for (const index of [...this.#open.keys()]) parts.push(...this.#blockStop(index));
    this.#finished = true;
    parts.push(finishOf(raw, delta.stop_sequence, this.#calls));
    return parts;
  }

  #messageStop(): EventPart[] {
    this.#done = true;
    const parts: EventPart[] = [];
    for (const index of [...this.#open.keys()]) parts.push(...this.#blockStop(index));
    if (!this.#finished) parts.push(finishOf(null, null, this.#calls));
    parts.push({ type: "end" });
    return parts;
  }
}

function textDelta(block: number, text: Json | undefined): EventPart[] {
  return typeof text === "string" && text !== "" ? [{ type: "text-delta", choice: 0, block, text }] : NO_PARTS;
}
