import type { JsonObject } from "../../kernel/json.ts";
import type { Block, EventPart } from "../../spec/event.ts";
import { argumentsAsObject } from "../../spec/tool-arguments.ts";
import type { AnswerEncoder, PublicError } from "../../spec/wire.ts";
import type { AnswerState } from "./answer.ts";
import { citationFor } from "./citations.ts";
import { errorFrame, frame, providerErrorBody } from "./errors.ts";
import { messageOf } from "./message.ts";
import { idForCaller } from "./tool-ids.ts";

interface StreamBlock {
  kind: Block["kind"];
  /** Its place in the message. */
  index: number;
  start: JsonObject;
  /** Parts that came while another block was open. */
  waiting: EventPart[];
  ended: boolean;
  /** Whether a tool's arguments have shown themselves to be an object, so that they can be streamed. */
  isObject: boolean;
  /** A tool's arguments as long as they have not, and whether all of it is white space. */
  held: string;
  blank: boolean;
}

/**
 * Anthropic's stream (https://docs.claude.com/en/build-with-claude/streaming):
 * message_start, then blocks with contiguous indexes of which never two are open at once,
 * then one message_delta and message_stop. Providers that interleave parallel tool calls
 * are straightened: the open block streams on, later ones wait until it has ended.
 *
 * Only choice 0 exists in this dialect. Usage that is known at the end only stands as
 * zeros in message_start and in full in message_delta, as Anthropic's clients replace the
 * one by the other.
 */
export class MessagesEncoder implements AnswerEncoder {
  readonly #state: AnswerState;
  #out = "";
  #begun = false;
  #started = false;
  #saidWhy = false;
  #done = false;
  #nextIndex = 0;
  #open: StreamBlock | undefined;
  #openNumber = -1;
  readonly #blocks = new Map<number, StreamBlock>();
  /** Blocks that began while another was open, in order. */
  readonly #queue: number[] = [];

  constructor(state: AnswerState) {
    this.#state = state;
  }

