import type { JsonObject } from "../../kernel/json.ts";
import type { EventPart, FinishReason, TokenLogprob } from "../../spec/event.ts";
import type { ModelRequest } from "../../spec/request.ts";
import type { Usage } from "../../spec/usage.ts";
import type { AnswerEncoder, EncoderContext, PublicError } from "../../spec/wire.ts";
import { errorFrame } from "../openai-chat/errors.ts";

/** Completions know three reasons; whatever ends an answer of its own accord is a stop. */
const FINISH: Readonly<Record<FinishReason, string>> = {
  stop: "stop",
  "stop-sequence": "stop",
  length: "length",
  "tool-calls": "stop",
  "content-filter": "content_filter",
  refusal: "content_filter",
  pause: "stop",
  // Another word than these three is none here; a text that is not there tells it.
  failed: "stop",
  other: "stop",
};

interface Choice {
  text: string;
  logprobs: TokenLogprob[];
  /** Length of the text before what is told next; offsets of tokens count from the answer's beginning. */
  told: number;
  finish: string | null;
}

/** Writes answers of legacy Completions. Thoughts and calls have no place in them. */
export class CompletionsEncoder implements AnswerEncoder {
  readonly #request: ModelRequest;
  readonly #choices = new Map<number, Choice>();
  /** By choice and number: thoughts are no text of the answer. */
  readonly #silent = new Set<string>();
  #id: string;
  #model: string;
  #created: number;
  #usage: Partial<Usage> = {};
  #over = false;

  constructor(request: ModelRequest, context: EncoderContext) {
    this.#request = request;
    this.#id = `cmpl-${context.requestId}`;
    this.#model = request.model;
    this.#created = context.created;
  }

  frames(parts: readonly EventPart[]): string {
    let out = "";
    for (const part of parts) if (!this.#over) out += this.#frame(part);
    return out;
  }

  relayed(parts: readonly EventPart[]): void {
    for (const part of parts) if (part.type === "end") this.#over = true;
  }

  unary(parts: readonly EventPart[]): string {
    for (const part of parts) this.#see(part);
    const choices = [...this.#choices.keys()]
      .sort((one, other) => one - other)
      .map((index) => {
        const { text, logprobs, finish } = this.#choices.get(index)!;
        return { text, index, logprobs: logprobsBody(logprobs, 0), finish_reason: finish };
      });
    return JSON.stringify({ ...this.#head(), choices, usage: this.#usageBody() });
  }

  errorFrame(error: PublicError): string {
    this.#over = true;
    return errorFrame(error);
  }

  #frame(part: EventPart): string {
    this.#see(part);
    switch (part.type) {
      case "text-delta":
        return this.#silent.has(`${part.choice} ${part.block}`) ? "" : this.#chunk(part.choice, part.text, null, null);
      case "logprobs": {
        const choice = this.#choice(part.choice);
        const logprobs = logprobsBody(part.content ?? [], choice.told);
        choice.told += textOf(part.content ?? []).length;
        return this.#chunk(part.choice, "", logprobs, null);
      }
      case "finish":
        return this.#chunk(part.choice, "", null, FINISH[part.reason]);
      case "end": {
        this.#over = true;
        const usage = this.#request.includeUsage
          ? data({ ...this.#head(), choices: [], usage: this.#usageBody() })
          : "";
        return `${usage}data: [DONE]\n\n`;
      }
      case "ping":
        return ": ping\n\n";
      default:
        return "";
    }
  }

  #see(part: EventPart): void {
    switch (part.type) {
      case "start":
        this.#id = part.id ?? this.#id;
        this.#model = part.model ?? this.#model;
        this.#created = part.created ?? this.#created;
        return;
      case "block-start":
        if (part.content.kind === "reasoning") this.#silent.add(`${part.choice} ${part.block}`);
        return;
      case "text-delta":
        if (!this.#silent.has(`${part.choice} ${part.block}`)) this.#choice(part.choice).text += part.text;
        return;
      case "logprobs":
        this.#choice(part.choice).logprobs.push(...(part.content ?? []));
        return;
      case "finish":
        this.#choice(part.choice).finish = FINISH[part.reason];
        return;
      case "usage":
        this.#usage = { ...this.#usage, ...part.usage };
        return;
      default:
        return;
    }
  }

  #choice(index: number): Choice {
    let choice = this.#choices.get(index);
    if (choice === undefined) {
      choice = { text: "", logprobs: [], told: 0, finish: null };
      this.#choices.set(index, choice);
    }
    return choice;
  }

  #chunk(index: number, text: string, logprobs: JsonObject | null, finish: string | null): string {
    return data({ ...this.#head(), choices: [{ text, index, logprobs, finish_reason: finish }] });
  }

  #head(): JsonObject {
    return { id: this.#id, object: "text_completion", created: this.#created, model: this.#model };
  }

  #usageBody(): JsonObject {
    const { input = 0, output = 0 } = this.#usage;
    return { prompt_tokens: input, completion_tokens: output, total_tokens: input + output };
  }
}

function data(value: JsonObject): string {
  return `data: ${JSON.stringify(value)}\n\n`;
}

function textOf(tokens: readonly TokenLogprob[]): string {
  return tokens.map(({ token }) => token).join("");
}

/** The legacy form: four lists of one length. @param offset of the first token, in characters */
function logprobsBody(tokens: readonly TokenLogprob[], offset: number): JsonObject | null {
  if (tokens.length === 0) return null;
  let at = offset;
  return {
    tokens: tokens.map(({ token }) => token),
    token_logprobs: tokens.map(({ logprob }) => logprob),
    top_logprobs: tokens.map(({ top }) => Object.fromEntries(top.map(({ token, logprob }) => [token, logprob]))),
    text_offset: tokens.map(({ token }) => {
      at += token.length;
      return at - token.length;
    }),
  };
}
