import { busy, coreTime, cpuMicros, memory, processTree } from "../proc.ts";
import { latency } from "../stats.ts";
import type { Job, Outcome } from "./job.ts";

/** What is counted between the end of the warm-up and the end of a run. */
export class Window {
  readonly #job: Job;
  readonly #pids: number[];
  #open = false;
  #startedAt = 0;
  #gatewayCpu = 0;
  #loadCpu = 0;
  #gatewayCore = coreTime(0);
  #loadCore = coreTime(0);
  readonly #latencies: number[] = [];
  #failures = 0;
  #failure: string | null = null;

  constructor(job: Job) {
    this.#job = job;
    this.#pids = job.pids.flatMap(processTree);
  }

  start(): void {
    this.#gatewayCpu = cpuMicros(this.#pids);
    this.#loadCpu = this.#ownCpu();
    this.#gatewayCore = coreTime(this.#job.cores.gateway);
    this.#loadCore = coreTime(this.#job.cores.load);
    this.#startedAt = performance.now();
    this.#open = true;
  }

  #ownCpu(): number {
    return cpuMicros([process.pid, this.#job.upstreamPid]);
  }

  get calls(): number {
    return this.#latencies.length;
  }

  get failures(): number {
    return this.#failures;
  }

  get elapsedMs(): number {
    return performance.now() - this.#startedAt;
  }

  /** A call ended well, this many milliseconds after it should have begun. */
  good(latencyMs: number): void {
    if (this.#open) this.#latencies.push(latencyMs);
  }

  bad(reason: string): void {
    this.#failures++; // also in the warm-up: a target that fails there is not fit to be measured
    this.#failure ??= reason;
  }

  /** Ends the window. */
  outcome(special = 0): Outcome {
    const seconds = this.elapsedMs / 1000;
    const gatewayCpu = cpuMicros(this.#pids) - this.#gatewayCpu;
    const gatewayBusy = busy(this.#gatewayCore, coreTime(this.#job.cores.gateway));
    const loadCpu = this.#ownCpu() - this.#loadCpu;
    const loadBusy = busy(this.#loadCore, coreTime(this.#job.cores.load));
    this.#open = false;
    const share = (micros: number) => micros / 1e6 / seconds;
    return {
      calls: this.#latencies.length,
      failures: this.#failures,
      failure: this.#failure,
      seconds,
      latencyMs: latency(this.#latencies),
      gatewayCpuMicros: gatewayCpu,
      gatewayPeakBytes: memory(this.#pids).peak,
      strangers: Math.max(0, gatewayBusy - share(gatewayCpu), loadBusy - share(loadCpu)),
      loadBusy,
      special,
    };
  }
}
