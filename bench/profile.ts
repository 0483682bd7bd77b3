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
  /** Microseconds, as timeDeltas. */
  startTime: number;
  endTime: number;
  nodes: { id: number; callFrame: { functionName: string; url: string; lineNumber: number }; children?: number[] }[];
  samples: number[];
  /** Microseconds between a sample and the one before. */
  timeDeltas: number[];
}

export interface Hot {
  what: string;
  micros: number;
  /** Of the time in which anything ran at all. */
  share: number;
}

type CallFrame = CpuProfile["nodes"][number]["callFrame"];

function place(frame: CallFrame): string {
  return frame.url.replace("file://", "").replace(`${ROOT}/`, "");
}

/** Self time by function, the hottest first. */
export function hottest(profile: CpuProfile, count: number): Hot[] {
  const names = new Map<number, string>();
  for (const { id, callFrame } of profile.nodes) {
    const name = callFrame.functionName || "(anonymous)";
    names.set(id, callFrame.url === "" ? name : `${name} ${place(callFrame)}:${callFrame.lineNumber + 1}`);
  }
  return sum(profile, names).slice(0, count);
}

/**
 * Time by source file of ours, the dearest first. What the runtime and packages do is charged to the file that
 * called them; what nobody of ours called stands under "(runtime)": the listener, streams, promises, collection.
 */
export function byFile(profile: CpuProfile): Hot[] {
  const nodes = new Map(profile.nodes.map((node) => [node.id, node]));
  const owners = new Map<number, string>();
  const walk = (id: number, owner: string): void => {
    const node = nodes.get(id);
    if (node === undefined) return;
    const file = place(node.callFrame);
    const own = file.startsWith("src/") ? file : owner;
    owners.set(id, own);
    for (const child of node.children ?? []) walk(child, own);
  };
  const children = new Set(profile.nodes.flatMap((node) => node.children ?? []));
  for (const { id } of profile.nodes) if (!children.has(id)) walk(id, "(runtime)");
  return sum(profile, owners);
}

/** Adds up the samples under each name; time in which nothing ran is left out. */
function sum(profile: CpuProfile, names: ReadonlyMap<number, string>): Hot[] {
  const idle = new Set(profile.nodes.filter((node) => node.callFrame.functionName === "(idle)").map(({ id }) => id));
  const micros = new Map<string, number>();
  let total = 0;
  for (const [i, id] of profile.samples.entries()) {
    const name = names.get(id);
    if (name === undefined || idle.has(id)) continue;
    micros.set(name, (micros.get(name) ?? 0) + profile.timeDeltas[i]!);
    total += profile.timeDeltas[i]!;
  }
  const sorted = [...micros].sort(([, a], [, b]) => b - a);
  return sorted.map(([what, spent]) => ({ what, micros: spent, share: spent / total }));
}

/** The samples that were taken between two times, in microseconds before the end. */
export function between(profile: CpuProfile, from: number, to: number): CpuProfile {
  let at = profile.startTime - profile.endTime;
  const kept = profile.timeDeltas.map((delta) => {
    at += delta;
    return at >= -from && at <= -to;
  });
  const keep = (values: readonly number[]) => values.filter((_, i) => kept[i]);
  return { ...profile, samples: keep(profile.samples), timeDeltas: keep(profile.timeDeltas) };
}

/** Calls before the compilers rest, as a time at full load. */
const WARM_UP_MS = 10_000;

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
      rewrite: (body: string) => body,
      pids: [started.pid],
      stop: started.stop,
    };
    const outcome = await run(target, upstream, {
      mode: "closed",
      body: requestBody("bench", streamed),
      connections: options.connections,
      warmupMs: WARM_UP_MS,
      durationMs: options.seconds * 1_000,
    });
    const loadEnded = performance.now();
    await started.stop();
    const ending = (performance.now() - loadEnded) * 1_000;
    const file = readdirSync(FOLDER).find((found) => found.startsWith(name));
    if (file === undefined) throw new Error(`the profiler left no file in ${FOLDER}: Sallyport did not end by itself`);
    const all = (await Bun.file(join(FOLDER, file)).json()) as CpuProfile;
    const read = between(all, ending + outcome.seconds * 1e6, ending);
    const per = Math.round(outcome.gatewayCpuMicros / Math.max(1, outcome.calls));
    parts.push(`### ${title}: ${outcome.calls} calls, ${per} µs each with the profiler on`);
    parts.push(table("source file, with what it calls", byFile(read).slice(0, 40)));
    parts.push(table("function, itself", hottest(read, 40)));
  }
  return parts.join("\n\n");
}

function table(title: string, hot: readonly Hot[]): string {
  const rows = hot.map(({ what, micros, share }) => {
    return [`\`${what}\``, (micros / 1000).toFixed(0), `${(share * 100).toFixed(1)} %`];
  });
  return markdown([title, "ms", "share"], rows);
}
