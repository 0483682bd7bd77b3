import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { CL100K_TOKEN_SPLIT_REGEX, O200K_TOKEN_SPLIT_REGEX } from "gpt-tokenizer/encodingParams/constants";
import { type Cutting, pieceEnd } from "./pieces.ts";

const EXPRESSIONS: Record<Cutting, RegExp> = { o200k: O200K_TOKEN_SPLIT_REGEX, cl100k: CL100K_TOKEN_SPLIT_REGEX };

function pieces(text: string, cutting: Cutting): string[] {
  const found: string[] = [];
  for (let at = 0; at < text.length; ) {
    const end = pieceEnd(text, at, cutting);
    found.push(text.slice(at, end));
    at = end;
  }
  return found;
}

/** Characters that the rules tell apart, and marks, pairs and lone halves of pairs. */
const unit = fc.constantFrom(
  ...["a", "b", "Z", "Q", "ǅ", "ʰ", "é", "字", "ا", "\u0301", "\u20e3", "1", "²", "٣", "'", "s", "S", "l", "L", "v", "e", "r", "t", "d"],
  ...[" ", " ", "\t", "\n", "\r", "\u00a0", "\u3000", "/", "/", "_", "-", ".", "{", "€", "😀", "🇩", "👩", "\u200d", "𝔄", "𝟘", "𠀀", "\ud83d", "\ude00"],
); // biome-ignore format: two lines of characters

describe.each<Cutting>(["o200k", "cl100k"])("%s cuts a text as its regular expression does,", (cutting) => {
  const byExpression = (text: string) => [...text.matchAll(EXPRESSIONS[cutting])].map(([piece]) => piece);

  test("whatever characters meet", () => {
    fc.assert(
      fc.property(fc.string({ unit, maxLength: 40 }), (text) => {
        expect(pieces(text, cutting)).toEqual(byExpression(text));
      }),
      { numRuns: 2_000 },
    );
  });

  test("and any text of Unicode", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary", maxLength: 60 }), (text) => {
        expect(pieces(text, cutting)).toEqual(byExpression(text));
      }),
      { numRuns: 2_000 },
    );
  });

  test.each([
    "I'll say they'Re HTTPServer's; don''t",
    "  two blanks, \n\n three\t\r\nlines  \n ",
    "1234567 x1y22 3.14159",
    "我们ABC去 公园 Ünïcode straße ΑΒΓαβγ",
    "a//b///\n/c",
    " ",
    "\n",
    "end  ",
  ])("%j", (text) => expect(pieces(text, cutting)).toEqual(byExpression(text)));
});
