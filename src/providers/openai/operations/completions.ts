import { MAX_CHOICES, MAX_PROMPTS } from "../../../kernel/bounds.ts";
import { isObject, type Json, type JsonObject, parseBounded, wordOf } from "../../../kernel/json.ts";
import {
  type AnswerDecoder,
  type Frame,
  MalformedAnswer,
  type OperationApi,
  type UpstreamRequest,
} from "../../../spec/adapter.ts";
import type { EventPart, TokenLogprob } from "../../../spec/event.ts";
import type { Complete } from "../../../spec/operation.ts";
import type { ModelRequest } from "../../../spec/request.ts";
import { Losses } from "../../losses.ts";
import { errorInside } from "../errors.ts";
import { isReason, reasonOf } from "../finish.ts";
import { readUsage } from "../usage.ts";

/** Legacy `POST /completions` (https://platform.openai.com/docs/api-reference/completions). */
export const completionsApi: OperationApi = {
  dialect: "openai-completions",
  encode,
  decoder: (request) => new CompletionsDecoder(request),
};

function encode(request: ModelRequest, model: string): UpstreamRequest {
  const { prompts, suffix, echo, bestOf, logprobs } = request.operation as Complete;
  const losses = new Losses(request.dialect === "openai-completions");
  const form = request.form ?? {};
  const values: Record<string, Json | undefined> = {
    model,
    prompt:
      form.prompt === "string" || (prompts.length === 1 && typeof prompts[0] === "string") ? prompts[0]! : prompts,
    suffix,
    echo,
    best_of: bestOf,
    logprobs,
    max_tokens: request.maxOutputTokens,
    temperature: request.temperature,
    top_p: request.topP,
    n: request.choices,
    stop: form.stop === "string" ? request.stop?.[0] : request.stop,
    seed: request.seed,
    presence_penalty: request.presencePenalty,
    frequency_penalty: request.frequencyPenalty,
    logit_bias: request.logitBias,
    user: request.endUser,
  };
  const body: JsonObject = {};
  for (const [name, value] of Object.entries(values)) if (value !== undefined) body[name] = value;
  if (request.stream) {
    body.stream = true;
    // The usage of every call is metered; the front hides it from a caller who did not ask.
    body.stream_options = { include_usage: true };
  }
  losses.carryRequest(request.extra, body);
  const headers = { accept: request.stream ? "text/event-stream" : "application/json" };
  return { method: "POST", path: "/completions", headers, body, warnings: losses.warnings };
}

const NOTHING: EventPart[] = [];

class CompletionsDecoder implements AnswerDecoder {
  readonly #expected: number;
  /** The choices that have begun, and whether each has ended. */
  readonly #ended = new Map<number, boolean>();
  #started = false;
  #over = false;

  constructor(request: ModelRequest) {
    this.#expected = (request.operation as Complete).prompts.length * (request.choices ?? 1);
  }

  unary(body: string): EventPart[] {
    const answer = parse(body);
    const parts: EventPart[] = [];
    if (isError(answer.error)) return this.#fail(answer.error);
    if (!Array.isArray(answer.choices)) throw new MalformedAnswer("an answer without choices");
    this.#read(answer, parts);
    this.#end(parts);
    return parts;
  }

