import { deepFreeze } from "../kernel/freeze.ts";
import type { DesiredState } from "../ports/administration.ts";
import { adviceOn } from "./advice.ts";
import { desiredState, type Sealing } from "./desired.ts";
import { type Document, documentSchema, type GatewaySection, type ProviderKind } from "./document.ts";
import { describeIssue, LINE } from "./issue.ts";
import { ConfigurationError, type Problem } from "./problem.ts";
import { checkReferences, type Finding } from "./references.ts";
import { type SecretSources, Secrets } from "./secrets.ts";
import { readSource, type Source } from "./source.ts";

export interface LoadOptions extends SecretSources {
  /** Adapters that there are. */
  kinds: readonly ProviderKind[];
}

/** A configuration file, checked in full. Frozen. */
export interface Config {
  readonly file: string;
  readonly document: Document;
  readonly gateway: GatewaySection;
  /** What is no error, and probably not what was meant. */
  readonly warnings: readonly Problem[];
  /** What the directory shall be. Each call seals anew. */
  desired(sealing: Sealing): DesiredState;
}

/** Larger files are not configuration. */
const MAX_FILE_CHARACTERS = 16 * 1024 * 1024;

/**
 * Loads sallyport.yaml, and follows its references to secrets.
 * @throws ConfigurationError with every problem at once, each as `file:line:column: field: message`.
 */
export function loadConfig(file: string, options: LoadOptions): Config {
  const { document, source } = readDocument(file, options);
  const { secrets, findings } = Secrets.read(document, file, options);
  refuse(source, [...checkReferences(document, options.kinds), ...findings]);
  return Object.freeze({
    file,
    document,
    gateway: document.gateway,
    warnings: source.problems(adviceOn(document)),
    desired: (sealing: Sealing) => desiredState(document, secrets, options.kinds, sealing),
  });
}

/** What is found in a file. Where there are problems nothing is warned of: the file is not used. */
export interface Checked {
  problems: readonly Problem[];
  warnings: readonly Problem[];
}

/** Everything that is found in a file, its references to secrets followed. */
export function checkConfig(file: string, options: LoadOptions): Checked {
  return checked(() => loadConfig(file, options).warnings);
}

/** The same where its secrets are not at hand: what a review or a build can check. */
export function checkConfigWithoutSecrets(file: string, options: Pick<LoadOptions, "kinds" | "readFile">): Checked {
  return checked(() => {
    const { document, source } = readDocument(file, options);
    refuse(source, checkReferences(document, options.kinds));
    return source.problems(adviceOn(document));
  });
}

function checked(load: () => readonly Problem[]): Checked {
  try {
    return { problems: [], warnings: load() };
  } catch (error) {
    if (!(error instanceof ConfigurationError)) throw error;
    return { problems: error.problems, warnings: [] };
  }
}

function readDocument(
  file: string,
  options: Pick<LoadOptions, "kinds" | "readFile">,
): { document: Document; source: Source } {
  const source = readSource(file, readText(file, options));
  if (Array.isArray(source)) throw new ConfigurationError(source);
  const schema = documentSchema(options.kinds.map((kind) => kind.kind));
  const result = schema.safeParse(source.value, { error: describeIssue });
  if (!result.success) refuse(source, result.error.issues.flatMap(toFindings));
  return { document: deepFreeze(result.data as Document), source };
}

function readText(file: string, options: Pick<LoadOptions, "readFile">): string {
  let text: string;
  try {
    text = options.readFile(file);
  } catch (error) {
    throw new ConfigurationError([{ where: file, message: `cannot be read: ${(error as Error).message}` }]);
  }
  if (text.length > MAX_FILE_CHARACTERS)
    throw new ConfigurationError([{ where: file, message: "is larger than 16 MiB" }]);
  return text;
}

interface Issue {
  code?: string | undefined;
  path: PropertyKey[];
  message: string;
  keys?: string[];
}

/** One issue may speak of several unknown fields: each of them is a finding of its own, at its own place. */
function toFindings(issue: Issue): Finding[] {
  const path = issue.path.map((part) => (typeof part === "symbol" ? String(part) : part));
  if (issue.code !== "unrecognized_keys" || issue.keys === undefined) return [{ path, message: issue.message }];
  const messages = issue.message.split(LINE);
  return issue.keys.map((key, at) => ({ path: [...path, key], message: messages[at] ?? issue.message, name: true }));
}

function refuse(source: Source, findings: readonly Finding[]): void {
  if (findings.length === 0) return;
  throw new ConfigurationError(source.problems(findings));
}
