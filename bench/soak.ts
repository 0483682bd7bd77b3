/** A long mixed load with callers that leave at random: what memory does when nothing is left of a call but its record. */
import { type Load, run } from "./measure.ts";
import type { Options } from "./options.ts";
import { memory, processTree } from "./proc.ts";
import { markdown, megabytes } from "./report.ts";
import { median } from "./stats.ts";
import { launch, requestBody, type TargetName, type Upstream } from "./targets.ts";

/** Resident memory of a target, sampled once a second. */
interface Sample {
  second: number;
  bytes: number;
}

export async function soak(name: TargetName, upstream: Upstream, options: Options): Promise<string> {
  const target = await launch(name, upstream.port);
  const samples: Sample[] = [];
  const startedAt = performance.now();
  const sampler = setInterval(() => {
    const second = Math.round((performance.now() - startedAt) / 1000);
    samples.push({ second, bytes: memory(target.pids.flatMap(processTree)).now });
    if (second % 15 === 0) console.error(`soak: ${name}: ${second} s, ${megabytes(samples.at(-1)!.bytes)} MB`);
  }, 1_000);
  const load: Load = {
    mode: "soak",
    jsonBody: requestBody("bench", false),
    streamBody: requestBody("bench", true),
    connections: options.connections,
    streams: 0.5,
    aborts: 0.5,
    calls: options.calls,
    atLeastMs: options.minutes * 60_000,
  };
  try {
    const before = await upstream.stats();
    const outcome = await run(target, upstream, load);
    await Bun.sleep(3_000);
    const after = await upstream.stats();
    const rows = [
      ["calls that ended well", outcome.calls.toLocaleString("en")],
      ["streams left early by the caller", outcome.special.toLocaleString("en")],
      ["failures", `${outcome.failures}${outcome.failure === null ? "" : ` (${outcome.failure})`}`],
      ["minutes", (outcome.seconds / 60).toFixed(1)],
      ["RSS after the first minute (median of 50–70 s), MB", megabytes(between(samples, 50, 70))],
      ["RSS at the end (median of the last 20 s), MB", megabytes(between(samples, outcome.seconds - 20, 1e9))],
      ["highest RSS of all, MB", megabytes(Math.max(...samples.map(({ bytes }) => bytes)))],
      ["streams that the gateway closed early at the upstream", (after.left - before.left).toLocaleString("en")],
      ["upstream streams left open 3 s after the end", String(after.open)],
    ];
    return `### Soak: ${target.label}\n\n${markdown(["what", "figure"], rows)}\n`;
  } finally {
    clearInterval(sampler);
    await target.stop();
  }
}

function between(samples: readonly Sample[], from: number, to: number): number {
  return median(samples.filter(({ second }) => second >= from && second <= to).map(({ bytes }) => bytes));
}
