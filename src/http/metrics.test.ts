import { expect, test } from "bun:test";
import { threshold } from "../store/events-contract.ts";
import { sampleRecord } from "../store/meter-contract.ts";
import { Metrics } from "./metrics.ts";

const gauges = {
  openCalls: () => 3,
  openHolds: () => 2,
  bodyBytes: () => 1,
  ready: () => true,
  residentBytes: () => 5e7,
};

test("calls, tokens, cost and attempts are counted under names of ours", async () => {
  const metrics = new Metrics(gauges, "1.2.3");
  const attempts = [
    { provider: "up", model: "m", status: 200, error: null, ms: 1, inputTokens: 0, outputTokens: 0, costNanoUsd: 0 },
  ];
  metrics.observe(sampleRecord({ attempts, costNanoUsd: 5e8 }));
  metrics.observe(
    sampleRecord({ outcome: "refused", status: 429, errorCode: "rate_limit_exceeded", provider: null, attempts: [] }),
  );
  metrics.raised(threshold({ scope: "tenant:ten_1", threshold: 80 }));
  const text = await metrics.text();
  for (const line of [
    'sallyport_calls_total{endpoint="chat.completions",outcome="finished",status="200",code="none"} 1',
    'sallyport_calls_total{endpoint="chat.completions",outcome="refused",status="429",code="rate_limit_exceeded"} 1',
    'sallyport_tokens_total{provider="up",direction="output"} 4',
    'sallyport_cost_usd_total{provider="up"} 0.5',
    'sallyport_upstream_attempts_total{provider="up",error="none"} 1',
    'sallyport_limit_thresholds_total{scope="tenant",dimension="usd",window="day",threshold="80"} 1',
    "sallyport_open_calls 3",
    'sallyport_build_info{version="1.2.3"} 1',
  ]) {
    expect(text).toContain(line);
  }
});

test("nothing that a caller writes becomes a label", async () => {
  const metrics = new Metrics(gauges, "1");
  for (let i = 0; i < 100; i++)
    metrics.observe(
      sampleRecord({ model: `made-up-${i}`, keyId: `key-${i}`, address: `10.0.0.${i}`, requestId: `r${i}` }),
    );
  const text = await metrics.text();
  expect(text).not.toContain("made-up");
  expect(text.split("\n").filter((line) => line.startsWith("sallyport_calls_total{"))).toHaveLength(1);
});
