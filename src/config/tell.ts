/** What a start tells of the configuration, so that nothing that it changed, or did not read, goes unseen. */
import type { ProviderAccount } from "../domain/catalog/catalog.ts";
import type { PlannedChange } from "../ports/administration.ts";
import type { Log } from "../ports/log.ts";
import type { AccountVariables } from "./first-start.ts";
import type { Problem } from "./problem.ts";

/** Names told in one line. */
const MOST_NAMES = 20;

/** What applying a file has changed; what it removed is told by name. */
export function tellChanges(changes: readonly PlannedChange[], file: string, log: Log): void {
  if (changes.length === 0) return;
  const count = (verb: PlannedChange["verb"]) => changes.filter((change) => change.verb === verb).length;
  const detail = `${count("create")} made, ${count("update")} changed, ${count("remove")} removed`;
  log.write("info", "the configuration file changed the directory", { file, count: changes.length, detail });
  const removed = changes.filter(({ verb }) => verb === "remove").map(({ subject }) => subject);
  if (removed.length === 0) return;
  const more = removed.length > MOST_NAMES ? ` and ${removed.length - MOST_NAMES} more` : "";
  log.write(
    "warn",
    "what the configuration file once made and no longer names was removed; keys that the gateway issued there are revoked for good",
    { file, count: removed.length, detail: removed.slice(0, MOST_NAMES).join(", ") + more },
  );
}

/** What a file says that was probably not meant, each in a line of its own. */
export function tellWarnings(warnings: readonly Problem[], log: Log): void {
  for (const { where, message } of warnings.slice(0, MOST_NAMES)) {
    log.write("warn", "the configuration file may not say what was meant", { detail: `${where}: ${message}` });
  }
}

/** Variables by which a first start would have made an account, and which nothing reads any more. */
export function tellUnread(
  env: Readonly<Record<string, string | undefined>>,
  accounts: readonly AccountVariables[],
  catalog: { providers: ReadonlyMap<string, Pick<ProviderAccount, "kind">> },
  log: Log,
): void {
  const kinds = new Set([...catalog.providers.values()].map(({ kind }) => kind));
  const told = new Set<string>();
  for (const { kind, keyVariable, addressVariable } of accounts) {
    const variable = keyVariable ?? addressVariable;
    if (variable === undefined || !env[variable] || kinds.has(kind) || told.has(kind)) continue;
    told.add(kind);
    log.write(
      "warn",
      `${variable} is set, but only the first start makes an account of it; name the provider in the file of SALLYPORT_CONFIG`,
    );
  }
}
