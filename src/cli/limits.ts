import type { JsonObject } from "../kernel/json.ts";
import { createAdminClient } from "./admin-client.ts";
import type { Command, Invocation } from "./command.ts";
import { type CliIo, EXIT_OK, UsageError } from "./io.ts";
import { printable, table } from "./print.ts";

/** How a limit is written in one word. */
export const LIMIT_WORD = "<what=n[/window][,burst=n]>";

const LIMIT = /^([A-Za-z]+)=(\d+(?:\.\d+)?)(?:\/([a-z]+))?(?:,burst=(\d+(?:\.\d+)?))?$/;

/**
 * `requests=1000/day`, `requests=30/minute,burst=10`, `usd=5/month`, `concurrent=4`. Which words there are, and what
 * may stand with what, the gateway says.
 * @throws UsageError naming the flag
 */
export function parseLimit(text: string): JsonObject {
  const found = LIMIT.exec(text);
  if (found === null)
    throw new UsageError(
      `--limit: ${JSON.stringify(text)} is no limit; write requests=1000/day, requests=30/minute,burst=10, usd=5/month or concurrent=4`,
    );
  const [, dimension, amount, window, burst] = found;
  return {
    ...(window === undefined ? {} : { per: window }),
    [dimension!]: Number(amount),
    ...(burst === undefined ? {} : { burst: Number(burst) }),
  };
}

/** The same the other way round. */
export function limitWord(row: JsonObject): string {
  const { per, burst, ...rest } = row;
  const [[dimension, amount] = ["", ""]] = Object.entries(rest);
  const window = per === undefined ? "" : `/${String(per)}`;
  return `${dimension}=${String(amount)}${window}${burst === undefined ? "" : `,burst=${String(burst)}`}`;
}

const UNTIL = { value: "<date>", help: "2027-01-01 (its first moment, UTC), or 2027-01-01T12:00:00Z." };
const FIELD_FLAGS = { scope: "scope", limit: "limit", reason: "reason", until: "until", note: "note" };

export const limitsRequest: Command = {
  name: "limits request",
  summary: "Asks for a higher limit of an application, a subscription or a key. Somebody else grants it.",
  positionals: [],
  flags: {
    scope: {
      value: "<scope>",
      help: "application:<tenant/team/application>, subscription:<tenant/team/application/api/version> (or their ids), key:<public id>.",
      required: true,
    },
    limit: { value: LIMIT_WORD, help: "The whole limit: requests=5000/day, usd=20/month.", required: true },
    reason: { value: "<text>", help: "What it is for.", required: true },
    until: { ...UNTIL, help: `Until when it is needed: ${UNTIL.help} Default: for good.` },
  },
  async run({ flags, json }, io) {
    const limit = parseLimit(flags.limit![0]!);
    const request = await createAdminClient(io, FIELD_FLAGS).call("POST", "/api/v1/limit-requests", {
      ...{ scope: flags.scope![0]!, limit, reason: flags.reason![0]! },
      ...(flags.until?.[0] === undefined ? {} : { until: flags.until[0] }),
    });
    return tell(request, `Request ${String(request.id)} asks for ${limitWord(limit)}.`, json, io);
  },
};

export const limitsList: Command = {
  name: "limits list",
  summary: "Lists requests for higher limits, newest first.",
  positionals: [],
  flags: {
    state: { value: "<state>", help: "requested, approved, rejected, withdrawn or expired. Default: all." },
    tenant: { value: "<tenant>", help: "Only those of the tenant with this name or id." },
  },
  async run({ flags, json }, io) {
    const query = new URLSearchParams();
    for (const name of ["state", "tenant"]) for (const value of flags[name] ?? []) query.set(name, value);
    const path = `/api/v1/limit-requests${query.size === 0 ? "" : `?${query}`}`;
    const items = await createAdminClient(io, { state: "state", tenant: "tenant" }).all(path);
    if (json) {
      io.stdout(`${JSON.stringify({ items }, null, 2)}\n`);
      return EXIT_OK;
    }
    const rows = items.map((item) => {
      const granted = (item.decision as JsonObject | null)?.granted as JsonObject | null | undefined;
      const { limit, until } = (granted ?? item) as { limit: JsonObject; until: string | null };
      return [
        ...[item.id, item.state].map(String),
        scopeWord(item),
        limitWord(limit),
        until === null ? "for good" : until,
        String(item.createdAt).slice(0, 10),
        String(item.reason).replace(/\s+/g, " "),
      ];
    });
    io.stdout(table(["ID", "STATE", "SCOPE", "LIMIT", "UNTIL", "ASKED", "REASON"], rows));
    return EXIT_OK;
  },
};

/** `application:acme/research/bot`; by its id where it has no name any more. */
function scopeWord({ scope, name }: JsonObject): string {
  const id = String(scope);
  return name === null ? id : `${id.slice(0, id.indexOf(":"))}:${String(name)}`;
}

const NOTE = { value: "<text>", help: "Kept with the decision." };

export const limitsApprove: Command = {
  name: "limits approve",
  summary: "Grants a higher limit: what was asked for, or what the flags say. It holds at once.",
  positionals: [{ name: "id", required: true }],
  flags: {
    limit: { value: LIMIT_WORD, help: "Another limit than was asked for, of the same kind and window." },
    until: { ...UNTIL, help: `Another time than was asked for: ${UNTIL.help}` },
    note: NOTE,
  },
  async run(invocation, io) {
    const { limit, until } = invocation.flags;
    const request = await act(invocation, io, "approve", {
      ...(limit?.[0] === undefined ? {} : { limit: parseLimit(limit[0]) }),
      ...(until?.[0] === undefined ? {} : { until: until[0] }),
    });
    const granted = (request.decision as { granted: { limit: JsonObject; until: string | null } }).granted;
    const how = granted.until === null ? "for good" : `until ${granted.until}`;
    const text = `${scopeWord(request)} may have ${limitWord(granted.limit)} ${how}.`;
    return tell(request, text, invocation.json, io);
  },
};

export const limitsReject: Command = {
  name: "limits reject",
  summary: "Rejects a request for a higher limit.",
  positionals: [{ name: "id", required: true }],
  flags: { note: NOTE },
  async run(invocation, io) {
    const request = await act(invocation, io, "reject");
    return tell(request, `Request ${String(request.id)} is rejected.`, invocation.json, io);
  },
};

export const limitsWithdraw: Command = {
  name: "limits withdraw",
  summary: "Takes a request back, and what was granted with it, at once.",
  positionals: [{ name: "id", required: true }],
  flags: {},
  async run(invocation, io) {
    const request = await act(invocation, io, "withdraw");
    return tell(request, `Request ${String(request.id)} is withdrawn.`, invocation.json, io);
  },
};

function act({ positionals, flags }: Invocation, io: CliIo, verb: string, body: JsonObject = {}): Promise<JsonObject> {
  const id = positionals[0]!;
  if (!/^[A-Za-z0-9._~-]{1,128}$/.test(id))
    throw new UsageError(`<id>: ${JSON.stringify(id)} is no request's id; "sallyport limits list" shows them`);
  const note = flags.note?.[0];
  return createAdminClient(io, FIELD_FLAGS).call("POST", `/api/v1/limit-requests/${id}/${verb}`, {
    ...body,
    ...(note === undefined ? {} : { note }),
  });
}

function tell(request: JsonObject, text: string, json: boolean, io: CliIo): number {
  io.stdout(json ? `${JSON.stringify(request, null, 2)}\n` : `${printable(text)}\n`);
  return EXIT_OK;
}
