import { createHash } from "node:crypto";
import { GatewayError } from "../errors.ts";

/** A strong entity tag (RFC 9110, 8.8.3) of what a resource looks like, without its quotes. */
export function entityTag(resource: object): string {
  return createHash("sha256").update(JSON.stringify(resource)).digest("base64url").slice(0, 22);
}

/**
 * RFC 9110, 13.1.1: the change happens only to the state that the client has seen. Without
 * `If-Match` any state will do. Weak tags never match here.
 *
 * @throws GatewayError precondition_failed
 */
export function requireMatch(ifMatch: string | null, etag: string): void {
  if (ifMatch === null || ifMatch.trim() === "*") return;
  const wanted = ifMatch.split(",").map((tag) => tag.trim());
  if (!wanted.includes(`"${etag}"`)) {
    throw new GatewayError(
      "precondition_failed",
      "The resource has changed since it was read; read it again and decide again.",
      {
        param: "if-match",
      },
    );
  }
}
