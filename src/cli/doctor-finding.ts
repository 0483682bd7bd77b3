import { type Environment, readEnvironment } from "../config/environment.ts";
import { ConfigurationError, type Problem } from "../config/problem.ts";
import type { Probes } from "./probe.ts";

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