  frame(frame: Frame): EventPart[] {
    const { data } = frame;
    if (this.#over || data === "") return NOTHING;
    if (data.startsWith("[DONE]")) return this.#done();
    const chunk = parse(data);
    if (isError(chunk.error) || frame.event === "error") return this.#fail(chunk.error ?? chunk);
    const parts: EventPart[] = [];
    this.#read(chunk, parts);
    return parts;
  }

  /** Without `[DONE]`, an answer is whole once every choice that was asked for has ended. */
  close(): EventPart[] {
    if (this.#over) return NOTHING;
    const isWhole = this.#ended.size >= this.#expected && [...this.#ended.values()].every((ended) => ended);
    return isWhole ? this.#done() : this.#cut();
  }

  #done(): EventPart[] {
    if (this.#ended.size === 0) return this.#cut();
    const parts: EventPart[] = [];
    this.#end(parts);
    return parts;
  }

  #end(parts: EventPart[]): void {
    this.#over = true;
    for (const [choice, ended] of this.#ended) if (!ended) parts.push({ type: "block-end", choice, block: 0 });
    parts.push({ type: "end" });
  }

  #cut(): EventPart[] {
    this.#over = true;
    const message = "The provider's answer ended before it was whole.";
    return [{ type: "error", error: { status: 502, message, code: "upstream_cut" } }];
  }

  #fail(error: Json): EventPart[] {
    this.#over = true;
    return [{ type: "error", error: errorInside(error) }];
  }

  #read(chunk: JsonObject, parts: EventPart[]): void {
    this.#start(chunk, parts);
    const choices = Array.isArray(chunk.choices) ? chunk.choices : [];
    for (const value of choices) this.#choice(value, parts);
    const usage = readUsage(chunk.usage);
    if (usage !== undefined) parts.push({ type: "usage", usage, ...(choices.length === 0 ? { apart: true } : {}) });
  }

  #start({ id, model, created }: JsonObject, parts: EventPart[]): void {
    if (this.#started) return;
    this.#started = true;
    const start: Extract<EventPart, { type: "start" }> = { type: "start" };
    if (typeof id === "string" && id !== "") start.id = id;
    if (typeof model === "string" && model !== "") start.model = model;
    if (typeof created === "number" && Number.isSafeInteger(created)) start.created = created;
    parts.push(start);
  }

  #choice(value: Json, parts: EventPart[]): void {
    if (!isObject(value)) throw new MalformedAnswer("a choice that is no object");
    const choice = value.index ?? 0;
    if (typeof choice !== "number" || !Number.isInteger(choice) || choice < 0 || choice >= MAX_PROMPTS * MAX_CHOICES) {
      throw new MalformedAnswer(`a choice with index ${wordOf(choice).slice(0, 40)}`);
    }
    if (!this.#ended.has(choice)) {
      this.#ended.set(choice, false);
      parts.push({ type: "block-start", choice, block: 0, content: { kind: "text" } });
    }
    const { text, logprobs, finish_reason: raw } = value;
    if (typeof text === "string" && text !== "") parts.push({ type: "text-delta", choice, block: 0, text });
    const content = isObject(logprobs) ? readLogprobs(logprobs) : [];
    if (content.length > 0) parts.push({ type: "logprobs", choice, content, refusal: null });
    if (!isReason(raw) || this.#ended.get(choice)) return;
    this.#ended.set(choice, true);
    parts.push({ type: "block-end", choice, block: 0 }, { type: "finish", choice, reason: reasonOf(raw), raw });
  }
}

/** The legacy form: lists of one length. The first token of an echo has no probability. */
function readLogprobs({ tokens, token_logprobs: chosen, top_logprobs: others }: JsonObject): TokenLogprob[] {
  if (!Array.isArray(tokens) || !Array.isArray(chosen)) return [];
  return tokens.flatMap((token, place) => {
    if (typeof token !== "string") return [];
    const logprob = chosen[place];
    const top = Array.isArray(others) && isObject(others[place]) ? Object.entries(others[place]) : [];
    return {
      token,
      logprob: typeof logprob === "number" ? logprob : 0,
      bytes: null,
      top: top.flatMap(([name, value]) =>
        typeof value === "number" ? { token: name, logprob: value, bytes: null } : [],
      ),
    };
  });
}

function isError(error: Json | undefined): error is Json {
  return error !== undefined && error !== null;
}

function parse(text: string): JsonObject {
  const value = parseBounded(text);
  if (!isObject(value)) throw new MalformedAnswer(`not a JSON object: ${text.slice(0, 80)}`);
  return value;
}
