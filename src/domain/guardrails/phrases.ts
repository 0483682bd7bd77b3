import { asWritten, type Read, type Reading } from "./reading.ts";

/**
 * Finds literal phrases, whatever their case, in time linear in the text: an alternation
 * of literals has nothing to backtrack into.
 */
export interface PhraseMatcher {
  /** Length of the longest phrase: so much text must be seen before a match can be excluded. */
  readonly longest: number;
  /** Matches from left to right, the longest at each place, none overlapping. */
  find(text: string): PhraseMatch[];
}

export interface PhraseMatch {
  start: number;
  /** exclusive */
  end: number;
}

export function compilePhrases(phrases: readonly string[]): PhraseMatcher {
  const ordered = [...phrases].filter((phrase) => phrase !== "").sort((a, b) => b.length - a.length);
  const pattern = new RegExp(ordered.map(escapeLiteral).join("|") || "(?!)", "gi");
  return {
    longest: ordered[0]?.length ?? 0,
    find: (text) =>
      Array.from(text.matchAll(pattern), (match) => ({ start: match.index, end: match.index + match[0].length })),
  };
}

function escapeLiteral(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\/-]/g, "\\$&");
}

/**
 * What stands in place of a masked phrase: the guard's name, or a neutral mark where a phrase
 * of the guard would be found in it. Without quotes and backslashes, so that it is harmless inside JSON.
 */
export function maskFor(guardrail: string, matcher: PhraseMatcher): string {
  const marks = [`[${guardrail.replace(/[^A-Za-z0-9_.-]/g, "_")}]`, "[masked]", "*****", "#####", "-----"];
  return marks.find((mark) => matcher.find(mark).length === 0) ?? "";
}

/** The text with every match replaced by `mask`. */
export function maskMatches(text: string, matches: readonly PhraseMatch[], mask: string): string {
  if (matches.length === 0) return text;
  let out = "";
  let from = 0;
  for (const { start, end } of matches) {
    out += text.slice(from, start) + mask;
    from = end;
  }
  return out + text.slice(from);
}

/**
 * Masks a text that comes in pieces. It holds back only what might still be the beginning
 * of a phrase: at most one character less than the longest phrase.
 */
export class SlidingMask {
  readonly #matcher: PhraseMatcher;
  readonly #mask: string;
  readonly #read: Read;
  #held = "";
  /** Places masked so far. */
  count = 0;

  constructor(matcher: PhraseMatcher, mask: string, read: Read = asWritten) {
    this.#matcher = matcher;
    this.#mask = mask;
    this.#read = read;
  }

  /** Whether nothing is held back. */
  get empty(): boolean {
    return this.#held === "";
  }

  /** More text; returns what may go out now. */
  push(text: string): string {
    const written = this.#held + text;
    const reading = this.#read(written);
    const seen = reading.text;
    // Before this place every match is certain: no longer phrase can begin there any more.
    const certain = Math.max(0, seen.length - this.#matcher.longest + 1);
    const matches = this.#matcher.find(seen).filter((match) => match.start < certain);
    const cut = placeOf(Math.max(certain, matches.at(-1)?.end ?? 0), reading);
    this.#held = written.slice(cut);
    this.count += matches.length;
    return maskMatches(written.slice(0, cut), placed(matches, reading), this.#mask);
  }

  /** The text is over; returns the rest. */
  flush(): string {
    const reading = this.#read(this.#held);
    const matches = this.#matcher.find(reading.text);
    const rest = maskMatches(this.#held, placed(matches, reading), this.#mask);
    this.count += matches.length;
    this.#held = "";
    return rest;
  }
}

/** Where a letter of the reading is written. */
function placeOf(index: number, { text, at, end }: Reading): number {
  if (index >= text.length) return end;
  return at === null ? index : at[index]!;
}

function placed(matches: readonly PhraseMatch[], reading: Reading): readonly PhraseMatch[] {
  if (reading.at === null) return matches;
  return matches.map((match) => ({ start: placeOf(match.start, reading), end: placeOf(match.end, reading) }));
}

/** A whole text, masked. */
export function maskText(text: string, matcher: PhraseMatcher, mask: string, read: Read = asWritten) {
  const reading = read(text);
  const matches = matcher.find(reading.text);
  return { text: maskMatches(text, placed(matches, reading), mask), count: matches.length };
}
