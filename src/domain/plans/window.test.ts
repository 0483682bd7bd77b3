import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { calendarPeriod, createWindow } from "./window.ts";

const T = Date.UTC(2026, 1, 27, 23, 59, 30);

test("never, in any stretch as long as the window, is more than the limit let through", () => {
  const step = fc.tuple(fc.integer({ min: 0, max: 40_000 }), fc.integer({ min: 1, max: 5 }));
  fc.assert(
    fc.property(fc.array(step, { minLength: 1, maxLength: 120 }), (steps) => {
      const window = createWindow("minute");
      const taken: { at: number; amount: number }[] = [];
      let now = T;
      for (const [wait, amount] of steps) {
        now += wait;
        if (window.used(now) + amount > 10) continue;
        window.add(now, amount);
        taken.push({ at: now, amount });
        const recent = taken.filter(({ at }) => at > now - 60_000);
        expect(recent.reduce((sum, { amount }) => sum + amount, 0)).toBeLessThanOrEqual(10);
      }
    }),
  );
});

test("waitFor is the first moment at which it fits", () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: 9_000 }), { minLength: 10, maxLength: 30 }), (waits) => {
      const window = createWindow("minute");
      let now = T;
      for (const wait of waits) {
        now += wait;
        if (window.used(now) < 10) window.add(now, 1);
      }
      const wait = window.waitFor(now, 1, 10)!;
      if (wait === 0) return;
      expect(window.used(now + wait - 1) + 1).toBeGreaterThan(10);
      expect(window.used(now + wait) + 1).toBeLessThanOrEqual(10);
    }),
  );
});

test("a correction counts in the window of what it corrects, and nowhere once that has passed", () => {
  const window = createWindow("minute");
  window.add(T, 100);
  window.correct(T, T + 30_000, -60);
  expect(window.used(T + 30_000)).toBe(40);
  window.correct(T, T + 120_000, -40);
  expect(window.used(T + 120_000)).toBe(0);
  const day = createWindow("day");
  day.add(T, 100);
  day.correct(T, T + 60_000, 50);
  expect(day.used(T + 60_000)).toBe(0);
});

describe("calendar periods are those of the UTC calendar", () => {
  test.each([
    ["day", "2026-02-27T00:00:00Z", "2026-02-28T00:00:00Z"],
    ["week", "2026-02-23T00:00:00Z", "2026-03-02T00:00:00Z"],
    ["month", "2026-02-01T00:00:00Z", "2026-03-01T00:00:00Z"],
  ] as const)("%s", (name, start, end) => {
    expect(calendarPeriod(name, T)).toEqual({ start: Date.parse(start), end: Date.parse(end) });
  });
});

test("what is above the limit never fits, and an empty window needs no reset", () => {
  for (const name of ["second", "day"] as const) {
    expect(createWindow(name).waitFor(T, 11, 10)).toBeNull();
    expect(createWindow(name).resetIn(T)).toBe(0);
  }
});
