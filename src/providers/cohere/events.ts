import { isObject, type Json, type JsonObject, parseBounded } from "../../kernel/json.ts";
import { type AnswerDecoder, type Frame, MalformedAnswer } from "../../spec/adapter.ts";
import type { Block, EventPart, FinishReason } from "../../spec/event.ts";
import type { ModelRequest } from "../../spec/request.ts";
import type { Usage } from "../../spec/usage.ts";
import { countOf } from "../counts.ts";
import { errorInside, messageOf } from "./errors.ts";
import { readCitation, readLogprobs } from "./grounds.ts";
import { noteOf } from "./plan.ts";
import { callersNames } from "./tool-names.ts";

const NOTHING: EventPart[] = [];

const REASONS: Record<string, FinishReason> = {
  COMPLETE: "stop",
  STOP_SEQUENCE: "stop-sequence",
  MAX_TOKENS: "length",
  TOOL_CALL: "tool-calls",
  ERROR_TOXIC: "content-filter",
};

/** In the place of an index of the content. */
const PLAN = "plan";

interface Call {
  block: number;
  /** Arguments that may turn out to be the word `null`, which stands for none. */
  held: string;
  written: boolean;
}

/**
 * Reads answers of Cohere's chat. What the model plans before it calls tools (`tool_plan`) is
 * thought; where a plan may come, each thought has a note of which of the two it is, in the place of a signature,
 * so that it goes back to where it was. Citations belong to the text before them. A block of text or thought stays open until
 * something else begins, because citations may come behind its end.
 */
export class CohereDecoder implements AnswerDecoder {
  readonly #request: ModelRequest;
  readonly #mayPlan: boolean;
  readonly #names: ReadonlyMap<string, string> | undefined;
  #over = false;
  #kind: "none" | "text" | "reasoning" = "none";
  /** What the open block is made of: an index of the content, or the plan. */
  #source: Json = null;
  #block = -1;
  #blocks = 0;
  readonly #calls = new Map<Json, Call>();
  #madeUp = 0;

  constructor(request: ModelRequest) {
    this.#request = request;
    this.#names = callersNames(request);
    this.#mayPlan = (request.tools?.length ?? 0) > 0;
  }

  unary(body: string): EventPart[] {
    const answer = parseObject(body);
    const { message } = answer;
    if (!isObject(message)) {
      this.#over = true;
      const said = messageOf(answer);
      if (said === undefined) throw new MalformedAnswer("an answer without a message");
      return [{ type: "error", error: { status: 502, message: said } }];
    }
    const parts: EventPart[] = [startOf(answer.id)];
    const { content, tool_plan: plan } = message;
    const items = typeof content === "string" ? [{ type: "text", text: content }] : listOf(content);
    // As streams have it: thought, plan, text.
    const thoughts = items.findIndex((item) => !isObject(item) || item.type !== "thinking");
    const planned = thoughts === -1 ? items.length : thoughts;
    for (let i = 0; i <= items.length; i++) {
      if (i === planned && typeof plan === "string") this.#say("reasoning", PLAN, plan, parts);
      if (i < items.length) this.#content(items[i]!, i, parts);
    }
    for (const citation of listOf(message.citations)) this.#cite(citation, parts);
    for (const [index, call] of listOf(message.tool_calls).entries()) {
      this.#beginCall(call, index, parts);
      this.#endCall(index, parts);
    }
    if (Array.isArray(answer.logprobs)) this.#logprobs(answer.logprobs, parts);
    return this.#finish(answer, parts);
  }

