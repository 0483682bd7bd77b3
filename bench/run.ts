/** `npm run bench`: measures Sallyport beside its peers on this machine and prints tables for bench/RESULTS.md. */
import { readFileSync } from "node:fs";
import { cpus, totalmem } from "node:os";
import { CASE_ROWS, runCase } from "./cases.ts";
import { decodeTable } from "./decode.ts";
import { meterTables } from "./meter.ts";
import { type Options, parseOptions } from "./options.ts";
import { CORES } from "./process.ts";
import { profile } from "./profile.ts";
import { megabytes, report } from "./report.ts";
import { soak } from "./soak.ts";
import { available, startUpstream, type TargetName, type Upstream } from "./targets.ts";

function fail(message: string): never {
  console.error(message);
  process.exit(1);
}

function options(): Options {
  try {
    return parseOptions(process.argv.slice(2));
  } catch (error) {
    fail((error as Error).message);
  }
}

/** One line on what the figures were measured with. */
function machine(): string {
  const kernel = readFileSync("/proc/sys/kernel/osrelease", "utf8").trim();
  const cores = `${cpus().length} × ${cpus()[0]?.model.trim()}`;
  const cut = `gateway on core ${CORES.gateway}, load and upstream on core ${CORES.load}`;
  return `${cores}, ${megabytes(totalmem())} MB, Linux ${kernel}, Bun ${Bun.version}; ${cut}`;
}

async function tables(settings: Options, targets: TargetName[], upstream: Upstream): Promise<string[]> {
  if (settings.command === "profile") return [await profile(upstream, settings)];
  if (settings.command === "meter") return await meterTables(upstream, settings);
  const parts: string[] = [];
  if (settings.command === "soak") {
    for (const name of targets) parts.push(await soak(name, upstream, settings));
    return parts;
  }
  for (const row of CASE_ROWS.filter(({ name }) => settings.cases.includes(name))) {
    parts.push(report(row, await runCase(row, targets, upstream, settings)));
  }
  return parts;
}

async function main(): Promise<void> {
  const settings = options();
  if (process.platform !== "linux" || Bun.which("taskset") === null || cpus().length < 2) {
    fail(
      "The bench needs Linux with two cores and taskset (util-linux): it pins what it measures to a core of its own.",
    );
  }
  if (settings.command === "decode") return console.log(decodeTable());
  const targets = await available(settings.targets);
  if (targets.length === 0) fail("There is nothing to measure.");
  const upstream = await startUpstream();
  try {
    const parts = await tables(settings, targets, upstream);
    const command = ["npm run bench", ...process.argv.slice(2)].join(" ").replace("bench ", "bench -- ");
    console.log([`Command: \`${command}\`. Machine: ${machine()}.`, ...parts].join("\n\n"));
  } finally {
    await upstream.stop();
  }
}

await main();
process.exit(0);
