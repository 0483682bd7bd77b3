import { isObject, type Json, parseBounded } from "../../kernel/json.ts";

/** What stands for what is not told. */
export const HIDDEN = "*****";

/** What of an account may not reach its callers. */
export interface AccountNames {
  /** The key as it was opened; JSON where it is traded or signs. Null where there is none. */
  key: string | null;
  options: Readonly<Record<string, string>>;
  baseUrl: string | null;
  /** The provider's public address, which names no account. */
  publicBaseUrl: string | null;
}

/** Takes out of a text what names or opens the gateway's account. */
export type Redact = (text: string) => string;

/** Words of the provider's that name nobody: callers may need them, and they may be words of any sentence. */
const PUBLIC_OPTIONS: ReadonlySet<string> = new Set([
  "region",
  "location",
  "api",
  "apiVersion",
  "claude",
  "guardrailVersion",
]);

/** Fields of a service account's key file that are the same for everybody. */
const PUBLIC_KEY_FIELDS: ReadonlySet<string> = new Set([
  "type",
  "auth_uri",
  "token_uri",
  "auth_provider_x509_cert_url",
  "universe_domain",
]);

/** Shorter texts of a key are words of any sentence. */
const SHORTEST = 8;

/** A redactor of all that is known of one account. Patterns of accounts in general are not its business. */
export function redactorOf(names: AccountNames): Redact {
  const known = knownTexts(names);
  if (known.length === 0) return (text) => text;
  const { key } = names;
  const quoted = key !== null && key.length >= LONG_KEY && !isTraded(key) ? key : undefined;
  return (text) => {
    const left = known.reduce((left, secret) => left.replaceAll(secret, HIDDEN), text);
    return quoted === undefined ? left : withoutPartsOf(quoted, left);
  };
}

/** Longest first, so that a short one leaves no rest of a longer one. */
function knownTexts({ key, options, baseUrl, publicBaseUrl }: AccountNames): string[] {
  const known = new Set<string>();
  if (key !== null && key !== "") {
    const secrets = isTraded(key) ? secretsOf(key) : key.length < SHORTEST ? [] : [key];
    known.add(key);
    for (const text of secrets) for (const form of formsOf(text)) known.add(form);
  }
  for (const [name, value] of Object.entries(options)) {
    if (value.length >= 4 && !PUBLIC_OPTIONS.has(name)) known.add(value);
  }
  const host = hostOf(baseUrl);
  if (host !== undefined && host !== hostOf(publicBaseUrl)) known.add(host);
  return [...known].sort((a, b) => b.length - a.length);
}

/** Whether the key is JSON, and never shown to the provider as it is. */
function isTraded(key: string): boolean {
  return key.trimStart().startsWith("{");
}

/** The texts of a key that is JSON: any of them may come back alone. */
function secretsOf(key: string): string[] {
  const found: string[] = [];
  const collect = (value: Json | undefined) => {
    if (typeof value === "string") found.push(value.trim(), ...value.split("\n"));
    else if (Array.isArray(value)) value.forEach(collect);
    else if (isObject(value)) {
      for (const name in value) if (!PUBLIC_KEY_FIELDS.has(name)) collect(value[name]);
    }
  };
  collect(parseBounded(key));
  return found.filter((text) => text.length >= SHORTEST && !text.startsWith("-----"));
}

/** As it is, in an address, within JSON, and in Base64. */
function formsOf(text: string): string[] {
  const inAddress = encodeURIComponent(text.toWellFormed());
  const inJson = JSON.stringify(text).slice(1, -1);
  const lower = inAddress.replace(/%../g, (code) => code.toLowerCase());
  return [text, inAddress, lower, inJson, inJson.replaceAll("/", "\\/"), ...inBase64(text)];
}

/** Of the text alone or after others (`user:key`): what depends on its neighbours is left out at both ends. */
function inBase64(text: string): string[] {
  const bytes = Buffer.from(text);
  return [0, 1, 2].flatMap((before) => {
    const shifted = Buffer.concat([Buffer.alloc(before), bytes]);
    const whole = shifted.toString("base64").slice(before === 0 ? 0 : before + 1);
    const form = whole.slice(0, Math.floor((shifted.length * 8) / 6) - (before === 0 ? 0 : before + 1));
    return [form, form.replaceAll("+", "-").replaceAll("/", "_")];
  });
}

/** Keys that are shorter are words, and parts of them still more so. */
const LONG_KEY = 20;

/** So much of a key in one piece is told by nobody by chance; it holds one of the pieces that are searched for. */
const LONG_PART = 11;
const PIECE = 6;

/** How providers leave out the middle of a key that they quote: `sk-ab…wxyz`, `sk-ab***wxyz`. */
const LEFT_OUT = /\*{2,}|\.{3,}|…+|•+/g;

/** What stands beside it is the key's where it is so long. */
const LEAST_BESIDE = 3;

/** A text without a long part of the key, and without its ends where the middle is left out. */
function withoutPartsOf(key: string, text: string): string {
  let left = text;
  for (let at = 0; at + PIECE <= key.length; at += PIECE) left = withoutPart(key, at, left);
  return left.search(LEFT_OUT) === -1 ? left : withoutEndsOf(key, left);
}

