/**
 * One `name=value` of the Forwarded header, with what ends it. A value is a token or a quoted string
 * (RFC 7239 section 4, RFC 9110 section 5.6); a token takes what address literals need and the RFC
 * demands quotes for, because proxies forget them.
 */
const PAIR =
  /[ \t]*([!#$%&'*+.^_`|~0-9A-Za-z-]{1,64})=(?:"((?:[^"\\]|\\[\t\x20-\x7e])*)"|([!#$%&'*+.^_`|~0-9A-Za-z:[\]-]+))[ \t]*(;|,|$)/y;

/**
 * The `for` of each hop of a Forwarded header, the client's first: an address, perhaps with a port,
 * `unknown`, or a name that the proxy made up. Empty where a hop does not say. Undefined where the
 * header is not well-formed.
 */
export function forwardedFor(header: string): string[] | undefined {
  const hops: string[] = [];
  let hop: string | undefined;
  PAIR.lastIndex = 0;
  for (;;) {
    const [pair, name, quoted, token, end] = PAIR.exec(header) ?? [];
    if (pair === undefined) return undefined;
    if (name!.toLowerCase() === "for") {
      // Twice in one element is allowed to nobody.
      if (hop !== undefined) return undefined;
      hop = token ?? quoted!.replace(/\\(.)/g, "$1");
    }
    if (end === ";") continue;
    hops.push(hop ?? "");
    if (end !== ",") return hops;
    hop = undefined;
  }
}
