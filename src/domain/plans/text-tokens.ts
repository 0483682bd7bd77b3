import { countPiece, type Vocabulary } from "./byte-pairs.ts";
import { type Cutting, pieceEnd } from "./pieces.ts";

/** A text as a tokenizer sees it. */
export interface TextCount {
  /** By this tokenizer. */
  tokens: number;
  /** What no other tokenizer in use makes more of: see `atMost`. */
  bound: number;
}

/**
 * Characters of one text, or of all texts of one call, that are counted at a stretch: some milliseconds
 * of work. A token of what is left stands for at least one byte.
 */
export const COUNTED_CHARACTERS = 400_000;

/** A piece may be as long as the text; its bytes are gathered in portions. */
const portion = new Uint8Array(4_096);

/**
 * Counts a text, in one pass and without a string a word.
 * @param characters how many of them are looked at; the rest counts a token a byte
 */
export function countText(vocabulary: Vocabulary, cutting: Cutting, text: string, characters: number): TextCount {
  const end = Math.min(text.length, characters);
  const count = { tokens: 0, bound: 0 };
  for (let at = 0; at < end; ) {
    const next = pieceEnd(text, at, cutting);
    countOne(vocabulary, text, at, Math.min(next, text.length), count);
    at = next;
  }
  return count;
}

function countOne(vocabulary: Vocabulary, text: string, from: number, to: number, count: TextCount): void {
  let length = 0;
  let tokens = 0;
  let bytes = 0;
  let isWord = true;
  for (let at = from; at < to; at++) {
    let code = text.charCodeAt(at);
    if (code < 0x80) {
      portion[length++] = code;
      if (at > from && !isAsciiLetter(code)) isWord = false;
    } else {
      isWord = false;
      if (code < 0x800) portion[length++] = 0xc0 | (code >> 6);
      else {
        if (code >= 0xd800 && code < 0xe000) {
          const low = code < 0xdc00 && at + 1 < to ? text.charCodeAt(at + 1) : 0;
          if ((low & 0xfc00) === 0xdc00) {
            code = 0x10000 + ((code & 0x3ff) << 10) + (low & 0x3ff);
            at++;
          } else code = 0xfffd;
        }
        if (code < 0x10000) portion[length++] = 0xe0 | (code >> 12);
        else {
          portion[length++] = 0xf0 | (code >> 18);
          portion[length++] = 0x80 | ((code >> 12) & 0x3f);
        }
        portion[length++] = 0x80 | ((code >> 6) & 0x3f);
      }
      portion[length++] = 0x80 | (code & 0x3f);
    }
    if (length > portion.length - 8) {
      tokens += countPiece(vocabulary, portion, 0, length) + 1;
      bytes += length;
      length = 0;
    }
  }
  tokens += length === 0 ? 0 : countPiece(vocabulary, portion, 0, length);
  bytes += length;
  count.tokens += tokens;
  count.bound += isWord ? atMost(tokens, bytes) : bytes;
}

function isAsciiLetter(code: number): boolean {
  const lower = code | 0x20;
  return lower >= 0x61 && lower <= 0x7a;
}

/**
 * What other tokenizers make of a word of the Latin letters: they know fewer words, but no fewer than
 * half of these, and three letters on average are a token to all of them. Numbers (many take digits one
 * by one), signs, blanks and other scripts count a token a byte: a token is never less.
 */
function atMost(tokens: number, bytes: number): number {
  return Math.min(bytes, Math.max(2 * tokens, Math.ceil(bytes / 3)));
}
