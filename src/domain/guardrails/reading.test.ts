import { expect, test } from "bun:test";
import fc from "fast-check";
import { compilePhrases, countReadings, maskReadings, maskText, SlidingMask } from "./phrases.ts";
import { asJson, asWritten } from "./reading.ts";

/** A text inside a JSON string, with some of its letters as escapes. */
const escaped = fc
  .array(fc.tuple(fc.constantFrom("a", "b", "c", '"', "\\", "\n", "/"), fc.boolean()), { maxLength: 40 })
  .map((letters) => ({
    text: letters.map(([letter]) => letter).join(""),
    written: letters
      .map(([letter, full]) =>
        full ? `\\u${letter.charCodeAt(0).toString(16).padStart(4, "0")}` : JSON.stringify(letter).slice(1, -1),
      )
      .join(""),
  }));

test("what a JSON parser reads is what is read", () => {
  fc.assert(
    fc.property(escaped, ({ text, written }) => {
      expect(JSON.parse(`"${written}"`)).toBe(text);
      const reading = asJson(written);
      expect([reading.text, reading.end]).toEqual([text, written.length]);
    }),
  );
});

test("an escape that is not whole is left for what follows; one that is none is read letter by letter", () => {
  for (const [written, text, end] of [
    ["ab\\", "ab", 2],
    ["ab\\u00", "ab", 2],
    ["ab\\u00e", "ab", 2],
    ["\\u00zz", "\\u00zz", 6],
    ["\\/\\x", "/x", 4],
    ["plain", "plain", 5],
  ] as const) {
    expect([asJson(written).text, asJson(written).end]).toEqual([text, end]);
  }
  expect(asWritten("a\\u0062")).toEqual({ text: "a\\u0062", at: null, end: 7 });
});

test("however arguments are escaped and cut, the same phrases are masked, and what is left is JSON", () => {
  const matcher = compilePhrases(["ab", "c\nb", 'a"', "bca"]);
  fc.assert(
    fc.property(escaped, fc.array(fc.nat(200), { maxLength: 6 }), ({ text, written }, places) => {
      const sliding = new SlidingMask(matcher, "#", asJson);
      const cuts = [0, ...places.map((place) => place % (written.length + 1)).sort((a, b) => a - b), written.length];
      const pieces = cuts.slice(1).map((end, i) => written.slice(cuts[i], end));
      const out = pieces.map((piece) => sliding.push(piece)).join("") + sliding.flush();
      const plain = maskText(text, matcher, "#");
      expect(JSON.parse(`"${out}"`)).toBe(plain.text);
      expect(maskText(written, matcher, "#", asJson)).toEqual({ text: out, count: plain.count });
      expect(sliding.count).toBe(plain.count);
    }),
    { numRuns: 2_000 },
  );
});

test("however deep a text is a string of JSON in a string of JSON, what is in it is masked where it is written", () => {
  const matcher = compilePhrases(["ab", "c\nb", 'a"', "bca"]);
  fc.assert(
    fc.property(escaped, fc.nat(2), ({ text, written }, depth) => {
      let nested = written;
      for (let i = 0; i < depth; i++) nested = JSON.stringify(nested).slice(1, -1);
      const { text: masked, count } = maskReadings(nested, matcher, "#");
      expect(count === 0).toBe(countReadings(nested, matcher) === 0);
      let read = JSON.parse(`"${masked}"`) as string;
      for (let i = 0; i <= depth; i++) {
        expect(matcher.find(read)).toEqual([]);
        if (i < depth) read = asJson(read).text;
      }
      if (count === 0) expect(read).toBe(text);
    }),
    { numRuns: 2_000 },
  );
});

test("a text that is nothing but escapes is read in time linear in its length", () => {
  const matcher = compilePhrases(["ab"]);
  for (const letter of ["\\\\", "\\n", "\\u0061"]) {
    const text = letter.repeat(1_000_000 / letter.length);
    const start = performance.now();
    expect(maskReadings(text, matcher, "#")).toEqual({ text, count: 0 });
    expect(performance.now() - start).toBeLessThan(3_000);
  }
});