  frame({ data }: Frame): EventPart[] {
    if (this.#over || data === "" || data.startsWith("[DONE]")) return NOTHING;
    const event = parseObject(data);
    const delta = isObject(event.delta) ? event.delta : {};
    const message = isObject(delta.message) ? delta.message : {};
    const index = event.index ?? 0;
    const parts: EventPart[] = [];
    switch (event.type) {
      case "message-start":
        return [startOf(event.id)];
      case "content-start":
      case "content-delta":
        this.#content(message.content ?? null, index, parts);
        if (isObject(event.logprobs)) this.#logprobs([event.logprobs], parts);
        return parts;
      case "tool-plan-delta":
        if (typeof message.tool_plan === "string") this.#say("reasoning", PLAN, message.tool_plan, parts);
        return parts;
      case "tool-call-start":
        this.#beginCall(message.tool_calls ?? null, index, parts);
        return parts;
      case "tool-call-delta": {
        const value = message.tool_calls;
        this.#arguments(index, isObject(value) && isObject(value.function) ? value.function.arguments : null, parts);
        return parts;
      }
      case "tool-call-end":
        this.#endCall(index, parts);
        return parts;
      case "citation-start":
        for (const citation of listOf(message.citations)) this.#cite(citation, parts);
        return parts;
      case "message-end":
        return this.#finish(delta, parts);
      default:
        return this.#other(event);
    }
  }

  close(): EventPart[] {
    if (this.#over) return NOTHING;
    this.#over = true;
    const message = "The provider's answer ended before it was whole.";
    return [{ type: "error", error: { status: 502, message, code: "upstream_cut" } }];
  }

  /** An error in the shape of an unary one, or an event that says nothing to a caller: the end of a block, `debug`. */
  #other(event: JsonObject): EventPart[] {
    const said = event.type === undefined ? messageOf(event) : undefined;
    if (said === undefined) return NOTHING;
    this.#over = true;
    return [{ type: "error", error: { status: 502, message: said } }];
  }

  #content(value: Json, index: Json, parts: EventPart[]): void {
    if (!isObject(value)) return;
    const { text, thinking } = value;
    if (typeof thinking === "string") this.#say("reasoning", index, thinking, parts);
    if (typeof text === "string") this.#say("text", index, text, parts);
  }

  #say(kind: "text" | "reasoning", source: Json, text: string, parts: EventPart[]): void {
    if (text === "") return;
    if (this.#kind !== kind || this.#source !== source) {
      this.#endBlock(parts);
      this.#kind = kind;
      this.#source = source;
      this.#block = this.#open({ kind }, parts);
    }
    parts.push({ type: "text-delta", choice: 0, block: this.#block, text });
  }

  #open(content: Block, parts: EventPart[]): number {
    const block = this.#blocks++;
    parts.push({ type: "block-start", choice: 0, block, content });
    return block;
  }

