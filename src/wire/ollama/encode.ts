import type { JsonObject } from "../../kernel/json.ts";
import type { Block, EventPart, TokenLogprob } from "../../spec/event.ts";
import type { OllamaRequestForm } from "../../spec/ollama-form.ts";
import type { ModelRequest } from "../../spec/request.ts";
import type { AnswerEncoder, EncoderContext, PublicError } from "../../spec/wire.ts";
import { logprobsBody, reasoningDetail } from "../openai-chat/answer.ts";
import { AnswerTail, callBody } from "./answer.ts";
import { errorFrame } from "./errors.ts";

/** What a date can be, in seconds since 1970 (ECMA-262, "Time Values and Time Range"). */
const MAX_SECONDS = 8_640_000_000_000;

interface BlockState {
  content: Block;
  /** A call's arguments, and a thought, which its signature covers as a whole. */
  text: string;
  signature: string;
}

/**
 * Writes an answer as lines of JSON, or as one object. A call goes out whole, when its block
 * ends, because its arguments are an object here. The line with `done` follows the part `end`
 * and nothing else, so a stream that was cut or failed never looks whole. Other answers than
 * the first are not told: the dialect has one.
 */
export class OllamaEncoder implements AnswerEncoder {
  readonly streamType = "application/x-ndjson";
  readonly #request: ModelRequest;
  readonly #context: EncoderContext;
  readonly #generate: boolean;
  readonly #blocks = new Map<number, BlockState>();
  readonly #tail = new AnswerTail();
  /** Everything of a line before its content; empty until the first line. */
  #head = "";
  #start: Extract<EventPart, { type: "start" }> = { type: "start" };
  #calls = 0;
  #thoughts = 0;
  #over = false;

  constructor(request: ModelRequest, context: EncoderContext) {
    this.#request = request;
    this.#context = context;
    this.#generate = (request.form as OllamaRequestForm | undefined)?.generate === true;
  }

  errorFrame(error: PublicError): string {
    return errorFrame(error);
  }

  frames(parts: readonly EventPart[]): string {
    let lines = "";
    for (let i = 0; i < parts.length; i++) {
      const part = parts[i]!;
      const next = parts[i + 1];
      // Log probabilities stand on the line of their text.
      if (part.type === "text-delta" && next?.type === "logprobs" && next.choice === part.choice) {
        lines += this.#text(part, next);
        i++;
      } else lines += this.#frame(part);
    }
    return lines;
  }

  relayed(parts: readonly EventPart[]): void {
    for (const part of parts) this.#frame(part);
  }

  unary(parts: readonly EventPart[]): string {
    const message: JsonObject = { content: "" };
    const logprobs: TokenLogprob[] = [];
    for (const part of parts) {
      if (part.type === "start") this.#start = part;
      else if (part.type === "logprobs" && part.choice === 0) logprobs.push(...(part.content ?? []));
      else this.#tail.see(part);
      if ("block" in part && part.choice === 0) this.#collect(part, message);
    }
    const { content, ...others } = message;
    const said = this.#generate
      ? { response: content!, ...others }
      : { message: { role: "assistant", content: content!, ...others } };
    const told = logprobs.length > 0 ? { logprobs: logprobsBody(logprobs) } : {};
    return JSON.stringify({ ...this.#envelope(), ...said, ...told, ...this.#tail.body() });
  }

  #frame(part: EventPart): string {
    if (part.type !== "start" && "choice" in part && part.choice !== 0) return "";
    switch (part.type) {
      case "start":
        if (this.#head === "") this.#start = part;
        return "";
      case "block-start":
        this.#blocks.set(part.block, { content: part.content, text: "", signature: "" });
        return part.content.kind === "opaque" ? this.#opaque(part.content, part.content.value) : "";
      case "text-delta":
        return this.#text(part, undefined);
      case "arguments-delta":
      case "signature-delta": {
        const block = this.#blocks.get(part.block);
        if (block !== undefined && part.type === "arguments-delta") block.text += part.text;
        else if (block !== undefined && part.type === "signature-delta") block.signature += part.signature;
        return "";
      }
      case "opaque-delta": {
        const content = this.#blocks.get(part.block)?.content;
        return content === undefined ? "" : this.#opaque(content, part.value);
      }
      case "block-end":
        return this.#end(part.block);
      case "logprobs":
        return this.#line("", part.content);
      case "error":
        this.#over = true;
        return "";
      case "end":
        return this.#last();
      default:
        this.#tail.see(part);
        return "";
    }
  }

  #text(
    part: Extract<EventPart, { type: "text-delta" }>,
    logprobs: Extract<EventPart, { type: "logprobs" }> | undefined,
  ): string {
    const block = this.#blocks.get(part.block);
    if (part.choice !== 0) return "";
    const thinks = block?.content.kind === "reasoning";
    if (thinks) block.text += part.text;
    return this.#line(`"${thinks ? "thinking" : "content"}":${JSON.stringify(part.text)}`, logprobs?.content ?? null);
  }

  #end(number: number): string {
    const block = this.#blocks.get(number);
    if (block === undefined) return "";
    this.#blocks.delete(number);
    const said = this.#endOf(block);
    return said === undefined ? "" : this.#line(JSON.stringify(said).slice(1, -1), null);
  }

