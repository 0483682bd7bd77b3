import { isObject, type JsonObject } from "../../kernel/json.ts";
import type { Block, EventPart, FinishReason } from "../../spec/event.ts";
import { argumentsAsObject } from "../../spec/tool-arguments.ts";
import type { Usage } from "../../spec/usage.ts";

/** Ollama says `stop` beside calls too. Its own list ends there; clients take other words as they take any text. */
const DONE_REASON: Record<FinishReason, string> = {
  stop: "stop",
  "stop-sequence": "stop",
  length: "length",
  "tool-calls": "stop",
  "content-filter": "content_filter",
  refusal: "refusal",
  pause: "stop",
  failed: "error",
  other: "stop",
};

/** What stands on the last line of an answer: why it ended, what it took. */
export class AnswerTail {
  readonly #usage: Partial<Usage> = {};
  #reason: string = DONE_REASON.stop;
  /** Fields of Ollama's own: times that it has measured, and the `context` of a completion. */
  #own: JsonObject = {};

  see(part: EventPart): void {
    if (part.type === "usage") Object.assign(this.#usage, part.usage);
    else if (part.type === "finish" && part.choice === 0) {
      const own = (part.reason === "other" || part.reason === "failed") && part.raw !== null;
      this.#reason = own ? part.raw! : DONE_REASON[part.reason];
    } else if (part.type === "unknown" && part.dialect === "ollama" && isObject(part.value)) {
      this.#own = { ...this.#own, ...part.value };
    }
  }

  /** Times are in nanoseconds. Nobody but Ollama measures them, and its clients compute with them: 0 elsewhere. */
  body(): JsonObject {
    const { input = 0, output = 0, cacheRead } = this.#usage;
    const measured: JsonObject = {
      total_duration: 0,
      load_duration: 0,
      prompt_eval_count: input,
      ...(cacheRead === undefined ? {} : { prompt_eval_cached_count: cacheRead }),
      prompt_eval_duration: 0,
      eval_count: output,
      eval_duration: 0,
    };
    return { done: true, done_reason: this.#reason, ...measured, ...this.#own };
  }
}

/** A call, whole. Its id is Ollama's since 2025; clients that send it back with the result spare us guessing. */
export function callBody(content: Extract<Block, { kind: "tool-call" }>, text: string, index: number): JsonObject {
  const called = { index, name: content.name, arguments: argumentsAsObject(text) };
  return { id: content.id, function: called };
}
