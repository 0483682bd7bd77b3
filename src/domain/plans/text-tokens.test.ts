/** Counting by byte pairs (byte-pairs.ts, text-tokens.ts), against the package whose vocabularies these are. */
import { beforeAll, describe, expect, test } from "bun:test";
import fc from "fast-check";
import { readVocabulary } from "../../store/vocabularies.ts";
import { MERGED_AT_ONCE, NO_RANK, Vocabulary } from "./byte-pairs.ts";
import type { Cutting } from "./pieces.ts";
import { countText } from "./text-tokens.ts";

type Count = (text: string) => number;
const vocabularies = {} as Record<Cutting, Vocabulary>;
const expected = {} as Record<Cutting, Count>;
const CUTTINGS: Cutting[] = ["o200k", "cl100k"];

beforeAll(async () => {
  for (const cutting of CUTTINGS) {
    const file = Bun.fileURLToPath(import.meta.resolve(`gpt-tokenizer/data/${cutting}_base.tiktoken`));
    vocabularies[cutting] = await readVocabulary(await Bun.file(file).bytes());
  }
  const { countTokens: o200k } = await import("gpt-tokenizer/encoding/o200k_base");
  const { countTokens: cl100k } = await import("gpt-tokenizer/encoding/cl100k_base");
  const plain = { disallowedSpecial: new Set<string>() };
  expected.o200k = (text) => o200k(text, plain);
  expected.cl100k = (text) => cl100k(text, plain);
});

const counted = (cutting: Cutting, text: string) => countText(vocabularies[cutting], cutting, text, text.length).tokens;

const TEXTS = [
  "The quick brown fox jumps over the lazy dog, and nobody's business is it. 1234 issues on 2024-05-06.",
  "export function foo(bar: string): number {\n    return bar.length * 2; // half\n}\n",
  JSON.stringify([{ id: 17, email: "ada@example.com", ok: true, n: null, nested: { path: "/a/b/c" } }]),
  "Die Straßenbahngesellschaft veröffentlichte überraschend neue Fahrpläne.",
  "مرحبا بالعالم كيف حالك اليوم؟ Привет, как дела? नमस्ते दुनिया",
  "我们今天去公园玩吧。天気がいいですね。안녕하세요",
  "😀👩‍👩‍👧🇩🇪 é e\u0301 ﷺ 𝔄𝔅",
  "<|endoftext|> is text here",
];

describe.each(CUTTINGS)("%s counts", (cutting) => {
  test.each(TEXTS)("%j to the token", (text) => expect(counted(cutting, text)).toBe(expected[cutting](text)));

  test("words of letters that make no sense", () => {
    const word = fc.string({ unit: fc.constantFrom(..."abcdefghijklmnopqrstuvwxyzABCXYZäß字"), maxLength: 7 });
    fc.assert(
      fc.property(fc.array(word, { maxLength: 12 }), (words) => {
        const text = words.join(" ");
        expect(counted(cutting, text)).toBe(expected[cutting](text));
      }),
      { numRuns: 500 },
    );
  });

  test("a run that is longer than what is merged at once at no less than it is, and at no more than twice", () => {
    for (const unit of ["a", "_", "=", " ", "\n", "Z", "😀", "我们", "ab", "é", "/", "Zm9v"]) {
      for (const length of [MERGED_AT_ONCE - 1, MERGED_AT_ONCE + 1, 100, 700]) {
        const text = unit.repeat(Math.ceil(length / unit.length));
        const count = counted(cutting, text);
        expect(count).toBeGreaterThanOrEqual(expected[cutting](text));
        expect(count).toBeLessThanOrEqual(Math.max(2 * expected[cutting](text), 2 * Math.ceil(length / 32) + 200));
      }
    }
  });
});

