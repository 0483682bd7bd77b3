import ipaddr from "ipaddr.js";

/** A parsed CIDR block, IPv4 or IPv6. */
export type Cidr = [ipaddr.IPv4 | ipaddr.IPv6, number];

/** A block, or a single address as the block of just itself; undefined when the text is neither. */
export function parseCidr(text: string): Cidr | undefined {
  try {
    if (text.includes("/")) return ipaddr.parseCIDR(text) as Cidr;
    const address = ipaddr.parse(text);
    return [address, address.kind() === "ipv4" ? 32 : 128];
  } catch {
    return undefined;
  }
}

/** Whether an address lies in one of the blocks. IPv4 written as IPv6 (`::ffff:10.0.0.1`) counts as IPv4. */
export function isWithin(address: string, blocks: readonly Cidr[]): boolean {
  if (blocks.length === 0 || !ipaddr.isValid(address)) return false;
  const parsed = ipaddr.process(address);
  return blocks.some(([network, bits]) => network.kind() === parsed.kind() && parsed.match(network, bits));
}

export function isAddress(text: string): boolean {
  return ipaddr.isValid(text);
}
