import { expect, test } from "bun:test";
import { CASE_ROWS, type Measured } from "./cases.ts";
import type { Outcome } from "./load/job.ts";
import { figures, report } from "./report.ts";

function measured(name: Measured["target"]["name"], ...rounds: Partial<Outcome>[]): Measured {
  const calm: Outcome = {
    calls: 1_000,
    failures: 0,
    failure: null,
    seconds: 1,
    latencyMs: { p50: 1, p99: 2, max: 3 },
    gatewayCpuMicros: 50_000,
    gatewayPeakBytes: 50_000_000,
    strangers: 0,
    loadBusy: 0.5,
    special: 0,
  };
  return { target: { name, label: name }, outcomes: rounds.map((round) => ({ ...calm, ...round })), leftOpen: 0 };
}

const row = (name: string) => CASE_ROWS.find((candidate) => candidate.name === name)!;
const cells = (text: string, target: string) =>
  text
    .split("\n")
    .find((line) => line.startsWith(`| ${target} `))!
    .split("|")
    .map((cell) => cell.trim());

test("one bad round does not move the figures, but its failures are counted", () => {
  const rounds = [{}, { calls: 10, gatewayCpuMicros: 90_000, failures: 7 }, {}];
  expect(figures(measured("relay", ...rounds))).toMatchObject({ callsPerSecond: 1_000, cpuMicros: 50, failures: 7 });
});

test("ratios are against the relay and against Portkey; a direct call has no CPU of a gateway", () => {
  const text = report(row("json"), [
    measured("direct", { calls: 4_000 }),
    measured("portkey", { calls: 100, gatewayCpuMicros: 100_000 }),
    measured("relay", {}),
    measured("sallyport", { calls: 500, gatewayCpuMicros: 50_000 }),
  ]);
  const sallyport = cells(text, "sallyport");
  expect([sallyport[2], sallyport[3], sallyport[4]]).toEqual(["500", "0.50 ×", "5.00 ×"]);
  expect([sallyport[7], sallyport[8]]).toEqual(["100", "2.00 ×"]);
  expect([cells(text, "direct")[7], cells(text, "direct")[9]]).toEqual(["–", "–"]);
});

test("added latency compares the rounds that were run side by side", () => {
  const at = (p50: number, p99: number) => ({ latencyMs: { p50, p99, max: 9 } });
  const text = report(row("latency"), [
    measured("direct", at(0.1, 1), at(0.1, 5), at(0.1, 1)),
    measured("sallyport", at(0.3, 1.5), at(0.3, 5.5), at(0.3, 1.5)),
  ]);
  expect([cells(text, "sallyport")[5], cells(text, "sallyport")[6]]).toEqual(["0.20", "0.50"]);
  expect(cells(text, "direct")[6]).toBe("–");
});

test("held streams are reported with their memory each, and what stays open upstream", () => {
  const text = report(row("held"), [measured("sallyport", { special: 500, gatewayPeakBytes: 512_000 * 500 })]);
  const sallyport = cells(text, "sallyport");
  expect([sallyport[2], sallyport[5], sallyport[6], sallyport[8]]).toEqual(["500", "256", "500.00", "0"]);
});
