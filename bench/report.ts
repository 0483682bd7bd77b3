/** Markdown tables of what was measured: medians over the rounds, and ratios of medians. */
import type { CaseRow, Measured } from "./cases.ts";
import { median } from "./stats.ts";

/** Medians over the rounds of one target in one case. */
export interface Figures {
  callsPerSecond: number;
  p50: number;
  p99: number;
  cpuMicros: number;
  peakBytes: number;
  failures: number;
  strangers: number;
  loadBusy: number;
}

export function figures({ target, outcomes }: Measured): Figures {
  const of = (pick: (outcome: Measured["outcomes"][number]) => number) => median(outcomes.map(pick));
  return {
    callsPerSecond: of(({ calls, seconds }) => calls / seconds),
    p50: of(({ latencyMs }) => latencyMs.p50),
    p99: of(({ latencyMs }) => latencyMs.p99),
    cpuMicros: target.name === "direct" ? Number.NaN : of(({ gatewayCpuMicros, calls }) => gatewayCpuMicros / calls),
    peakBytes: target.name === "direct" ? Number.NaN : Math.max(...outcomes.map((outcome) => outcome.gatewayPeakBytes)),
    failures: outcomes.reduce((sum, outcome) => sum + outcome.failures, 0),
    strangers: of((outcome) => outcome.strangers),
    loadBusy: of((outcome) => outcome.loadBusy),
  };
}

/** The tables of one case; what a column means stands in bench/RESULTS.md. */
export function report(row: CaseRow, measured: readonly Measured[]): string {
  const table = row.name === "held" ? heldTable : row.name === "latency" ? latencyTable : loadTable;
  return `### ${row.title}\n\n${table(measured)}\n`;
}

function loadTable(measured: readonly Measured[]): string {
  const all = new Map(measured.map((one) => [one.target.name, figures(one)]));
  const relay = all.get("relay");
  const portkey = all.get("portkey");
  const rows = measured.map(({ target }) => {
    const own = all.get(target.name)!;
    return [
      target.label,
      whole(own.callsPerSecond),
      ratio(own.callsPerSecond, relay?.callsPerSecond),
      ratio(own.callsPerSecond, portkey?.callsPerSecond),
      decimals(own.p50),
      decimals(own.p99),
      whole(own.cpuMicros),
      ratio(own.cpuMicros, relay?.cpuMicros),
      megabytes(own.peakBytes),
      ratio(own.peakBytes, relay?.peakBytes),
      whole(own.failures),
      percent(own.loadBusy),
      percent(own.strangers),
    ];
  });
  const table = markdown(
    [
      "target",
      "calls/s",
      "÷ relay",
      "÷ Portkey",
      "p50 ms",
      "p99 ms",
      "CPU µs/call",
      "÷ relay",
      "peak RSS MB",
      "÷ relay",
      "failures",
      "load core",
      "strangers",
    ],
    rows,
  );
  const [relayed, translated] = [all.get("sallyport"), all.get("translated")];
  if (relayed === undefined || translated === undefined) return table;
  return `${table}\n\nTranslated ÷ relayed: ${ratio(translated.callsPerSecond, relayed.callsPerSecond)} the calls/s.`;
}

/** Added latency is taken round by round against the direct call of the same round, then the median of these. */
function latencyTable(measured: readonly Measured[]): string {
  const direct = measured.find(({ target }) => target.name === "direct")?.outcomes ?? [];
  const rows = measured.map((one) => {
    const own = figures(one);
    const added = (share: "p50" | "p99") =>
      median(one.outcomes.map(({ latencyMs }, i) => latencyMs[share] - (direct[i]?.latencyMs[share] ?? Number.NaN)));
    const isDirect = one.target.name === "direct";
    return [
      one.target.label,
      whole(own.callsPerSecond),
      decimals(own.p50),
      decimals(own.p99),
      isDirect ? "–" : decimals(added("p50")),
      isDirect ? "–" : decimals(added("p99")),
      whole(own.cpuMicros),
      whole(own.failures),
      percent(own.strangers),
    ];
  });
  return markdown(
    ["target", "calls/s", "p50 ms", "p99 ms", "added p50 ms", "added p99 ms", "CPU µs/call", "failures", "strangers"],
    rows,
  );
}

function heldTable(measured: readonly Measured[]): string {
  const rows = measured.map((one) => {
    const own = figures(one);
    const open = median(one.outcomes.map((outcome) => outcome.special));
    return [
      one.target.label,
      whole(open),
      decimals(own.p50),
      decimals(own.p99),
      megabytes(own.peakBytes),
      decimals(own.peakBytes / 1024 / open),
      whole(own.failures),
      one.leftOpen === undefined ? "–" : whole(one.leftOpen),
    ];
  });
  return markdown(
    [
      "target",
      "open at once",
      "first byte p50 ms",
      "first byte p99 ms",
      "peak RSS MB",
      "KiB/stream",
      "failures",
      "upstream streams left open",
    ],
    rows,
  );
}

/** A GitHub table: the first column is text, the others are figures. */
export function markdown(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(" | ")} |`;
  return [line(head), line(head.map((_, i) => (i === 0 ? "---" : "---:"))), ...rows.map(line)].join("\n");
}

function whole(value: number): string {
  return Number.isFinite(value) ? Math.round(value).toLocaleString("en") : "–";
}

function decimals(value: number): string {
  return Number.isFinite(value) ? value.toFixed(2) : "–";
}

function percent(share: number): string {
  return Number.isFinite(share) ? `${Math.round(share * 100)} %` : "–";
}

export function megabytes(bytes: number): string {
  return Number.isFinite(bytes) ? (bytes / 1e6).toFixed(0) : "–";
}

function ratio(own: number, other: number | undefined): string {
  return other === undefined || !Number.isFinite(own / other) ? "–" : `${(own / other).toFixed(2)} ×`;
}
