import { asWritten, type Read, type Reading, readingOf, withWholeEscapes } from "./reading.ts";

/**
 * Finds literal phrases, whatever their case, in time linear in the text: an alternation
 * of literals has nothing to backtrack into.
 */
export interface PhraseMatcher {
  /** Length of the longest phrase: so much text must be seen before a match can be excluded. */
  readonly longest: number;
  /** Matches from left to right, the longest at each place, none overlapping. */
  find(text: string): PhraseMatch[];
  /** The first place from `from` on where a phrase may begin that is longer than what is left of the text; its length if there is none. */
  begins(text: string, from: number): number;
}

export interface PhraseMatch {
  start: number;
  /** exclusive */
  end: number;
}

export function compilePhrases(phrases: readonly string[]): PhraseMatcher {
  const ordered = [...phrases].filter((phrase) => phrase !== "").sort((a, b) => b.length - a.length);
  const pattern = new RegExp(ordered.map(escapeLiteral).join("|") || "(?!)", "gi");
  const longest = ordered[0]?.length ?? 0;
  const sorted = [...new Set(ordered.map(fold))].sort();
  const firsts = new Set(sorted.map((phrase) => phrase[0]));
  return {
    longest,
    begins(text, from) {
      const start = Math.max(from, text.length - longest + 1, 0);
      const tail = fold(text.slice(start));
      for (let i = 0; i < tail.length; i++) {
        if (firsts.has(tail[i]) && isBeginning(tail.slice(i), sorted)) return start + i;
      }
      return text.length;
    },
    find: (text) =>
      Array.from(text.matchAll(pattern), (match) => ({ start: match.index, end: match.index + match[0].length })),
  };
}

/** Letters that a pattern with the flag `i` takes for the same are the same (ECMA-262, Canonicalize). */
function fold(text: string): string {
  if (/^[\x00-\x7f]*$/.test(text)) return text.toUpperCase();
  let folded = "";
  for (let i = 0; i < text.length; i++) {
    const letter = text[i]!;
    const upper = letter.toUpperCase();
    const kept = upper.length !== 1 || (letter > "\x7f" && upper <= "\x7f");
    folded += kept ? letter : upper;
  }
  return folded;
}

/** Whether one of the phrases, which are sorted and each there once, begins with `text` and goes on. */
function isBeginning(text: string, sorted: readonly string[]): boolean {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (sorted[middle]! <= text) low = middle + 1;
    else high = middle;
  }
  return sorted[low]?.startsWith(text) ?? false;
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

/** The beginning of a text about which nothing that follows changes anything any more. */
export interface Decided {
  written: string;
  /** Places in `written`. */
  matches: readonly PhraseMatch[];
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
    return this.#masked(this.decide(text));
  }

  /** The text is over; returns the rest. */
  flush(): string {
    return this.#masked(this.decideRest());
  }

  /** More text; returns what is certain now, unmasked. */
  decide(text: string): Decided {
    const written = this.#held + text;
    const reading = this.#read(written);
    const found = this.#matcher.find(reading.text);
    // A match is certain where it begins before any place at which a longer phrase may begin.
    let certain = 0;
    let cut = 0;
    for (;;) {
      const open = this.#matcher.begins(reading.text, cut);
      while (certain < found.length && found[certain]!.start < open) certain++;
      const end = found[certain - 1]?.end ?? 0;
      if (end <= open) {
        cut = placeOf(open, reading);
        break;
      }
      cut = end;
    }
    return this.#decided(written, cut, placed(found.slice(0, certain), reading));
  }

  /** The text is over; returns the rest, unmasked. */
  decideRest(): Decided {
    const reading = this.#read(this.#held);
    return this.#decided(this.#held, this.#held.length, placed(this.#matcher.find(reading.text), reading));
  }

  #decided(written: string, cut: number, matches: readonly PhraseMatch[]): Decided {
    this.#held = written.slice(cut);
    this.count += matches.length;
    return { written: written.slice(0, cut), matches };
  }

  #masked({ written, matches }: Decided): string {
    return maskMatches(written, matches, this.#mask);
  }
}

/** Where a letter of the reading is written. */
function placeOf(index: number, { text, at, end }: Reading): number {
  if (index >= text.length) return end;
  return at === null ? index : at(index);
}

function placed(matches: readonly PhraseMatch[], reading: Reading): readonly PhraseMatch[] {
  if (reading.at === null) return matches;
  return matches.map((match) => ({ start: placeOf(match.start, reading), end: placeOf(match.end, reading) }));
}

/** A whole text, masked. The end of a text that breaks off within an escape stays as it is. */
export function maskText(text: string, matcher: PhraseMatcher, mask: string, read: Read = asWritten) {
  const reading = read(text);
  const matches = matcher.find(reading.text);
  return { text: maskMatches(text, placed(matches, reading), mask), count: matches.length };
}

/**
 * A whole text, masked in each way in which somebody may read it. What was JSON stays JSON.
 * @param isJson that nobody reads it as it is written, as a call's arguments
 */
export function maskReadings(text: string, matcher: PhraseMatcher, mark: string, isJson = false) {
  let masked = text;
  let count = 0;
  let reading: Reading | undefined;
  for (let level = firstLevel(text, isJson); ; level++) {
    const deeper = readingOf(masked, level, reading);
    if (deeper === undefined) return { text: masked, count };
    const matches = matcher.find(deeper.text);
    count += matches.length;
    masked = maskMatches(masked, placed(withWholeEscapes(deeper.text, matches), deeper), mark);
    reading = matches.length > 0 ? undefined : deeper;
  }
}

/** Matches in a text, in that reading of it in which there are most. @param isJson as for `maskReadings` */
export function countReadings(text: string, matcher: PhraseMatcher, isJson = false): number {
  let most = 0;
  let reading: Reading | undefined;
  for (let level = firstLevel(text, isJson); ; level++) {
    reading = readingOf(text, level, reading);
    if (reading === undefined) return most;
    most = Math.max(most, matcher.find(reading.text).length);
  }
}

function firstLevel(text: string, isJson: boolean): number {
  return isJson && text.includes("\\") ? 1 : 0;
}
