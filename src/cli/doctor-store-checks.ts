import { MINUTE } from "../kernel/clock.ts";
import { type Found, ok, type Patient, problem, storeOf, warning } from "./doctor-finding.ts";
import type { DatabaseFacts, FileFacts, MasterKeyFileFacts } from "./probe.ts";

/** The checks of what an installation keeps: its master key, its databases, its sealed keys. */

/** Windows and leases are the database's; records are stamped by this machine. */
const DRIFT_MS = MINUTE;

/** The database that nodes share. */
export function sharedDatabase({ probes, environment: { database }, shared }: Patient): Found[] {
  if (database === undefined || shared === undefined) return [ok("embedded: DATABASE_URL is not set")];
  const { shown } = database;
  if ("fault" in shared) {
    const mend = "Check DATABASE_URL, the network and the server: without it the gateway does not start.";
    return [problem(`${shown} cannot be used: ${shared.fault}`, mend)];
  }
  const found: Found[] = [];
  if (shared.standby)
    found.push(problem(`${shown} is a standby, which takes no changes`, "Name the primary in DATABASE_URL."));
  if (!shared.mayBegin) {
    const mend = "GRANT CREATE ON DATABASE … to the role, or let it own the database.";
    found.push(problem(`${shown} has no schema "sallyport", and this role may make none`, mend));
  }
  const { applied, known } = shared.directory?.schema ?? { applied: 0, known: 0 };
  if (applied > known) {
    const mend = "Start the version that made it, or a later one.";
    found.push(problem(`${shown} has schema ${applied}, and this version knows ${known}`, mend));
  }
  const drift = Math.abs(shared.farClock - probes.now());
  if (drift > DRIFT_MS) {
    const what = `the clocks of ${shown} and of this machine differ by ${Math.round(drift / 1000)} s`;
    found.push(warning(what, "Set both by NTP."));
  }
  if (database.exposed)
    found.push(warning(`${shown} is reached without encryption`, "Add sslmode=verify-full to DATABASE_URL."));
  if (found.length > 0) return found;
  const schema = shared.directory === undefined ? "the first start makes its tables" : `schema ${applied}`;
  return [ok(`PostgreSQL ${shared.version} at ${shown}, ${schema}`)];
}

export function masterKey(patient: Patient): Found[] {
  const { probes, environment: surroundings } = patient;
  const facts = probes.masterKey(surroundings);
  const store = storeOf(patient);
  const found = facts.source === "file" ? masterKeyFile(facts, store !== undefined) : ok("given by the environment");
  if (found.state === "problem" || store === undefined) return [found];
  if (facts.source === "file" && !facts.file.exists) return [found];
  if (probes.masterKeyBelongs(surroundings, store) === false) {
    return [
      problem(
        "it is not the master key with which this installation was made",
        "Bring back the first one: with another, no key of a caller is known and no key of a provider opens.",
      ),
    ];
  }
  return [found];
}

function masterKeyFile({ path, file, fault }: MasterKeyFileFacts, storeIsThere: boolean): Found {
  if (!file.exists && !storeIsThere) return ok(`${path} is not there yet; the first start makes it`);
  if (!file.exists) {
    return problem(
      `${path} is missing, and the store was sealed under it`,
      "Bring it back from the backup, or set SALLYPORT_MASTER_KEY. Without it no key of a caller or provider can be read.",
    );
  }
  if (!file.readable) {
    return problem(`${path} cannot be read by this user`, "Run as its owner, or give it to the gateway's user.");
  }
  if (fault !== null) {
    return problem(
      `${path} ${fault}`,
      "Bring the file back from the backup; do not make a new one over a store in use.",
    );
  }
  if ((file.mode & 0o077) !== 0) {
    return problem(
      `${path} can be read by other users (mode ${octal(file.mode)}), so the gateway does not start with it`,
      `chmod 0600 ${path}; if others were there, consider the keys known.`,
    );
  }
  return ok(`${path} (mode ${octal(file.mode)})`);
}

export function directory({ probes, environment: { dataDir }, shared }: Patient): Found[] {
  if (shared !== undefined) return [ok("in the shared database")];
  const facts = probes.directory(dataDir);
  return facts === undefined ? [ok("not there yet; the first start makes it")] : database(facts);
}

export function ledger({ probes, environment: { dataDir } }: Patient): Found[] {
  const facts = probes.ledger(dataDir);
  if (facts === undefined) return [ok("not there yet; the first start makes it")];
  const found = database(facts);
  if (facts.openHolds === 0) return found;
  const calls = `${facts.openHolds} ${facts.openHolds === 1 ? "call is" : "calls are"}`;
  if (probes.lock(dataDir).held) return [...found, ok(`${calls} under way`)];
  return [
    ...found,
    warning(
      `${calls} admitted and not charged: the gateway died in the middle`,
      'Nothing to do: the next start charges them by rule, as outcome "recovered".',
    ),
  ];
}

function database(facts: DatabaseFacts): Found[] {
  const found: Found[] = [];
  const { applied, known } = facts.schema;
  for (const fault of facts.faults.slice(0, 3)) {
    found.push(
      problem(
        `${facts.path} is damaged: ${fault}`,
        "Stop the gateway and bring the file back from the backup; keep the damaged one for a look.",
      ),
    );
  }
  if (applied > known) {
    found.push(
      problem(
        `${facts.path} has schema ${applied}, and this version knows ${known}`,
        "Start the version that made it, or a later one.",
      ),
    );
  }
  found.push(...openToOthers(facts.path, facts.file));
  if (found.length > 0) return found;
  const schema = applied < known ? `schema ${applied}; the next start brings it to ${known}` : `schema ${applied}`;
  return [ok(`${facts.path} is whole, ${schema}`)];
}

function openToOthers(path: string, file: FileFacts): Found[] {
  return (file.mode & 0o077) === 0
    ? []
    : [warning(`${path} is open to other users (mode ${octal(file.mode)})`, `chmod 0600 ${path}`)];
}

export function providerKeys(patient: Patient): Found[] {
  const { probes, environment: surroundings } = patient;
  const sealed = (storeOf(patient)?.providers ?? []).filter(({ sealedKey }) => sealedKey !== null);
  if (sealed.length === 0) return [ok("no provider account has a sealed key")];
  const shut = sealed.filter((provider) => !probes.opens(surroundings, provider));
  if (shut.length === 0)
    return [
      ok(`the master key opens ${sealed.length === 1 ? "the one sealed key" : `all ${sealed.length} sealed keys`}`),
    ];
  return [
    problem(
      `the master key does not open the key of ${shut.map(({ name }) => name).join(", ")}`,
      "Start with the master key under which they were sealed, or set the providers' keys anew.",
    ),
  ];
}

/** Permission bits as chmod takes them. */
export function octal(mode: number): string {
  return `0${(mode & 0o777).toString(8)}`;
}
