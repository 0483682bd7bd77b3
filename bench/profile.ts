/** Sallyport under the runtime's own CPU profiler: which functions the time of a call goes to. */
import { readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { run } from "./measure.ts";
import type { Options } from "./options.ts";
import { sallyportHeaders } from "./peers/sallyport.ts";
import { CACHE, freePort, ROOT } from "./process.ts";
import { markdown } from "./report.ts";
import { launchSallyport, requestBody, type Upstream } from "./targets.ts";

const FOLDER = join(CACHE, "profile");

/** The part of a .cpuprofile (Chrome DevTools Protocol, Profiler.Profile) that is read here. */
export interface CpuProfile {
  nodes: { id: number; callFrame: { functionName: string; url: string; lineNumber: number } }[];
  samples: number[];
  /** Microseconds between a sample and the one before. */
  timeDeltas: number[];
}

export interface Hot {
  what: string;
  where: string;
  micros: number;
  share: number;
}

/** Self time by function, the hottest first; time in which nothing ran is left out of the shares. */
export function hottest(profile: CpuProfile, count: number): Hot[] {
  const frames = new Map(profile.nodes.map((node) => [node.id, node.callFrame]));
  const self = new Map<string, Hot>();
  let total = 0;
  for (const [i, id] of profile.samples.entries()) {
    const frame = frames.get(id);
    if (frame === undefined || frame.functionName === "(idle)") continue;
    const where = `${frame.url.replace(`file://${ROOT}/`, "").replace(`${ROOT}/`, "")}:${frame.lineNumber + 1}`;
    const key = `${frame.functionName} ${where}`;
    const entry = self.get(key) ?? { what: frame.functionName || "(anonymous)", where, micros: 0, share: 0 };
    entry.micros += profile.timeDeltas[i]!;
    total += profile.timeDeltas[i]!;
    self.set(key, entry);
  }
  const sorted = [...self.values()].sort((a, b) => b.micros - a.micros).slice(0, count);
  return sorted.map((entry) => ({ ...entry, share: entry.micros / total }));
}

/** Loads Sallyport with JSON calls, then with streams, and returns the hottest functions of each as markdown. */
export async function profile(upstream: Upstream, options: Options): Promise<string> {
  rmSync(FOLDER, { recursive: true, force: true });
  const parts: string[] = [];
  for (const streamed of [false, true]) {
    const title = streamed ? "60-event stream" : "JSON call";
    const name = streamed ? "stream" : "json";
    const flags = ["--cpu-prof", "--cpu-prof-dir", FOLDER, "--cpu-prof-name", `${name}.cpuprofile`];
    const started = await launchSallyport(await freePort(), upstream.port, flags);
    const target = {
      name: "sallyport" as const,
      label: "Sallyport",
      route: { port: started.port, path: "/v1/chat/completions", headers: sallyportHeaders() },
      pids: [started.pid],
      stop: started.stop,
    };
    const outcome = await run(target, upstream, {
      mode: "closed",
      body: requestBody("bench", streamed),
      connections: options.connections,
      warmupMs: 2_000,
      durationMs: options.seconds * 1_000,
    });
    await started.stop();
    const file = readdirSync(FOLDER).find((found) => found.startsWith(name));
    if (file === undefined) throw new Error(`the profiler left no file in ${FOLDER}: Sallyport did not end by itself`);
    const read = (await Bun.file(join(FOLDER, file)).json()) as CpuProfile;
    const rows = hottest(read, 40).map(({ what, where, micros, share }) => {
      return [`\`${what}\``, where, (micros / 1000).toFixed(0), `${(share * 100).toFixed(1)} %`];
    });
    const per = Math.round(outcome.gatewayCpuMicros / Math.max(1, outcome.calls));
    const table = markdown(["function", "where", "self ms", "share"], rows);
    parts.push(`### Self time, ${title} (${outcome.calls} calls, ${per} µs each, profiler on)\n\n${table}\n`);
  }
  return parts.join("\n");
}
