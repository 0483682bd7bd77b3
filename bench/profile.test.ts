import { expect, test } from "bun:test";
import { join } from "node:path";
import { between, byFile, type CpuProfile, hottest } from "./profile.ts";

const source = (path: string) => `file://${join(import.meta.dir, "..", path)}`;

const PROFILE: CpuProfile = {
  startTime: 5_000,
  endTime: 6_010,
  nodes: [
    { id: 1, callFrame: { functionName: "(root)", url: "", lineNumber: -1 }, children: [2, 3, 6] },
    { id: 2, callFrame: { functionName: "(idle)", url: "", lineNumber: -1 } },
    {
      id: 3,
      callFrame: { functionName: "decode", url: source("src/gateway/decode.ts"), lineNumber: 9 },
      children: [4, 5],
    },
    { id: 4, callFrame: { functionName: "parse", url: "", lineNumber: -1 } },
    { id: 5, callFrame: { functionName: "", url: source("node_modules/zod/index.js"), lineNumber: 0 } },
    { id: 6, callFrame: { functionName: "parse", url: "", lineNumber: -1 } },
  ],
  samples: [2, 3, 4, 5, 6, 3, 99],
  timeDeltas: [900, 20, 30, 10, 20, 20, 7],
};

test("self time is summed by function; idling has no share", () => {
  expect(hottest(PROFILE, 2)).toEqual([
    { what: "parse", micros: 50, share: 0.5 },
    { what: "decode src/gateway/decode.ts:10", micros: 40, share: 0.4 },
  ]);
});

test("what the runtime and packages do is charged to the file of ours that called them", () => {
  expect(byFile(PROFILE)).toEqual([
    { what: "src/gateway/decode.ts", micros: 80, share: 0.8 },
    { what: "(runtime)", micros: 20, share: 0.2 },
  ]);
});

test("the time before and after the load is left out", () => {
  const { samples, timeDeltas } = between(PROFILE, 95, 11);
  expect([samples, timeDeltas]).toEqual([
    [3, 4, 5, 6],
    [20, 30, 10, 20],
  ]);
});
