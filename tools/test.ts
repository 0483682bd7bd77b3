/**
 * Runs the tests and ends with a line `N passed, N failed`.
 *
 *   npm test                  everything that needs nothing but the checkout
 *   npm test -- src/wire      only files whose path contains this
 *   npm run test:all          test/real too: what needs parts that not every machine has
 */
import { MISSING_PART } from "../test/support/parts.ts";

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
const REAL = "test/real/**";

/** Slow machines are slow, not broken. Milliseconds for one test. */
const TIMEOUT = 30_000;

async function main(args: readonly string[]): Promise<number> {
  const all = args.includes("--all");
  const filters = args.filter((arg) => arg !== "--all");
  const command = [process.execPath, "test", "--isolate", `--timeout=${TIMEOUT}`];
  if (!all) command.push(`--path-ignore-patterns=${REAL}`);
  const child = Bun.spawn([...command, ...filters], {
    cwd: `${import.meta.dir}/..`,
    env: { ...process.env, ...(all ? { TEST_ALL: "1" } : {}) },
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
  });
  const texts = await Promise.all([
    relay(child.stdout, (bytes) => process.stdout.write(bytes)),
    relay(child.stderr, (bytes) => process.stderr.write(bytes)),
  ]);
  const result = tally(texts.join("\n"), await child.exited);
  console.log(`\n${summary(result)}`);
  return result.failed === 0 ? 0 : 1;
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
