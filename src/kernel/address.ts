import ipaddr from "ipaddr.js";

/** A parsed CIDR block, IPv4 or IPv6. */
export type Cidr = [ipaddr.IPv4 | ipaddr.IPv6, number];

/** A block, or a single address as the block of just itself; undefined when the text is neither. */
export function parseCidr(text: string): Cidr | undefined {
  const [address, bits, ...rest] = text.split("/");
  if (!isAddress(address!) || rest.length > 0) return undefined;
  const network = ipaddr.parse(address!);
  const most = network.kind() === "ipv4" ? 32 : 128;
  if (bits === undefined) return [network, most];
  return /^\d{1,3}$/.test(bits) && Number(bits) <= most ? [network, Number(bits)] : undefined;
}

/** Whether an address lies in one of the blocks. IPv4 written as IPv6 (`::ffff:10.0.0.1`) counts as IPv4. */
export function isWithin(address: string, blocks: readonly Cidr[]): boolean {
  if (blocks.length === 0 || !isAddress(address)) return false;
  const parsed = ipaddr.process(address);
  return blocks.some(([network, bits]) => network.kind() === parsed.kind() && parsed.match(network, bits));
}

/**
 * Whether the text is an address in its usual spelling: IPv4 as four decimal parts without
 * leading zeros, or IPv6 without a zone. `010.0.0.1`, `0x7f.1` and `1` are addresses to some
 * readers and others to others, so they are none here.
 */
export function isAddress(text: string): boolean {
  const four = text.slice(text.lastIndexOf(":") + 1);
  if (four.includes(".") && !ipaddr.IPv4.isValidFourPartDecimal(four)) return false;
  return four === text ? four.includes(".") : !text.includes("%") && ipaddr.IPv6.isValid(text);
}

/**
 * Whether the text is one host with an optional port, as a Host header has it (RFC 9110
 * section 7.2): a name, an IPv4 address, or an IPv6 address in brackets. Narrower than the
 * RFC's grammar, which lets nearly everything be a name: what is odd is read differently by
 * different readers.
 */
export function isHost(text: string): boolean {
  const [, host, port] = /^(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(?::(\d{1,5}))?$/.exec(text) ?? [];
  if (host === undefined || Number(port ?? 0) > 65_535) return false;
  return !host.startsWith("[") || (host.includes(":") && isAddress(host.slice(1, -1)));
}

/** The network that one customer usually has: an IPv4 address itself, of IPv6 the /64. What is no address stays as it is. */
export function networkOf(address: string): string {
  if (!address.includes(":") || !ipaddr.isValid(address)) return address;
  const parsed = ipaddr.process(address);
  return parsed.kind() === "ipv4"
    ? parsed.toString()
    : ipaddr.IPv6.networkAddressFromCIDR(`${parsed.toString()}/64`).toString();
}