test("the bound for other tokenizers is no less than the count, and no more than the bytes", () => {
  fc.assert(
    fc.property(fc.string({ unit: "grapheme", maxLength: 200 }), (text) => {
      const { tokens, bound } = countText(vocabularies.o200k, "o200k", text, text.length);
      expect(bound).toBeGreaterThanOrEqual(tokens);
      expect(bound).toBeLessThanOrEqual(new TextEncoder().encode(text.toWellFormed()).length);
    }),
  );
  // A token a byte, and longer than what is joined at once.
  const rare = "\u010e\u{10000}\u{10280}\u{10280}\u{104e9}\u9fff\u{10280}\u{10000}\u{10280}";
  expect(countText(vocabularies.o200k, "o200k", rare, 100)).toEqual({ tokens: 33, bound: 33 });
  const { bound } = countText(vocabularies.o200k, "o200k", `2024 ${"environmental ".repeat(2)}`, 100);
  expect(bound).toBe(3 + 1 + 5 + 5 + 1);
});

test("only so much of a text is looked at as is asked for", () => {
  const text = "word ".repeat(1_000);
  const { tokens } = countText(vocabularies.o200k, "o200k", text, 500);
  expect(tokens).toBeGreaterThanOrEqual(100);
  expect(tokens).toBeLessThan(110);
});

describe("the work grows with the text and no faster:", () => {
  /** Looks up in the vocabulary, which is where the work is. */
  function lookUps(text: string): number {
    let count = 0;
    const counting = new Proxy(vocabularies.o200k, {
      get(target, name) {
        if (name !== "rank") return Reflect.get(target, name, target);
        return (...given: [Uint8Array, number, number]) => {
          count++;
          return target.rank(...given);
        };
      },
    });
    countText(counting, "o200k", text, text.length);
    return count;
  }
  const random = (length: number) => {
    let state = 7;
    return Array.from({ length }, () => {
      state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
      return "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+/"[(state >>> 16) % 64]!;
    }).join("");
  };
  const runs: [string, (length: number) => string][] = [
    ["letters", (n) => "a".repeat(n)],
    ["capitals", (n) => "A".repeat(n)],
    ["underscores", (n) => "_".repeat(n)],
    ["blanks", (n) => " ".repeat(n)],
    ["newlines", (n) => "\n".repeat(n)],
    ["blanks and newlines", (n) => " \n\t".repeat(n / 3)],
    ["emoji", (n) => "😀".repeat(n / 2)],
    ["Chinese", (n) => "我们今天去公园".repeat(n / 7)],
    ["marks", (n) => "\u0301".repeat(n)],
    ["digits", (n) => "7".repeat(n)],
    ["apostrophes", (n) => "'".repeat(n)],
    ["base64", random],
    [
      "lower case without sense",
      (n) =>
        random(n)
          .toLowerCase()
          .replaceAll(/[^a-z]/g, "q"),
    ],
  ];
  test.each(runs)("%s", (_, run) => {
    const [short, long] = [lookUps(run(10_000)), lookUps(run(100_000))];
    expect(long).toBeLessThanOrEqual(short * 11);
    // Two for each byte that is joined, and the pairs it begins with.
    expect(long).toBeLessThanOrEqual(4 * new TextEncoder().encode(run(100_000)).length);
  });
  test.each(runs)("%s, by the clock: 100,000 in far less than what the square would take", (_, run) => {
    const time = (text: string) => {
      const began = performance.now();
      countText(vocabularies.o200k, "o200k", text, text.length);
      return performance.now() - began;
    };
    for (let i = 0; i < 3; i++) time(run(10_000));
    expect(time(run(100_000))).toBeLessThan(500);
  });
});

test("a vocabulary knows its tokens, and nothing else", () => {
  const small = new Vocabulary(Uint8Array.from([97, 98, 97, 98, 97, 98, 99]), Uint32Array.from([0, 1, 2, 2, 4, 7]));
  const rank = (text: string) => small.rank(new TextEncoder().encode(text), 0, text.length);
  expect(["a", "b", "ab", "abc", "c", "ba", "abcd"].map(rank)).toEqual([0, 1, 3, 4, NO_RANK, NO_RANK, NO_RANK]);
  expect(() => new Vocabulary(new Uint8Array(0), new Uint32Array(2 ** 18))).toThrow(RangeError);
});
