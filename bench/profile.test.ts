import { expect, test } from "bun:test";
import { hottest } from "./profile.ts";

test("self time is summed by function and place; idling has no share", () => {
  const frame = (functionName: string, url = "file:///x.ts", lineNumber = 4) => ({ functionName, url, lineNumber });
  const nodes = [
    { id: 1, callFrame: frame("(idle)", "", -1) },
    { id: 2, callFrame: frame("decode") },
    { id: 3, callFrame: frame("decode") },
    { id: 4, callFrame: frame("", "file:///y.ts", 0) },
  ];
  const hot = hottest({ nodes, samples: [1, 2, 3, 4, 99], timeDeltas: [900, 40, 20, 20, 7] }, 10);
  expect(hot).toEqual([
    { what: "decode", where: "file:///x.ts:5", micros: 60, share: 0.75 },
    { what: "(anonymous)", where: "file:///y.ts:1", micros: 20, share: 0.25 },
  ]);
});
