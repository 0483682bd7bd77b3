import { GatewayError } from "../errors.ts";
import type { UpstreamCall } from "../ports/upstream.ts";

/** Headers that are the connection's own; who asks has no say in them. */
const OURS: ReadonlySet<string> = new Set([
  "host",
  "connection",
  "content-length",
  "transfer-encoding",
  "accept-encoding",
  "expect",
  "te",
  "trailer",
  "upgrade",
  "keep-alive",
]);

const TOKEN = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;
/** A field's value (RFC 9110, section 5.5): nothing that could end its line. */
const VALUE = /^[\t\x20-\x7e\x80-\xff]*$/;
const TARGET = /^\/[\x21-\x7e]*$/;
const ASCII = /^[\0-\x7f]*$/;

export interface Question {
  /** Head and body. */
  bytes: string | Uint8Array;
  /** In bytes. */
  length: number;
}

/**
 * A request of HTTP/1.1 (RFC 9112, section 3), with its length always told.
 * @throws GatewayError internal where a header or the path would say more than one thing.
 */
export function question(
  { method = "POST", body }: Pick<UpstreamCall, "method" | "body">,
  path: string,
  host: string,
  headers: Readonly<Record<string, string>>,
): Question {
  if (!TARGET.test(path)) throw unsendable("the path of the request cannot be written");
  let head = `${method} ${path} HTTP/1.1\r\nhost: ${host}\r\naccept-encoding: identity\r\n`;
  let accept = true;
  let agent = true;
  for (const name in headers) {
    const lower = name.toLowerCase();
    if (OURS.has(lower)) continue;
    const value = headers[name]!;
    if (!TOKEN.test(name) || !VALUE.test(value)) throw unsendable("a header of the request cannot be written");
    if (lower === "accept") accept = false;
    else if (lower === "user-agent") agent = false;
    head += `${name}: ${value}\r\n`;
  }
  // Some providers' firewalls turn away whoever does not say who it is.
  if (agent) head += "user-agent: sallyport\r\n";
  if (accept) head += "accept: */*\r\n";
  if (method !== "POST") return written(`${head}\r\n`, "");
  const size = typeof body === "string" ? Buffer.byteLength(body) : body.length;
  return written(`${head}content-length: ${size}\r\n\r\n`, body, size);
}

/** As one piece, so that a question that is small leaves in one packet. */
function written(head: string, body: string | Uint8Array, size = 0): Question {
  const length = head.length + size;
  if (typeof body === "string" && ASCII.test(head)) return { bytes: head + body, length };
  const rest = typeof body === "string" ? Buffer.from(body) : body;
  return { bytes: Buffer.concat([Buffer.from(head, "latin1"), rest], length), length };
}

function unsendable(internal: string): GatewayError {
  return new GatewayError("internal", "The gateway failed to handle this call.", { internal });
}
