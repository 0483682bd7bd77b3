import type { Dialect } from "../spec/dialect.ts";
import type { ModelRequest } from "../spec/request.ts";

/**
 * Dialects in which a last turn of the model's is always one to be continued, and the answer is what follows it. To
 * callers of OpenAI's it is a turn like others; what their server makes of it they know.
 */
const CONTINUED: ReadonlySet<Dialect> = new Set<Dialect>(["anthropic-messages", "gemini", "ollama"]);

/** The text with which the caller wants the answer to begin; undefined where there is none. */
export function unfinishedText({ dialect, messages }: ModelRequest): string | undefined {
  const last = messages.at(-1);
  if (last?.role !== "assistant" || !CONTINUED.has(dialect)) return undefined;
  let text = "";
  for (const part of last.parts) {
    // What a call waits for is its result.
    if (part.type === "tool-call") return undefined;
    if (part.type === "text") text += part.text;
  }
  return text === "" ? undefined : text;
}

/** Why a provider that begins anew is not asked: the answer would be read as if it went on. */
export const BEGINS_ANEW = "the provider does not continue an unfinished turn of the assistant's";

/** What a caller is told where nobody knows. */
export const MAY_BEGIN_ANEW = "whether the provider continues an unfinished turn is not known; it may begin anew";

/** Takes the text away with which an answer begins that repeats what it continues. */
export class Echo {
  #expected: string;
  #held = "";

  constructor(expected: string) {
    this.#expected = expected;
  }

  /** What there is to tell of the next piece of the text. */
  push(piece: string): string {
    if (this.#expected === "") return piece;
    const text = this.#held + piece;
    if (text.length < this.#expected.length && this.#expected.startsWith(text)) {
      this.#held = text;
      return "";
    }
    const rest = text.startsWith(this.#expected) ? text.slice(this.#expected.length) : text;
    this.#expected = "";
    this.#held = "";
    return rest;
  }

  /** What has been held back of a text that ends. */
  end(): string {
    const held = this.#held;
    this.#held = "";
    this.#expected = "";
    return held;
  }
}
