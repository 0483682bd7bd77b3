import type { Abortable } from "../kernel/abort.ts";
import type { Secret } from "../kernel/secret.ts";
import type { AccountOptions, Authorization } from "../spec/adapter.ts";

/** A request is signed with this key, or carries a token that this key was traded for. The key itself is not sent. */
export interface AccountAuthorization {
  by: Authorization;
  key: Secret<string>;
  options: AccountOptions;
}

/** One HTTP request to a provider, after the vault has been opened. */
export interface UpstreamCall {
  /** POST where absent; the others have no body. */
  method?: "GET" | "POST" | "DELETE";
  baseUrl: string;
  /** Relative to the base URL, with a leading slash. */
  path: string;
  headers: Record<string, string>;
  body: string | Uint8Array;
  allowPrivateNetwork: boolean;
  /** Where a header that shows the key is not enough: how the key makes the request the account's own. */
  authorization?: AccountAuthorization;
  signal: Abortable;
  /** Told as the request goes out: from then on the provider may work, and charge, for it. */
  onSend?: () => void;
}

export interface UpstreamAnswer {
  status: number;
  header(name: string): string | null;
  /** All of them, by lower-case name; absent where nobody need hear of them. */
  headers?(): Readonly<Record<string, string>>;
  /** The body as it arrives. Closing the iterator early closes the connection. */
  chunks(): AsyncIterableIterator<Uint8Array>;
  /** The whole body. @throws GatewayError upstream_malformed when it is longer than `max` bytes. */
  bytes(max: number): Promise<Uint8Array>;
  /** Lets go of the connection without reading on. */
  discard(): void;
}

/** Sends over the network, to public addresses only unless the account says otherwise; never follows a redirect. */
export interface Upstream {
  /**
   * @throws GatewayError upstream_unreachable, upstream_blocked, upstream_refused (the key got no
   * token), or the signal's reason.
   */
  send(call: UpstreamCall): Promise<UpstreamAnswer>;
}