  frames(parts: readonly EventPart[]): string {
    this.#out = "";
    for (let i = 0; i < parts.length; i++) this.#write(parts[i]!);
    // Held back until here because usage often comes with the start, as a part of its own.
    if (this.#begun) this.#start();
    return this.#out;
  }

  relayed(parts: readonly EventPart[]): void {
    this.frames(parts);
    for (const part of parts) this.#saidWhy ||= part.type === "finish";
  }

  errorFrame(error: PublicError): string {
    return errorFrame(error);
  }

  unary(parts: readonly EventPart[]): string {
    return JSON.stringify(messageOf(parts, this.#state));
  }

  #write(part: EventPart): void {
    if (this.#done) return;
    switch (part.type) {
      case "start":
        this.#begun = true;
        this.#state.begin(part);
        return;
      case "usage":
        Object.assign(this.#state.usage, part.usage);
        return;
      case "unknown": {
        const event = this.#state.unknown(part);
        if (event !== undefined) this.#event(event);
        return;
      }
      case "ping":
        if (this.#started) this.#out += 'event: ping\ndata: {"type":"ping"}\n\n';
        return;
      case "finish":
        if (part.choice === 0) this.#state.finish = part;
        return;
      case "error":
        this.#done = true;
        this.#out += frame(providerErrorBody(part.error));
        return;
      case "end":
        this.#end();
        return;
      case "logprobs":
      case "result":
        return;
      default:
        if (part.choice === 0) this.#block(part);
    }
  }

  #event(body: JsonObject): void {
    this.#start();
    this.#out += frame(body);
  }

  #start(): void {
    if (this.#started || this.#done) return;
    this.#started = true;
    this.#out += frame({ type: "message_start", message: this.#state.message() });
  }

  #end(): void {
    this.#start();
    this.#done = true;
    // A decoder ends its blocks before it ends the answer; a stream that misses one would hang its readers.
    while (this.#open !== undefined) this.#close();
    if (!this.#saidWhy) this.#out += frame(this.#state.delta());
    this.#out += 'event: message_stop\ndata: {"type":"message_stop"}\n\n';
  }

  #block(part: Extract<EventPart, { block: number }>): void {
    if (part.type === "block-start") {
      this.#begin(part.block, part.content);
      return;
    }
    const block = part.block === this.#openNumber ? this.#open : this.#blocks.get(part.block);
    if (block === undefined || block.ended) return;
    if (block === this.#open) {
      if (part.type === "block-end") this.#close();
      else this.#delta(block, part);
    } else if (part.type === "block-end") {
      block.ended = true;
    } else {
      block.waiting.push(part);
    }
  }

  #begin(number: number, content: Block): void {
    const rest = this.#state.takeBlockRest();
    const value = startOf(content);
    if (value === undefined) return;
    this.#state.calledTool ||= content.kind === "tool-call";
    this.#state.refused ||= content.kind === "refusal";
    const start = rest === undefined ? value : { ...value, ...rest };
    const block: StreamBlock = {
      kind: content.kind,
      index: -1,
      start,
      waiting: [],
      ended: false,
      isObject: false,
      held: "",
      blank: true,
    };
    this.#blocks.set(number, block);
    if (this.#open === undefined) this.#enter(number, block);
    else this.#queue.push(number);
  }

  /** Makes it the open block and says what has been waiting for this. */
  #enter(number: number, block: StreamBlock): void {
    this.#start();
    block.index = this.#nextIndex++;
    this.#open = block;
    this.#openNumber = number;
    this.#out += frame({ type: "content_block_start", index: block.index, content_block: block.start });
    const waiting: readonly EventPart[] = block.waiting;
    block.waiting = [];
    for (const part of waiting) this.#delta(block, part);
    if (block.ended) this.#close();
  }

  /** Ends the open block and goes on to the next that waits. */
  #close(): void {
    const block = this.#open!;
    // Agents break on a tool that starts with `input: {}` and never gets a delta, and on arguments that are no object.
    if (block.kind === "tool-call" && !block.isObject) {
      this.#say(block, "input_json_delta", "partial_json", JSON.stringify(argumentsAsObject(block.held)));
    }
    this.#out += `event: content_block_stop\ndata: {"type":"content_block_stop","index":${block.index}}\n\n`;
    block.ended = true;
    this.#open = undefined;
    this.#openNumber = -1;
    const next = this.#queue.shift();
    if (next !== undefined) this.#enter(next, this.#blocks.get(next)!);
  }

  #delta(block: StreamBlock, part: EventPart): void {
    switch (part.type) {
      case "text-delta":
        if (block.kind === "reasoning") this.#say(block, "thinking_delta", "thinking", part.text);
        else this.#say(block, "text_delta", "text", part.text);
        return;
      case "arguments-delta":
        this.#arguments(block, part.text);
        return;
      case "signature-delta":
        this.#say(block, "signature_delta", "signature", part.signature);
        return;
      case "citation": {
        const citation = citationFor(part);
        if (citation !== undefined) this.#deltaEvent(block, { type: "citations_delta", citation });
        return;
      }
      case "opaque-delta":
        this.#deltaEvent(block, part.value);
    }
  }

  #arguments(block: StreamBlock, text: string): void {
    if (block.isObject) {
      this.#say(block, "input_json_delta", "partial_json", text);
      return;
    }
    block.held += text;
    const first = block.blank ? text.trimStart()[0] : undefined;
    if (first === undefined) return;
    block.blank = false;
    if (first !== "{") return;
    block.isObject = true;
    this.#say(block, "input_json_delta", "partial_json", block.held);
  }

  /** The one line that most of a stream consists of, written without building an object. */
  #say(block: StreamBlock, type: string, field: string, text: string): void {
    this.#out += `event: content_block_delta\ndata: {"type":"content_block_delta","index":${block.index},"delta":{"type":"${type}","${field}":${JSON.stringify(text)}}}\n\n`;
  }

  #deltaEvent(block: StreamBlock, delta: JsonObject): void {
    this.#out += frame({ type: "content_block_delta", index: block.index, delta });
  }
}

/** undefined: what this dialect has no block for. */
function startOf(content: Block): JsonObject | undefined {
  switch (content.kind) {
    case "text":
    case "refusal":
      return { type: "text", text: "" };
    case "reasoning":
      return { type: "thinking", thinking: "", signature: "" };
    case "redacted-reasoning":
      return { type: "redacted_thinking", data: content.data };
    case "tool-call":
      return { type: "tool_use", id: idForCaller(content.id), name: content.name, input: {} };
    case "opaque":
      return content.dialect === "anthropic-messages" ? content.value : undefined;
  }
}
