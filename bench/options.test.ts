import { describe, expect, test } from "bun:test";
import { parseOptions, TARGETS } from "./options.ts";

test("without arguments the bench runs every case against every target", () => {
  const options = parseOptions([]);
  expect(options).toMatchObject({ command: "full", targets: [...TARGETS], rounds: 5, streams: 5000 });
  expect(options.cases).toEqual(["json", "stream", "paced", "latency", "held"]);
});

test("quick is shorter, soak and profile look at Sallyport alone", () => {
  expect(parseOptions(["quick"])).toMatchObject({ rounds: 1, seconds: 2, streams: 500, targets: [...TARGETS] });
  expect(parseOptions(["soak"])).toMatchObject({ targets: ["sallyport"], calls: 500_000, minutes: 3 });
  expect(parseOptions(["profile"]).targets).toEqual(["sallyport"]);
  expect(parseOptions(["meter"])).toMatchObject({ command: "meter", targets: ["sallyport"], rounds: 5 });
});

test("options override what a command brings", () => {
  const options = parseOptions(["soak", "--targets", "sallyport,relay", "--calls", "1000", "--minutes", "0.5"]);
  expect(options).toMatchObject({ targets: ["relay", "sallyport"], calls: 1000, minutes: 0.5 });
});

describe("a command line that is not understood is refused with the usage:", () => {
  test.each(["fast", "full quick", "--targets envoy", "--rounds 0", "--seconds ten", "--x 1"])("%s", (line) => {
    expect(() => parseOptions(line.split(" "))).toThrow();
  });
});
