/**
 * Runs the tests, several files at once and in memory where there is room, and ends with a line `N passed, N failed`.
 *
 *   npm test                  everything that needs nothing but the checkout
 *   npm test -- src/wire      only files whose path contains this; what begins with - goes to Bun
 *   npm run test:real         the rest: what needs parts that not every machine has, and what takes long
 *   npm run test:all          both
 */
import { rmSync } from "node:fs";
import { availableParallelism } from "node:os";
import { MISSING_PART } from "../test/support/parts.ts";
import { memoryFolder } from "./memory-folder.ts";

export interface Tally {
  passed: number;
  failed: number;
  skipped: number;
  /** Lines that name what was missing. */
  missing: string[];
}

/** Reads the output of `bun test`. A run that told no result, or ended badly for a reason that no test told, is a failure. */
export function tally(output: string, exitCode: number): Tally {
  const lines = Bun.stripANSI(output).split("\n");
  const count = (word: string) => {
    const pattern = new RegExp(`^\\s*(\\d+) ${word}s?$`);
    return lines.reduce((sum, line) => sum + Number(pattern.exec(line)?.[1] ?? 0), 0);
  };
  const passed = count("pass");
  const told = count("fail") + count("error");
  const ran = lines.some((line) => /^Ran \d+ tests? across \d+ files?/.test(line));
  const failed = told === 0 && (exitCode !== 0 || !ran || passed === 0) ? 1 : told;
  const missing = [...new Set(lines.filter((line) => line.startsWith(`${MISSING_PART}:`)))];
  return { passed, failed, skipped: count("skip") + count("todo"), missing };
}

export function summary({ passed, failed, skipped, missing }: Tally): string {
  const notes = missing.map((line) => `!! ${line}\n`).join("");
  const left = skipped > 0 ? `${skipped} skipped\n` : "";
  return `${notes}${left}${passed} passed, ${failed} failed`;
}

/** The folder of the suites that need real parts. */
const REAL = "test/real/";

/** Suites that try more under TEST_ALL=1, and so belong to `npm test` and to what `npm run test:real` adds to it. */
export const LONGER: readonly string[] = ["test/process/kill.test.ts", "test/scenarios/aborts.test.ts"];

/** How long each file of the long part takes, in milliseconds, so that the slowest begin first and none is left alone at the end. */
export const TIMINGS = "test/timings.json";

/** Slow machines are slow, not broken. Milliseconds for one test. */
const TIMEOUT = 60_000;

/** Files that run at once, each in a fresh global. No more than these: many of them start gateways and watch the time. */
const AT_ONCE = Math.min(4, availableParallelism());

export const BUN_TEST: readonly string[] = ["test", "--isolate", `--parallel=${AT_ONCE}`, `--timeout=${TIMEOUT}`];

export type Part = "plain" | "real" | "all";

/** Which of all files are run: those of a part whose path contains one of the filters, if there are any. */
export function chosen(part: Part, filters: readonly string[], files: readonly string[]): string[] {
  const parts: Record<Part, (file: string) => boolean> = {
    plain: (file) => !file.startsWith(REAL),
    real: (file) => file.startsWith(REAL) || LONGER.includes(file),
    all: () => true,
  };
  return files
    .filter((file) => parts[part](file) && (filters.length === 0 || filters.some((filter) => file.includes(filter))))
    .sort();
}

async function main(args: readonly string[]): Promise<number> {
  const part = args.includes("--all") ? "all" : args.includes("--real") ? "real" : "plain";
  const filters = args.filter((arg) => !arg.startsWith("-"));
  const flags = args.filter((arg) => arg.startsWith("-") && arg !== "--all" && arg !== "--real");
  const cwd = `${import.meta.dir}/..`;
  const files = chosen(part, filters, await testFiles(cwd));
  // Without a file, Bun would run all that it finds.
  if (files.length === 0) {
    console.log(`no file matches ${filters.join(", ")}\n\n0 passed, 1 failed`);
    return 1;
  }
  const timings = part === "plain" ? [] : [`--timings=${TIMINGS}`];
  const command = [process.execPath, ...BUN_TEST, ...timings, ...flags];
  const folder = process.env.TMPDIR === undefined ? memoryFolder() : undefined;
  const child = Bun.spawn([...command, ...files.map((file) => `./${file}`)], {
    cwd,
    env: {
      ...process.env,
      ...(part === "plain" ? {} : { TEST_ALL: "1" }),
      ...(folder === undefined ? {} : { TMPDIR: folder }),
    },
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
  });
  // Who breaks off still has the folder removed.
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => child.kill(signal));
  const texts = await Promise.all([
    relay(child.stdout, (bytes) => process.stdout.write(bytes)),
    relay(child.stderr, (bytes) => process.stderr.write(bytes)),
  ]);
  const result = tally(texts.join("\n"), await child.exited);
  if (folder !== undefined) rmSync(folder, { recursive: true, force: true });
  console.log(`\n${summary(result)}`);
  return result.failed === 0 ? 0 : 1;
}

/** Every test of the checkout. */
export async function testFiles(root: string): Promise<string[]> {
  const found = await Array.fromAsync(new Bun.Glob("**/*.test.ts").scan(root));
  return found.filter((file) => !/(^|\/)node_modules\//.test(file));
}

/** Passes a stream on while it comes, and keeps its text. */
async function relay(stream: ReadableStream<Uint8Array>, write: (bytes: Uint8Array) => void): Promise<string> {
  const decoder = new TextDecoder();
  let text = "";
  for await (const bytes of stream) {
    write(bytes);
    text += decoder.decode(bytes, { stream: true });
  }
  return text;
}

if (import.meta.main) process.exit(await main(process.argv.slice(2)));
