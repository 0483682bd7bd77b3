import { describe, expect, test } from "bun:test";
import { keyDigest, mintVirtualKey, parseVirtualKey } from "./virtual-key.ts";

const random = (count: number) => crypto.getRandomValues(new Uint8Array(count));

describe("a virtual key", () => {
  test("has the documented form, and is read back as what it is", () => {
    for (const mode of ["live", "test"] as const) {
      const key = mintVirtualKey(mode, random);
      expect(key.text).toMatch(new RegExp(`^sp_${mode}_[0-9a-z]{12}_[0-9a-z]{39}$`));
      expect(key.text).toContain(`_${key.publicId}_`);
      expect(parseVirtualKey(key.text)).toEqual(key);
    }
  });

  test("may be given its public id", () => {
    expect(mintVirtualKey("live", random, "0123456789ab").publicId).toBe("0123456789ab");
  });

  test("is another one each time", () => {
    expect(new Set(Array.from({ length: 1_000 }, () => mintVirtualKey("live", random).text)).size).toBe(1_000);
  });

  test("is refused when any one of its characters was mistyped", () => {
    const { text } = mintVirtualKey("live", random);
    for (let at = 0; at < text.length; at++) {
      const wrong = text[at] === "7" ? "8" : "7";
      expect(parseVirtualKey(text.slice(0, at) + wrong + text.slice(at + 1))).toBeUndefined();
    }
  });

  test("is refused when two of its characters were swapped", () => {
    const { text } = mintVirtualKey("live", random);
    for (let at = 8; at + 1 < text.length; at++) {
      if (text[at] === text[at + 1]) continue;
      expect(parseVirtualKey(text.slice(0, at) + text[at + 1] + text[at] + text.slice(at + 2))).toBeUndefined();
    }
  });

  const { text } = mintVirtualKey("live", random);
  for (const odd of [
    "",
    "sp_live_",
    `${text} `,
    ` ${text}`,
    `${text}\n`,
    text.toUpperCase(),
    `${text}0`,
    text.slice(0, -1),
    text.replace("live", "prod"),
  ]) {
    test(`is not ${JSON.stringify(odd)}`, () => expect(parseVirtualKey(odd)).toBeUndefined());
  }
});

test("a digest is the same for the same key and pepper, and for nothing else", () => {
  const pepper = new Uint8Array(32).fill(1);
  const digest = keyDigest(pepper, "a");
  expect(keyDigest(pepper, "a")).toBe(digest);
  expect([keyDigest(pepper, "b"), keyDigest(new Uint8Array(32).fill(2), "a")]).not.toContain(digest);
});
