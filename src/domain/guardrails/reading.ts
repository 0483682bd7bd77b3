/** A text as it reads, where that is not how it is written. */
export interface Reading {
  text: string;
  /** Where each letter of `text` is written; null where it reads as it is written. */
  at: readonly number[] | null;
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
  let text = "";
  const at: number[] = [];
  let i = 0;
  while (i < written.length) {
    const letter = written[i]!;
    let length = 1;
    let read = letter;
    if (letter === "\\") {
      const kind = written[i + 1];
      const hex = kind === "u" ? written.slice(i + 2, i + 6) : "";
      if (kind === undefined || (kind === "u" && hex.length < 4)) break;
      if (kind !== "u") [length, read] = [2, ESCAPES[kind] ?? kind];
      else if (FOUR_HEX.test(hex)) [length, read] = [6, String.fromCharCode(Number.parseInt(hex, 16))];
    }
    at.push(i);
    text += read;
    i += length;
  }
  return { text, at, end: i };
};

/** JSON in a string of JSON in a string of JSON: nobody nests deeper, and each level costs a reading. */
const LEVELS = 3;

/**
 * How somebody may read a text: as written, and with the escapes of JSON undone, of JSON in a
 * string of JSON too. A provider parses a tool result before a model sees it, and a model
 * reads `\\u0050` as well as `P` wherever it stands.
 */
export function readingsOf(written: string): Read[] {
  const reads: Read[] = [asWritten];
  let text = written;
  let read = asWritten;
  while (text.includes("\\") && reads.length <= LEVELS) {
    read = afterwards(read, asJson);
    reads.push(read);
    text = asJson(text).text;
  }
  return reads;
}

/** Reads what the first reading gave. */
function afterwards(first: Read, second: Read): Read {
  if (first === asWritten) return second;
  return (written) => {
    const outer = first(written);
    const inner = second(outer.text);
    const place = (index: number) => (index >= outer.text.length ? outer.end : (outer.at?.[index] ?? index));
    return { text: inner.text, at: inner.at === null ? outer.at : inner.at.map(place), end: place(inner.end) };
  };
}
