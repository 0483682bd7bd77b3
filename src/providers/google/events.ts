import { MAX_CHOICES } from "../../kernel/bounds.ts";
import { isObject, type Json, type JsonObject, parseBounded, parseMessage, wordOf } from "../../kernel/json.ts";
import { type AnswerDecoder, type Frame, MalformedAnswer } from "../../spec/adapter.ts";
import type { EventPart } from "../../spec/event.ts";
import type { ModelRequest } from "../../spec/request.ts";
import type { Usage } from "../../spec/usage.ts";
import { Candidate, type CandidateContext } from "./candidate.ts";
import { errorInside } from "./errors.ts";
import { responseFunctionName } from "./structured.ts";
import { changedNames } from "./tool-names.ts";
import { readUsage, USAGE_FIELDS } from "./usage.ts";

const NOTHING: EventPart[] = [];

/** Fields of a response that are read here. One that has none of these is none. */
const READ = new Set(["candidates", "usageMetadata", "modelVersion", "responseId", "createTime"]);
const KNOWN = [...READ, "promptFeedback"];

/**
 * Reads answers of `generateContent` (https://ai.google.dev/api/generate-content#GenerateContentResponse):
 * one response, a stream of them, or a list, which is a stream without `alt=sse`. There is no mark
 * of the end: a stream is whole if each candidate said why it ended, or the prompt was refused.
 * After an error nothing more is read.
 */
export class GeminiDecoder implements AnswerDecoder {
  readonly #context: CandidateContext;
  readonly #expected: number;
  readonly #candidates: Candidate[] = [];
  #started = false;
  #over = false;
  /** Whether the counts of what was read and of what was written have been told. */
  #read = false;
  #wrote = false;
  /** Why the prompt was refused. */
  #blocked: string | undefined;

