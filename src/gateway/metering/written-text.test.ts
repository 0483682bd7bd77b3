import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { Vocabularies } from "../../store/vocabularies.ts";
import { WrittenText } from "./written-text.ts";

const vocabularies = new Vocabularies((cause) => {
  throw cause;
});
await vocabularies.load("o200k");
const count = (text: string) => vocabularies.count("o200k", text, text.length)?.tokens;

function written(pieces: readonly string[], keeps = true): WrittenText {
  const text = new WrittenText(keeps);
  for (const piece of pieces) text.add(piece, 0);
  return text;
}

const ANSWER = "The quick brown fox jumps over the lazy dog, 1,234 times.\n\n    if (a != b) { return über; }\n";

test("tokens are those of the whole text, however it is cut into pieces", () => {
  const whole = count(ANSWER)!;
  for (const size of [1, 3, 7, 1_000]) {
    const pieces = ANSWER.match(new RegExp(`[^]{1,${size}}`, "g"))!;
    expect([size, written(pieces).tokens(count)]).toEqual([size, whole]);
  }
});

test("who asks while it grows hears the same, and no more than that however often", () => {
  const words = fc.array(fc.constantFrom("fox ", " 12", "über", "\n    ", "a", "  ", "();", "字"), { maxLength: 300 });
  fc.assert(
    fc.property(words, fc.array(fc.nat(20)), (pieces, asks) => {
      const text = new WrittenText(true);
      for (const [at, piece] of pieces.entries()) {
        text.add(piece, 0);
        if (asks[at % Math.max(1, asks.length)] === 0) text.tokensSoFar(count);
      }
      expect(text.tokensSoFar(count)).toBe(count(pieces.join(""))!);
    }),
    { numRuns: 200 },
  );
});

test("answers that are written side by side are counted each for itself", () => {
  const text = new WrittenText(true);
  for (const piece of ["wonder", "ful"]) for (const choice of [0, 1]) text.add(piece, choice);
  expect(text.tokens(count)).toBe(2 * (count("wonder")! + count("ful")!));
});

test("bytes and pieces are counted, tokens only where they were to be", () => {
  const text = written(["ü", "ab"], false);
  expect([text.bytes, text.pieces, text.tokens(count), text.tokensSoFar(count)]).toEqual([4, 2, undefined, undefined]);
});

test("without a tokenizer there are no tokens, and later there may be", () => {
  const text = written(["a b"]);
  expect([text.tokens(() => undefined), text.tokensSoFar(() => undefined), text.tokens(count)]).toEqual([
    undefined,
    undefined,
    count("a b")!,
  ]);
});

describe("of a long answer a part is kept", () => {
  const long = "One more sentence of the same kind. ".repeat(4_000);
  const whole = count(long)!;

  test("and the rest counts as that", () => {
    const tokens = written([long.slice(0, 10_000), long.slice(10_000)]).tokens(count)!;
    expect(Math.abs(tokens - whole) / whole).toBeLessThan(0.01);
  });

  test("but no less than a token for five bytes", () => {
    const blanks = " ".repeat(16_384);
    expect(written([blanks, "x".repeat(5_000)]).tokens(count)!).toBeGreaterThanOrEqual(1_000);
  });

  test("unless somebody asks while it grows", () => {
    const text = new WrittenText(true);
    for (let at = 0; at < long.length; at += 8_000) {
      text.add(long.slice(at, at + 8_000), 0);
      text.tokensSoFar(count);
    }
    expect(text.tokensSoFar(count)).toBe(whole);
  });

  test("a word without an end is not waited for", () => {
    const text = written(["a".repeat(20_000)]);
    text.tokensSoFar(count);
    text.add("b".repeat(16_000), 0);
    expect(text.tokensSoFar(count)!).toBeGreaterThanOrEqual(count("b".repeat(16_000))!);
  });
});
