import { lookup } from "node:dns/promises";
import ipaddr from "ipaddr.js";
import { GatewayError } from "../errors.ts";
import type { Clock } from "../kernel/clock.ts";

/** Where a request really goes: a checked address, and the name that it stands for. */
export interface PinnedAddress {
  /** URL with the checked address in place of the name. */
  origin: string;
  /** The checked address, and the port. */
  address: string;
  port: number;
  /** What the `Host` header says. */
  host: string;
  /** Name that the certificate must bear; null on plain HTTP. */
  serverName: string | null;
  /** A connection that was made for one place serves no other: scheme, address, port, name, and what the account allows. */
  place: string;
}

/** All addresses of a host name. */
export type Resolve = (host: string) => Promise<string[]>;

const resolveByDns: Resolve = async (host) => (await lookup(host, { all: true })).map((found) => found.address);

/** How long an answer of the name service is used. Long enough to cost nothing, short enough to follow a move. */
const RESOLUTION_TTL_MS = 30_000;

/**
 * Stands between accounts and the network so that nobody reaches what is inside by naming
 * it (SSRF, OWASP A10:2021): a name is resolved once, every address it has must be public,
 * and the connection is made to the address that was checked, so that a second, different
 * answer of the name service (DNS rebinding) is never used.
 */
export class Egress {
  readonly #resolve: Resolve;
  readonly #clock: Clock;
  readonly #pinned = new Map<string, { pin: PinnedAddress; until: number }>();

  constructor(clock: Clock, resolve: Resolve = resolveByDns) {
    this.#clock = clock;
    this.#resolve = resolve;
  }

  /** What was checked lately, without waiting; undefined when it must be checked again. */
  recent(baseUrl: string, allowPrivate: boolean): PinnedAddress | undefined {
    const known = this.#pinned.get(allowPrivate ? `private ${baseUrl}` : baseUrl);
    return known !== undefined && known.until > this.#clock.ticks() ? known.pin : undefined;
  }

  /** @throws GatewayError upstream_unreachable when the name has no address, upstream_blocked when one is not public. */
  async pin(baseUrl: string, allowPrivate: boolean): Promise<PinnedAddress> {
    const url = new URL(baseUrl);
    const name = url.hostname.replace(/^\[|\]$/g, "");
    const addresses = ipaddr.isValid(name) ? [name] : await this.#addresses(name);
    for (const address of addresses) {
      if (!allowPrivate && !isPublic(address)) {
        throw new GatewayError("upstream_blocked", "The provider's address is one that this gateway may not call.", {
          internal: `${name === address ? `${name} is` : `${name} resolves to ${address}, which is`} not public; set allowPrivateNetwork on the provider if that is meant`,
        });
      }
    }
    const address = addresses[0]!;
    const literal = address.includes(":") ? `[${address}]` : address;
    const origin = `${url.protocol}//${literal}${url.port === "" ? "" : `:${url.port}`}`;
    const key = allowPrivate ? `private ${baseUrl}` : baseUrl;
    const pin: PinnedAddress = {
      origin,
      address,
      port: url.port === "" ? (url.protocol === "https:" ? 443 : 80) : Number(url.port),
      host: url.host,
      place: `${allowPrivate ? "private " : ""}${origin} ${url.host}`,
      serverName: url.protocol === "https:" ? name : null,
    };
    if (this.#pinned.size > 1_000) this.#pinned.clear();
    this.#pinned.set(key, { pin, until: this.#clock.ticks() + RESOLUTION_TTL_MS });
    return pin;
  }

  async #addresses(name: string): Promise<string[]> {
    try {
      const found = await this.#resolve(name);
      if (found.length > 0) return found;
    } catch (cause) {
      throw new GatewayError("upstream_unreachable", "The provider could not be reached.", {
        internal: `${name} cannot be resolved`,
        cause,
      });
    }
    throw new GatewayError("upstream_unreachable", "The provider could not be reached.", {
      internal: `${name} has no address`,
    });
  }
}

const GLOBAL_UNICAST = ipaddr.IPv6.parseCIDR("2000::/3");

/**
 * Whether an address is one of the public Internet. What is not plainly `unicast` is not:
 * private, loopback, link-local (cloud metadata), carrier-grade NAT, multicast, reserved,
 * documentation, and IPv6 forms that carry an IPv4 address, of which only the mapped one is judged
 * by that address. Of IPv6, 2000::/3 is all that has been given to anybody (IANA's registry of
 * IPv6 address space); `::7f00:1`, which is `::127.0.0.1`, lies outside.
 */
export function isPublic(address: string): boolean {
  let parsed: ipaddr.IPv4 | ipaddr.IPv6;
  try {
    parsed = ipaddr.parse(address);
  } catch {
    return false;
  }
  if (parsed.kind() === "ipv6") {
    const six = parsed as ipaddr.IPv6;
    if (six.isIPv4MappedAddress()) return isPublic(six.toIPv4Address().toString());
    if (!six.match(GLOBAL_UNICAST)) return false;
  }
  return parsed.range() === "unicast";
}
