import { readFileSync } from "node:fs";
import packageJson from "../package.json" with { type: "json" };
import { type CliIo, runCli } from "./cli/index.ts";
import { outputTo } from "./cli/output.ts";
import type { World } from "./compose.ts";

/** How long the last words may wait for whoever reads them, in milliseconds. */
const LAST_WORDS_MS = 2_000;

/** Runs one command line. @returns the exit code. */
export async function run(env: World["env"], argv: readonly string[], signals: NodeJS.EventEmitter): Promise<number> {
  const [stdout, stderr] = [outputTo(process.stdout), outputTo(process.stderr)];
  const world: World = {
    env,
    stdout: stdout.write,
    stderr: stderr.write,
    terminal: process.stdout.isTTY === true,
    readFile: (path) => readFileSync(path, "utf8"),
  };
  async function serveUntilStopped(options: { json: boolean }): Promise<number> {
    const { startGateway } = await import("./compose.ts");
    const running = await startGateway(world, options);
    for (const signal of ["SIGTERM", "SIGINT"]) signals.on(signal, () => void running.stop(signal));
    for (const event of ["uncaughtException", "unhandledRejection"]) signals.on(event, running.mishap);
    await running.stopped;
    return 0;
  }
  const io: CliIo = {
    ...world,
    fetch: (url, init) => fetch(url, init),
    serve: serveUntilStopped,
    // Loaded where a command needs them: a gateway is hundreds of files, and most commands only ask one that runs.
    probes: async () => (await import("./compose-cli.ts")).composeProbes(world),
    version: { sallyport: packageJson.version, bun: Bun.version },
    colour: world.terminal,
  };
  const code = await runCli(argv, io);
  await Promise.all([stdout, stderr].map((output) => output.taken(LAST_WORDS_MS)));
  return code;
}

if (import.meta.main) {
  // Nobody has any business adding to what every object inherits. Should a caller's words ever get so
  // far, the assignment fails, and with it that one call.
  Object.preventExtensions(Object.prototype);
  process.exit(await run(process.env, process.argv.slice(2), process));
}
