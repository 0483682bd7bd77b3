/**
 * How OpenAI's tokenizers cut a text before they merge bytes: at words, numbers of up to three digits,
 * signs and blanks. The rules are the regular expressions of tiktoken's o200k_base and cl100k_base
 * (https://github.com/openai/tiktoken, tiktoken_ext/openai_public.py), written out as one pass over the
 * text: an expression makes an array a word, and looks again at what it could not use.
 */

export type Cutting = "o200k" | "cl100k";

/** What a character is to the rules. */
const UPPER = 1;
const LOWER = 2;
/** A letter without case: both of the classes above. */
const CASELESS = 3;
const MARK = 4;
const NUMBER = 5;
const NEWLINE = 6;
const BLANK = 7;
const SIGN = 8;

/** By code point, filled as characters are met: most texts need few of them. */
const CLASSES = new Uint8Array(0x110000);

function classify(character: string): number {
  if (/[\r\n]/.test(character)) return NEWLINE;
  if (/\s/.test(character)) return BLANK;
  if (/[\p{Lu}\p{Lt}]/u.test(character)) return UPPER;
  if (/\p{Ll}/u.test(character)) return LOWER;
  if (/\p{L}/u.test(character)) return CASELESS;
  if (/\p{N}/u.test(character)) return NUMBER;
  return /\p{M}/u.test(character) ? MARK : SIGN;
}

function isPair(code: number, text: string, at: number): boolean {
  return code >= 0xd800 && code < 0xdc00 && (text.charCodeAt(at + 1) & 0xfc00) === 0xdc00;
}

/** @returns 0 at the end of the text */
function classAt(text: string, at: number): number {
  if (at >= text.length) return 0;
  const unit = text.charCodeAt(at);
  const code = isPair(unit, text, at) ? (text.codePointAt(at) as number) : unit;
  const known = CLASSES[code]!;
  if (known !== 0) return known;
  const found = classify(String.fromCodePoint(code));
  CLASSES[code] = found;
  return found;
}

/** One character further. Only letters, numbers, marks and signs have two code units. */
function after(text: string, at: number): number {
  return at + (isPair(text.charCodeAt(at), text, at) ? 2 : 1);
}

const isUpper = (kind: number) => kind === UPPER || kind === CASELESS || kind === MARK;
const isLower = (kind: number) => kind === LOWER || kind === CASELESS || kind === MARK;
const isLetter = (kind: number) => kind >= UPPER && kind <= CASELESS;
const isSign = (kind: number) => kind === SIGN || kind === MARK;
const mayLead = (kind: number) => kind === BLANK || kind === SIGN || kind === MARK;

/** Where the piece that begins at `at` ends; `at` is within the text. */
export function pieceEnd(text: string, at: number, cutting: Cutting): number {
  return cutting === "o200k" ? endOfO200k(text, at) : endOfCl100k(text, at);
}

function endOfO200k(text: string, at: number): number {
  const first = classAt(text, at);
  const led = mayLead(first) ? after(text, at) : -1;
  const word = led < 0 ? -1 : casedWord(text, led);
  const cased = word >= 0 ? word : casedWord(text, at);
  if (cased >= 0) return contraction(text, cased);
  if (led >= 0 && classAt(text, led) === UPPER) return contraction(text, run(text, led, UPPER));
  if (first === UPPER) return contraction(text, run(text, at, UPPER));
  return endOfOther(text, at, first, true);
}

/** Capitals, then at least one small letter; letters without case are both. -1 where there is no small one. */
function casedWord(text: string, at: number): number {
  let end = at;
  let small = -1;
  let kind = classAt(text, end);
  while (isUpper(kind)) {
    const next = after(text, end);
    if (kind !== UPPER) small = next;
    end = next;
    kind = classAt(text, end);
  }
  if (!isLower(kind)) return small;
  while (isLower(kind)) {
    end = after(text, end);
    kind = classAt(text, end);
  }
  return end;
}

function endOfCl100k(text: string, at: number): number {
  const shortened = contraction(text, at);
  if (shortened > at) return shortened;
  const first = classAt(text, at);
  const led = mayLead(first) ? after(text, at) : at;
  if (isLetter(classAt(text, led))) {
    let end = after(text, led);
    while (isLetter(classAt(text, end))) end = after(text, end);
    return end;
  }
  return endOfOther(text, at, first, false);
}

/** What is no word: a number, signs, blanks. @param slashes whether signs draw slashes along, as they do newlines */
function endOfOther(text: string, at: number, first: number, slashes: boolean): number {
  if (first === NUMBER) {
    let end = after(text, at);
    for (let digits = 1; digits < 3 && classAt(text, end) === NUMBER; digits++) end = after(text, end);
    return end;
  }
  const led = text.charCodeAt(at) === 0x20 ? at + 1 : at;
  if (isSign(classAt(text, led))) {
    let end = after(text, led);
    while (isSign(classAt(text, end))) end = after(text, end);
    while (classAt(text, end) === NEWLINE || (slashes && text.charCodeAt(end) === 0x2f)) end++;
    return end;
  }
  return endOfBlanks(text, at, slashes);
}

/** Up to the last newline; else all of the text's last blanks; else all but the one that leads the next word. */
function endOfBlanks(text: string, at: number, newlinesFirst: boolean): number {
  let end = at;
  let newline = -1;
  for (let kind = classAt(text, end); kind === BLANK || kind === NEWLINE; kind = classAt(text, end)) {
    end++;
    if (kind === NEWLINE) newline = end;
  }
  if (newline > 0 && (newlinesFirst || end < text.length)) return newline;
  return end === text.length || end - at === 1 ? end : end - 1;
}

function run(text: string, at: number, kind: number): number {
  let end = at;
  while (classAt(text, end) === kind) end = after(text, end);
  return end;
}

/** The end of `'s`, `'ll` and their like, which stand at `at`; `at` where none does. */
function contraction(text: string, at: number): number {
  if (text.charCodeAt(at) !== 0x27) return at;
  const one = text.charCodeAt(at + 1) | 0x20;
  if (one === 0x73 || one === 0x64 || one === 0x6d || one === 0x74) return at + 2;
  const two = text.charCodeAt(at + 2) | 0x20;
  if (one === 0x6c && two === 0x6c) return at + 3;
  return (one === 0x76 || one === 0x72) && two === 0x65 ? at + 3 : at;
}
