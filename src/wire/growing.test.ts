import { expect, test } from "bun:test";
import { appended } from "./growing.ts";

const bytes = (...values: number[]) => Uint8Array.from(values);

test("what is appended stands behind what was kept, and what lay behind that is gone", () => {
  const buffer = appended(bytes(1, 2, 9, 9), 2, bytes(3, 4, 5));
  expect([...buffer.subarray(0, 5)]).toEqual([1, 2, 3, 4, 5]);
});

test("a buffer with room is written into, and one without is left as it was", () => {
  const roomy = new Uint8Array(8);
  expect(appended(roomy, 2, bytes(7))).toBe(roomy as Uint8Array<ArrayBuffer>);
  expect(roomy[2]).toBe(7);
  const full = bytes(1, 2);
  expect(appended(full, 2, bytes(3))).not.toBe(full as Uint8Array<ArrayBuffer>);
  expect([...full]).toEqual([1, 2]);
});

test("a million bytes one by one make few buffers", () => {
  let buffer = new Uint8Array(0);
  let buffers = 0;
  for (let length = 0; length < 1_000_000; length++) {
    const next = appended(buffer, length, bytes(length & 255));
    if (next !== buffer) buffers++;
    buffer = next;
  }
  expect(buffers).toBeLessThan(15);
  expect([buffer[0], buffer[255], buffer[999_999]]).toEqual([0, 255, 999_999 & 255]);
});
