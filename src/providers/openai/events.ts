import { MAX_CHOICES } from "../../kernel/bounds.ts";
import { isObject, type Json, type JsonObject, parseBounded, wordOf } from "../../kernel/json.ts";
import { type AnswerDecoder, type Frame, MalformedAnswer } from "../../spec/adapter.ts";
import type { EventPart } from "../../spec/event.ts";
import type { ModelRequest } from "../../spec/request.ts";
import type { Usage } from "../../spec/usage.ts";
import { Alike } from "../alike.ts";
import { withTier } from "../served-tier.ts";
import { SOURCE_FIELDS, Sources } from "../sources.ts";
import { unfinishedText } from "../unfinished.ts";
import { Choice } from "./choice.ts";
import { errorInside } from "./errors.ts";
import { callersNames } from "./tool-names.ts";
import { readUsage } from "./usage.ts";

const NOTHING: EventPart[] = [];

const ENDED_EARLY = "The provider's answer ended before it was whole.";

/** Fields of a chunk that only OpenAI's lookalikes know and that hold nothing the model said. */
const CHUNK_FIELDS = ["prompt_filter_results", ...SOURCE_FIELDS] as const;

/** What servers do, and others do not. */
export interface ServerHabits {
  /** Whether it wants its `reasoning_details` back as they were. */
  details?: boolean;
  /** Whether its answer repeats the turn that it continues. */
  echoes?: boolean;
  /** Whether it tells what the answer rests on behind the reason why it ended. */
  sourcesLast?: boolean;
}

/**
 * Reads answers of OpenAI's chat dialect and of what its lookalikes make of it: usage on any
 * chunk (the last one counts), calls whole or in pieces, thoughts in four spellings, streams
 * without `[DONE]`, errors inside a 200. After an error nothing more is read, so that what
 * failed never ends as if it were whole.
 *
 * `frame` runs for every chunk of every stream: most are not even parsed, and a plain piece of text costs one array
 * and one part.
 */
export class ChatDecoder implements AnswerDecoder {
  readonly #request: ModelRequest;
  readonly #choices: Choice[] = [];
  readonly #alike = new Alike();
  readonly #names: ReadonlyMap<string, string> | undefined;
  readonly #seals: boolean;
  /** For callers of other dialects: those of this one read them where they stand. */
  readonly #sources: Sources | undefined;
  /** Usage that waits for a choice. */
  #owed: Partial<Usage> | undefined;
  #started = false;
  /** As the first chunk told it. */
  #tier: Json | undefined;
  #over = false;
  /** How much of the lists that some providers repeat in each chunk has been told. */
  #told = 0;

  readonly #echoed: string | undefined;

  readonly #sourcesLast: boolean;

  constructor(request: ModelRequest, { details = false, echoes = false, sourcesLast = false }: ServerHabits = {}) {
    this.#sourcesLast = sourcesLast;
    this.#echoed = echoes ? unfinishedText(request) : undefined;
    this.#request = request;
    const own = request.dialect === "openai-chat";
    this.#seals = details && !own;
    this.#sources = own ? undefined : new Sources();
    this.#names = callersNames(request, "openai-chat");
  }

