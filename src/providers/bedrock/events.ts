import { isObject, type Json, type JsonObject, parseBounded } from "../../kernel/json.ts";
import { type AnswerDecoder, type Frame, MalformedAnswer } from "../../spec/adapter.ts";
import type { Block, EventPart } from "../../spec/event.ts";
import type { ModelRequest } from "../../spec/request.ts";
import { type Calls, callOf, citationOf, finishOf, opaque, usageOf } from "./answer.ts";
import { errorOfException } from "./errors.ts";
import { callersNames } from "./names.ts";
import { answerTool } from "./tools.ts";
import { partsOfAnswer } from "./unary.ts";

interface OpenBlock {
  /** Our number: unlike Bedrock's index it is never used twice. */
  number: number;
  kind: Block["kind"] | "answer";
  wroteArguments: boolean;
}

const NO_PARTS: EventPart[] = [];

/**
 * Reads answers of Converse and ConverseStream
 * (https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ConverseStreamOutput.html).
 * Only tool blocks announce themselves; others begin with their first delta. The usage comes
 * behind the event that says why the answer ended, and ends it.
 */
export class ConverseDecoder implements AnswerDecoder {
  readonly #answerTool: string | undefined;
  readonly #names: ReadonlyMap<string, string> | undefined;
  readonly #open = new Map<number, OpenBlock>();
  readonly #calls: Calls = { client: false, answer: false };
  #blocks = 0;
  #started = false;
  #finished = false;
  #done = false;

  constructor(request: ModelRequest) {
    this.#answerTool = answerTool(request);
    this.#names = callersNames(request);
  }

