/** One run of the load generator, in a process of its own on the load's core. */
import { join } from "node:path";
import type { Job, Outcome } from "./load/job.ts";
import { BUN, CORES, pinned, plainEnvironment, ROOT } from "./process.ts";
import type { Target, Upstream } from "./targets.ts";

/** Above this share of a core taken by strangers, a run is done again. */
const NOISY = 0.05;
const ATTEMPTS = 3;

/** What a case says of its job; the rest follows from the target. */
export type Load = Job extends infer One
  ? One extends Job
    ? Omit<One, "route" | "pids" | "upstreamPid" | "cores">
    : never
  : never;

export async function run(target: Target, upstream: Upstream, load: Load): Promise<Outcome> {
  const job = {
    ...load,
    ...rewritten(target, load),
    route: target.route,
    pids: target.pids,
    upstreamPid: upstream.pid,
    cores: CORES,
  };
  const argv = pinned(CORES.load, [...BUN, join(ROOT, "bench/load/main.ts"), JSON.stringify(job)]);
  const child = Bun.spawn(argv, { env: plainEnvironment(), stdio: ["ignore", "pipe", "inherit"] });
  const printed = await new Response(child.stdout).text();
  if ((await child.exited) !== 0) throw new Error(`the load generator failed on ${target.name}`);
  // JSON has no NaN: percentiles of no calls come as null.
  return JSON.parse(printed, (name, value) => (value === null && name !== "failure" ? Number.NaN : value)) as Outcome;
}

/** The same questions in the target's dialect. */
function rewritten(target: Target, load: Load): object {
  return "body" in load
    ? { body: target.rewrite(load.body) }
    : { jsonBody: target.rewrite(load.jsonBody), streamBody: target.rewrite(load.streamBody) };
}

/** The quietest of at most three runs; the first one that is quiet enough ends the search. */
export async function runInQuiet(target: Target, upstream: Upstream, load: Load): Promise<Outcome> {
  let best: Outcome | undefined;
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const outcome = await run(target, upstream, load);
    if (best === undefined || outcome.strangers < best.strangers) best = outcome;
    if (best.strangers < NOISY) break;
  }
  return best!;
}
