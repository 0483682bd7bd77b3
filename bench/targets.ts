/** What is measured, a row each: how it starts, and how it is called. */
import { join } from "node:path";
import { JSON_TEXT, STREAM_TEXT } from "./answers.ts";
import type { Route } from "./load/job.ts";
import { nginxCommand } from "./peers/nginx.ts";
import { fetchPortkey, portkeyCommand, portkeyHeaders } from "./peers/portkey.ts";
import { sallyportCommand, sallyportEnvironment, sallyportHeaders } from "./peers/sallyport.ts";
import { BUN, CORES, freePort, ROOT, type Started, start } from "./process.ts";

export type TargetName = "direct" | "nginx" | "portkey" | "relay" | "sallyport" | "translated";

interface TargetRow {
  name: TargetName;
  label: string;
  /** Why it cannot run here, or undefined. May fetch what it needs. */
  missing(): Promise<string | undefined>;
  /** Starts it in front of the upstream; undefined when there is nothing to start. */
  launch(port: number, upstreamPort: number): Promise<Started | undefined>;
  headers(upstreamPort: number): Record<string, string>;
  /** Where it is called in another dialect than OpenAI's. */
  dialect?: Dialect;
}

/** A caller's dialect: its path, its way of asking, and how its answers are read to see that they are whole. */
interface Dialect {
  path: string;
  request(openai: OpenaiRequest): object;
  text(unary: string): string;
  /** Undefined where the stream does not end as a whole one does. */
  streamed(frames: string): string | undefined;
}

interface OpenaiRequest {
  model: string;
  messages: { role: string; content: string }[];
  max_tokens: number;
  temperature: number;
  stream?: boolean;
}

const OPENAI: Dialect = {
  path: "/v1/chat/completions",
  request: (openai) => openai,
  text: (unary) => JSON.parse(unary).choices[0].message.content,
  streamed(frames) {
    const events = frames.split("\n\n").filter((event) => event.startsWith("data: "));
    if (events.pop() !== "data: [DONE]") return undefined;
    return events.map((event) => JSON.parse(event.slice(6)).choices[0]?.delta.content ?? "").join("");
  },
};

/** Anthropic's Messages, while the upstream speaks OpenAI's Chat Completions: nothing can be relayed. */
const ANTHROPIC: Dialect = {
  path: "/v1/messages",
  request: ({ model, messages, max_tokens, temperature, stream }) => ({
    model,
    system: messages[0]!.content,
    messages: messages.slice(1),
    max_tokens,
    temperature,
    ...(stream === undefined ? {} : { stream }),
  }),
  text: (unary) => JSON.parse(unary).content[0].text,
  streamed(frames) {
    if (!frames.includes("event: message_stop")) return undefined;
    const data = frames.split("\n").filter((line) => line.startsWith("data: "));
    return data.map((line) => JSON.parse(line.slice(6)).delta?.text ?? "").join("");
  },
};

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
  {
    name: "translated",
    label: "**Sallyport**, called in Anthropic's dialect",
    missing: async () => undefined,
    launch: async (port, upstreamPort) => launchSallyport(port, upstreamPort, [], "translated"),
    headers: sallyportHeaders,
    dialect: ANTHROPIC,
  },
];

/** Starts Sallyport, with flags for its runtime if there are any. */
export async function launchSallyport(
  port: number,
  upstreamPort: number,
  flags: string[] = [],
  name = "sallyport",
): Promise<Started> {
  const env = sallyportEnvironment(port, await freePort(), upstreamPort, name);
  return start({ name, argv: sallyportCommand(flags), core: CORES.gateway, port, env });
}

/** A target that runs, checked to answer as it should. */
export interface Target {
  name: TargetName;
  label: string;
  route: Route;
  /** The body of a request in its dialect, from one in OpenAI's. */
  rewrite(body: string): string;
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
  const dialect = row.dialect ?? OPENAI;
  const started = await row.launch(await freePort(), upstreamPort);
  const target: Target = {
    name,
    label: row.label,
    route: { port: started?.port ?? upstreamPort, path: dialect.path, headers: row.headers(upstreamPort) },
    rewrite: (body) => (dialect === OPENAI ? body : JSON.stringify(dialect.request(JSON.parse(body)))),
    pids: started === undefined ? [] : [started.pid],
    stop: async () => started?.stop(),
  };
  try {
    await verify(target, dialect);
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

async function verify(target: Target, dialect: Dialect): Promise<void> {
  const url = `http://127.0.0.1:${target.route.port}${target.route.path}`;
  const ask = async (stream: boolean): Promise<string> => {
    const headers = { "content-type": "application/json", ...target.route.headers };
    const body = target.rewrite(requestBody("bench", stream));
    const answer = await fetch(url, { method: "POST", headers, body });
    const text = await answer.text();
    if (answer.status !== 200) throw new Error(`${target.name} answered ${answer.status}: ${text.slice(0, 500)}`);
    return text;
  };
  if (dialect.text(await ask(false)) !== JSON_TEXT) throw new Error(`${target.name} changed the JSON answer`);
  const text = dialect.streamed(await ask(true));
  if (text === undefined) throw new Error(`${target.name} did not finish the stream`);
  if (text !== STREAM_TEXT) throw new Error(`${target.name} changed the stream`);
}
