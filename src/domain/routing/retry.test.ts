import { describe, expect, test } from "bun:test";
import { nextStep, type RetryPolicy, type Spent, type Standing } from "./retry.ts";

const policy: RetryPolicy = { maxAttempts: 10, retries: 2, maxMs: 10_000 };
const fresh: Spent = { attempts: 0, pauses: 0, elapsedMs: 0 };
const target = (over: Partial<Standing> = {}): Standing => ({ asked: 0, hopeless: false, notBefore: 0, ...over });
const step = (
  targets: Standing[],
  spent: Partial<Spent> = {},
  random = 0,
  over: Partial<RetryPolicy> = {},
  now = 100,
) => nextStep(targets, { ...policy, ...over }, { ...fresh, ...spent }, now, () => random);

describe("within a round", () => {
  test("targets are asked in order, each once", () => {
    expect(step([target(), target()])).toEqual({ do: "ask", target: 0 });
    expect(step([target({ asked: 1 }), target()], { attempts: 1 })).toEqual({ do: "ask", target: 1 });
  });

  test("one that is hopeless, or may not be asked yet, is passed over", () => {
    const rows = [target({ asked: 1 }), target({ hopeless: true }), target({ notBefore: 101 }), target()];
    expect(step(rows, { attempts: 1 })).toEqual({ do: "ask", target: 3 });
  });

  test("the first of all is asked even if it may not: somebody has to be", () => {
    expect(step([target({ notBefore: 5_000 })])).toEqual({ do: "ask", target: 0 });
  });
});

describe("between rounds", () => {
  const both = [target({ asked: 1 }), target({ asked: 1 })];

  test("there is a pause of anything up to a bound that doubles to eight seconds", () => {
    expect(step(both, { attempts: 2 }, 0)).toEqual({ do: "wait", ms: 0 });
    expect(step(both, { attempts: 2 }, 0.5)).toEqual({ do: "wait", ms: 125 });
    const later = [target({ asked: 2 })];
    expect(step(later, { attempts: 2, pauses: 1 }, 0.5)).toEqual({ do: "wait", ms: 250 });
    const last = [target({ asked: 8 })];
    expect(step(last, { attempts: 8, pauses: 7 }, 0.5, { retries: 20, maxMs: 1e6 })).toEqual({ do: "wait", ms: 4_000 });
  });

  test("which begins when the first of those that are left may be asked again", () => {
    const limited = [target({ asked: 1, notBefore: 3_100 }), target({ asked: 1, notBefore: 5_100 })];
    expect(step(limited, { attempts: 2 })).toEqual({ do: "wait", ms: 3_000 });
    expect(step([...limited, target({ asked: 1 })], { attempts: 3 })).toEqual({ do: "wait", ms: 0 });
    expect(step([...limited, target({ asked: 1, hopeless: true })], { attempts: 3 })).toEqual({
      do: "wait",
      ms: 3_000,
    });
  });

  test("after it those that may be asked are, and the others are not", () => {
    const rows = [target({ asked: 1, notBefore: 3_100 }), target({ asked: 1 })];
    expect(step(rows, { attempts: 2, pauses: 1 })).toEqual({ do: "ask", target: 1 });
  });
});

test.each<[string, Standing[], Partial<Spent>, Partial<RetryPolicy>]>([
  ["the attempts are used up", [target()], { attempts: 10 }, {}],
  ["the time is used up", [target()], { attempts: 1, elapsedMs: 10_000 }, {}],
  ["the rounds are used up", [target({ asked: 3 })], { attempts: 3, pauses: 2 }, {}],
  ["nobody asked for another round", [target({ asked: 1 })], { attempts: 1 }, { retries: 0 }],
  ["everybody is hopeless", [target({ asked: 1, hopeless: true }), target({ hopeless: true })], { attempts: 1 }, {}],
  [
    "the wait would be longer than the time that is left",
    [target({ asked: 1, notBefore: 10_100 })],
    { attempts: 1 },
    {},
  ],
])("it ends when %s", (_, targets, spent, over) => {
  expect(step(targets, spent, 0, over)).toEqual({ do: "end" });
});
