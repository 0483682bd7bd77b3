import { expect, test } from "bun:test";
import { mayAsk, pauseBeforeRetry, type RetryPolicy } from "./retry.ts";

const policy: RetryPolicy = { maxAttempts: 5, retries: 3, maxMs: 10_000 };

test("another target is asked within the budget of attempts and time only", () => {
  expect(mayAsk(policy, { attempts: 4, rounds: 1, elapsedMs: 9_999 })).toBe(true);
  expect(mayAsk(policy, { attempts: 5, rounds: 1, elapsedMs: 0 })).toBe(false);
  expect(mayAsk(policy, { attempts: 1, rounds: 1, elapsedMs: 10_000 })).toBe(false);
});

test("the pause is anything up to a bound that doubles, above what the provider asked for", () => {
  const pause = (rounds: number, retryAfterMs: number, random: number) =>
    pauseBeforeRetry(policy, { attempts: 1, rounds, elapsedMs: 0 }, retryAfterMs, () => random);
  expect(pause(1, 0, 0)).toBe(0);
  expect(pause(1, 0, 0.999)).toBeCloseTo(249.75);
  expect(pause(2, 0, 0.5)).toBe(250);
  expect(pause(3, 0, 0.5)).toBe(500);
  expect(pause(1, 2_000, 0)).toBe(2_000);
  expect(pause(1, 2_000, 0.5)).toBe(2_125);
});

test("there is no further round when rounds, attempts or time are used up, or the provider asks for more time than is left", () => {
  const rows: [Parameters<typeof pauseBeforeRetry>[1], number][] = [
    [{ attempts: 1, rounds: 4, elapsedMs: 0 }, 0],
    [{ attempts: 5, rounds: 1, elapsedMs: 0 }, 0],
    [{ attempts: 1, rounds: 1, elapsedMs: 9_999 }, 1],
    [{ attempts: 1, rounds: 1, elapsedMs: 0 }, 10_000],
  ];
  for (const [spent, retryAfterMs] of rows)
    expect(pauseBeforeRetry(policy, spent, retryAfterMs, () => 0)).toBeUndefined();
});

test("without retries there is one round", () => {
  expect(
    pauseBeforeRetry({ ...policy, retries: 0 }, { attempts: 1, rounds: 1, elapsedMs: 0 }, 0, () => 0),
  ).toBeUndefined();
});
