import { parseVirtualKey } from "../domain/access/virtual-key.ts";
import type { JsonObject } from "../kernel/json.ts";
import { createAdminClient } from "./admin-client.ts";
import type { Command } from "./command.ts";
import { EXIT_OK, UsageError } from "./io.ts";
import { LIMIT_WORD, parseLimit } from "./limits.ts";
import { printable, table } from "./print.ts";

/** The flag that sets a field of the request, so that the gateway's refusals are told in the words of this command. */
const FIELD_FLAGS = {
  application: "application",
  name: "name",
  mode: "mode",
  allowFrom: "allow-from",
  expires: "expires",
  limits: "limit",
};

export const keyCreate: Command = {
  name: "key create",
  summary: "Issues a virtual key and prints it. It is shown this once.",
  positionals: [],
  flags: {
    application: { value: "<tenant/team/application | id>", help: "Whose key it is.", required: true },
    name: { value: "<name>", help: "What to call it.", required: true },
    mode: { value: "<live | test>", help: "A test key reaches test providers only. Default: live." },
    "allow-from": { value: "<cidr,…>", help: "Networks from which it may be used. Default: anywhere.", multiple: true },
    expires: { value: "<date>", help: "2027-01-01, or 2027-01-01T12:00:00Z. Default: never." },
    limit: {
      value: LIMIT_WORD,
      help: "What it may use beside its plans: requests=100/day, usd=5/month.",
      multiple: true,
    },
  },
  async run({ flags, json }, io) {
    const allowFrom = (flags["allow-from"] ?? []).flatMap((list) => list.split(",").map((part) => part.trim()));
    const limits = (flags.limit ?? []).map(parseLimit);
    const client = createAdminClient(io, FIELD_FLAGS);
    const key = await client.call("POST", "/api/v1/keys", {
      application: flags.application![0]!,
      name: flags.name![0]!,
      ...(flags.mode?.[0] === undefined ? {} : { mode: flags.mode[0] }),
      ...(flags.expires?.[0] === undefined ? {} : { expires: flags.expires[0] }),
      ...(allowFrom.length === 0 ? {} : { allowFrom }),
      ...(limits.length === 0 ? {} : { limits }),
    });
    if (json) {
      io.stdout(`${JSON.stringify(key, null, 2)}\n`);
      return EXIT_OK;
    }
    // The key alone on stdout, so that it can go straight into a file or a variable.
    io.stdout(`${String(key.secret)}\n`);
    io.stderr(
      `Key ${String(key.id)} for ${applicationName(key)}. It is shown this once and not kept; only its public id (${String(key.id)}) names it from now on.\n`,
    );
    return EXIT_OK;
  },
};

export const keyList: Command = {
  name: "key list",
  summary: "Lists virtual keys, never their secrets.",
  positionals: [],
  flags: { tenant: { value: "<id>", help: "Only those of the tenant with this id." } },
  async run({ flags, json }, io) {
    const tenant = flags.tenant?.[0];
    const query = tenant === undefined ? "" : `?tenant=${encodeURIComponent(tenant)}`;
    const items = await createAdminClient(io).all(`/api/v1/keys${query}`);
    if (json) {
      io.stdout(`${JSON.stringify({ items }, null, 2)}\n`);
      return EXIT_OK;
    }
    const rows = items.map((key) => [
      String(key.id),
      String(key.name),
      String(key.mode),
      String(key.state),
      applicationName(key),
      String(key.createdAt).slice(0, 10),
      key.expiresAt === null ? "never" : String(key.expiresAt).slice(0, 10),
      (key.allowFrom as string[]).join(",") || "anywhere",
    ]);
    io.stdout(table(["ID", "NAME", "MODE", "STATE", "APPLICATION", "CREATED", "EXPIRES", "FROM"], rows));
    return EXIT_OK;
  },
};

export const keyRevoke: Command = {
  name: "key revoke",
  summary:
    "Puts a virtual key out of use for good. Takes its public id, or the whole key (which does not leave this machine).",
  positionals: [{ name: "id", required: true }],
  flags: {},
  async run({ positionals, json }, io) {
    const id = publicId(positionals[0]!);
    const key = await createAdminClient(io).call("POST", `/api/v1/keys/${id}/revoke`);
    io.stdout(json ? `${JSON.stringify(key, null, 2)}\n` : `Key ${id} (${printable(String(key.name))}) is revoked.\n`);
    return EXIT_OK;
  },
};

function publicId(text: string): string {
  if (text.startsWith("sp_")) {
    const key = parseVirtualKey(text);
    if (key === undefined)
      throw new UsageError(
        "<id>: this looks like a key, but its checksum is wrong; give its public id, the part after sp_live_ or sp_test_",
      );
    return key.publicId;
  }
  if (!/^[A-Za-z0-9._~-]{1,128}$/.test(text))
    throw new UsageError(`<id>: ${JSON.stringify(text)} is no key's public id; "sallyport key list" shows them`);
  return text;
}

function applicationName(key: JsonObject): string {
  const { name, team, tenant } = key.application as { name: string; team: { name: string }; tenant: { name: string } };
  return name === "" ? "(removed)" : printable(`${tenant.name}/${team.name}/${name}`);
}
