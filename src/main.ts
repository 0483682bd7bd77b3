import { readFileSync } from "node:fs";
import { runCli } from "./cli/index.ts";
import { composeCli, startGateway, type World } from "./compose.ts";

/** Runs one command line. @returns the exit code. */
export async function run(env: World["env"], argv: readonly string[], signals: NodeJS.EventEmitter): Promise<number> {
  const world: World = {
    env,
    stdout: (text) => void process.stdout.write(text),
    stderr: (text) => void process.stderr.write(text),
    terminal: process.stdout.isTTY === true,
    readFile: (path) => readFileSync(path, "utf8"),
  };
  async function serveUntilStopped(): Promise<number> {
    const running = await startGateway(world);
    for (const signal of ["SIGTERM", "SIGINT"]) signals.on(signal, () => void running.stop(signal));
    await running.stopped;
    return 0;
  }
  return await runCli(argv, composeCli(world, serveUntilStopped));
}

if (import.meta.main) {
  process.exit(await run(process.env, process.argv.slice(2), process));
}
