import { parseArgs } from "node:util";
import { didYouMean } from "../config/nearest.ts";
import { type CliIo, UsageError } from "./io.ts";

export interface Flag {
  /** What stands after it; null for a switch. */
  value: string | null;
  help: string;
  required?: boolean;
  /** May be given more than once. */
  multiple?: boolean;
}

export interface Positional {
  name: string;
  required: boolean;
}

/** What a command was called with. Flags that take values are lists, empty where absent. */
export interface Invocation {
  flags: Readonly<Record<string, readonly string[]>>;
  switches: ReadonlySet<string>;
  positionals: readonly string[];
  json: boolean;
}

export interface Command {
  /** `key create` */
  name: string;
  summary: string;
  flags: Readonly<Record<string, Flag>>;
  positionals: readonly Positional[];
  /** @returns the exit code. */
  run(invocation: Invocation, io: CliIo): Promise<number>;
}

/** Flags of every command. */
const COMMON: Readonly<Record<string, Flag>> = {
  json: { value: null, help: "Print JSON." },
  help: { value: null, help: "Say what the command does." },
};

/** Reads what stands after the command's own words. @throws UsageError naming the flag. */
export function parseInvocation(command: Command, args: readonly string[]): Invocation {
  const flags = { ...command.flags, ...COMMON };
  const values = readFlags(command, args, flags);
  for (const [name, flag] of Object.entries(command.flags)) {
    if (flag.required === true && !values.wants("help") && values.of(name).length === 0) {
      throw new UsageError(`--${name} ${flag.value} is required`);
    }
    if (flag.multiple !== true && values.of(name).length > 1) throw new UsageError(`--${name} may be given once only`);
  }
  const missing = command.positionals.slice(values.positionals.length).find(({ required }) => required);
  if (missing !== undefined && !values.wants("help")) throw new UsageError(`<${missing.name}> is required`);
  const surplus = values.positionals[command.positionals.length];
  if (surplus !== undefined) throw new UsageError(`${JSON.stringify(surplus)} is one word too many`);
  return {
    flags: Object.fromEntries(Object.keys(command.flags).map((name) => [name, values.of(name)])),
    switches: new Set(Object.keys(flags).filter((name) => values.wants(name))),
    positionals: values.positionals,
    json: values.wants("json"),
  };
}

function readFlags(command: Command, args: readonly string[], flags: Readonly<Record<string, Flag>>) {
  const options = Object.fromEntries(
    Object.entries(flags).map(([name, { value }]) => [
      name,
      value === null ? { type: "boolean" as const } : { type: "string" as const, multiple: true },
    ]),
  );
  try {
    const { values, positionals } = parseArgs({ args: [...args], options, allowPositionals: true, strict: true });
    const strings = values as Record<string, string[] | boolean | undefined>;
    return {
      positionals,
      wants: (name: string) => strings[name] === true,
      of: (name: string): readonly string[] => (Array.isArray(strings[name]) ? strings[name] : []),
    };
  } catch (thrown) {
    throw new UsageError(explain(thrown, command, args, Object.keys(flags)));
  }
}

/** parseArgs names the flag in one form or another; ours is always `--flag`, and says what was meant. */
function explain(thrown: unknown, command: Command, args: readonly string[], names: readonly string[]): string {
  const { code, message } = thrown as { code?: string; message: string };
  const named = /'(-[^' =]*)/.exec(message)?.[1] ?? "";
  if (code === "ERR_PARSE_ARGS_UNKNOWN_OPTION") {
    const given = args.find((arg) => arg === named || arg.startsWith(`${named}=`)) === undefined ? "" : named;
    const hint = didYouMean(
      given,
      names.map((name) => `--${name}`),
    );
    return `${named} is not a flag of ${JSON.stringify(command.name)}${hint}`;
  }
  if (code === "ERR_PARSE_ARGS_INVALID_OPTION_VALUE") {
    const flag = { ...command.flags, ...COMMON }[named.replace(/^--/, "")];
    if (flag?.value === null) return `${named} takes no value`;
    return `${named} needs a value: ${named} ${flag?.value ?? "<value>"} (a value that begins with a dash: ${named}=-x)`;
  }
  return message;
}

/** The help of one command. */
export function describeCommand(command: Command): string {
  const flags = Object.entries({ ...command.flags, ...COMMON });
  const left = flags.map(([name, { value }]) => `  --${name}${value === null ? "" : ` ${value}`}`);
  const width = Math.max(...left.map((text) => text.length)) + 2;
  const lines = flags.map(
    ([, { help, required }], i) => `${left[i]!.padEnd(width)}${help}${required === true ? " Required." : ""}`,
  );
  return `${usageOf(command)}\n\n${command.summary}\n\n${lines.join("\n")}\n`;
}

export function usageOf(command: Command): string {
  const words = command.positionals.map(({ name, required }) => (required ? `<${name}>` : `[${name}]`));
  return ["usage: sallyport", command.name, ...words, "[flags]"].join(" ");
}
