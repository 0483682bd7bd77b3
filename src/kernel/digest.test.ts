import { describe, expect, test } from "bun:test";
import { createHmac } from "node:crypto";
import { crc32, crc32OfBytes, deriveKey, equalInConstantTime, hmac } from "./digest.ts";

test("hmac gives what RFC 4231 says (test case 2)", () => {
  const digest = Buffer.from(hmac(Buffer.from("Jefe"), "what do ya want for nothing?"), "base64url");
  expect(digest.toString("hex")).toBe("5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
});

test("crc32 gives the check value of the IEEE polynomial", () => {
  expect([crc32("123456789"), crc32("")]).toEqual([0xcbf43926, 0]);
  expect(crc32OfBytes(Buffer.from("x123456789x"), 1, 10)).toBe(0xcbf43926);
});

describe("a derived key", () => {
  const master = Uint8Array.from({ length: 32 }, (_, i) => i);

  test("is HKDF's first block (RFC 5869), extracted without a salt", () => {
    const extracted = createHmac("sha256", Buffer.alloc(32)).update(master).digest();
    const expanded = createHmac("sha256", extracted).update("sallyport key digest v1\x01").digest();
    expect(Buffer.from(deriveKey(master, "key digest")).equals(expanded)).toBe(true);
  });

  test("differs for another purpose and for another master key, and is the same the next time", () => {
    const other = master.map((byte) => byte ^ 1);
    const keys = [deriveKey(master, "a"), deriveKey(master, "b"), deriveKey(other, "a")].map((key) =>
      Buffer.from(key).toString("hex"),
    );
    expect(new Set(keys).size).toBe(3);
    expect(Buffer.from(deriveKey(master, "a")).toString("hex")).toBe(keys[0]!);
  });
});

test("texts are compared whole, whatever their length and alphabet", () => {
  const rows: [string, string, boolean][] = [
    ["", "", true],
    ["a", "a", true],
    ["é", "é", true],
    ["a", "b", false],
    ["a", "aa", false],
    ["a", "", false],
    ["é", "e\u0301", false],
  ];
  for (const [a, b, equal] of rows) expect(equalInConstantTime(a, b)).toBe(equal);
});