  /** What can be told of a block only as a whole. */
  #endOf({ content, text, signature }: BlockState): JsonObject | undefined {
    if (content.kind === "tool-call") return { tool_calls: [callBody(content, text, this.#calls++)] };
    if (content.kind !== "reasoning" && content.kind !== "redacted-reasoning") return undefined;
    const detail = reasoningDetail(content, text, signature, this.#thoughts++);
    return detail === undefined ? undefined : { reasoning_details: [detail] };
  }

  /** What only another dialect knows (a server-side tool, say) is not this client's to act on. */
  #opaque(content: Block, value: JsonObject): string {
    const told = ownOf(content, value);
    return told === undefined ? "" : this.#line(JSON.stringify(told).slice(1, -1), null);
  }

  #last(): string {
    if (this.#over) return "";
    this.#over = true;
    const tail = JSON.stringify(this.#tail.body()).slice(1, -1);
    return `${this.#opened()}${this.#said('"content":""')},${tail}}\n`;
  }

  /** @param fields of the message, without its braces */
  #line(fields: string, logprobs: TokenLogprob[] | null): string {
    const told = logprobs === null ? "" : `,"logprobs":${JSON.stringify(logprobsBody(logprobs))}`;
    return `${this.#opened()}${this.#said(fields)},"done":false${told}}\n`;
  }

  #said(fields: string): string {
    const named = fields.startsWith(`"content"`);
    if (this.#generate) return named ? `"response"${fields.slice(9)}` : `"response":""${fields && `,${fields}`}`;
    return `"message":{"role":"assistant",${named ? fields : `"content":""${fields && `,${fields}`}`}}`;
  }

  #opened(): string {
    if (this.#head === "") this.#head = `${JSON.stringify(this.#envelope()).slice(0, -1)},`;
    return this.#head;
  }

  #envelope(): { model: string; created_at: string } {
    const { model = this.#request.model, created = this.#context.created } = this.#start;
    // A provider may tell a time that no calendar has.
    const seconds = Math.abs(created) <= MAX_SECONDS ? created : this.#context.created;
    return { model, created_at: new Date(seconds * 1_000).toISOString() };
  }

  #collect(part: Extract<EventPart, { block: number }>, message: JsonObject): void {
    if (part.type === "block-start") {
      this.#blocks.set(part.block, { content: part.content, text: "", signature: "" });
      if (part.content.kind === "opaque") join(message, ownOf(part.content, part.content.value) ?? {});
      return;
    }
    const block = this.#blocks.get(part.block);
    if (block === undefined) return;
    if (part.type === "text-delta" || part.type === "arguments-delta") block.text += part.text;
    else if (part.type === "signature-delta") block.signature += part.signature;
    else if (part.type === "opaque-delta" && block.content.kind === "opaque" && block.content.dialect === "ollama")
      join(message, part.value);
    if (part.type !== "block-end") return;
    const { kind } = block.content;
    if (kind === "text" || kind === "refusal") message.content = `${message.content}${block.text}`;
    else if (kind === "reasoning" && block.text !== "") message.thinking = `${message.thinking ?? ""}${block.text}`;
    const whole = this.#endOf(block);
    if (whole !== undefined) join(message, whole);
  }
}

/** What this dialect has a place for: its own, and another provider's picture. */
function ownOf(content: Block, value: JsonObject): JsonObject | undefined {
  if (content.kind !== "opaque") return undefined;
  if (content.dialect === "ollama") return value;
  const { picture } = content;
  return picture !== undefined && "data" in picture ? { images: [picture.data] } : undefined;
}

/** Lists grow; anything else is replaced. */
function join(into: JsonObject, from: JsonObject): void {
  for (const name of Object.keys(from)) {
    const old = Object.hasOwn(into, name) ? into[name] : undefined;
    const value = from[name]!;
    if (name !== "__proto__") into[name] = Array.isArray(old) && Array.isArray(value) ? [...old, ...value] : value;
  }
}
