// Covers id.ts and clock.ts.
import { describe, expect, test } from "bun:test";
import { DAY, HOUR, MINUTE, SECOND } from "./clock.ts";
import { randomText, timeOrderedId, WELL_FORMED_REQUEST_ID } from "./id.ts";

/** Bytes that count up from `first`. */
const counting = (first: number) => (count: number) => Uint8Array.from({ length: count }, (_, i) => first + i);

test("the durations are milliseconds", () => {
  expect([SECOND, MINUTE, HOUR, DAY]).toEqual([1_000, 60_000, 3_600_000, 86_400_000]);
});

describe("random text", () => {
  test("takes five bits of each byte, in Crockford's base 32", () => {
    expect(randomText(counting(0), 32)).toBe("0123456789abcdefghjkmnpqrstvwxyz");
    expect(randomText(counting(224), 32)).toBe("0123456789abcdefghjkmnpqrstvwxyz");
  });

  test("every letter is as likely as any other", () => {
    const seen = new Map<string, number>();
    for (const letter of randomText(counting(0), 256)) seen.set(letter, (seen.get(letter) ?? 0) + 1);
    expect([...new Set(seen.values())]).toEqual([8]);
  });
});

describe("a time-ordered id", () => {
  test("has a prefix, ten letters of time and sixteen of chance", () => {
    expect(timeOrderedId("call", 0, counting(0))).toBe("call_00000000000123456789abcdef");
    expect(timeOrderedId("call", 1_700_000_000_123, counting(0))).toStartWith("call_01hf7yat3v");
    expect(timeOrderedId("call", 2 ** 50 - 1, counting(0))).toStartWith("call_zzzzzzzzzz");
    expect(timeOrderedId("call", Date.UTC(2026, 0, 1), counting(0))).toMatch(/^call_[0-9a-hjkmnp-tv-z]{26}$/);
  });

  test("sorts by time of birth, whatever the chance", () => {
    const times = [0, 31, 32, 1_000, Date.UTC(2026, 0, 1), Date.UTC(2026, 0, 1) + 1, 2 ** 48, 2 ** 50 - 1];
    const ids = times.map((time, i) => timeOrderedId("x", time, counting(200 - i)));
    expect(ids.toSorted()).toEqual(ids);
    expect(new Set(ids.map((id) => id.length))).toEqual(new Set([28]));
  });
});

test("a caller's id of its request is short and of plain characters", () => {
  for (const id of ["a", "call_01jd.3:v9-k2", "x".repeat(128)]) expect(id).toMatch(WELL_FORMED_REQUEST_ID);
  for (const id of ["", "x".repeat(129), "a b", "a\n", "a/b", "é", "<a>"])
    expect(id).not.toMatch(WELL_FORMED_REQUEST_ID);
});