  unary(body: string): EventPart[] {
    const answer = parseObject(body);
    const parts: EventPart[] = [];
    if (answer.error !== undefined && answer.error !== null) return this.#fail(answer, parts);
    const { choices } = answer;
    if (!Array.isArray(choices)) {
      // DashScope and others refuse with a bare {code, message} and status 200.
      if (typeof answer.message === "string") return this.#fail(answer, parts);
      throw new MalformedAnswer("an answer without choices");
    }
    this.#start(answer, parts);
    this.#sources?.read(answer);
    for (const [position, value] of choices.entries()) {
      if (!isObject(value)) throw new MalformedAnswer("a choice that is no object");
      const choice = this.#choice(value.index ?? position);
      if (isObject(value.message)) choice.read(value.message, parts);
      else if (isObject(value.delta)) choice.read(value.delta, parts);
      if (failed(value)) return this.#fail(telling(answer, value), parts);
      choice.readRest(value, this.#request.stop, parts);
      choice.close(parts);
    }
    this.#usage(answer, parts);
    this.#unknown(answer, parts);
    this.#over = true;
    parts.push({ type: "end" });
    return parts;
  }

  frame(frame: Frame): EventPart[] {
    const { data } = frame;
    if (this.#over || data === "") return NOTHING;
    if (data.startsWith("[DONE]")) return this.#done();
    return this.#alike.again(frame) ?? this.#alike.learn(frame, this.#read(frame));
  }

  #read(frame: Frame): EventPart[] {
    const chunk = parseObject(frame.data);
    const parts: EventPart[] = [];
    const { choices } = chunk;
    // Azure's first chunk has neither id nor choices: it tells what its filters think of the prompt.
    if (!this.#started && (chunk.id || (Array.isArray(choices) && choices.length > 0))) this.#start(chunk, parts);
    if (frame.event === "error" || tellsOfError(chunk)) {
      this.#usage(chunk, parts);
      return this.#fail(chunk, parts);
    }
    this.#sources?.read(chunk);
    if (Array.isArray(choices)) {
      for (let i = 0; i < choices.length; i++) {
        const value = choices[i];
        if (!isObject(value)) throw new MalformedAnswer("a choice that is no object");
        const choice = this.#choice(value.index);
        const delta = value.delta ?? (choice.begun ? undefined : value.message);
        if (isObject(delta)) choice.read(delta, parts);
        if (failed(value)) {
          this.#usage(chunk, parts);
          return this.#fail(telling(chunk, value), parts);
        }
        choice.readRest(value, this.#request.stop, parts);
      }
    } else if (choices !== undefined && choices !== null) throw new MalformedAnswer("choices that are no list");
    // OpenAI's last chunk, which has no choices. Others tell it beside the text, or in every chunk.
    if (chunk.usage || chunk.x_groq) this.#usage(chunk, parts, !Array.isArray(choices) || choices.length === 0);
    else this.#usage({ usage: usageBeside(choices) }, parts);
    this.#unknown(chunk, parts);
    return parts;
  }

  /** Without `[DONE]`, an answer is whole once every choice that was asked for has ended: one that never began is missing too. */
  close(): EventPart[] {
    if (this.#over) return NOTHING;
    const asked = this.#request.choices ?? 1;
    const whole = this.#choices.length >= asked && this.#choices.every((choice) => choice.finished);
    return whole ? this.#done() : this.#cut(ENDED_EARLY);
  }

  #done(): EventPart[] {
    if (this.#choices.length === 0) return this.#cut("The provider's answer held nothing.");
    if (this.#choices.some((choice) => choice.broken)) return this.#cut(ENDED_EARLY);
    this.#over = true;
    const parts: EventPart[] = [];
    for (const choice of this.#choices) choice.close(parts);
    this.#tellUsage(parts);
    parts.push({ type: "end" });
    return parts;
  }

  #cut(message: string): EventPart[] {
    this.#over = true;
    const parts: EventPart[] = [];
    this.#tellUsage(parts);
    parts.push({ type: "error", error: { status: 502, message, code: "upstream_cut" } });
    return parts;
  }

  #fail(answer: JsonObject, parts: EventPart[]): EventPart[] {
    this.#over = true;
    this.#tellUsage(parts);
    const value = answer.error === undefined || answer.error === null ? bare(answer) : answer.error;
    parts.push({ type: "error", error: errorInside(value) });
    return parts;
  }

  #choice(index: Json | undefined): Choice {
    // Almost every chunk is of the first choice, and almost every answer has no other.
    const first = this.#choices[0];
    if (first !== undefined && (index === first.index || index === undefined || index === null)) return first;
    const number = index ?? 0;
    if (typeof number !== "number" || !Number.isInteger(number) || number < 0 || number >= MAX_CHOICES) {
      throw new MalformedAnswer(`a choice with index ${wordOf(number).slice(0, 40)}`);
    }
    let choice = this.#choices.find((known) => known.index === number);
    if (choice === undefined) {
      choice = new Choice(number, `${this.#request.messages.length}_${number}`, {
        names: this.#names,
        seals: this.#seals,
        sources: this.#sources,
        sourcesLast: this.#sourcesLast,
        echoed: this.#echoed,
      });
      this.#choices.push(choice);
    }
    return choice;
  }

  #start(answer: JsonObject, parts: EventPart[]): void {
    this.#started = true;
    this.#tier = answer.service_tier;
    const start: Extract<EventPart, { type: "start" }> = { type: "start" };
    const { id, model, created, service_tier, system_fingerprint } = answer;
    if (typeof id === "string" && id !== "") start.id = id;
    if (typeof model === "string" && model !== "") start.model = model;
    if (typeof created === "number" && Number.isInteger(created) && created > 0) start.created = created;
    const extra: JsonObject = {};
    if (typeof service_tier === "string" && service_tier !== "") extra.service_tier = service_tier;
    if (typeof system_fingerprint === "string" && system_fingerprint !== "") {
      extra.system_fingerprint = system_fingerprint;
    }
    for (const _ in extra) {
      start.extra = extra;
      break;
    }
    parts.push(start);
  }

  #usage(answer: JsonObject, parts: EventPart[], apart = false): void {
    // Groq repeats the usage under a name of its own, or gives it there only.
    const given = answer.usage ?? (isObject(answer.x_groq) ? answer.x_groq.usage : undefined);
    const usage = withTier(readUsage(given), answer.service_tier ?? this.#tier);
    if (usage === undefined) return;
    // What is told of an answer that is written comes behind its end: until then it counts as one that may grow.
    if (this.#choices.some((choice) => choice.waits)) this.#owed = { ...this.#owed, ...usage };
    else parts.push(apart ? { type: "usage", usage, apart } : { type: "usage", usage });
  }

  #tellUsage(parts: EventPart[]): void {
    if (this.#owed !== undefined) parts.push({ type: "usage", usage: this.#owed });
    this.#owed = undefined;
  }

  #unknown(answer: JsonObject, parts: EventPart[]): void {
    if (this.#sources !== undefined) return;
    for (let i = 0; i < CHUNK_FIELDS.length; i++) {
      const name = CHUNK_FIELDS[i]!;
      const value = answer[name];
      const empty = Array.isArray(value) ? value.length === 0 : !isObject(value);
      if (empty || (this.#told & (1 << i)) !== 0) continue;
      this.#told |= 1 << i;
      parts.push({ type: "unknown", dialect: "openai-chat", value: { [name]: value! } });
    }
  }
}

/** An error may stand there bare: Mistral's and vLLM's form of it, or FastAPI's. */
function tellsOfError({ error, object, choices, detail, usage }: JsonObject): boolean {
  if (error !== undefined && error !== null) return true;
  return choices === undefined && usage === undefined && (object === "error" || (detail !== undefined && !object));
}

/** OpenRouter tells of a choice that it came to nothing by its reason, by an error within it, or by both. */
function failed({ finish_reason, error }: JsonObject): boolean {
  return finish_reason === "error" || (isObject(error) && (error.message !== undefined || error.code !== undefined));
}

/** The answer with what its choice says of the error, where the answer itself says nothing. */
function telling(answer: JsonObject, { error }: JsonObject): JsonObject {
  return error === undefined || error === null || answer.error ? answer : { ...answer, error };
}

/** Moonshot counts in the choice that ends. */
function usageBeside(choices: Json | undefined): Json {
  const first = Array.isArray(choices) ? choices[0] : undefined;
  return isObject(first) ? (first.usage ?? null) : null;
}

/** An answer that is an error as a whole, without what belongs to every chunk. */
function bare(answer: JsonObject): Json {
  const { choices: _choices, usage: _usage, object: _object, id: _id, model: _model, ...rest } = answer;
  return rest;
}

function parseObject(text: string): JsonObject {
  const value = parseBounded(text);
  if (value === undefined) throw new MalformedAnswer(`not JSON, or nested too deeply: ${text.slice(0, 80)}`);
  if (!isObject(value)) throw new MalformedAnswer(`not a JSON object: ${text.slice(0, 80)}`);
  return value;
}
