/**
 * A server program that belongs to one test run: on a free port of loopback, in a folder of
 * its own, ended with the process that started it, however that ends.
 */
import { chownSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** How long a start may take on a machine that is busy with other things, in milliseconds. */
const START_MS = 60_000;

/**
 * Runs a program until its own stdin says "stop" or ends, and waits for the program's end then.
 * A stdin that only ends is a test run that was killed: nobody else will remove the folder.
 */
const LEASH = `
  signal=$1 folder=$2
  shift 2
  "$@" &
  child=$!
  echo "pid $child"
  read -r word
  kill -s "$signal" $child
  wait $child
  [ "$word" = stop ] || rm -rf "$folder"`;

export interface PrivateServerOptions {
  command: readonly string[];
  /** Signal that ends it in good order. */
  signal: "INT" | "TERM";
  /** Where it keeps what it keeps; it outlives a stop, and not the process that started the server. */
  folder: string;
  /** What it says when it can be called. */
  ready: RegExp;
}

/** One run of the program. */
export class PrivateServer {
  readonly #child: Bun.Subprocess<"pipe", "pipe", "pipe">;
  #said = "";
  #pid = 0;

  private constructor(options: PrivateServerOptions) {
    this.#child = Bun.spawn(["sh", "-c", LEASH, "leash", options.signal, options.folder, ...options.command], {
      stdin: "pipe",
      stdout: "pipe",
      stderr: "pipe",
    });
  }

  /** @throws with what it said when it does not get ready. */
  static async start(options: PrivateServerOptions): Promise<PrivateServer> {
    const server = new PrivateServer(options);
    const { promise: ready, resolve } = Promise.withResolvers<void>();
    const hear = async (stream: ReadableStream<Uint8Array>) => {
      const decoder = new TextDecoder();
      for await (const bytes of stream) {
        server.#said = (server.#said + decoder.decode(bytes, { stream: true })).slice(-50_000);
        server.#pid ||= Number(/^pid (\d+)$/m.exec(server.#said)?.[1] ?? 0);
        // Without its id, whoever ends it would signal the whole group of the tests.
        if (server.#pid > 0 && options.ready.test(server.#said)) resolve();
      }
    };
    const ended = Promise.all([hear(server.#child.stdout), hear(server.#child.stderr)]);
    const outcome = await Promise.race([
      ready.then(() => "ready"),
      ended.then(() => "ended"),
      Bun.sleep(START_MS).then(() => "silent"),
    ]);
    if (outcome === "ready") return server;
    await server.stop();
    throw new Error(
      `${options.command.join(" ")} ${outcome === "ended" ? "ended" : "did not get ready"}: ${server.#said}`,
    );
  }

  get pid(): number {
    return this.#pid;
  }

  /** Ends it in good order and waits for its end. */
  async stop(): Promise<void> {
    this.resume();
    this.#child.stdin.write("stop\n");
    await this.#child.stdin.end();
    await this.#child.exited;
  }

  /** Sends a signal to the program itself, and waits for its end. */
  async crash(signal: NodeJS.Signals): Promise<void> {
    for (const pid of this.#family()) send(pid, "SIGCONT");
    send(this.#pid, signal);
    await this.stop();
  }

  /** From now on it answers nothing and refuses nothing, as a machine that hangs. */
  pause(): void {
    for (const pid of this.#family()) send(pid, "SIGSTOP");
  }

  resume(): void {
    for (const pid of this.#family()) send(pid, "SIGCONT");
  }

  /** The program and its children. */
  #family(): number[] {
    const listed = Bun.spawnSync(["ps", "-A", "-o", "pid=,ppid="]).stdout.toString();
    const rows = listed.split("\n").map((line) => line.trim().split(/\s+/).map(Number));
    return [this.#pid, ...rows.flatMap(([pid, parent]) => (parent === this.#pid && pid !== undefined ? pid : []))];
  }
}

/** A server with a folder and a port that stay the same over its restarts. */
export abstract class OwnServer {
  readonly port: number;
  protected readonly runner: Runner;
  protected readonly folder: string;
  /** Ends the program at once. */
  protected abstract readonly crashSignal: NodeJS.Signals;
  #running: PrivateServer | undefined;

  /** @param user who runs it where we are root */
  protected constructor(name: string, user: string, port: number) {
    this.port = port;
    this.runner = runnerFor(user);
    this.folder = this.runner.folder(name);
  }

  protected async run({ command, ...rest }: Omit<PrivateServerOptions, "folder">): Promise<void> {
    const prefixed = [...this.runner.prefix, ...command];
    this.#running = await PrivateServer.start({ ...rest, command: prefixed, folder: this.folder });
  }

  /** Begins for the first time; what cannot begin leaves no folder. */
  protected async begin(start: () => Promise<void>): Promise<this> {
    try {
      await start();
    } catch (error) {
      removeFolder(this.folder);
      throw error;
    }
    return this;
  }

  /** Ends it in good order: connections are cut, nothing is lost that it keeps. */
  async shutdown(): Promise<void> {
    await this.#running?.stop();
    this.#running = undefined;
  }

  async crash(): Promise<void> {
    await this.#running?.crash(this.crashSignal);
    this.#running = undefined;
  }

  /** Until `resume`, connections stay open and nothing is answered. */
  pause(): void {
    this.#running?.pause();
  }

  resume(): void {
    this.#running?.resume();
  }

  /** Ends it for good. Nothing is written that is thrown away at once. */
  async stop(): Promise<void> {
    if (this.#running !== undefined) await this.crash();
    removeFolder(this.folder);
  }
}

function send(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    if ((error as { code?: unknown }).code !== "ESRCH") throw error;
  }
}

/**
 * A port of loopback that nobody listens on, below those that systems hand out by themselves (from 32768, or 49152 on):
 * between now and the server's start, no connection of another test gets it.
 */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = 20_000 + Math.floor(Math.random() * 12_000);
    if (await isFree(port)) return port;
  }
}

function isFree(port: number): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const server = createServer();
  server.on("error", () => resolve(false));
  server.listen(port, "127.0.0.1", () => server.close(() => resolve(true)));
  return promise;
}

/** Who runs a program that refuses to be run by root: nobody else's business on a machine where we are not. */
export interface Runner {
  /** To be put before the command. */
  prefix: readonly string[];
  /** A fresh folder of the runner's. */
  folder(name: string): string;
  /** Makes a file that only the runner may read. */
  write(path: string, text: string): void;
}

/** @param user who runs it where we are root; one that exists. */
export function runnerFor(user: string): Runner {
  const own = (name: string) => mkdtempSync(join(tmpdir(), `sallyport-${name}-`));
  const write = (path: string, text: string) => writeFileSync(path, text, { mode: 0o600 });
  if (process.getuid?.() !== 0) return { prefix: [], folder: own, write };
  const { uid, gid } = idsOf(user);
  return {
    prefix: ["setpriv", `--reuid=${uid}`, `--regid=${gid}`, "--clear-groups"],
    folder(name) {
      const path = own(name);
      chownSync(path, uid, gid);
      return path;
    },
    write(path, text) {
      write(path, text);
      chownSync(path, uid, gid);
    },
  };
}

function idsOf(user: string): { uid: number; gid: number } {
  const row = readFileSync("/etc/passwd", "utf8")
    .split("\n")
    .map((line) => line.split(":"))
    .find(([name]) => name === user);
  if (row === undefined) throw new Error(`there is no user ${user} to run a server as`);
  return { uid: Number(row[2]), gid: Number(row[3]) };
}

export function removeFolder(path: string): void {
  rmSync(path, { recursive: true, force: true });
}
