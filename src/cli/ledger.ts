import type { JsonObject } from "../kernel/json.ts";
import { createAdminClient } from "./admin-client.ts";
import type { Command, Invocation } from "./command.ts";
import { type CliIo, EXIT_FAILURE, EXIT_OK } from "./io.ts";
import { printable, table } from "./print.ts";

/** As the gateway takes them; told here so that nobody has to look for ids. */
const SCOPES =
  "A scope is tenant:acme, team:acme/research, application:acme/research/bot, subscription:acme/research/bot/chat/v1, key:<public id>, model:<name> or provider:<name>.";

export const ledgerVerify: Command = {
  name: "ledger verify",
  summary: "Adds up the whole ledger, compares it with what is counted, and reports any difference. Changes nothing.",
  positionals: [],
  flags: {},
  run: (invocation, io) => recount(invocation, io, false),
};

export const ledgerRebuild: Command = {
  name: "ledger rebuild",
  summary: "Does what ledger verify does, and sets what is counted to what the ledger says. Calls go on meanwhile.",
  positionals: [],
  flags: {},
  run: (invocation, io) => recount(invocation, io, true),
};

/** Fails where something differs and stays so. */
async function recount({ json }: Invocation, io: CliIo, mend: boolean): Promise<number> {
  const found = await createAdminClient(io).call("POST", "/api/v1/ledger/recount", { mend });
  const differences = found.differences as JsonObject[];
  const exit = found.found === 0 || mend ? EXIT_OK : EXIT_FAILURE;
  if (json) {
    io.stdout(`${JSON.stringify(found, null, 2)}\n`);
    return exit;
  }
  if (differences.length > 0) {
    const rows = differences.map(({ scope, period, of, counted, ledger }) => [
      printable(String(scope)),
      ...[period, of, counted, ledger].map(String),
    ]);
    io.stdout(table(["SCOPE", "PERIOD", "OF", "COUNTED", "LEDGER"], rows));
  }
  const said = found.found === 0 ? "nothing differs" : `${found.found} sums differ${mend ? "ed, and are mended" : ""}`;
  io.stdout(`${found.entries} entries, ${found.accounts} scopes: ${said}.\n`);
  return exit;
}

export const usageShow: Command = {
  name: "usage show",
  summary: `Shows what a scope has used, and how its limits stand. ${SCOPES}`,
  positionals: [{ name: "scope", required: true }],
  flags: {},
  async run({ positionals, json }, io) {
    const query = `?scope=${encodeURIComponent(positionals[0]!)}`;
    const client = createAdminClient(io);
    const usage = await client.call("GET", `/api/v1/usage${query}`);
    const limits = (await client.call("GET", `/api/v1/limits${query}`)).items as JsonObject[];
    if (json) {
      io.stdout(`${JSON.stringify({ usage, limits }, null, 2)}\n`);
      return EXIT_OK;
    }
    const periods = usage.periods as Record<string, { spent: JsonObject; reserved: JsonObject }>;
    const rows = Object.entries(periods).map(([period, { spent, reserved }]) => [
      period,
      ...[spent.requests, spent.inputTokens, spent.outputTokens, spent.usd, reserved.usd].map(String),
    ]);
    io.stdout(table(["PERIOD", "REQUESTS", "INPUT", "OUTPUT", "USD", "USD RESERVED"], rows));
    if (limits.length === 0) return EXIT_OK;
    const standing = limits.map(({ scope, dimension, window, limit, remaining, resetAt }) => [
      printable(String(scope)),
      window === null ? String(dimension) : `${dimension} per ${window}`,
      ...[limit, remaining].map(String),
      resetAt === null ? "" : String(resetAt),
    ]);
    io.stdout(`\n${table(["LIMIT OF", "WHAT", "LIMIT", "REMAINING", "RESET"], standing)}`);
    return EXIT_OK;
  },
};

export const statementShow: Command = {
  name: "usage statement",
  summary: "Adds up from the ledger what a scope was charged in a time.",
  positionals: [{ name: "scope", required: true }],
  flags: {
    since: { value: "<date>", help: "2027-01-01 (its first moment, UTC), or 2027-01-01T12:00:00Z.", required: true },
    until: { value: "<date>", help: "Exclusive.", required: true },
  },
  async run({ positionals, flags, json }, io) {
    const query = new URLSearchParams({
      scope: positionals[0]!,
      since: flags.since![0]!,
      until: flags.until![0]!,
    });
    const fields = { since: "since", until: "until" };
    const statement = await createAdminClient(io, fields).call("GET", `/api/v1/statements?${query}`);
    if (json) {
      io.stdout(`${JSON.stringify(statement, null, 2)}\n`);
      return EXIT_OK;
    }
    const spent = ({ requests, inputTokens, outputTokens, usd }: JsonObject) =>
      [requests, inputTokens, outputTokens, usd].map(String);
    const rows = (statement.lines as JsonObject[]).map((line) => [
      ...[line.api, line.model, line.provider, line.providerModel].map((name) => printable(String(name ?? "-"))),
      ...spent(line),
    ]);
    const total = ["total", "", "", "", ...spent(statement.total as JsonObject)];
    io.stdout(table(["API", "MODEL", "PROVIDER", "ITS MODEL", "CALLS", "INPUT", "OUTPUT", "USD"], [...rows, total]));
    return EXIT_OK;
  },
};
