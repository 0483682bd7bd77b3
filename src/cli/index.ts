import { didYouMean } from "../config/nearest.ts";
import { ConfigurationError } from "../config/problem.ts";
import { type Command, describeCommand, parseInvocation, usageOf } from "./command.ts";
import { configValidate } from "./config.ts";
import { doctor } from "./doctor.ts";
import { type CliIo, CommandFailure, EXIT_FAILURE, EXIT_OK, EXIT_USAGE, UsageError } from "./io.ts";
import { keyCreate, keyList, keyRevoke } from "./keys.ts";
import { ledgerRebuild, ledgerVerify, statementShow, usageShow } from "./ledger.ts";
import { limitsApprove, limitsList, limitsReject, limitsRequest, limitsWithdraw } from "./limits.ts";
import { providerTest } from "./providers.ts";

export type { CliIo } from "./io.ts";

const serve: Command = {
  name: "serve",
  summary: "Runs the gateway until it gets SIGTERM or SIGINT.",
  positionals: [],
  flags: {},
  run: ({ json }, io) => io.serve({ json }),
};

const version: Command = {
  name: "version",
  summary: "Says which version this is, and of Bun which.",
  positionals: [],
  flags: {},
  async run({ json }, io) {
    io.stdout(json ? `${JSON.stringify(io.version)}\n` : `sallyport ${io.version.sallyport} (bun ${io.version.bun})\n`);
    return EXIT_OK;
  },
};

const help: Command = {
  name: "help",
  summary: "Lists the commands, or says what one does.",
  positionals: [
    { name: "command", required: false },
    { name: "subcommand", required: false },
  ],
  flags: {},
  async run({ positionals, json }, io) {
    if (positionals.length === 0) {
      io.stdout(json ? `${JSON.stringify({ commands: rowsOf(COMMANDS) }, null, 2)}\n` : overview());
      return EXIT_OK;
    }
    const { command, rest } = findCommand(positionals);
    if (rest.length > 0) throw new UsageError(`${JSON.stringify(rest[0])} is one word too many`);
    io.stdout(json ? `${JSON.stringify(command, null, 2)}\n` : describeCommand(command));
    return EXIT_OK;
  },
};

export const COMMANDS: readonly Command[] = [
  serve,
  configValidate,
  keyCreate,
  keyList,
  keyRevoke,
  limitsRequest,
  limitsList,
  limitsApprove,
  limitsReject,
  limitsWithdraw,
  usageShow,
  statementShow,
  ledgerVerify,
  ledgerRebuild,
  providerTest,
  doctor,
  version,
  help,
];

/** Commands that the documentation promises for later. Saying so beats "unknown". */
const LATER = ["config plan", "config apply", "config export", "key rotate", "audit verify"];

/** Runs one command. @returns 0 done, 1 failed, 2 not understood. */
export async function runCli(argv: readonly string[], io: CliIo): Promise<number> {
  const json = argv.includes("--json");
  let command: Command | undefined;
  try {
    if (argv.length === 0) {
      io.stderr(overview());
      return EXIT_USAGE;
    }
    const words = spelledAsFlag(argv);
    const group = groupAskedFor(words);
    if (group !== undefined) {
      io.stdout(json ? `${JSON.stringify({ commands: rowsOf(group) }, null, 2)}\n` : overview(group));
      return EXIT_OK;
    }
    const found = findCommand(words);
    command = found.command;
    const invocation = parseInvocation(command, found.rest);
    if (invocation.switches.has("help")) {
      io.stdout(describeCommand(command));
      return EXIT_OK;
    }
    return await command.run(invocation, io);
  } catch (thrown) {
    return report(thrown, command, json, io);
  }
}

/** `key --help`, `help key`: the commands that begin with a word which is none itself. */
function groupAskedFor(words: readonly string[]): readonly Command[] | undefined {
  const spoken = words.filter((word) => word !== "--json");
  const [first, second] = spoken;
  if (spoken.length !== 2) return undefined;
  const word = first === "help" ? second! : second === "--help" ? first! : undefined;
  if (word === undefined || COMMANDS.some(({ name }) => name === word)) return undefined;
  const group = COMMANDS.filter(({ name }) => name.startsWith(`${word} `));
  return group.length === 0 ? undefined : group;
}

/** `--help` and `--version` are what people try first. */
function spelledAsFlag(argv: readonly string[]): readonly string[] {
  const words: Record<string, string> = {
    "--help": "help",
    "-h": "help",
    "--version": "version",
    "-V": "version",
    "-v": "version",
  };
  const word = Object.hasOwn(words, argv[0]!) ? words[argv[0]!] : undefined;
  return word === undefined ? argv : [word, ...argv.slice(1)];
}

function findCommand(words: readonly string[]): { command: Command; rest: readonly string[] } {
  for (const count of [2, 1]) {
    const name = words.slice(0, count).join(" ");
    const command = words.length < count ? undefined : COMMANDS.find((candidate) => candidate.name === name);
    if (command !== undefined) return { command, rest: words.slice(count) };
  }
  const spoken = words.filter((word) => !word.startsWith("-")).slice(0, 2);
  const name = spoken.join(" ");
  if (LATER.includes(name))
    throw new UsageError(`"${name}" is not part of this version; "sallyport help" lists what is`);
  const under = COMMANDS.filter((command) => command.name.startsWith(`${spoken[0]} `)).map((command) => command.name);
  if (under.length > 0) {
    throw new UsageError(
      `"${name}" is not a command; there ${under.length === 1 ? "is" : "are"} ${under.map((each) => `"${each}"`).join(", ")}`,
    );
  }
  const hint = didYouMean(
    name,
    COMMANDS.map((command) => command.name),
  );
  throw new UsageError(`"${name || words[0]}" is not a command${hint}; "sallyport help" lists them`);
}

function rowsOf(commands: readonly Command[]) {
  return commands.map(({ name, summary }) => ({ name, summary }));
}

function overview(commands: readonly Command[] = COMMANDS): string {
  const width = Math.max(...commands.map(({ name }) => name.length)) + 2;
  const lines = commands.map(({ name, summary }) => `  ${name.padEnd(width)}${summary}`);
  return `usage: sallyport <command> [flags]\n\n${lines.join("\n")}\n\nEvery command takes --json and --help. Exit code: 0 done, 1 failed, 2 not understood.\n`;
}

function report(thrown: unknown, command: Command | undefined, json: boolean, io: CliIo): number {
  const { exit, code, message } = judge(thrown);
  if (json) {
    io.stdout(`${JSON.stringify({ error: { code, message } })}\n`);
  } else {
    const prefix = command === undefined ? "sallyport" : `sallyport ${command.name}`;
    for (const line of message.split("\n")) io.stderr(`${prefix}: ${line}\n`);
    if (exit === EXIT_USAGE && command !== undefined)
      io.stderr(`${usageOf(command)}; "sallyport help ${command.name}" says more\n`);
  }
  return exit;
}

function judge(thrown: unknown): { exit: number; code: string; message: string } {
  const message = thrown instanceof Error ? thrown.message : String(thrown);
  if (thrown instanceof UsageError) return { exit: EXIT_USAGE, code: "usage", message };
  if (thrown instanceof CommandFailure) return { exit: EXIT_FAILURE, code: thrown.code, message };
  if (thrown instanceof ConfigurationError) return { exit: EXIT_FAILURE, code: "configuration", message };
  return { exit: EXIT_FAILURE, code: "internal", message };
}
