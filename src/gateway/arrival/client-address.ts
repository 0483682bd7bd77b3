import { GatewayError } from "../../errors.ts";
import { type Cidr, isAddress, isWithin } from "../../kernel/address.ts";
import type { Call } from "../call.ts";
import { forwardedFor } from "./forwarded.ts";

/** Headers that only a proxy may set. Taken from anyone, they would let a client choose its own address or host. */
const FORWARDING_HEADERS = ["x-forwarded-for", "forwarded", "x-forwarded-host", "x-real-ip"] as const;

/**
 * The address of the client. Behind trusted proxies it is the last address of X-Forwarded-For, or of
 * Forwarded (RFC 7239), that is not itself a trusted proxy: what stands before it, the client may
 * have written. Where there are both they must tell the same: a proxy that writes one of them
 * passes on what the client wrote into the other. From anyone else a forwarding header is refused
 * rather than ignored: if it comes from a real proxy that nobody configured, every address rule
 * would silently judge the proxy's address instead of the client's.
 */
export function clientAddress(headers: Call["headers"], peer: string, trusted: readonly Cidr[]): string {
  if (trusted.length === 0 || !isWithin(peer, trusted)) {
    for (const name of FORWARDING_HEADERS) {
      if (name in headers) {
        throw new GatewayError(
          "forbidden_header",
          `The header ${name} is refused from this address; if a proxy of yours sets it, name the proxy in SALLYPORT_TRUSTED_PROXIES.`,
          { param: name },
        );
      }
    }
    return peer;
  }
  const list = headers["x-forwarded-for"];
  const standard = headers.forwarded;
  const one = list === undefined ? undefined : outermost(list.split(","), "X-Forwarded-For", peer, trusted);
  if (standard === undefined) return one ?? peer;
  const hops = forwardedFor(standard);
  if (hops === undefined) throw notAddresses("Forwarded");
  const other = outermost(hops, "Forwarded", peer, trusted);
  if (one !== undefined && one !== other) {
    throw new GatewayError("forbidden_header", "Forwarded and X-Forwarded-For tell different addresses.", {
      param: "forwarded",
    });
  }
  return other;
}

/** The last hop that is no trusted proxy; the first where all are. */
function outermost(hops: readonly string[], header: string, peer: string, trusted: readonly Cidr[]): string {
  let address = peer;
  for (let i = hops.length - 1; i >= 0 && isWithin(address, trusted); i--) {
    const hop = withoutPort(hops[i]!.trim());
    if (!isAddress(hop)) throw notAddresses(header);
    address = hop;
  }
  return address;
}

function notAddresses(header: string): GatewayError {
  return new GatewayError("forbidden_header", `${header} must be a list of addresses.`, {
    param: header.toLowerCase(),
  });
}

/** Some proxies write `203.0.113.7:4711` or `[2001:db8::1]:4711`. */
function withoutPort(hop: string): string {
  const bracketed = /^\[([^\]]+)\](?::\d+)?$/.exec(hop);
  if (bracketed !== null) return bracketed[1]!;
  return /^\d+\.\d+\.\d+\.\d+:\d+$/.test(hop) ? hop.slice(0, hop.lastIndexOf(":")) : hop;
}
