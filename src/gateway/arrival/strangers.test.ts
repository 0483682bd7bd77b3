import { expect, test } from "bun:test";
import { Strangers } from "./strangers.ts";

const clock = { at: 0, now: () => 0, ticks: () => clock.at };

test("after so many bad keys in a minute an address is told to wait, others are not", () => {
  const strangers = new Strangers(clock, 3);
  for (let i = 0; i < 3; i++) expect(strangers.refuse("192.0.2.1", "bad").code).toBe("invalid_credential");
  const refused = strangers.refuse("192.0.2.1", "bad");
  expect(refused.code).toBe("too_many_attempts");
  expect(refused.retryAfterMs).toBe(60_000);
  expect(strangers.refuse("192.0.2.2", "bad").code).toBe("invalid_credential");
  clock.at += 60_000;
  expect(strangers.refuse("192.0.2.1", "bad").code).toBe("invalid_credential");
});

test("what else was refused to an address is no bad key, and bad keys are recorded all the same", () => {
  const strangers = new Strangers(clock, 2);
  expect([1, 2, 3].map(() => strangers.note("192.0.2.1"))).toEqual([true, true, false]);
  const refused = [1, 2, 3].map(() => strangers.refuse("192.0.2.1", "bad").code);
  expect(refused).toEqual(["invalid_credential", "invalid_credential", "too_many_attempts"]);
});

test("a network of IPv6 is one stranger", () => {
  const strangers = new Strangers(clock, 2);
  for (const address of ["2001:db8:0:1::1", "2001:db8:0:1:2:3:4:5"]) expect(strangers.note(address)).toBe(true);
  expect(strangers.note("2001:db8:0:1::ffff")).toBe(false);
  expect(strangers.note("2001:db8:0:2::1")).toBe(true);
});

test("a million addresses take no more memory than ten thousand", () => {
  const strangers = new Strangers(clock, 1);
  for (let i = 0; i < 200_000; i++) strangers.refuse(`10.${i >> 16}.${(i >> 8) & 255}.${i & 255}`, "bad");
  expect(strangers.remembered).toBeLessThanOrEqual(10_000);
  expect(strangers.remembered).toBeGreaterThan(4_000);
});
