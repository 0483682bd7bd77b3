import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { compilePhrases, maskFor, maskMatches, SlidingMask } from "./phrases.ts";

const mask = (phrases: string[], text: string) => {
  const matcher = compilePhrases(phrases);
  return maskMatches(text, matcher.find(text), "#");
};

describe("phrases are literal", () => {
  test("characters that mean something in a pattern mean themselves", () => {
    expect(mask(["a.b", "(x)", "$1", "[z]", "\\d"], "a.b axb (x) $1 [z] \\d 5")).toBe("# axb # # # # 5");
  });
  test("case does not matter", () => expect(mask(["Project Falcon"], "PROJECT falcon")).toBe("#"));
  test("the longest phrase wins", () => expect(mask(["ab", "abc"], "abcab")).toBe("##"));
  test("no phrase matches nothing", () => expect(mask([], "text")).toBe("text"));
});

test("however a text is cut, the masked text is the same", () => {
  const letters = fc.string({ unit: fc.constantFrom("a", "b", "c"), maxLength: 40 });
  const phrase = fc.string({ unit: fc.constantFrom("a", "b", "c"), minLength: 1, maxLength: 5 });
  fc.assert(
    fc.property(
      fc.array(phrase, { minLength: 1, maxLength: 4 }),
      fc.array(letters, { maxLength: 12 }),
      (phrases, pieces) => {
        const sliding = new SlidingMask(compilePhrases(phrases), "#");
        const out = pieces.map((piece) => sliding.push(piece)).join("") + sliding.flush();
        expect(out).toBe(mask(phrases, pieces.join("")));
      },
    ),
    { numRuns: 2_000 },
  );
});

test("no more is held back than what may begin a phrase", () => {
  const sliding = new SlidingMask(compilePhrases(["abcdef", "Ef\u00fcg"]), "#");
  expect(sliding.push("xxxxxabcde")).toBe("xxxxx");
  expect(sliding.empty).toBe(false);
  expect(sliding.push("f!")).toBe("#!");
  expect(sliding.empty).toBe(true);
  expect(sliding.push("no phrase begins so")).toBe("no phrase begins so");
  expect(sliding.push("abcdEF\u00dc")).toBe("#\u00dc");
  expect(sliding.push("eF\u00dc")).toBe("");
  expect(sliding.flush()).toBe("eF\u00dc");
});

describe("a mark", () => {
  const rows: [string, string, string[], string][] = [
    ["has no character that could end a JSON string", 'a"b\\c\n', ["x"], "[a_b_c_]"],
    ["is not the guard's name where that is its phrase", "falcon", ["Falcon"], "[masked]"],
    ["holds no phrase at all", "falcon", ["falcon", "masked"], "*****"],
    ["is nothing where every mark would match", "falcon", ["falcon", "masked", "*", "#", "-"], ""],
  ];
  test.each(rows)("%s", (_, name, phrases, mark) => expect(maskFor(name, compilePhrases(phrases))).toBe(mark));
});

test("a hundred phrases over a megabyte take no time to speak of", () => {
  const phrases = Array.from({ length: 100 }, (_, i) => `${"a".repeat(30)}${i}b`);
  const start = performance.now();
  compilePhrases(phrases).find("a".repeat(100_000));
  expect(performance.now() - start).toBeLessThan(5_000);
});