  constructor(request: ModelRequest) {
    this.#expected = request.choices ?? 1;
    this.#context = {
      names: changedNames(request),
      structured: responseFunctionName(request),
      own: request.dialect === "gemini",
      answer: `m${request.messages.length}`,
    };
  }

  unary(body: string): EventPart[] {
    const value = parseBounded(body, parseMessage);
    if (!isObject(value) && !Array.isArray(value))
      throw new MalformedAnswer("the answer is neither a JSON object nor a list");
    const parts: EventPart[] = [];
    for (const response of Array.isArray(value) ? value : [value]) {
      if (!this.#over) parts.push(...this.#response(response));
    }
    if (this.#over) return parts;
    // A list is a stream, and one that was cut must not look whole.
    if (Array.isArray(value)) return [...parts, ...this.close()];
    return [...parts, ...this.#end()];
  }

  frame(frame: Frame): EventPart[] {
    if (this.#over || frame.data === "" || frame.data === "[DONE]") return NOTHING;
    const value = parseBounded(frame.data, parseMessage);
    if (value === undefined) throw new MalformedAnswer(`a frame of ${frame.data.length} characters is no JSON`);
    if (!Array.isArray(value)) return this.#response(value);
    return value.flatMap((each) => (this.#over ? NOTHING : this.#response(each)));
  }

  close(): EventPart[] {
    if (this.#over) return NOTHING;
    const seen = this.#candidates;
    const whole = seen.length > 0 && seen.every((each) => each.finished) && seen.length >= this.#least();
    if (whole || this.#blocked !== undefined) return this.#end();
    return this.#fail({
      status: 502,
      message: "The provider's answer ended before it was whole.",
      code: "upstream_cut",
    });
  }

  /** Google gives fewer candidates than were asked for where their filters took some. */
  #least(): number {
    return Math.min(this.#expected, 1);
  }

  #response(response: Json): EventPart[] {
    if (!isObject(response)) throw new MalformedAnswer("a response that is no JSON object");
    if (response.error !== undefined && response.error !== null) return this.#fail(errorInside(response));
    if (!this.#started && !KNOWN.some((name) => name in response))
      throw new MalformedAnswer("an answer without candidates");
    const parts: EventPart[] = [];
    if (!this.#started) this.#start(response, parts);
    const usage = readUsage(response.usageMetadata);
    if (usage !== undefined) parts.push({ type: "usage", usage });
    this.#read ||= usage?.input !== undefined;
    this.#wrote ||= usage?.output !== undefined;
    const { candidates, promptFeedback } = response;
    if (isObject(promptFeedback) && typeof promptFeedback.blockReason === "string") {
      if (promptFeedback.blockReason !== "BLOCK_REASON_UNSPECIFIED") this.#blocked = promptFeedback.blockReason;
    }
    if (Array.isArray(candidates)) {
      for (const each of candidates) if (isObject(each)) this.#candidate(each.index).read(each, parts);
    } else if (candidates !== undefined && candidates !== null)
      throw new MalformedAnswer("candidates that are no list");
    if (this.#context.own) this.#rest(response, parts);
    return parts;
  }

  #start(response: JsonObject, parts: EventPart[]): void {
    this.#started = true;
    const start: Extract<EventPart, { type: "start" }> = { type: "start" };
    const { responseId, modelVersion, createTime } = response;
    if (typeof responseId === "string" && responseId !== "") {
      start.id = responseId;
      this.#context.answer = responseId;
    }
    if (typeof modelVersion === "string" && modelVersion !== "") start.model = modelVersion;
    const created = typeof createTime === "string" ? Date.parse(createTime) : Number.NaN;
    if (created > 0) start.created = Math.floor(created / 1_000);
    parts.push(start);
  }

  #candidate(index: Json | undefined): Candidate {
    const number = index ?? 0;
    if (typeof number !== "number" || !Number.isInteger(number) || number < 0 || number >= MAX_CHOICES) {
      throw new MalformedAnswer(`a candidate with index ${wordOf(number).slice(0, 40)}`);
    }
    let candidate = this.#candidates.find((known) => known.index === number);
    if (candidate === undefined) {
      const answer = number === 0 ? this.#context.answer : `${this.#context.answer}_${number}`;
      candidate = new Candidate(number, { ...this.#context, answer });
      this.#candidates.push(candidate);
    }
    return candidate;
  }

  #rest(response: JsonObject, parts: EventPart[]): void {
    let rest: JsonObject | undefined;
    for (const name in response) {
      if (READ.has(name) && name !== "createTime" && name !== "usageMetadata") continue;
      const value = name === "usageMetadata" ? restOfUsage(response[name]) : response[name];
      if (value === undefined) continue;
      rest ??= {};
      rest[name] = value;
    }
    if (rest !== undefined) parts.push({ type: "unknown", dialect: "gemini", value: rest });
  }

  #end(): EventPart[] {
    this.#over = true;
    const parts: EventPart[] = [];
    // A prompt that was refused has no candidate, and a caller looks for why there.
    const candidates = this.#candidates.length === 0 ? [this.#candidate(0)] : this.#candidates;
    for (const candidate of candidates) candidate.close(this.#blocked, parts);
    const usage: Partial<Usage> = {};
    // A filter before the model refused the prompt: nothing was read, and nothing is charged.
    if (!this.#read && this.#blocked !== undefined) usage.input = 0;
    // Google leaves out a count of nothing.
    if (!this.#wrote && (this.#read || usage.input === 0)) usage.output = 0;
    if (usage.output === 0) parts.push({ type: "usage", usage });
    parts.push({ type: "end" });
    return parts;
  }

  #fail(error: ReturnType<typeof errorInside>): EventPart[] {
    this.#over = true;
    const parts: EventPart[] = [];
    for (const candidate of this.#candidates) candidate.abandon(parts);
    parts.push({ type: "error", error });
    return parts;
  }
}

function restOfUsage(usage: Json | undefined): JsonObject | undefined {
  if (!isObject(usage)) return undefined;
  let rest: JsonObject | undefined;
  for (const name in usage) {
    if (USAGE_FIELDS.has(name)) continue;
    rest ??= {};
    rest[name] = usage[name]!;
  }
  return rest;
}
