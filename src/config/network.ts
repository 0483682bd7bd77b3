import ipaddr from "ipaddr.js";
import { Refusal } from "./problem.ts";

/** Where a listener binds. */
export interface ListenAddress {
  /** IPv6 addresses stand without brackets. */
  host: string;
  /** 0 lets the system choose. */
  port: number;
}

/** `127.0.0.1:8080`, `[::1]:8080`, `localhost:8080`. @throws Refusal */
export function parseListenAddress(text: string): ListenAddress {
  const match = /^(?:\[([^\]]+)\]|([^:[\]]+)):(\d{1,5})$/.exec(text);
  if (match === null) {
    if (/^:?\d+$/.test(text)) {
      const port = text.replace(":", "");
      throw new Refusal(`must name an address too: 127.0.0.1:${port}, or 0.0.0.0:${port} for every interface`);
    }
    throw new Refusal("must be address:port, such as 127.0.0.1:8080 or [::1]:8080");
  }
  const [, six, other, digits] = match;
  const port = Number(digits);
  if (port > 65_535) throw new Refusal("must have a port from 0 to 65535");
  if (six !== undefined) {
    if (!ipaddr.IPv6.isValid(six))
      throw new Refusal(`has ${JSON.stringify(six)} in brackets, which is no IPv6 address`);
    return { host: six, port };
  }
  const host = other!;
  if (/^[\d.]+$/.test(host)) {
    if (!ipaddr.IPv4.isValidFourPartDecimal(host)) throw new Refusal(`has ${host}, which is no IPv4 address`);
  } else if (!isHostName(host)) {
    throw new Refusal(`has ${JSON.stringify(host)}, which is no host name or address`);
  }
  return { host, port };
}

/**
 * Host name by RFC 1123 section 2.1: labels of letters, digits and inner hyphens. One whose
 * last label is a number is an odd spelling of an address (WHATWG URL, "ends in a number").
 */
function isHostName(text: string): boolean {
  if (/(^|\.)(\d+|0x[0-9a-f]*)$/i.test(text)) return false;
  return (
    text.length <= 253 && /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*$/i.test(text)
  );
}

/** `127.0.0.1:8080`, `[::1]:8080`. */
export function formatListenAddress(address: ListenAddress): string {
  return address.host.includes(":") ? `[${address.host}]:${address.port}` : `${address.host}:${address.port}`;
}

/** Whether only this machine can reach the address. A name other than `localhost` may resolve to anything. */
export function isLoopback(host: string): boolean {
  if (host.toLowerCase() === "localhost") return true;
  return ipaddr.isValid(host) && ipaddr.process(host).range() === "loopback";
}

/**
 * Whether a host is on this machine or a private network, judged by its form alone: no
 * name is resolved. Names of one label (`ollama` in a compose file) and the suffixes that
 * no public registry may sell (RFC 6762, RFC 8375, ICANN's `.internal`) count as private.
 */
export function isPrivateHost(host: string): boolean {
  const bare = host.replace(/^\[|\]$/g, "").toLowerCase();
  if (ipaddr.isValid(bare)) {
    return ["loopback", "private", "uniqueLocal", "linkLocal"].includes(ipaddr.process(bare).range());
  }
  return !bare.includes(".") || /\.(localhost|local|internal|home\.arpa|lan)$/.test(bare);
}

/**
 * A network in CIDR notation, or one address, in canonical form: `10.0.0.0/8`, `2001:db8::/32`.
 * Bits beyond the mask are refused, because their author meant something else than he wrote.
 * @throws Refusal
 */
export function parseNetwork(text: string): string {
  const [address, mask, ...rest] = text.split("/");
  const four = ipaddr.IPv4.isValidFourPartDecimal(address ?? "");
  if (rest.length > 0 || (!four && !ipaddr.IPv6.isValid(address ?? "")) || address!.includes("%")) {
    throw new Refusal(`must be a network such as 10.0.0.0/8 or an address; ${JSON.stringify(text)} is neither`);
  }
  const parsed = ipaddr.parse(address!);
  if (parsed.kind() === "ipv6" && (parsed as ipaddr.IPv6).isIPv4MappedAddress()) {
    throw new Refusal(`must be written as IPv4; ${JSON.stringify(text)} is an IPv4 address in IPv6 form`);
  }
  const bits = four ? 32 : 128;
  if (mask !== undefined && (!/^\d{1,3}$/.test(mask) || Number(mask) > bits)) {
    throw new Refusal(`must have a mask from /0 to /${bits}; ${JSON.stringify(text)} has not`);
  }
  const length = mask === undefined ? bits : Number(mask);
  const family = four ? ipaddr.IPv4 : ipaddr.IPv6;
  const network = family.networkAddressFromCIDR(`${parsed.toString()}/${length}`).toString();
  if (network !== parsed.toString()) {
    throw new Refusal(`has address bits beyond its mask; ${network}/${length} is probably meant`);
  }
  return `${network}/${length}`;
}
