/** Starting and stopping what the bench measures, each on the core it is given. */
import { closeSync, mkdirSync, openSync, readFileSync } from "node:fs";
import { connect, createServer } from "node:net";
import { join } from "node:path";
import type { Subprocess } from "bun";

export const ROOT = join(import.meta.dir, "..");
/** Everything the bench writes; git ignores it. */
export const CACHE = join(ROOT, ".cache/bench");

/** The pinned Bun, whichever Bun runs this file. */
export const BUN = ["sh", join(ROOT, "bin/bun")];

/** Two cores are taken: the gateway under test alone on one, everything that loads and feeds it on the other. */
export const CORES = { gateway: 0, load: 1 } as const;

export interface Started {
  pid: number;
  port: number;
  /** Ends it with SIGTERM, after ten seconds with SIGKILL. */
  stop(): Promise<void>;
}

export interface Command {
  /** For messages, and for the name of its log in the cache folder. */
  name: string;
  argv: readonly string[];
  core: number;
  port: number;
  env?: Record<string, string>;
}

/** What runs now; it must not outlive the bench, however that ends. */
const running = new Set<Subprocess>();
process.once("exit", () => {
  for (const child of running) child.kill("SIGKILL");
});
for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => process.exit(1));

/** A TCP port that nobody listens on now. */
export function freePort(): Promise<number> {
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  const server = createServer()
    .once("error", reject)
    .listen(0, "127.0.0.1", () => {
      const address = server.address();
      server.close(() => resolve(typeof address === "object" && address !== null ? address.port : 0));
    });
  return promise;
}

/**
 * A command line pinned to a core and with all the file descriptors it may have. `exec` all the way, so that the
 * process that is spawned is the process that is meant.
 */
export function pinned(core: number, argv: readonly string[]): string[] {
  return ["sh", "-c", 'ulimit -n "$(ulimit -Hn)"; exec taskset -c "$0" "$@"', String(core), ...argv];
}

/** The environment of children: nothing of the caller's but where programs are, so that no run depends on its shell. */
export function plainEnvironment(extra: Record<string, string> = {}): Record<string, string> {
  return { PATH: process.env.PATH ?? "", HOME: process.env.HOME ?? "/", ...extra };
}

/** Starts a server and waits until its port takes connections; throws with the end of its log when it does not. */
export async function start(command: Command): Promise<Started> {
  mkdirSync(CACHE, { recursive: true });
  const log = join(CACHE, `${command.name}.log`);
  const output = openSync(log, "w");
  const child = Bun.spawn(pinned(command.core, command.argv), {
    cwd: ROOT,
    env: plainEnvironment(command.env),
    stdio: ["ignore", output, output],
  });
  closeSync(output);
  running.add(child);
  let stopping = false;
  void child.exited.then((code) => {
    running.delete(child);
    if (!stopping) console.error(`!!! ${command.name} ended by itself: ${child.signalCode ?? `exit code ${code}`}`);
  });
  const deadline = performance.now() + 20_000;
  while (!(await accepts(command.port))) {
    if (child.exitCode !== null || performance.now() > deadline) {
      child.kill("SIGKILL");
      const said = readFileSync(log, "utf8").trim().split("\n").slice(-15).join("\n");
      throw new Error(`${command.name} did not start listening on port ${command.port}:\n${said}`);
    }
    await Bun.sleep(20);
  }
  const stop = async () => {
    stopping = true;
    child.kill("SIGTERM");
    const hammer = setTimeout(() => child.kill("SIGKILL"), 10_000);
    await child.exited;
    clearTimeout(hammer);
  };
  return { pid: child.pid, port: command.port, stop };
}

/** Whether somebody listens there. */
function accepts(port: number): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const socket = connect(port, "127.0.0.1");
  socket.once("connect", () => resolve(true)).once("error", () => resolve(false));
  return promise.finally(() => socket.destroy());
}
