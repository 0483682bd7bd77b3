/** The bench's command line: what to run, for how long, against what. */
import { parseArgs } from "node:util";
import type { TargetName } from "./targets.ts";

export const COMMANDS = ["full", "quick", "soak", "profile", "decode", "meter"] as const;
export const TARGETS = [
  "direct",
  "nginx",
  "portkey",
  "relay",
  "sallyport",
  "translated",
] as const satisfies readonly TargetName[];
export const CASES = ["json", "stream", "paced", "latency", "held"] as const;

export type CommandName = (typeof COMMANDS)[number];
export type CaseName = (typeof CASES)[number];

export interface Options {
  command: CommandName;
  targets: TargetName[];
  cases: CaseName[];
  /** How often each target is measured in each case, in turn with the others. */
  rounds: number;
  seconds: number;
  connections: number;
  /** Open streams of the case `held`. */
  streams: number;
  /** Of `soak`: at least so many calls, and at least so long. */
  calls: number;
  minutes: number;
}

export const USAGE = `npm run bench -- [full|quick|soak|profile|decode|meter] [options]
  --targets <names>      of: ${TARGETS.join(", ")}
  --cases <names>        of: ${CASES.join(", ")}
  --rounds <n>           measurements of each target in each case (default 5, quick 1)
  --seconds <n>          length of one measurement (default 5, quick 2)
  --connections <n>      callers of the closed loop (default 64)
  --streams <n>          open streams of the case "held" (default 5000, quick 500)
  --calls <n>            soak: at least so many (default 500000)
  --minutes <n>          soak: at least so long (default 3)`;

/** Throws an Error with a message for the terminal when the command line is not understood. */
export function parseOptions(argv: readonly string[]): Options {
  const text = { type: "string" } as const;
  const { values, positionals } = parseArgs({
    args: [...argv],
    allowPositionals: true,
    options: {
      targets: text,
      cases: text,
      rounds: text,
      seconds: text,
      connections: text,
      streams: text,
      calls: text,
      minutes: text,
    },
  });
  const [command] = namesOf("command", positionals[0] ?? "full", COMMANDS);
  if (positionals.length > 1 || command === undefined) throw new Error(USAGE);
  const quick = command === "quick";
  const all = command === "full" || quick ? TARGETS : (["sallyport"] as const);
  return {
    command,
    targets: namesOf("targets", values.targets ?? all.join(","), TARGETS),
    cases: namesOf("cases", values.cases ?? CASES.join(","), CASES),
    rounds: positive("rounds", values.rounds ?? (quick ? "1" : "5")),
    seconds: positive("seconds", values.seconds ?? (quick ? "2" : "5")),
    connections: positive("connections", values.connections ?? "64"),
    streams: positive("streams", values.streams ?? (quick ? "500" : "5000")),
    calls: positive("calls", values.calls ?? "500000"),
    minutes: positive("minutes", values.minutes ?? "3"),
  };
}

function namesOf<Name extends string>(option: string, list: string, known: readonly Name[]): Name[] {
  const given = list.split(",");
  const wrong = given.find((name) => !known.includes(name as Name));
  if (wrong !== undefined) throw new Error(`${option}: "${wrong}" is none of ${known.join(", ")}\n${USAGE}`);
  return known.filter((name) => given.includes(name));
}

function positive(option: string, value: string): number {
  const number = Number(value);
  if (!(number > 0 && Number.isFinite(number))) throw new Error(`--${option} takes a number above 0\n${USAGE}`);
  return number;
}
