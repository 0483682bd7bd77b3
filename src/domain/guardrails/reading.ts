/** A text as it reads, where that is not how it is written. */
export interface Reading {
  text: string;
  /** Where a letter of `text` is written; null where it reads as it is written. */
  at: ((index: number) => number) | null;
  /** How far it could be read: what is written after this is the beginning of an escape. */
  end: number;
}

/** How a written text is to be read. */
export type Read = (written: string) => Reading;

export const asWritten: Read = (written) => ({ text: written, at: null, end: written.length });

/** RFC 8259, section 7. */
const ESCAPES: Readonly<Record<string, string>> = { b: "\b", f: "\f", n: "\n", r: "\r", t: "\t" };
const FOUR_HEX = /^[0-9A-Fa-f]{4}$/;

/**
 * JSON text as a parser reads its strings, whole or not: `\\u0070` is one letter. Whoever
 * looks for words in tool arguments must read them so, or escapes would hide them.
 */
export const asJson: Read = (written) => {
  if (!written.includes("\\")) return asWritten(written);
  const pieces: string[] = [];
  const end = eachEscape(written, (from, start, letter) => pieces.push(written.slice(from, start), letter));
  let places: Escapes | undefined;
  return {
    text: pieces.join(""),
    // Most texts have no match, and nobody asks where their letters are written.
    at(index) {
      places ??= escapesOf(written);
      return placeAmong(places, index);
    },
    end,
  };
};

/**
 * Calls `found` for each escape with where the text before it begins, where it begins itself,
 * and the letter that it stands for; and for what is left, with no letter.
 * @returns how far the text could be read
 */
function eachEscape(
  written: string,
  found: (from: number, start: number, letter: string, length: number) => void,
): number {
  let from = 0;
  for (;;) {
    const start = written.indexOf("\\", from);
    const kind = written[start + 1];
    const hex = kind === "u" ? written.slice(start + 2, start + 6) : "";
    if (start === -1 || kind === undefined || (kind === "u" && hex.length < 4)) {
      const end = start === -1 ? written.length : start;
      found(from, end, "", 0);
      return end;
    }
    if (kind !== "u") found(from, start, ESCAPES[kind] ?? kind, 2);
    else if (FOUR_HEX.test(hex)) found(from, start, String.fromCharCode(Number.parseInt(hex, 16)), 6);
    else found(from, start, "\\", 1);
    from = start + (kind !== "u" ? 2 : FOUR_HEX.test(hex) ? 6 : 1);
  }
}

/** Behind each escape: how many letters have been read, and how many more have been written. */
interface Escapes {
  read: number[];
  more: number[];
}

function escapesOf(written: string): Escapes {
  const escapes: Escapes = { read: [], more: [] };
  let read = 0;
  let more = 0;
  eachEscape(written, (from, start, _, length) => {
    if (length === 0) return;
    read += start - from + 1;
    more += length - 1;
    escapes.read.push(read);
    escapes.more.push(more);
  });
  return escapes;
}

function placeAmong({ read, more }: Escapes, index: number): number {
  let low = 0;
  let high = read.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (read[middle]! <= index) low = middle + 1;
    else high = middle;
  }
  return index + (more[low - 1] ?? 0);
}

interface Range {
  start: number;
  /** exclusive */
  end: number;
}

/** The ranges of a text, with the whole of each escape of JSON of which they hold a piece: half an escape would break it. */
export function withWholeEscapes(text: string, ranges: readonly Range[]): readonly Range[] {
  if (ranges.length === 0 || !text.includes("\\")) return ranges;
  const escapes: Range[] = [];
  eachEscape(text, (_, start, __, length) => {
    if (length > 1) escapes.push({ start, end: start + length });
  });
  const whole: Range[] = [];
  let at = 0;
  for (let { start, end } of ranges) {
    while (at < escapes.length && escapes[at]!.end <= start) at++;
    start = Math.min(start, escapes[at]?.start ?? start);
    while (at < escapes.length && escapes[at]!.end < end) at++;
    const last = escapes[at];
    if (last !== undefined && last.start < end) end = last.end;
    const before = whole.at(-1);
    if (before !== undefined && start < before.end) before.end = Math.max(before.end, end);
    else whole.push({ start, end });
  }
  return whole;
}

/** JSON in a string of JSON in a string of JSON: nobody nests deeper, and each level costs a reading. */
const LEVELS = 3;

/**
 * How somebody may read a text: as written, and with the escapes of JSON undone, of JSON in a
 * string of JSON too. A provider parses a tool result before a model sees it, and a model
 * reads `\\u0050` as well as `P` wherever it stands.
 * @param level how often escapes are undone
 * @param shallower the reading of the same text on the level above, where it is known
 * @returns undefined where there is nothing to undo any more
 */
export function readingOf(written: string, level: number, shallower?: Reading): Reading | undefined {
  if (level === 0) return asWritten(written);
  if (level > LEVELS) return undefined;
  const outer = shallower ?? readingOf(written, level - 1);
  if (outer === undefined || !outer.text.includes("\\")) return undefined;
  const inner = asJson(outer.text);
  const place = (index: number) => (index >= outer.text.length ? outer.end : (outer.at?.(index) ?? index));
  return { text: inner.text, at: (index) => place(inner.at?.(index) ?? index), end: place(inner.end) };
}
