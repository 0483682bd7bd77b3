/** What is measured, a row each: how it starts, and how it is called. */
import { join } from "node:path";
import { JSON_TEXT, STREAM_TEXT } from "./answers.ts";
import type { Route } from "./load/job.ts";
import { nginxCommand } from "./peers/nginx.ts";
import { fetchPortkey, portkeyCommand, portkeyHeaders } from "./peers/portkey.ts";
import { sallyportCommand, sallyportEnvironment, sallyportHeaders } from "./peers/sallyport.ts";
import { BUN, CORES, freePort, ROOT, type Started, start } from "./process.ts";

export type TargetName = "direct" | "nginx" | "portkey" | "relay" | "sallyport";

interface TargetRow {
  name: TargetName;
  label: string;
  /** Why it cannot run here, or undefined. May fetch what it needs. */
  missing(): Promise<string | undefined>;
  /** Starts it in front of the upstream; undefined when there is nothing to start. */
  launch(port: number, upstreamPort: number): Promise<Started | undefined>;
  headers(upstreamPort: number): Record<string, string>;
}

/** All targets get the same credential header, so that all parse the same bytes. */
const CREDENTIAL = { Authorization: `Bearer bench-${"0".repeat(48)}` };

const ROWS: readonly TargetRow[] = [
  {
    name: "direct",
    label: "direct (no gateway)",
    missing: async () => undefined,
    launch: async () => undefined,
    headers: () => CREDENTIAL,
  },
  {
    name: "nginx",
    label: "nginx `proxy_pass`",
    missing: async () => (Bun.which("nginx") === null ? "nginx is not on PATH (Debian: nginx-light)" : undefined),
    launch: (port, upstreamPort) =>
      start({ name: "nginx", argv: nginxCommand(port, upstreamPort), core: CORES.gateway, port }),
    headers: () => CREDENTIAL,
  },
  {
    name: "portkey",
    label: "Portkey gateway (Node)",
    missing: fetchPortkey,
    launch: (port) =>
      start({
        name: "portkey",
        argv: portkeyCommand(port),
        core: CORES.gateway,
        port,
        env: { NODE_ENV: "production" },
      }),
    headers: (upstreamPort) => ({ ...CREDENTIAL, ...portkeyHeaders(upstreamPort) }),
  },
  {
    name: "relay",
    label: "bare relay (Bun)",
    missing: async () => undefined,
    launch: (port, upstreamPort) => {
      const argv = [...BUN, join(ROOT, "bench/peers/relay.ts"), String(port), `http://127.0.0.1:${upstreamPort}`];
      return start({ name: "relay", argv, core: CORES.gateway, port });
    },
    headers: () => CREDENTIAL,
  },
  {
    name: "sallyport",
    label: "**Sallyport**",
    missing: async () =>
      (await Bun.file(join(ROOT, "src/main.ts")).exists()) ? undefined : "src/main.ts does not exist",
    launch: async (port, upstreamPort) => launchSallyport(port, upstreamPort),
    headers: sallyportHeaders,
  },
];

/** Starts Sallyport, with flags for its runtime if there are any. */
export async function launchSallyport(port: number, upstreamPort: number, flags: string[] = []): Promise<Started> {
  const env = sallyportEnvironment(port, await freePort(), upstreamPort);
  return start({ name: "sallyport", argv: sallyportCommand(flags), core: CORES.gateway, port, env });
}

/** A target that runs, checked to answer as it should. */
export interface Target {
  name: TargetName;
  label: string;
  route: Route;
  /** Its root process; none for `direct`. */
  pids: number[];
  stop(): Promise<void>;
}

export interface Upstream extends Started {
  /** What the upstream counted since it began. */
  stats(): Promise<{ calls: number; open: number; left: number }>;
}

export async function startUpstream(): Promise<Upstream> {
  const port = await freePort();
  const argv = [...BUN, join(ROOT, "bench/upstream.ts"), String(port)];
  const started = await start({ name: "upstream", argv, core: CORES.load, port });
  const stats: Upstream["stats"] = async () => {
    const answer = await fetch(`http://127.0.0.1:${port}/stats`);
    return (await answer.json()) as Awaited<ReturnType<Upstream["stats"]>>;
  };
  return { ...started, stats };
}

/** The targets of these names that can run here; says aloud which cannot, and why. */
export async function available(names: readonly TargetName[]): Promise<TargetName[]> {
  const found: TargetName[] = [];
  for (const row of ROWS.filter(({ name }) => names.includes(name))) {
    const reason = await row.missing();
    if (reason === undefined) found.push(row.name);
    else console.error(`\n!!! SKIPPED: ${row.name}: ${reason}\n`);
  }
  return found;
}

/** Starts a target in front of the upstream and makes sure that it passes on both kinds of answer unharmed. */
export async function launch(name: TargetName, upstreamPort: number): Promise<Target> {
  const row = ROWS.find((candidate) => candidate.name === name)!;
  const started = await row.launch(await freePort(), upstreamPort);
  const target: Target = {
    name,
    label: row.label,
    route: { port: started?.port ?? upstreamPort, path: "/v1/chat/completions", headers: row.headers(upstreamPort) },
    pids: started === undefined ? [] : [started.pid],
    stop: async () => started?.stop(),
  };
  try {
    await verify(target);
  } catch (error) {
    await target.stop();
    throw error;
  }
  return target;
}

/** The request of every case: a short conversation. `usage` is asked for, as any caller who meters does. */
export function requestBody(model: string, stream: boolean): string {
  return JSON.stringify({
    model,
    messages: [
      { role: "system", content: "You are a helpful assistant. Answer in one sentence." },
      { role: "user", content: "What is a sallyport, and why would a fortress need one?" },
    ],
    max_tokens: 256,
    temperature: 0.7,
    ...(stream ? { stream: true, stream_options: { include_usage: true } } : {}),
  });
}

async function verify(target: Target): Promise<void> {
  const url = `http://127.0.0.1:${target.route.port}${target.route.path}`;
  const ask = async (stream: boolean): Promise<string> => {
    const headers = { "content-type": "application/json", ...target.route.headers };
    const answer = await fetch(url, { method: "POST", headers, body: requestBody("bench", stream) });
    const text = await answer.text();
    if (answer.status !== 200) throw new Error(`${target.name} answered ${answer.status}: ${text.slice(0, 500)}`);
    return text;
  };
  const unary = JSON.parse(await ask(false));
  if (unary.choices[0].message.content !== JSON_TEXT) throw new Error(`${target.name} changed the JSON answer`);
  const events = (await ask(true)).split("\n\n").filter((event) => event.startsWith("data: "));
  if (events.pop() !== "data: [DONE]") throw new Error(`${target.name} did not finish the stream`);
  const text = events.map((event) => JSON.parse(event.slice(6)).choices[0]?.delta.content ?? "").join("");
  if (text !== STREAM_TEXT) throw new Error(`${target.name} changed the stream`);
}