  unary(body: string): EventPart[] {
    this.#done = true;
    return partsOfAnswer(body, this.#answerTool, this.#names);
  }

  frame({ event, data, failed }: Frame): EventPart[] {
    if (this.#done) return NO_PARTS;
    const value = parseBounded(data);
    if (failed) return this.#fail(event, value);
    if (!isObject(value)) throw new MalformedAnswer(`a frame of ${data.length} characters is not a JSON object`);
    // Behind the reason why it ended an answer has nothing but its usage.
    if (this.#finished && event !== "metadata") return NO_PARTS;
    switch (event) {
      case "contentBlockDelta":
        return this.#delta(value);
      case "contentBlockStart":
        return this.#blockStart(value);
      case "contentBlockStop":
        return this.#blockStop(indexOf(value));
      case "messageStart":
        return this.#start();
      case "messageStop":
        return this.#messageStop(value);
      case "metadata":
        return this.#metadata(value);
      default:
        return NO_PARTS;
    }
  }

  /** The provider's own end comes with the usage; an answer that said why it ended is whole without it. */
  close(): EventPart[] {
    if (this.#done) return NO_PARTS;
    this.#done = true;
    if (this.#finished) return [{ type: "end" }];
    const error = { status: 502, message: "The provider's answer ended before it was whole.", code: "upstream_cut" };
    return [...this.#closeBlocks(), { type: "error", error }];
  }

  #fail(event: string, value: Json | undefined): EventPart[] {
    this.#done = true;
    return [...this.#closeBlocks(), { type: "error", error: errorOfException(event, value) }];
  }

  #start(): EventPart[] {
    if (this.#started) return NO_PARTS;
    this.#started = true;
    return [{ type: "start" }];
  }

  #blockStart(value: JsonObject): EventPart[] {
    const { start } = value;
    const index = indexOf(value);
    const parts = [...this.#blockStop(index)];
    if (!isObject(start)) return parts;
    if (isObject(start.toolUse)) {
      const { content, isAnswer } = callOf(start.toolUse, `tooluse_${this.#blocks}`, this.#answerTool, this.#names);
      if (isAnswer) this.#calls.answer = true;
      else if (content.kind === "tool-call") this.#calls.client = true;
      this.#begin(index, content, isAnswer ? "answer" : content.kind, parts);
    } else if (Object.keys(start).length > 0) this.#begin(index, opaque(start), "opaque", parts);
    return parts;
  }

  #delta(value: JsonObject): EventPart[] {
    const { delta } = value;
    if (!isObject(delta)) return NO_PARTS;
    const index = indexOf(value);
    const parts: EventPart[] = [];
    if (typeof delta.text === "string") this.#text(index, "text", delta.text, parts);
    else if (isObject(delta.toolUse)) this.#arguments(index, delta.toolUse.input, parts);
    else if (isObject(delta.reasoningContent)) this.#thought(index, delta.reasoningContent, parts);
    else if (isObject(delta.citation)) parts.push(citationOf(this.#in(index, "text", parts).number, delta.citation));
    else {
      const open = this.#open.get(index);
      if (open?.kind === "opaque") parts.push({ type: "opaque-delta", choice: 0, block: open.number, value: delta });
    }
    return parts;
  }

  #text(index: number, kind: "text" | "reasoning", text: string, parts: EventPart[]): void {
    if (text === "") return;
    parts.push({ type: "text-delta", choice: 0, block: this.#in(index, kind, parts).number, text });
  }

  /** Fragments of a call's arguments; those of the answer tool are the answer's text. */
  #arguments(index: number, input: Json | undefined, parts: EventPart[]): void {
    const open = this.#open.get(index);
    const text = typeof input === "string" ? input : isObject(input) ? JSON.stringify(input) : "";
    if (open === undefined || text === "") return;
    open.wroteArguments = true;
    const { number: block } = open;
    if (open.kind === "tool-call") parts.push({ type: "arguments-delta", choice: 0, block, text });
    else if (open.kind === "answer") parts.push({ type: "text-delta", choice: 0, block, text });
    else if (open.kind === "opaque")
      parts.push({ type: "opaque-delta", choice: 0, block, value: { toolUse: { input: text } } });
  }

  #thought(index: number, thought: JsonObject, parts: EventPart[]): void {
    const { text, signature, redactedContent } = thought;
    if (typeof text === "string") this.#text(index, "reasoning", text, parts);
    if (typeof signature === "string" && signature !== "") {
      parts.push({ type: "signature-delta", choice: 0, block: this.#in(index, "reasoning", parts).number, signature });
    }
    if (typeof redactedContent === "string") {
      parts.push(...this.#blockStop(index));
      this.#begin(index, { kind: "redacted-reasoning", data: redactedContent }, "redacted-reasoning", parts);
    }
  }

  /** The open block of this index; what is of another kind ends, and one of this kind begins. */
  #in(index: number, kind: "text" | "reasoning", parts: EventPart[]): OpenBlock {
    const open = this.#open.get(index);
    if (open?.kind === kind) return open;
    parts.push(...this.#blockStop(index));
    return this.#begin(index, { kind }, kind, parts);
  }

  #begin(index: number, content: Block, kind: OpenBlock["kind"], parts: EventPart[]): OpenBlock {
    const open: OpenBlock = { number: this.#blocks++, kind, wroteArguments: false };
    this.#open.set(index, open);
    parts.push({ type: "block-start", choice: 0, block: open.number, content });
    return open;
  }

  #blockStop(index: number): EventPart[] {
    const open = this.#open.get(index);
    if (open === undefined) return NO_PARTS;
    this.#open.delete(index);
    const { number: block, kind, wroteArguments } = open;
    const end: EventPart = { type: "block-end", choice: 0, block };
    if (wroteArguments) return [end];
    // A tool without arguments has no deltas.
    if (kind === "tool-call") return [{ type: "arguments-delta", choice: 0, block, text: "{}" }, end];
    if (kind === "answer") return [{ type: "text-delta", choice: 0, block, text: "{}" }, end];
    return [end];
  }

  #closeBlocks(): EventPart[] {
    return [...this.#open.keys()].flatMap((index) => this.#blockStop(index));
  }

  #messageStop(value: JsonObject): EventPart[] {
    this.#finished = true;
    return [...this.#closeBlocks(), finishOf(value.stopReason, value.additionalModelResponseFields, this.#calls)];
  }

  #metadata(value: JsonObject): EventPart[] {
    const usage = usageOf(value.usage, value.serviceTier);
    const parts: EventPart[] = usage === undefined ? [] : [{ type: "usage", usage }];
    if (!this.#finished) return parts;
    this.#done = true;
    return [...parts, { type: "end" }];
  }
}

function indexOf({ contentBlockIndex: index }: JsonObject): number {
  return typeof index === "number" ? index : 0;
}
