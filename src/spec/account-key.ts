import { isObject, type JsonObject, parseJson } from "../kernel/json.ts";
import type { Authorization } from "./adapter.ts";

/**
 * Keys of accounts that are not shown to the provider as they are: JSON texts, sealed whole
 * like any other key. Whatever decides where a secret of theirs is sent (a token endpoint, an
 * authority) stands inside of them, so that it is sealed too.
 */

/** An IAM user's or role's access key (https://docs.aws.amazon.com/IAM/latest/UserGuide/id_credentials_access-keys.html). */
export interface AwsKey {
  accessKeyId: string;
  secretAccessKey: string;
  /** Of temporary credentials. They end within hours, and have to be brought anew. */
  sessionToken?: string;
}

/** A service account's key file as Google makes it (https://cloud.google.com/iam/docs/keys-create-delete). */
export interface GoogleKey {
  clientEmail: string;
  /** PKCS #8 in PEM. */
  privateKey: string;
  privateKeyId?: string;
  tokenUri: string;
  projectId?: string;
}

/** An application of Microsoft Entra ID with a client secret. */
export interface EntraKey {
  tenantId: string;
  clientId: string;
  clientSecret: string;
  /** Where the tenant signs in; that of the public cloud where absent. */
  authority: string;
}

/** A key is not what its account needs. The message names the field, and repeats nothing of the key. */
export class KeyFault extends Error {
  override readonly name = "KeyFault";
}

/** What each way of authorizing needs to be told by a key, for documentation. */
export const KEY_FORMS: Readonly<Record<Authorization, string>> = {
  "aws-sigv4": '{"accessKeyId", "secretAccessKey"}, with "sessionToken" where the credentials are temporary',
  "google-access-token": "the JSON key file of a service account, as Google made it",
  "entra-access-token":
    '{"tenantId", "clientId", "clientSecret"}, with "authority" where it is not https://login.microsoftonline.com',
};

const READERS: Readonly<Record<Authorization, (text: string) => unknown>> = {
  "aws-sigv4": readAwsKey,
  "google-access-token": readGoogleKey,
  "entra-access-token": readEntraKey,
};

/** What is wrong with a key, or undefined. */
export function faultOfAccountKey(authorization: Authorization, text: string): string | undefined {
  try {
    READERS[authorization](text);
    return undefined;
  } catch (thrown) {
    if (thrown instanceof KeyFault) return thrown.message;
    throw thrown;
  }
}

/** @throws KeyFault */
export function readAwsKey(text: string): AwsKey {
  const value = objectOf(text);
  const key: AwsKey = {
    accessKeyId: field(value, "accessKeyId", /^[A-Z0-9]{16,128}$/),
    secretAccessKey: field(value, "secretAccessKey", /^[\x21-\x7e]{16,256}$/),
  };
  if (value.sessionToken !== undefined) key.sessionToken = field(value, "sessionToken", /^[\x21-\x7e]{16,8192}$/);
  return key;
}

/** @throws KeyFault */
export function readGoogleKey(text: string): GoogleKey {
  const value = objectOf(text);
  if (value.type !== "service_account") throw new KeyFault('must have type "service_account"');
  const key: GoogleKey = {
    clientEmail: field(value, "client_email", /^[^\s@]+@[^\s@]+$/),
    privateKey: field(value, "private_key", /^-----BEGIN PRIVATE KEY-----\n[\s\S]+-----END PRIVATE KEY-----\n?$/),
    tokenUri: value.token_uri === undefined ? "https://oauth2.googleapis.com/token" : address(value, "token_uri"),
  };
  if (value.private_key_id !== undefined) key.privateKeyId = field(value, "private_key_id", /^\w{1,128}$/);
  if (value.project_id !== undefined) key.projectId = field(value, "project_id", /^[a-z][a-z0-9:.-]{1,99}$/);
  return key;
}

/** @throws KeyFault */
export function readEntraKey(text: string): EntraKey {
  const value = objectOf(text);
  return {
    tenantId: field(value, "tenantId", /^[A-Za-z0-9][A-Za-z0-9.-]{0,127}$/),
    clientId: field(value, "clientId", /^[A-Za-z0-9-]{1,64}$/),
    clientSecret: field(value, "clientSecret", /^[\x21-\x7e]{1,512}$/),
    authority: value.authority === undefined ? "https://login.microsoftonline.com" : address(value, "authority"),
  };
}

function objectOf(text: string): JsonObject {
  const value = parseJson(text);
  if (!isObject(value)) throw new KeyFault("must be a JSON object");
  return value;
}

function field(value: JsonObject, name: string, pattern: RegExp): string {
  const text = value[name];
  if (typeof text !== "string" || text === "") throw new KeyFault(`must have a text in ${name}`);
  if (!pattern.test(text)) throw new KeyFault(`has a ${name} that cannot be one`);
  return text;
}

/** An address to which a secret goes: over TLS, or to this very machine. */
function address(value: JsonObject, name: string): string {
  const text = field(value, name, /^https?:\/\/[^\s?#@]+$/);
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const isHere = url !== undefined && /^(?:127\.\d+\.\d+\.\d+|\[::1\]|localhost)$/.test(url.hostname);
  if (url === undefined || (url.protocol !== "https:" && !isHere)) throw new KeyFault(`has a ${name} without https`);
  return text.replace(/\/+$/, "");
}
