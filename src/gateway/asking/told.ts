import type { Secret } from "../../kernel/secret.ts";

/** What providers call the id of a call, the most usual first: OpenAI and most others, Anthropic, AWS, Azure, Mistral, Cohere. */
const REQUEST_IDS = [
  "x-request-id",
  "request-id",
  "x-amzn-requestid",
  "apim-request-id",
  "mistral-correlation-id",
  "x-debug-trace-id",
];

/** How the names of rate limits begin: OpenAI's and its lookalikes', Anthropic's, and the IETF's draft. */
const RATE_LIMIT = /^(?:x-ratelimit|anthropic-ratelimit|anthropic-priority|ratelimit)[a-z0-9-]{0,64}$/;

const RETRY: ReadonlySet<string> = new Set(["retry-after", "retry-after-ms"]);

/** Printable ASCII. */
const VALUE = /^[\x20-\x7e]{1,256}$/;

/** No provider tells as many. */
const MAX_TOLD = 40;

/**
 * What of a provider's headers is worth having for the caller, each under `x-sallyport-upstream-`
 * and without its own `x-`: the provider's id of the call, its rate limits, and when to try again.
 * Nothing else passes: no cookie, and nothing that names our account.
 * @param key of the account; a value that quotes it is left out
 */
export function toldByUpstream(
  headers: Readonly<Record<string, string>>,
  key: Secret<string> | null,
): Record<string, string> | undefined {
  let told: Record<string, string> | undefined;
  let count = 0;
  for (const name in headers) {
    if (!RETRY.has(name) && !RATE_LIMIT.test(name)) continue;
    const value = headers[name]!;
    if (!isTold(value, key) || ++count > MAX_TOLD) continue;
    told ??= {};
    told[PREFIX + (name.startsWith("x-") ? name.slice(2) : name)] = value;
  }
  for (const name of REQUEST_IDS) {
    const id = headers[name];
    if (id === undefined || !isTold(id, key)) continue;
    told ??= {};
    told[`${PREFIX}request-id`] = id;
    break;
  }
  return told;
}

function isTold(value: string, key: Secret<string> | null): boolean {
  return VALUE.test(value) && (key === null || !value.includes(key.reveal()));
}

const PREFIX = "x-sallyport-upstream-";
