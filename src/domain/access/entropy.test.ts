import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { entropyOfForm } from "./entropy.ts";

const DIGITS = "0123456789";
const LOWER = "abcdefghijklmnopqrstuvwxyz";
const UPPER = LOWER.toUpperCase();

describe("a key drawn at random keeps its 128 bits", () => {
  const forms: [string, string, number][] = [
    ["32 hexadecimal digits", `${DIGITS}abcdef`, 32],
    ["32 hexadecimal digits in upper case", `${DIGITS}ABCDEF`, 32],
    ["22 characters of base 64 for URLs", `${UPPER}${LOWER}${DIGITS}-_`, 22],
    ["22 characters of base 62", `${UPPER}${LOWER}${DIGITS}`, 22],
    ["25 characters of base 36", `${LOWER}${DIGITS}`, 25],
    ["26 characters of base 32", `${UPPER}234567`, 26],
    ["39 decimal digits", DIGITS, 39],
  ];
  for (const [what, alphabet, length] of forms) {
    test(what, () => {
      const character = fc.integer({ min: 0, max: alphabet.length - 1 }).map((at) => alphabet[at]!);
      // Uniform: fast-check's usual bias towards small values would draw keys that nobody draws.
      const key = fc.noBias(fc.array(character, { minLength: length, maxLength: length })).map((all) => all.join(""));
      let weak = 0;
      fc.assert(
        fc.property(key, (text) => {
          if (entropyOfForm(text) < 128) weak++;
        }),
        { seed: 7, numRuns: 3_000 },
      );
      expect(weak).toBeLessThanOrEqual(3);
    });
  }
});

describe("a key that was made up has less than 128 bits", () => {
  const keys = [
    "",
    "a",
    "a".repeat(1_000),
    "ab".repeat(100),
    "password123",
    "password123".repeat(10),
    "Password1password1Password1password1",
    "changeme-changeme-changeme-changeme",
    "0123456789abcdef0123456789abcdef",
    "0123456789abcdeffedcba9876543210",
    `${LOWER}${UPPER}${DIGITS}`,
    "0".repeat(63).concat("1"),
    "qwertyuiopasdfghjklzxcvbnm1234567890",
    "correct-horse-battery-staple-and-more",
    "CorrectHorseBatteryStapleAndMoreWords2024!",
    "thisismysupersecretpasswordforthegateway",
    `sk-proj-${"x".repeat(100)}`,
    "550e8400-e29b-41d4-a716-446655440000",
    "0190163d-8694-739b-aea5-966c26f8ad91",
    "243f6a8885a308d313198a2e0370734",
  ];
  for (const key of keys) {
    test(JSON.stringify(key.slice(0, 60)), () => expect(entropyOfForm(key)).toBeLessThan(128));
  }
});

test("a label before a key and hyphens at equal distances neither add nor take away", () => {
  const key = "243f6a8885a308d313198a2e03707344";
  for (const text of [key, `sk-${key}`, `api_key_${key}`, key.match(/.{4}/g)!.join("-")])
    expect(entropyOfForm(text)).toBe(128);
});

test("a long key is judged by its beginning, so that judging it takes no time", () => {
  const long = Array.from({ length: 100_000 }, (_, at) => ((at * 7_919) % 36).toString(36)).join("");
  expect(entropyOfForm(long)).toBe(entropyOfForm(long.slice(0, 512)));
});
