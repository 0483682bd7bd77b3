import { Counter, Gauge, Histogram, Registry } from "prom-client";
import type { Event } from "../ports/events.ts";
import type { UsageRecord } from "../ports/records.ts";

/** What the metrics read at the moment they are asked for. */
export interface Gauges {
  openCalls(): number;
  openHolds(): number;
  bodyBytes(): number;
  ready(): boolean;
  residentBytes(): number;
}

const SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300];

/** Calls that are counted in one go, which takes some hundred microseconds; whoever asks is told of all. */
const COUNTED_TOGETHER = 64;

/**
 * Prometheus metrics. Labels are words of ours or names that administrators gave; nothing a
 * caller writes becomes a label, so a caller cannot make the series grow.
 */
export class Metrics {
  readonly #registry = new Registry();
  readonly #calls: Counter;
  readonly #seconds: Histogram;
  readonly #firstByte: Histogram;
  readonly #overhead: Histogram;
  readonly #tokens: Counter;
  readonly #cost: Counter;
  readonly #attempts: Counter;
  readonly #verdicts: Counter;
  readonly #thresholds: Counter;
  /** Calls that are over and not counted yet. */
  #waiting: UsageRecord[] = [];

  constructor(gauges: Gauges, version: string) {
    const registers = [this.#registry];
    this.#calls = new Counter({
      name: "sallyport_calls_total",
      help: "Calls by endpoint, outcome, status and error code.",
      labelNames: ["endpoint", "outcome", "status", "code"],
      registers,
    });
    const histogram = (name: string, help: string, buckets = SECONDS) =>
      new Histogram({ name, help, labelNames: ["endpoint"], buckets, registers });
    this.#seconds = histogram("sallyport_call_seconds", "From arrival to the last byte.");
    this.#firstByte = histogram("sallyport_first_byte_seconds", "From arrival to the first byte from upstream.");
    this.#overhead = histogram("sallyport_queue_seconds", "From arrival to the first upstream attempt.");
    this.#tokens = new Counter({
      name: "sallyport_tokens_total",
      help: "Tokens charged, by provider account and direction.",
      labelNames: ["provider", "direction"],
      registers,
    });
    this.#cost = new Counter({
      name: "sallyport_cost_usd_total",
      help: "Cost charged in US dollars, by provider account.",
      labelNames: ["provider"],
      registers,
    });
    this.#attempts = new Counter({
      name: "sallyport_upstream_attempts_total",
      help: "Targets asked, by provider account and error code (none: it served).",
      labelNames: ["provider", "error"],
      registers,
    });
    this.#verdicts = new Counter({
      name: "sallyport_guardrail_verdicts_total",
      help: "Verdicts of guardrails, by name, direction and action.",
      labelNames: ["guardrail", "direction", "action"],
      registers,
    });
    this.#thresholds = new Counter({
      name: "sallyport_limit_thresholds_total",
      help: "Thresholds of quotas and budgets that were reached first here, by kind of scope, dimension, window and percent.",
      labelNames: ["scope", "dimension", "window", "threshold"],
      registers,
    });
    const gauge = (name: string, help: string, read: () => number) =>
      new Gauge({
        name,
        help,
        registers,
        collect() {
          this.set(read());
        },
      });
    gauge("sallyport_open_calls", "Calls under way.", gauges.openCalls);
    gauge("sallyport_open_holds", "Holds reserved and not yet settled.", gauges.openHolds);
    gauge("sallyport_body_bytes", "Bytes of request bodies in memory.", gauges.bodyBytes);
    gauge("sallyport_ready", "1 while the gateway takes calls.", () => (gauges.ready() ? 1 : 0));
    gauge("process_resident_memory_bytes", "Resident memory of the process.", gauges.residentBytes);
    new Gauge({
      name: "sallyport_build_info",
      help: "1; the version is the label.",
      labelNames: ["version"],
      registers,
    }).set({ version }, 1);
  }

  /** Counts one call that is over, with others: one alone costs as much as three in a row. */
  observe(record: UsageRecord): void {
    // What was captured must not stay in memory because nobody calls any more.
    if (record.captured !== null) this.#count(record);
    else if (this.#waiting.push(record) >= COUNTED_TOGETHER) this.#countWaiting();
  }

  #countWaiting(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const record of waiting) this.#count(record);
  }

  #count(record: UsageRecord): void {
    const { endpoint } = record;
    this.#calls.inc({ endpoint, outcome: record.outcome, status: record.status, code: record.errorCode ?? "none" });
    this.#seconds.observe({ endpoint }, record.totalMs / 1_000);
    if (record.firstByteMs !== null) this.#firstByte.observe({ endpoint }, record.firstByteMs / 1_000);
    if (record.attempts.length > 0) this.#overhead.observe({ endpoint }, record.queueMs / 1_000);
    if (record.provider !== null) {
      const { provider } = record;
      this.#tokens.inc({ provider, direction: "input" }, record.inputTokens);
      this.#tokens.inc({ provider, direction: "output" }, record.outputTokens);
      if (record.costNanoUsd > 0) this.#cost.inc({ provider }, record.costNanoUsd / 1e9);
    }
    for (const { provider, error } of record.attempts) this.#attempts.inc({ provider, error: error ?? "none" });
    for (const { guardrail, direction, action } of record.verdicts)
      this.#verdicts.inc({ guardrail, direction, action });
  }

  /** Counts an event that nobody has raised before. */
  raised({ scope, limit: { dimension, window }, threshold }: Event): void {
    const kind = scope.slice(0, scope.indexOf(":"));
    this.#thresholds.inc({ scope: kind, dimension, window: window ?? "none", threshold });
  }

  readonly contentType = "text/plain; version=0.0.4; charset=utf-8";

  /** The exposition text (Prometheus text format 0.0.4). */
  text(): Promise<string> {
    this.#countWaiting();
    return this.#registry.metrics();
  }
}
