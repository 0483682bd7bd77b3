import { dirname, isAbsolute, join } from "node:path";
import { entropyOfForm } from "../domain/access/entropy.ts";
import { parseVirtualKey } from "../domain/access/virtual-key.ts";
import { MAX_CREDENTIAL } from "../kernel/bounds.ts";
import { Secret } from "../kernel/secret.ts";
import { faultOfAccountKey, KEY_FORMS } from "../spec/account-key.ts";
import type { Authorization } from "../spec/adapter.ts";
import type { Document, ProviderKind, SecretReference } from "./document.ts";
import type { Finding } from "./references.ts";
import { fieldName } from "./source.ts";

/** Where secrets are taken from. */
export interface SecretSources {
  env: Readonly<Record<string, string | undefined>>;
  /** A file's text. Throws when it cannot be read. */
  readFile(path: string): string;
}

/** Least entropy in the form of an imported key, in bits. */
const MIN_KEY_BITS = 128;

/**
 * The secrets that a document refers to, by the path of the reference. A reference that
 * cannot be followed, or leads to something that is no key, is a finding; no finding repeats
 * what it found.
 */
export class Secrets {
  readonly #values = new Map<string, Secret<string>>();

  /** The secret at a path of the document. */
  at(path: Finding["path"]): Secret<string> {
    const value = this.#values.get(fieldName(path));
    if (value === undefined) throw new Error(`broken promise: no secret was read for ${fieldName(path)}`);
    return value;
  }

  /** Follows every reference. */
  static read(
    document: Document,
    file: string,
    sources: SecretSources & { kinds: readonly ProviderKind[] },
  ): { secrets: Secrets; findings: Finding[] } {
    const secrets = new Secrets();
    const findings: Finding[] = [];
    const imported = new Map<string, string>();
    const follow = (
      path: Finding["path"],
      reference: SecretReference,
      check: (value: string) => string | undefined,
    ) => {
      const value = resolve(reference, file, sources);
      const message = typeof value === "string" ? check(value) : value.message;
      if (message !== undefined) findings.push({ path, message });
      else secrets.#values.set(fieldName(path), new Secret(value as string));
    };
    document.providers.forEach((provider, at) => {
      if (provider.apiKey === undefined) return;
      const kind = sources.kinds.find((candidate) => candidate.kind === provider.kind);
      follow(["providers", at, "apiKey"], provider.apiKey, (key) =>
        faultOfProviderKey(key, kind?.authorization?.(key) ?? null),
      );
    });
    for (const { path, key } of keysOf(document)) {
      follow(path, key.import, (value) => {
        const before = imported.get(value);
        imported.set(value, before ?? fieldName(path));
        return before === undefined ? faultOfImportedKey(value) : `is the same key as ${before}`;
      });
    }
    return { secrets, findings };
  }
}

type DocumentKey = Document["tenants"][number]["teams"][number]["applications"][number]["keys"][number];

/** Every imported key of a document, with the path of its reference. */
export function keysOf(document: Document): { path: Finding["path"]; key: DocumentKey }[] {
  return document.tenants.flatMap((tenant, t) =>
    tenant.teams.flatMap((team, m) =>
      team.applications.flatMap((application, a) =>
        application.keys.map((key, k) => ({ path: keyPath(t, m, a, k), key })),
      ),
    ),
  );
}

export function keyPath(tenant: number, team: number, application: number, key: number): Finding["path"] {
  return ["tenants", tenant, "teams", team, "applications", application, "keys", key, "import"];
}

function resolve(reference: SecretReference, file: string, sources: SecretSources): string | { message: string } {
  if (reference.env !== undefined) {
    return (
      sources.env[reference.env] || { message: `refers to the environment variable ${reference.env}, which is not set` }
    );
  }
  const named = reference.file ?? "";
  const path = isAbsolute(named) ? named : join(dirname(file), named);
  try {
    return sources.readFile(path).replace(/\r?\n$/, "") || { message: `refers to ${path}, which is empty` };
  } catch (error) {
    return {
      message: `refers to ${path}, which cannot be read: ${error instanceof Error ? error.message : String(error)}`,
    };
  }
}

/** What keeps a key from being shown: as a header's value (RFC 9110 section 5.5), or in the way that its account has. */
function faultOfProviderKey(value: string, authorization: Authorization | null): string | undefined {
  if (authorization !== null) {
    const fault = faultOfAccountKey(authorization, value);
    return fault === undefined ? undefined : `refers to a key that ${fault}; it is ${KEY_FORMS[authorization]}`;
  }
  return faultOfHeaderKey(value);
}

function faultOfHeaderKey(value: string): string | undefined {
  if (value.length > MAX_CREDENTIAL) return `refers to a key of more than ${MAX_CREDENTIAL} characters`;
  return /^[\x21-\x7e]+$/.test(value)
    ? undefined
    : "refers to a key with spaces or characters that no header can carry";
}

function faultOfImportedKey(value: string): string | undefined {
  const fault = faultOfHeaderKey(value);
  if (fault !== undefined) return fault;
  // Two equal headers arrive joined by a comma, so a key with one could not be told from them.
  if (value.includes(",")) return "refers to a key with a comma, which could not be told from two keys";
  if (/^sp_(?:live|test)_/.test(value)) {
    return parseVirtualKey(value) === undefined
      ? "refers to a key in Sallyport's own form whose checksum is wrong"
      : undefined;
  }
  const bits = Math.floor(entropyOfForm(value));
  if (bits >= MIN_KEY_BITS) return undefined;
  return `refers to a key whose form has ${bits} bits of entropy at most; it must have ${MIN_KEY_BITS}: make one with: openssl rand -hex 24`;
}
