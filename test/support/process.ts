/**
 * Sallyport as its users run it: `sh bin/sallyport …` in a process of its own, with a data
 * folder and a configuration file that outlive it.
 *
 *   const place = new Installation(configuration({ upstream: up.url }));
 *   const gateway = await place.start();
 *   …post(gateway, { body: chat() })…
 *   expect(await gateway.stop()).toBe(0);
 *   await place.remove();
 */
import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { mintVirtualKey } from "../../src/domain/access/virtual-key.ts";
import type { JsonObject } from "../../src/kernel/json.ts";
import { PROVIDER_KEY } from "./app.ts";

const COMMAND = join(import.meta.dir, "../../bin/sallyport");

/** Nothing of the machine that runs the tests may lead into the gateway. */
const BARE = { PATH: process.env.PATH ?? "", TZ: "UTC" };

/** How long a start may take on a machine that is busy with other things, in milliseconds. */
const START_MS = 60_000;

export const ADMIN_TOKEN = "spa_for_tests_only_0123456789abcdef";

/** One line of the log. */
export type LogLine = JsonObject & { time: string; level: string; message: string };

export interface ConfigurationOptions {
  /** Base URL of the emulated provider, without a path. */
  upstream: string;
  limits?: JsonObject[];
  gateway?: JsonObject;
  api?: JsonObject;
  guardrails?: JsonObject[];
}

/** `small` and `claude` at an emulated provider, in OpenAI's and in Anthropic's dialect, `demo` here, and one key for all. */
export function configuration({ upstream, limits, gateway, api, guardrails }: ConfigurationOptions): JsonObject {
  const reach = { allowPrivateNetwork: true, apiKey: { env: "PROVIDER_KEY" } };
  const prices = [{ model: "*", inputPerMTokUsd: 1, outputPerMTokUsd: 2 }];
  const application = {
    name: "bot",
    subscriptions: [{ api: "chat", version: "v1", plan: "standard", state: "approved" }],
    keys: [{ name: "tests", import: { env: "CALLER_KEY" } }],
  };
  return {
    version: 1,
    ...(gateway === undefined ? {} : { gateway }),
    providers: [
      { name: "up", kind: "openai-compatible", baseUrl: `${upstream}/v1`, ...reach, prices },
      { name: "ant", kind: "anthropic", baseUrl: upstream, ...reach, prices },
      { name: "demo", kind: "demo" },
    ],
    models: [
      { name: "small", targets: [{ provider: "up", model: "small-2026" }] },
      { name: "claude", targets: [{ provider: "ant", model: "claude-2026" }] },
      { name: "demo", targets: [{ provider: "demo", model: "demo" }] },
    ],
    ...(guardrails === undefined ? {} : { guardrails }),
    plans: [{ name: "standard", limits: limits ?? [] }],
    apis: [{ slug: "chat", version: "v1", stage: "published", models: ["small", "claude", "demo"], ...api }],
    tenants: [{ name: "acme", teams: [{ name: "research", applications: [application] }] }],
  };
}

export interface RunOptions {
  /** Variables that are set in addition, or taken away. */
  env?: Record<string, string | undefined>;
  /** Shell commands before the program takes the shell's place: `ulimit -f 100`. */
  before?: string;
  /** After `serve`. */
  args?: readonly string[];
}

/** A folder with everything that one gateway keeps, and the variables it is started with. */
export class Installation {
  readonly folder = mkdtempSync(join(tmpdir(), "sallyport-test-"));
  readonly dataDir = join(this.folder, "data");
  readonly configFile = join(this.folder, "sallyport.json");
  /** Imported by the configuration. */
  readonly key = mintVirtualKey("live", (count) => new Uint8Array(randomBytes(count))).text;
  readonly env: Record<string, string>;
  readonly #running = new Set<GatewayProcess>();

