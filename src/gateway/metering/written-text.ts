import { utf8Length } from "../../domain/plans/estimate.ts";

/** Tokens of a text; undefined where nobody can count them now. */
export type CountTokens = (text: string) => number | undefined;

/** Characters of an answer that are kept to be counted: few answers that break off, or come without counts, are longer. */
const KEPT_CHARACTERS = 16_384;

/** Pieces become one string when there are so many: a piece takes several times its letters. */
const PIECES_AT_ONCE = 64;

/** Of what is beyond the kept text no token is longer on average than this, in bytes. */
const MOST_BYTES_PER_TOKEN = 5;

/**
 * What a model has written so far, as its tokenizer would see it. Nothing is counted until somebody asks, because most
 * answers say themselves how many tokens they have; and no more than a bounded part is kept for that.
 */
export class WrittenText {
  bytes = 0;
  /** In how many pieces it came; most providers send a token in each. */
  pieces = 0;
  readonly #keeps: boolean;
  #choice = 0;
  /** The pieces of one choice that follow one another. */
  #last: string[] = [];
  #kept: string[] = [];
  #room = KEPT_CHARACTERS;
  /** Of that, what has been counted is not kept any more. */
  #counted = 0;
  #countedBytes = 0;
  /** Bytes of what was neither kept nor counted. */
  #lost = 0;

  /** @param keeps whether anybody will ask for tokens */
  constructor(keeps: boolean) {
    this.#keeps = keeps;
  }

  add(text: string, choice: number): void {
    const bytes = utf8Length(text);
    this.bytes += bytes;
    this.pieces++;
    if (this.#keeps) this.#keep(text, bytes, choice);
  }

  #keep(text: string, bytes: number, choice: number): void {
    // Answers that are written side by side are no text together.
    if (choice !== this.#choice) {
      this.#close();
      this.#choice = choice;
    }
    if (text.length <= this.#room) {
      this.#room -= text.length;
      this.#last.push(text);
      if (this.#last.length === PIECES_AT_ONCE) this.#last = [this.#last.join("")];
      return;
    }
    const head = text.slice(0, this.#room);
    this.#room = 0;
    if (head !== "") this.#last.push(head);
    this.#lost += bytes - utf8Length(head);
  }

  #close(): void {
    if (this.#last.length === 0) return;
    this.#kept.push(this.#last.join(""));
    this.#last = [];
  }

  /**
   * How many tokens it has. What was not kept counts as the rest, but no less than a token for five bytes.
   * @returns undefined where nothing is kept, or nobody can count it
   */
  tokens(count: CountTokens): number | undefined {
    if (!this.#keeps) return undefined;
    const texts = [...this.#kept, this.#last.join("")];
    const tokens = sum(texts.map(count));
    return tokens === undefined
      ? undefined
      : this.#withLost(this.#counted + tokens, this.#countedBytes + bytesOf(texts));
  }

  /**
   * The same, for whoever asks again and again while it grows: what is counted makes room for what comes, so that
   * nothing is counted twice, and nothing is lost any more.
   */
  tokensSoFar(count: CountTokens): number | undefined {
    if (!this.#keeps) return undefined;
    const rest = this.#last.join("");
    const end = wholeWords(rest);
    const done = [...this.#kept, rest.slice(0, end)];
    const tokens = sum(done.map(count));
    if (tokens === undefined) return undefined;
    this.#counted += tokens;
    this.#countedBytes += bytesOf(done);
    this.#kept = [];
    this.#last = [rest.slice(end)];
    this.#room = KEPT_CHARACTERS - (rest.length - end);
    return this.tokens(count);
  }

  #withLost(tokens: number, bytes: number): number {
    if (this.#lost === 0) return tokens;
    return tokens + Math.ceil(this.#lost * Math.max(bytes === 0 ? 0 : tokens / bytes, 1 / MOST_BYTES_PER_TOKEN));
  }
}

/** A word that is still being written is counted when it is whole, unless it has no end. */
const LONGEST_WORD = 2_048;

/** Up to where a text can be counted by itself: tokenizers cut before the blank that a word begins with. */
function wholeWords(text: string): number {
  let at = text.length - 2;
  while (at > 0 && !(text[at] === " " && text.charCodeAt(at + 1) > 0x20)) at--;
  return text.length - at > LONGEST_WORD ? text.length : Math.max(at, 0);
}

function sum(counts: readonly (number | undefined)[]): number | undefined {
  let all = 0;
  for (const count of counts) {
    if (count === undefined) return undefined;
    all += count;
  }
  return all;
}

function bytesOf(texts: readonly string[]): number {
  let bytes = 0;
  for (const text of texts) bytes += utf8Length(text);
  return bytes;
}
