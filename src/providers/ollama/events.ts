import { isObject, type Json, type JsonObject, parseBounded, parseMessage } from "../../kernel/json.ts";
import { type AnswerDecoder, type Frame, MalformedAnswer } from "../../spec/adapter.ts";
import type { Block, EventPart, FinishReason, TokenLogprob } from "../../spec/event.ts";
import { pictureTypeOf } from "../../spec/picture.ts";
import type { ModelRequest } from "../../spec/request.ts";
import { argumentsAsText } from "../../spec/tool-arguments.ts";
import type { Usage } from "../../spec/usage.ts";
import { countOf } from "../counts.ts";
import { errorInside } from "./errors.ts";

const NOTHING: EventPart[] = [];

const REASONS: Record<string, FinishReason> = { stop: "stop", length: "length" };

/** Fields of the last line that only callers of this dialect know. */
const OWN = ["total_duration", "load_duration", "prompt_eval_duration", "eval_duration", "context"];

/**
 * Reads answers of `/api/chat` and `/api/generate`. A stream's lines have the same shape as a
 * whole answer; the one with `done` ends it. Calls come whole, without ids on older servers;
 * the reason is `stop` beside calls too.
 */
export class OllamaDecoder implements AnswerDecoder {
  readonly #request: ModelRequest;
  #started = false;
  #over = false;
  /** The kind of the block that is open, and its number. */
  #kind: "none" | "text" | "reasoning" = "none";
  #block = -1;
  #calls = 0;

  constructor(request: ModelRequest) {
    this.#request = request;
  }