  #endBlock(parts: EventPart[]): void {
    if (this.#kind === "none") return;
    if (this.#kind === "reasoning" && this.#mayPlan) {
      const signature = noteOf(this.#source === PLAN ? "plan" : "thought");
      parts.push({ type: "signature-delta", choice: 0, block: this.#block, signature });
    }
    parts.push({ type: "block-end", choice: 0, block: this.#block });
    this.#kind = "none";
  }

  #beginCall(value: Json, index: Json, parts: EventPart[]): void {
    const called = isObject(value) ? value.function : undefined;
    if (!isObject(value) || !isObject(called) || typeof called.name !== "string") {
      throw new MalformedAnswer("a call without a function");
    }
    this.#endBlock(parts);
    // One that begins again under the same index was over.
    this.#endCall(index, parts);
    const madeUp = `call_${this.#request.messages.length}_${this.#madeUp++}`;
    const id = typeof value.id === "string" && value.id !== "" ? value.id : madeUp;
    const name = this.#names?.get(called.name) ?? called.name;
    const block = this.#open({ kind: "tool-call", id, name }, parts);
    this.#calls.set(index, { block, held: "", written: false });
    this.#arguments(index, called.arguments, parts);
  }

  #arguments(index: Json, given: Json | undefined, parts: EventPart[]): void {
    const call = this.#calls.get(index);
    if (call === undefined) throw new MalformedAnswer("arguments of a call that has not begun");
    const text = isObject(given) ? JSON.stringify(given) : typeof given === "string" ? given : "";
    call.held += text;
    // A tool without parameters is called with `null`.
    if (call.held === "" || (!call.written && "null".startsWith(call.held))) return;
    parts.push({ type: "arguments-delta", choice: 0, block: call.block, text: call.held });
    call.written = true;
    call.held = "";
  }

  #endCall(index: Json, parts: EventPart[]): void {
    const call = this.#calls.get(index);
    if (call === undefined) return;
    this.#calls.delete(index);
    const { block, held } = call;
    if (held !== "" && held !== "null") parts.push({ type: "arguments-delta", choice: 0, block, text: held });
    parts.push({ type: "block-end", choice: 0, block });
  }

  #cite(value: Json, parts: EventPart[]): void {
    const citation = readCitation(value);
    if (citation === undefined) return;
    if (this.#kind === "none") parts.push({ type: "unknown", dialect: "cohere-chat", value: citation });
    else parts.push({ type: "citation", choice: 0, block: this.#block, dialect: "cohere-chat", value: citation });
  }

  #logprobs(values: Json[], parts: EventPart[]): void {
    const content = readLogprobs(values);
    if (content.length > 0) parts.push({ type: "logprobs", choice: 0, content, refusal: null });
  }

  /** @param told where the reason and the usage stand: a whole answer, or the delta of `message-end`. */
  #finish(told: JsonObject, parts: EventPart[]): EventPart[] {
    this.#over = true;
    this.#endBlock(parts);
    const called = this.#madeUp > 0;
    for (const index of [...this.#calls.keys()]) this.#endCall(index, parts);
    const usage = readUsage(told.usage);
    if (usage !== undefined) parts.push({ type: "usage", usage });
    const raw = typeof told.finish_reason === "string" ? told.finish_reason : null;
    const error = errorInside(raw, told.error);
    if (error !== undefined) {
      parts.push({ type: "error", error });
      return parts;
    }
    const reason =
      raw === null ? (called ? "tool-calls" : "stop") : Object.hasOwn(REASONS, raw) ? REASONS[raw]! : "other";
    parts.push({ type: "finish", choice: 0, reason, raw }, { type: "end" });
    return parts;
  }
}

function startOf(id: Json | undefined): EventPart {
  return typeof id === "string" && id !== "" ? { type: "start", id } : { type: "start" };
}

/** One, or several. */
function listOf(value: Json | undefined): Json[] {
  return Array.isArray(value) ? value : isObject(value) ? [value] : [];
}

/** `tokens` are what the model read and wrote, `billed_units` what of it is charged, without Cohere's own preamble. */
function readUsage(value: Json | undefined): Partial<Usage> | undefined {
  if (!isObject(value)) return undefined;
  const counts = isObject(value.tokens) ? value.tokens : isObject(value.billed_units) ? value.billed_units : {};
  const usage: Partial<Usage> = {};
  const input = countOf(counts.input_tokens);
  const output = countOf(counts.output_tokens);
  const cached = countOf(value.cached_tokens);
  const reasoning = countOf(counts.reasoning_tokens);
  if (input !== undefined) usage.input = input;
  if (output !== undefined) usage.output = output;
  if (cached !== undefined && input !== undefined && cached <= input) usage.cacheRead = cached;
  if (reasoning !== undefined && output !== undefined && reasoning <= output) usage.reasoning = reasoning;
  const billed = isObject(value.billed_units) ? value.billed_units : {};
  const free = (read: number | undefined, charged: number | undefined) =>
    read !== undefined && charged !== undefined && charged < read ? read - charged : undefined;
  const freeInput = free(input, countOf(billed.input_tokens));
  const freeOutput = free(output, countOf(billed.output_tokens));
  if (freeInput !== undefined) usage.freeInput = freeInput;
  if (freeOutput !== undefined) usage.freeOutput = freeOutput;
  return input === undefined && output === undefined ? undefined : usage;
}

function parseObject(text: string): JsonObject {
  const value = parseBounded(text);
  if (!isObject(value)) throw new MalformedAnswer(`not a JSON object: ${text.slice(0, 80)}`);
  return value;
}
