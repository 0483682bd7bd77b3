import { type Permission, type Role, roleGrants } from "../domain/access/permissions.ts";
import { GatewayError } from "../errors.ts";
import { MAX_CREDENTIAL } from "../kernel/bounds.ts";
import { equalInConstantTime, hmac } from "../kernel/digest.ts";
import type { Actor } from "../ports/administration.ts";

/** Whose token this is; undefined where it is nobody's. */
export type VerifyToken = (text: string) => Actor | undefined;

/** Counts bad tokens by address, and says what to answer. */
export interface BadTokens {
  refuse(address: string, message: string): GatewayError;
}

/** `system` is the gateway itself, which does not call itself over HTTP. */
const ROLE_OF: Readonly<Record<Actor["kind"], Role>> = { "admin-token": "administrator", system: "nobody" };

export function actorMay(actor: Actor, permission: Permission): boolean {
  return roleGrants(ROLE_OF[actor.kind], permission);
}

/** Whoever has the one admin token of the installation. */
const BOOTSTRAP: Actor = { kind: "admin-token", id: "bootstrap" };

/** Whether both are certainly the same person: the admin token of the installation may be in several hands. */
export function isSamePerson(one: Actor, other: Actor): boolean {
  return isActor(one, other) && !isActor(one, BOOTSTRAP);
}

function isActor(one: Actor, other: Actor): boolean {
  return one.kind === other.kind && one.id === other.id;
}

/**
 * A check of the one admin token that this installation has, by its keyed digest: the store
 * holds no token, and the comparison takes the same time wherever two texts differ.
 */
export function tokenVerifier(pepper: Uint8Array, digest: string): VerifyToken {
  return (text) => (equalInConstantTime(tokenDigest(pepper, text), digest) ? { ...BOOTSTRAP } : undefined);
}

/** What is kept instead of an admin token: HMAC-SHA-256 under a key derived from the master key. */
export function tokenDigest(pepper: Uint8Array, text: string): string {
  return hmac(pepper, text);
}

/**
 * The actor behind the bearer token (RFC 6750, 2.1). Only the Authorization header counts,
 * never the query. Two headers arrive joined by a comma and a
 * space, which no token has, so they fail.
 *
 * @throws GatewayError missing_credential, invalid_credential, too_many_attempts
 */
export function authenticate(request: Request, address: string, verify: VerifyToken, badTokens: BadTokens): Actor {
  const header = request.headers.get("authorization");
  if (header === null) {
    throw new GatewayError("missing_credential", "Send the admin token as Authorization: Bearer <token>.");
  }
  const token = /^Bearer +([\x21-\x7e]+)$/i.exec(header)?.[1];
  const actor = token === undefined || token.length > MAX_CREDENTIAL ? undefined : verify(token);
  if (actor === undefined) throw badTokens.refuse(address, "The admin token is malformed or unknown.");
  return actor;
}