  unary(body: string): EventPart[] {
    const parts = this.#read(body);
    if (!this.#over) throw new MalformedAnswer("an answer that is not done");
    return parts;
  }

  frame({ data }: Frame): EventPart[] {
    return this.#over || data === "" ? NOTHING : this.#read(data);
  }

  close(): EventPart[] {
    if (this.#over) return NOTHING;
    this.#over = true;
    const message = "The provider's answer ended before it was whole.";
    return [{ type: "error", error: { status: 502, message, code: "upstream_cut" } }];
  }

  #read(text: string): EventPart[] {
    const line = parseBounded(text, parseMessage);
    if (!isObject(line)) throw new MalformedAnswer(`not a JSON object: ${text.slice(0, 80)}`);
    const parts: EventPart[] = [];
    if (line.error !== undefined && line.error !== null) {
      this.#over = true;
      return [{ type: "error", error: errorInside(line.error) }];
    }
    // A completion has `response` where a chat has `message`.
    const said = isObject(line.message) ? line.message : line;
    const content = said === line ? line.response : said.content;
    if (content === undefined && said === line && line.done !== true && typeof line.thinking !== "string") {
      throw new MalformedAnswer("an answer without a message");
    }
    if (!this.#started) this.#start(line, parts);
    if (typeof said.thinking === "string" && said.thinking !== "") this.#say("reasoning", said.thinking, parts);
    if (typeof content === "string" && content !== "") this.#say("text", content, parts);
    if (Array.isArray(line.logprobs)) this.#logprobs(line.logprobs, parts);
    if (Array.isArray(said.tool_calls)) for (const call of said.tool_calls) this.#call(call, parts);
    if (Array.isArray(said.images) && said.images.length > 0) this.#images(said.images, parts);
    if (line.done === true) this.#finish(line, parts);
    return parts;
  }

  #start(line: JsonObject, parts: EventPart[]): void {
    this.#started = true;
    const start: Extract<EventPart, { type: "start" }> = { type: "start" };
    if (typeof line.model === "string" && line.model !== "") start.model = line.model;
    const created = typeof line.created_at === "string" ? Math.floor(Date.parse(line.created_at) / 1_000) : Number.NaN;
    if (created > 0) start.created = created;
    parts.push(start);
  }

  #say(kind: "text" | "reasoning", text: string, parts: EventPart[]): void {
    if (this.#kind !== kind) {
      this.#open({ kind }, parts);
      this.#kind = kind;
    }
    parts.push({ type: "text-delta", choice: 0, block: this.#block, text });
  }

  #open(content: Block, parts: EventPart[]): void {
    this.#end(parts);
    parts.push({ type: "block-start", choice: 0, block: ++this.#block, content });
  }

  #end(parts: EventPart[]): void {
    if (this.#kind === "none") return;
    parts.push({ type: "block-end", choice: 0, block: this.#block });
    this.#kind = "none";
  }

  #call(value: Json, parts: EventPart[]): void {
    const called = isObject(value) ? value.function : undefined;
    if (!isObject(value) || !isObject(called) || typeof called.name !== "string") {
      throw new MalformedAnswer("a call without a function");
    }
    const madeUp = `call_${this.#request.messages.length}_${this.#calls++}`;
    const id = typeof value.id === "string" && value.id !== "" ? value.id : madeUp;
    this.#open({ kind: "tool-call", id, name: called.name }, parts);
    const given = called.arguments;
    const text = isObject(given) ? argumentsAsText(given) : typeof given === "string" && given !== "" ? given : "{}";
    parts.push({ type: "arguments-delta", choice: 0, block: this.#block, text });
    parts.push({ type: "block-end", choice: 0, block: this.#block });
  }

  /** Pictures that the model made. */
  #images(images: Json[], parts: EventPart[]): void {
    for (const image of images) {
      const content: Block = { kind: "opaque", dialect: "ollama", value: { images: [image] } };
      if (typeof image === "string") content.picture = { mediaType: pictureTypeOf(image), data: image };
      this.#open(content, parts);
      parts.push({ type: "block-end", choice: 0, block: this.#block });
    }
  }

  #logprobs(values: Json[], parts: EventPart[]): void {
    const content = tokensOf(values).map((token, index) => {
      const top = (values[index] as JsonObject).top_logprobs;
      return { ...token, top: Array.isArray(top) ? tokensOf(top) : [] };
    });
    if (content.length > 0) parts.push({ type: "logprobs", choice: 0, content, refusal: null });
  }

  #finish(line: JsonObject, parts: EventPart[]): void {
    this.#over = true;
    this.#end(parts);
    const usage: Partial<Usage> = {};
    const input = countOf(line.prompt_eval_count);
    const output = countOf(line.eval_count);
    if (input !== undefined) usage.input = input;
    if (output !== undefined) usage.output = output;
    // Within the input; servers before 2026 do not tell it.
    const cached = countOf(line.prompt_eval_cached_count);
    if (cached !== undefined && input !== undefined && cached <= input) usage.cacheRead = cached;
    if (input !== undefined || output !== undefined) parts.push({ type: "usage", usage });
    const own: JsonObject = {};
    for (const name of OWN) if (line[name] !== undefined) own[name] = line[name];
    if (Object.keys(own).length > 0) parts.push({ type: "unknown", dialect: "ollama", value: own });
    const raw = typeof line.done_reason === "string" && line.done_reason !== "" ? line.done_reason : null;
    const known = Object.hasOwn(REASONS, raw ?? "stop") ? REASONS[raw ?? "stop"]! : "other";
    const reason = known === "stop" && this.#calls > 0 ? "tool-calls" : known;
    parts.push({ type: "finish", choice: 0, reason, raw }, { type: "end" });
  }
}

function tokensOf(values: Json[]): Omit<TokenLogprob, "top">[] {
  return values.map((value) => {
    if (!isObject(value) || typeof value.token !== "string" || typeof value.logprob !== "number") {
      throw new MalformedAnswer("a log probability without its token");
    }
    const { token, logprob, bytes } = value;
    const known = Array.isArray(bytes) && bytes.every((byte) => typeof byte === "number");
    return { token, logprob, bytes: known ? (bytes as number[]) : null };
  });
}
