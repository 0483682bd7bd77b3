import { MAX_CHOICES } from "../../kernel/bounds.ts";
import { isObject, type Json, type JsonObject, parseBounded, wordOf } from "../../kernel/json.ts";
import { type AnswerDecoder, type Frame, MalformedAnswer } from "../../spec/adapter.ts";
import type { EventPart } from "../../spec/event.ts";
import type { ModelRequest } from "../../spec/request.ts";
import type { Usage } from "../../spec/usage.ts";
import { countOf, tellPart } from "../counts.ts";
import { Sources } from "../sources.ts";
import { Choice } from "./choice.ts";
import { errorInside, isError } from "./errors.ts";
import { callersNames } from "./tool-names.ts";

const NOTHING: EventPart[] = [];

/**
 * Reads answers of DashScope's own API. A stream's events have the shape of a whole answer and
 * hold what is new in it (`incremental_output`); usage comes in each and counts all so far. There
 * is no last event but the one with the reason, and usage may follow it.
 */
export class DashscopeDecoder implements AnswerDecoder {
  readonly #request: ModelRequest;
  readonly #choices: Choice[] = [];
  readonly #sources = new Sources();
  readonly #names: ReadonlyMap<string, string> | undefined;
  #started = false;
  #over = false;

  constructor(request: ModelRequest) {
    this.#request = request;
    this.#names = callersNames(request);
  }

  unary(body: string): EventPart[] {
    const parts = this.#read(body);
    if (this.#over) return parts;
    for (const choice of this.#choices) choice.close(parts);
    this.#over = true;
    parts.push({ type: "end" });
    return parts;
  }

  frame({ event, data }: Frame): EventPart[] {
    if (this.#over || data === "" || data.startsWith("[DONE]")) return NOTHING;
    return this.#read(data, event === "error");
  }

  close(): EventPart[] {
    if (this.#over) return NOTHING;
    this.#over = true;
    const asked = this.#request.choices ?? 1;
    if (this.#choices.length >= asked && this.#choices.every((choice) => choice.finished)) return [{ type: "end" }];
    const message = "The provider's answer ended before it was whole.";
    return [{ type: "error", error: { status: 502, message, code: "upstream_cut" } }];
  }

  #read(text: string, failed = false): EventPart[] {
    const answer = parseBounded(text);
    if (!isObject(answer)) throw new MalformedAnswer(`not a JSON object: ${text.slice(0, 80)}`);
    const parts: EventPart[] = [];
    if (failed || isError(answer)) {
      this.#over = true;
      return [{ type: "error", error: errorInside(answer) }];
    }
    const { output } = answer;
    if (!isObject(output)) throw new MalformedAnswer("an answer without output");
    if (!this.#started) this.#start(answer, parts);
    this.#sources.read(output);
    if (Array.isArray(output.choices)) {
      for (const value of output.choices) {
        if (!isObject(value)) throw new MalformedAnswer("a choice that is no object");
        this.#choice(value.index).read(value, parts);
      }
    } else if (typeof output.text === "string") {
      // The older form, `result_format: "text"`.
      this.#choice(0).read({ message: { content: output.text }, finish_reason: output.finish_reason ?? null }, parts);
    }
    const usage = readUsage(answer.usage);
    if (usage !== undefined) parts.push({ type: "usage", usage });
    return parts;
  }

  #start(answer: JsonObject, parts: EventPart[]): void {
    this.#started = true;
    const id = answer.request_id;
    parts.push(typeof id === "string" && id !== "" ? { type: "start", id } : { type: "start" });
  }

  #choice(index: Json | undefined): Choice {
    const number = index ?? 0;
    if (typeof number !== "number" || !Number.isInteger(number) || number < 0 || number >= MAX_CHOICES) {
      throw new MalformedAnswer(`a choice with index ${wordOf(number).slice(0, 40)}`);
    }
    let choice = this.#choices.find((known) => known.index === number);
    if (choice === undefined) {
      choice = new Choice(number, `${this.#request.messages.length}_${number}`, this.#sources, this.#names);
      this.#choices.push(choice);
    }
    return choice;
  }
}

/** Pictures and sounds are counted within the input; text, pictures and thought apart on newer models as details. */
function readUsage(value: Json | undefined): Partial<Usage> | undefined {
  if (!isObject(value)) return undefined;
  const read = detail(value.prompt_tokens_details ?? value.input_tokens_details);
  const wrote = detail(value.output_tokens_details ?? value.completion_tokens_details);
  const usage: Partial<Usage> = {};
  const input = countOf(value.input_tokens);
  const output = countOf(value.output_tokens);
  if (input === undefined && output === undefined) return undefined;
  if (input !== undefined) usage.input = input;
  if (output !== undefined) usage.output = output;
  tellPart(usage, "cacheRead", countOf(read.cached_tokens), input);
  tellPart(usage, "cacheWrite", countOf(read.cache_creation_input_tokens), input);
  tellPart(usage, "audioInput", countOf(read.audio_tokens), input);
  tellPart(usage, "reasoning", countOf(wrote.reasoning_tokens), output);
  tellPart(usage, "audioOutput", countOf(wrote.audio_tokens), output);
  return usage;
}

function detail(value: Json | undefined): JsonObject {
  return isObject(value) ? value : {};
}
