import { type Environment, readEnvironment } from "../config/environment.ts";
import { ConfigurationError, type Problem } from "../config/problem.ts";
import type { Probes, SharedFacts, StoreFacts } from "./probe.ts";

/** One row of the doctor's report. */
export interface Finding {
  check: string;
  state: "ok" | "warning" | "problem";
  /** What was found. */
  what: string;
  /** What to do about it; null where nothing is to be done. */
  mend: string | null;
}

export type Found = Omit<Finding, "check">;

/** What the checks look at. */
export interface Patient {
  probes: Probes;
  /** With the variables that are wrong left out, so that the other checks still have something to look at. */
  environment: Environment;
  /** What is wrong with the variables. */
  problems: readonly Problem[];
  variables: number;
  online: boolean;
  /** The database that nodes share, or why it cannot be asked; absent where the store is embedded. */
  shared?: SharedFacts | { fault: string };
}

/** With a look at the shared database, where there is one: several checks need what it says. */
export async function withShared(patient: Patient): Promise<Patient> {
  const { database } = patient.environment;
  if (database === undefined) return patient;
  const shared = await patient.probes.shared(database).catch((error: unknown) => ({
    fault: error instanceof Error ? error.message : String(error),
  }));
  return { ...patient, shared };
}

/** What the directory says, wherever it stands; undefined before the first start, or where it cannot be asked. */
export function storeOf({ probes, environment, shared }: Patient): StoreFacts | undefined {
  if (shared === undefined) return probes.directory(environment.dataDir);
  return "fault" in shared ? undefined : shared.directory;
}

export function readPatient(
  env: Readonly<Record<string, string | undefined>>,
  readFile: (path: string) => string,
  probes: Probes,
  online: boolean,
): Patient {
  const variables = Object.keys(env).filter((name) => name.startsWith("SALLYPORT_")).length;
  try {
    return { probes, environment: readEnvironment(env, readFile), problems: [], variables, online };
  } catch (thrown) {
    if (!(thrown instanceof ConfigurationError)) throw thrown;
    const { problems } = thrown;
    const sound = { ...env };
    for (const { where } of problems) {
      delete sound[where];
      delete sound[where.replace(/_FILE$/, "")];
      delete sound[`${where}_FILE`];
    }
    return { probes, environment: withoutFaults(sound, readFile), problems, variables, online };
  }
}

/** Where even the rest does not hold together (a certificate whose key was wrong), the defaults and the data folder do. */
function withoutFaults(
  env: Readonly<Record<string, string | undefined>>,
  readFile: (path: string) => string,
): Environment {
  try {
    return readEnvironment(env, readFile, { serving: false });
  } catch {
    const { SALLYPORT_DATA_DIR } = env;
    return readEnvironment(SALLYPORT_DATA_DIR === undefined ? {} : { SALLYPORT_DATA_DIR }, readFile, {
      serving: false,
    });
  }
}

export function ok(what: string): Found {
  return { state: "ok", what, mend: null };
}

export function warning(what: string, mend: string): Found {
  return { state: "warning", what, mend };
}

export function problem(what: string, mend: string): Found {
  return { state: "problem", what, mend };
}