  /** @param config without one, the first start makes what a newcomer needs. */
  constructor(config: JsonObject | null = null) {
    this.env = {
      ...BARE,
      HOME: this.folder,
      SALLYPORT_LISTEN: "127.0.0.1:0",
      SALLYPORT_ADMIN_LISTEN: "127.0.0.1:0",
      SALLYPORT_DATA_DIR: this.dataDir,
    };
    if (config === null) return;
    this.configure(config);
    Object.assign(this.env, {
      SALLYPORT_CONFIG: this.configFile,
      SALLYPORT_ADMIN_TOKEN: ADMIN_TOKEN,
      SALLYPORT_LOG: "json",
      CALLER_KEY: this.key,
      PROVIDER_KEY,
    });
  }

  configure(config: JsonObject): void {
    writeFileSync(this.configFile, JSON.stringify(config, null, 2));
  }

  /** Runs `sallyport serve`, and does not wait for anything. */
  spawn(options: RunOptions = {}): GatewayProcess {
    const gateway = new GatewayProcess(this.#run(["serve", ...(options.args ?? [])], options), this);
    this.#running.add(gateway);
    void gateway.exited.then(() => this.#running.delete(gateway));
    return gateway;
  }

  /** Runs `sallyport serve` until it is ready. @throws with what it said when it does not get there. */
  async start(options: RunOptions = {}): Promise<GatewayProcess> {
    const gateway = this.spawn(options);
    await gateway.ready();
    return gateway;
  }

  /** Runs one command to its end. */
  async cli(argv: readonly string[], options: RunOptions = {}) {
    const child = this.#run(argv, options);
    const [stdout, stderr, exit] = await Promise.all([
      new Response(child.stdout).text(),
      new Response(child.stderr).text(),
      child.exited,
    ]);
    return { exit, stdout, stderr, json: () => JSON.parse(stdout) as JsonObject };
  }

  /** Kills what still runs here, and removes the folder. */
  async remove(): Promise<void> {
    for (const gateway of this.#running) gateway.kill("SIGKILL");
    await Promise.all([...this.#running].map((gateway) => gateway.exited));
    rmSync(this.folder, { recursive: true, force: true });
  }

  #run(argv: readonly string[], { env = {}, before }: RunOptions) {
    const command = ["sh", COMMAND, ...argv];
    const shell = before === undefined ? command : ["sh", "-c", `${before}; exec "$@"`, "sh", ...command];
    const merged = Object.entries({ ...this.env, ...env }).filter(
      (row): row is [string, string] => row[1] !== undefined,
    );
    return Bun.spawn(shell, {
      cwd: this.folder,
      env: Object.fromEntries(merged),
      stdin: "ignore",
      stdout: "pipe",
      stderr: "pipe",
    });
  }
}

interface Reader {
  read(): Promise<{ done: boolean; value?: Uint8Array | undefined }>;
  cancel(): Promise<void>;
}
type Child = Bun.Subprocess<"ignore", "pipe", "pipe">;

/** A gateway that runs, or ran. */
export class GatewayProcess {
  url = "";
  adminUrl = "";
  readonly key: string;
  /** What it printed, as it came. */
  stdout = "";
  stderr = "";
  /** The lines of stdout that are JSON objects. */
  readonly lines: LogLine[] = [];
  /** The lines of stdout that are not. */
  readonly plain: string[] = [];
  /** From the spawn to the line that says so, in milliseconds. */
  readyMs = Number.NaN;
  readonly #child: Child;
  readonly #spawned = performance.now();
  readonly #reading: Promise<unknown>;
  readonly #stdout: Reader;
  #rest = "";
  #listeners = new Set<() => void>();

  constructor(child: Child, installation: Installation) {
    this.#child = child;
    this.key = installation.key;
    this.#stdout = child.stdout.getReader();
    const reading = [
      read(this.#stdout, (text) => this.#hear(text)),
      read(child.stderr.getReader(), (text) => {
        this.stderr += text;
      }),
    ];
    this.#reading = Promise.all(reading);
  }

  get pid(): number {
    return this.#child.pid;
  }

  /** Its exit code, when it has ended and everything it said has been read; 128 + n for signal n. */
  get exited(): Promise<number> {
    return Promise.all([this.#child.exited, this.#reading]).then(([code]) => code);
  }

  get running(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null;
  }

  async ready(withinMs = START_MS): Promise<void> {
    await this.said((line) => line.message === "ready", withinMs);
    const listening = (message: string) => String(this.lines.find((line) => line.message === message)?.listen);
    this.url = listening("the gateway listens");
    this.adminUrl = listening("the admin plane listens");
  }

  /** The first line that is meant, said already or within the time. */
  async said(meant: ((line: LogLine) => boolean) | string, withinMs = 5_000): Promise<LogLine> {
    const matches = typeof meant === "string" ? (line: LogLine) => line.message === meant : meant;
    const found = await this.#until(() => this.lines.find(matches), withinMs);
    if (found === undefined) throw new Error(`it never said ${meant}:\n${this.stdout}${this.stderr}`);
    return found;
  }

  /** Closes its stdout, as the end of `sallyport serve | head` does. */
  async closeStdout(): Promise<void> {
    await this.#stdout.cancel();
  }

  kill(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  /** Ends it in good order. */
  async stop(): Promise<number> {
    this.kill("SIGTERM");
    return await this.exited;
  }

  /** Asks the admin plane. */
  admin(path: string, init: RequestInit = {}): Promise<Response> {
    return fetch(this.adminUrl + path, {
      ...init,
      headers: { authorization: `Bearer ${ADMIN_TOKEN}`, ...init.headers },
    });
  }

  /** Every usage record, newest first. */
  async records(): Promise<JsonObject[]> {
    const records: JsonObject[] = [];
    for (let cursor = ""; ; ) {
      const response = await this.admin(`/api/v1/usage-records?limit=200${cursor}`);
      const page = (await response.json()) as { items: JsonObject[]; next: string | null };
      if (!response.ok) throw new Error(JSON.stringify(page));
      records.push(...page.items);
      if (page.next === null) return records;
      cursor = `&cursor=${encodeURIComponent(page.next)}`;
    }
  }

  /** The samples of /metrics: `name{labels}` → value. */
  async metrics(): Promise<Map<string, number>> {
    const text = await (await this.admin("/metrics")).text();
    const samples = text.split("\n").filter((line) => line !== "" && !line.startsWith("#"));
    return new Map(
      samples.map((line) => [line.slice(0, line.lastIndexOf(" ")), Number(line.slice(line.lastIndexOf(" ")))]),
    );
  }

  /** Resident memory, in megabytes. */
  async residentMb(): Promise<number> {
    return (await this.metrics()).get("process_resident_memory_bytes")! / 1e6;
  }

  #hear(text: string): void {
    this.stdout += text;
    const lines = (this.#rest + text).split("\n");
    this.#rest = lines.pop()!;
    for (const line of lines) {
      const value = parse(line);
      if (value === undefined) this.plain.push(line);
      else this.lines.push(value);
      if (value?.message === "ready") this.readyMs = performance.now() - this.#spawned;
    }
    for (const listener of this.#listeners) listener();
  }

  /** What `look` finds, now or after something was said; undefined when the time is over or the process is. */
  #until<T>(look: () => T | undefined, withinMs: number): Promise<T | undefined> {
    const { promise, resolve } = Promise.withResolvers<T | undefined>();
    const check = () => {
      const found = look();
      if (found !== undefined) resolve(found);
    };
    const timer = setTimeout(() => resolve(undefined), withinMs);
    this.#listeners.add(check);
    void this.exited.then(() => {
      check();
      resolve(undefined);
    });
    check();
    return promise.finally(() => {
      clearTimeout(timer);
      this.#listeners.delete(check);
    });
  }
}

function parse(line: string): LogLine | undefined {
  if (!line.startsWith("{")) return undefined;
  try {
    return JSON.parse(line) as LogLine;
  } catch {
    return undefined;
  }
}

async function read(stream: Reader, hear: (text: string) => void): Promise<void> {
  const decoder = new TextDecoder();
  for (;;) {
    const { done, value } = await stream.read();
    if (done) return;
    hear(decoder.decode(value, { stream: true }));
  }
}

/** Waits until the condition holds. False when it did not within the time. */
export async function until(condition: () => boolean | Promise<boolean>, withinMs = 5_000): Promise<boolean> {
  for (const end = performance.now() + withinMs; performance.now() < end; await Bun.sleep(10)) {
    if (await condition()) return true;
  }
  return false;
}
