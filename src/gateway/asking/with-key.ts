import type { Secret } from "../../kernel/secret.ts";
import type { UpstreamCall } from "../../ports/upstream.ts";
import type { AccountOptions, ProviderAdapter } from "../../spec/adapter.ts";

/**
 * The headers of a request to a provider, and how the account's opened key takes part in it:
 * shown in a header, or handed to `upstream`, which signs with it or trades it for a token.
 */
export function withKey(
  adapter: Pick<ProviderAdapter, "credential" | "authorization">,
  options: AccountOptions,
  key: Secret<string> | null,
  headers: Readonly<Record<string, string>>,
): Pick<UpstreamCall, "headers" | "authorization"> {
  const all = { "content-type": "application/json", ...headers };
  if (key === null) return { headers: all };
  const text = key.reveal();
  const by = adapter.authorization?.(text) ?? null;
  if (by !== null) return { headers: all, authorization: { by, key, options } };
  return { headers: { ...all, ...adapter.credential(text) } };
}
