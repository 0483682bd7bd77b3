/**
 * Byte-pair encoding, for counting only: of all neighbours in a piece of text those are joined first whose
 * joint token stands earliest in the vocabulary, until no two of them make a token (Sennrich et al. 2016,
 * on bytes as in GPT-2). The vocabulary lies in three flat arrays, some megabytes, where a Map of strings
 * takes a hundred.
 */

/** Every token's bytes, one after another by rank, and a hash table of their ranks. */
export class Vocabulary {
  readonly #bytes: Uint8Array;
  /** Where the token of a rank begins; one more than there are ranks. Ranks that are not used have no bytes. */
  readonly #starts: Uint32Array;
  /** Rank + 1, and above it the top of its hash, by the bottom of its hash; open addressing, 0 is free. */
  readonly #slots: Uint32Array;
  readonly #mask: number;
  /** Rank + 1 of every two bytes: a merge begins with all pairs of a piece. */
  readonly #pairs = new Uint32Array(0x10000);
  readonly longest: number;

  /**
   * @param starts the token of rank r is bytes[starts[r] … starts[r + 1])
   * @throws RangeError where there are too many tokens
   */
  constructor(bytes: Uint8Array, starts: Uint32Array) {
    if (starts.length >= 2 ** 18) throw new RangeError("a vocabulary of more than 262142 tokens");
    this.#bytes = bytes;
    this.#starts = starts;
    const size = 2 ** Math.ceil(Math.log2(Math.max(2, starts.length) * 2));
    this.#slots = new Uint32Array(size);
    this.#mask = size - 1;
    let longest = 0;
    for (let rank = 0; rank + 1 < starts.length; rank++) {
      const start = starts[rank]!;
      const length = starts[rank + 1]! - start;
      if (length === 0) continue;
      longest = Math.max(longest, length);
      if (length === 2) this.#pairs[(bytes[start]! << 8) | bytes[start + 1]!] = rank + 1;
      const hash = hashOf(bytes, start, start + length);
      let slot = hash & this.#mask;
      while (this.#slots[slot] !== 0) slot = (slot + 1) & this.#mask;
      this.#slots[slot] = (hash & TOP) | (rank + 1);
    }
    this.longest = longest;
  }

  /** Its rank, or `NO_RANK` where these bytes are no token. */
  rank(bytes: Uint8Array, start: number, end: number): number {
    const length = end - start;
    if (length === 2) return ((this.#pairs[(bytes[start]! << 8) | bytes[start + 1]!] ?? 0) - 1) & NO_RANK;
    if (length > this.longest) return NO_RANK;
    const hash = hashOf(bytes, start, end);
    const top = hash & TOP;
    let slot = hash & this.#mask;
    for (let found = this.#slots[slot]!; found !== 0; found = this.#slots[slot]!) {
      if ((found & TOP) === top) {
        const rank = (found & ~TOP) - 1;
        const from = this.#starts[rank]!;
        if (this.#starts[rank + 1]! - from === length && isEqual(this.#bytes, from, bytes, start, length)) return rank;
      }
      slot = (slot + 1) & this.#mask;
    }
    return NO_RANK;
  }
}

export const NO_RANK = 0x7fffffff;

/** The bits of a slot that hold the top of the hash; below them are ranks, of which there are less than 2^18. */
const TOP = 0xfffc0000 | 0;

/** FNV-1a, finished so that all bits depend on all. */
function hashOf(bytes: Uint8Array, start: number, end: number): number {
  let hash = 0x811c9dc5;
  for (let i = start; i < end; i++) hash = Math.imul(hash ^ bytes[i]!, 0x01000193);
  hash ^= hash >>> 15;
  hash = Math.imul(hash, 0x2c1b3c6d);
  return hash ^ (hash >>> 13);
}

function isEqual(a: Uint8Array, from: number, b: Uint8Array, start: number, length: number): boolean {
  for (let i = 0; i < length; i++) if (a[from + i] !== b[start + i]) return false;
  return true;
}

/** Bytes that are merged at once; the work grows with the square of it. Words are shorter, in every language. */
export const MERGED_AT_ONCE = 32;

/** Of the part that begins at a byte: the parts beside it, and the rank of it joined with the next one. */
const nexts = new Uint8Array(MERGED_AT_ONCE + 2);
const befores = new Uint8Array(MERGED_AT_ONCE + 2);
const ranks = new Int32Array(MERGED_AT_ONCE + 2);

/**
 * Tokens of one piece. A longer one is cut first, each cut counted as one token more: what is joined over
 * a cut may come out otherwise than what is joined beside it.
 */
export function countPiece(vocabulary: Vocabulary, bytes: Uint8Array, start: number, end: number): number {
  if (vocabulary.rank(bytes, start, end) !== NO_RANK) return 1;
  let tokens = 0;
  for (let from = start; from < end; from += MERGED_AT_ONCE) {
    const to = Math.min(from + MERGED_AT_ONCE, end);
    tokens += vocabulary.rank(bytes, from, to) === NO_RANK ? merge(vocabulary, bytes, from, to) : 1;
    if (to < end) tokens++;
  }
  // A token has at least one byte.
  return Math.min(tokens, end - start);
}

/** Joins the earliest pair until there is none. @returns how many parts are left */
function merge(vocabulary: Vocabulary, bytes: Uint8Array, start: number, end: number): number {
  const length = end - start;
  for (let i = 0; i < length; i++) {
    nexts[i] = i + 1;
    befores[i + 1] = i;
    ranks[i] = i + 1 < length ? vocabulary.rank(bytes, start + i, start + i + 2) : NO_RANK;
  }
  nexts[length] = length;
  for (let parts = length; ; parts--) {
    let earliest = NO_RANK;
    let at = 0;
    for (let i = 0; i < length; i = nexts[i]!) {
      if (ranks[i]! < earliest) {
        earliest = ranks[i]!;
        at = i;
      }
    }
    if (earliest === NO_RANK) return parts;
    const next = nexts[nexts[at]!]!;
    nexts[at] = next;
    befores[next] = at;
    ranks[at] = next < length ? vocabulary.rank(bytes, start + at, start + nexts[next]!) : NO_RANK;
    if (at > 0) ranks[befores[at]!] = vocabulary.rank(bytes, start + befores[at]!, start + next);
  }
}