/** @param at where in the key the piece begins that a part of it must hold */
function withoutPart(key: string, at: number, text: string): string {
  const piece = key.slice(at, at + PIECE);
  let told = "";
  let done = 0;
  for (let found = text.indexOf(piece); found !== -1; ) {
    let before = 0;
    while (before < at && found - before > done && text[found - before - 1] === key[at - before - 1]) before++;
    let length = PIECE;
    while (at + length < key.length && text[found + length] === key[at + length]) length++;
    const isLong = before + length >= LONG_PART;
    if (isLong) {
      told += text.slice(done, found - before) + HIDDEN;
      done = found + length;
    }
    found = text.indexOf(piece, isLong ? done : found + 1);
  }
  return told + text.slice(done);
}

function withoutEndsOf(key: string, text: string): string {
  let told = "";
  let done = 0;
  for (const { 0: gap, index } of text.matchAll(LEFT_OUT)) {
    if (index < done) continue;
    const end = index + gap.length;
    const before = longest((length) => text.startsWith(key.slice(0, length), index - length) && index - length >= done);
    const after = longest((length) => text.startsWith(key.slice(-length), end));
    if (before + after === 0) continue;
    told += text.slice(done, index - before) + HIDDEN;
    done = end + after;
  }
  return told + text.slice(done);
}

/** Longer ends have been taken out as parts. */
function longest(fits: (length: number) => boolean): number {
  for (let length = LONG_PART; length >= LEAST_BESIDE; length--) if (fits(length)) return length;
  return 0;
}

function hostOf(url: string | null): string | undefined {
  return url !== null && URL.canParse(url) ? new URL(url).hostname : undefined;
}

const UUID = "[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}";

/**
 * How providers name an account in their messages, and how keys and tokens look, whoever's they
 * are. Sources: recorded errors of OpenAI, Google, AWS and Azure, and their references of names.
 */
const PATTERNS: readonly [pattern: RegExp, instead: string][] = [
  // Tokens, keys of access, and keys that providers quote in part.
  [/\bBearer\s+(?=\S*\d|\S{20})[\w.~+/=-]{8,}/gi, `Bearer ${HIDDEN}`],
  [/\bya29\.[\w.-]+/g, HIDDEN],
  [/\beyJ[\w-]{8,}(?:\.[\w-]*)*/g, HIDDEN],
  [/\b(?:AKIA|ASIA|AROA|AIDA)[A-Z0-9]{12,}/g, HIDDEN],
  [/\bAIza[\w-]{20,}/g, HIDDEN],
  [/\b(?:sk|gsk|xai)-[\w*-]{8,}/g, HIDDEN],
  // OpenAI, Anthropic and lookalikes. `user_location` is a field, and has no digit.
  [/\b(?:org|proj|acct|wrkspc|workspace)[-_][A-Za-z0-9_-]{6,}/g, HIDDEN],
  // How far it looks for a digit is bounded, or a text of `user-user-user-` would take time by its square.
  [/\b(?:user|team)[-_](?=[A-Za-z_-]{0,64}\d)[A-Za-z0-9_-]{6,}/g, HIDDEN],
  [/\baccounts\/(?!fireworks\/)[\w.-]+/g, `accounts/${HIDDEN}`],
  // Google.
  [/\bprojects\/[^\s/"'`,;)\]]+/g, `projects/${HIDDEN}`],
  [/\b(project(?:[ _-]?(?:id|number))?["'`]?\s*[:=]\s*["'`]?)[a-z0-9][\w:-]{3,}/gi, `$1${HIDDEN}`],
  [/\b(project\s+["'`]?)(?=[\w-]*\d)[a-z0-9][a-z0-9-]{5,}/gi, `$1${HIDDEN}`],
  [/(?<![\w.-])[\w.-]{1,128}@[\w-]{1,64}(?:\.[\w-]{1,64})?\.gserviceaccount\.com/g, HIDDEN],
  // AWS. What has no account number in it names a model that everybody has.
  [/\barn:aws[\w-]*:[\w-]*:[\w-]*:(?:\d{12}|\*{5}):[^\s"'`,;)\]]+/g, HIDDEN],
  [/\b\d{12}\b/g, HIDDEN],
  [/\bvpce-[\w-]+/g, HIDDEN],
  // Azure. Ids of requests are for whoever asks the provider about them.
  [/\/?\bsubscriptions\/[^\s"'`,;)\]]+/gi, `subscriptions/${HIDDEN}`],
  [
    new RegExp(
      `(?<!(?:request|trace|correlation|activity)[\\w -]{0,12}["'\`]?\\s?[:=]?\\s?["'\`(]?)\\b${UUID}\\b`,
      "gi",
    ),
    HIDDEN,
  ],
  [
    /(?<![\w-])[\w-]+(\.(?:openai\.azure|cognitiveservices\.azure|services\.ai\.azure|models\.ai\.azure|inference\.ml\.azure)\.(?:com|us|cn))/gi,
    `${HIDDEN}$1`,
  ],
  [/(?<![\w.-])[\w-]+(?:\.[\w-]+)?(\.inference\.ai\.azure\.com)/gi, `${HIDDEN}$1`],
];

/** A text of a provider's without what names an account there. */
export function withoutAccountNames(text: string): string {
  return PATTERNS.reduce((left, [pattern, instead]) => left.replace(pattern, instead), text);
}
