/** What the bench asks its load generator to do, and what it gets back: one JSON line either way. */
import type { Latency } from "../stats.ts";

/** Where requests go and how they look. */
export interface Route {
  port: number;
  path: string;
  /** Beyond Host, Content-Type and Content-Length. */
  headers: Record<string, string>;
}

interface Common {
  route: Route;
  /** The processes of the gateway under test; none when the upstream is called directly. */
  pids: readonly number[];
  /** The upstream's process, which shares the load's core. */
  upstreamPid: number;
  /** The core that the gateway is pinned to, and the one of load and upstream. */
  cores: { gateway: number; load: number };
}

export type Job = Common &
  (
    | { mode: "closed"; body: string; connections: number; warmupMs: number; durationMs: number }
    | { mode: "open"; body: string; ratePerSecond: number; warmupMs: number; durationMs: number }
    | { mode: "hold"; body: string; connections: number; opensPerSecond: number; holdMs: number }
    | {
        mode: "soak";
        jsonBody: string;
        streamBody: string;
        connections: number;
        /** Share (0…1) of calls that are streams, and of streams that are left early. */
        streams: number;
        aborts: number;
        calls: number;
        atLeastMs: number;
      }
  );

export interface Outcome {
  /** Calls that ended well inside the measured window. */
  calls: number;
  /** Calls that ended in another way: another status than 200, a closed connection, no connection. */
  failures: number;
  /** One of the failures, for the reader. */
  failure: string | null;
  seconds: number;
  latencyMs: Latency;
  /** CPU time of the gateway's processes in the window, microseconds. */
  gatewayCpuMicros: number;
  /** Peak resident memory of the gateway's processes at the end of the window, bytes. */
  gatewayPeakBytes: number;
  /**
   * Share (0…1) of a core that went to processes which are no part of the bench, on the core where it was more:
   * a run in which others took much of the machine says little.
   */
  strangers: number;
  /** Share (0…1) of the load's core that was busy: near 1, the load and not the gateway was the limit. */
  loadBusy: number;
  /** Of `soak`: streams that were left early. Of `hold`: streams that were open and had got bytes at the end. */
  special: number;
}
