/** The cases of the bench, a row each, and how they are run: all targets side by side, in turns. */
import type { Outcome } from "./load/job.ts";
import { type Load, run, runInQuiet } from "./measure.ts";
import type { CaseName, Options } from "./options.ts";
import { launch, requestBody, type Target, type TargetName, type Upstream } from "./targets.ts";

export interface CaseRow {
  name: CaseName;
  title: string;
  /** Targets that the case is not for. */
  without: readonly TargetName[];
  load(options: Options): Load;
  /** Measured once, in a process that has done nothing before. */
  once: boolean;
}

function closed(body: string, options: Options, connections = options.connections): Load {
  return { mode: "closed", body, connections, warmupMs: 1_500, durationMs: options.seconds * 1_000 };
}

export const CASE_ROWS: readonly CaseRow[] = [
  {
    name: "json",
    title: "JSON call, as many as it takes",
    without: [],
    once: false,
    load: (options) => closed(requestBody("bench", false), options),
  },
  {
    name: "stream",
    title: "60-event stream, as many as it takes",
    without: [],
    once: false,
    load: (options) => closed(requestBody("bench", true), options),
  },
  {
    // At full load a busy gateway finds several events in each read. Here each comes alone, as from a model.
    name: "paced",
    title: "60-event stream, an event every 10 ms, 64 at a time",
    without: [],
    once: false,
    load: (options) => closed(requestBody("bench-every-10", true), options),
  },
  {
    name: "latency",
    title: "JSON call, 1,000 calls/s at a fixed rate",
    without: ["portkey"], // which cannot do 1,000 calls/s on one core
    once: false,
    load: (options) => ({
      mode: "open",
      body: requestBody("bench", false),
      ratePerSecond: 1_000,
      warmupMs: 1_500,
      durationMs: options.seconds * 1_000,
    }),
  },
  {
    name: "held",
    title: "streams held open at once, an event a second each",
    without: ["direct"],
    once: true,
    load: (options) => ({
      mode: "hold",
      body: requestBody("bench-every-1000", true),
      connections: options.streams,
      opensPerSecond: 500,
      holdMs: 10_000,
    }),
  },
];

/** What was measured of one target in one case, a sample a round. */
export interface Measured {
  target: { name: TargetName; label: string };
  outcomes: Outcome[];
  /** Streams still open at the upstream shortly after all callers had left; undefined where it was not looked at. */
  leftOpen: number | undefined;
}

/**
 * Runs one case on fresh processes, so that no case pays for what another left behind. Targets take turns
 * (A B C A B C …), so that a slow minute of the machine meets all of them; where one measurement is enough,
 * one target at a time runs at all.
 */
export async function runCase(
  row: CaseRow,
  names: readonly TargetName[],
  upstream: Upstream,
  options: Options,
): Promise<Measured[]> {
  const wanted = names.filter((name) => !row.without.includes(name));
  const groups = row.once ? wanted.map((name) => [name]) : [wanted];
  const measured: Measured[] = [];
  for (const group of groups) {
    const targets: Target[] = [];
    try {
      for (const name of group) targets.push(await launch(name, upstream.port));
      measured.push(...(await runTurns(row, targets, upstream, options)));
    } finally {
      await Promise.all(targets.map((target) => target.stop()));
    }
  }
  return measured;
}

async function runTurns(
  row: CaseRow,
  targets: readonly Target[],
  upstream: Upstream,
  options: Options,
): Promise<Measured[]> {
  const load = row.load(options);
  if (load.mode !== "hold") await warmUp(row, targets, upstream, options);
  const measured = targets.map(({ name, label }): Measured => {
    return { target: { name, label }, outcomes: [], leftOpen: undefined };
  });
  for (let round = 0; round < (row.once ? 1 : options.rounds); round++) {
    for (const [i, target] of targets.entries()) {
      const outcome = await (row.once ? run : runInQuiet)(target, upstream, load);
      measured[i]!.outcomes.push(outcome);
      console.error(progress(row, target, outcome));
      if (load.mode === "hold") measured[i]!.leftOpen = await openAfterLeaving(upstream);
    }
  }
  return measured;
}

/** Just-in-time compilers need many calls before they rest: each target is loaded for a while before anything counts. */
async function warmUp(row: CaseRow, targets: readonly Target[], upstream: Upstream, options: Options): Promise<void> {
  const body = requestBody("bench", row.name === "stream" || row.name === "paced");
  const durationMs = options.seconds * 2_000;
  for (const target of targets) {
    if (target.name === "direct") continue;
    await run(target, upstream, { mode: "closed", body, connections: options.connections, warmupMs: 0, durationMs });
  }
}

/** A gateway has to close its upstream streams when the callers leave: none may be open some seconds later. */
async function openAfterLeaving(upstream: Upstream): Promise<number> {
  let open = 0;
  for (let i = 0; i < 10; i++) {
    await Bun.sleep(500);
    open = (await upstream.stats()).open;
    if (open === 0) break;
  }
  return open;
}

function progress(row: CaseRow, target: Target, outcome: Outcome): string {
  const rate = Math.round(outcome.calls / outcome.seconds);
  const micros = Math.round(outcome.gatewayCpuMicros / Math.max(1, outcome.calls));
  const cpu = target.name === "direct" ? "" : `, ${micros} µs each`;
  const notes = outcome.failures > 0 ? ` — ${outcome.failures} failures, such as: ${outcome.failure}` : "";
  const strangers = outcome.strangers >= 0.05 ? ` — strangers took ${Math.round(outcome.strangers * 100)} %` : "";
  return `${row.name}: ${target.name}: ${rate}/s${cpu}${notes}${strangers}`;
}
