/**
 * Promise: whoever goes on from here is known. One credential, at the cost of one keyed
 * hash and one look-up, before a byte of the body is read, so that strangers cost little.
 */
import type { Principal } from "../domain/access/principal.ts";
import { parseVirtualKey } from "../domain/access/virtual-key.ts";
import { GatewayError } from "../errors.ts";
import { isWithin, parseCidr } from "../kernel/address.ts";
import { MAX_CREDENTIAL } from "../kernel/bounds.ts";
import type { Accepted } from "./accept.ts";
import type { Strangers } from "./arrival/strangers.ts";
import type { Call } from "./call.ts";
import type { Match } from "./endpoints.ts";

class Ticket {
  protected readonly madeBy = "identify";
  readonly call: Call;
  readonly match: Match;
  readonly principal: Principal;

  constructor(accepted: Accepted, principal: Principal) {
    this.call = accepted.call;
    this.match = accepted.match;
    this.principal = principal;
    this.call.reached.principal = principal;
  }
}

export type Identified = Ticket;

export interface IdentifyPorts {
  /** A promise only where the store must be asked and is elsewhere. */
  findPrincipal(digest: string): Principal | undefined | Promise<Principal | undefined>;
  /** HMAC of a credential, as the store keeps it. */
  digest(credential: string): string;
  strangers: Strangers;
  now(): number;
}

/** Where a credential may stand; all are equal. */
const CREDENTIAL_HEADERS = ["authorization", "x-api-key", "api-key", "x-goog-api-key"] as const;

export function createIdentify(ports: IdentifyPorts) {
  return function identify(accepted: Accepted): Identified | Promise<Identified> {
    const { call } = accepted;
    const credential = readCredential(call.headers, call.arrival.query);
    const found = look(ports, credential);
    return found instanceof Promise
      ? found.then((principal) => judge(ports, accepted, principal))
      : judge(ports, accepted, found);
  };
}

function judge(ports: IdentifyPorts, accepted: Accepted, principal: Principal | undefined): Identified {
  const { call } = accepted;
  if (principal === undefined) throw ports.strangers.refuse(call.address, "The key is not valid.");
  const refusal = refusalOf(ports, call.address, principal);
  if (refusal === undefined) return new Ticket(accepted, principal);
  // An administrator must see who still uses a key that was taken back.
  call.reached.turnedAway = principal;
  throw refusal;
}

function refusalOf(ports: IdentifyPorts, address: string, principal: Principal): GatewayError | undefined {
  if (principal.revokedAt !== null) return ports.strangers.refuse(address, "The key has been revoked.");
  if (principal.expiresAt !== null && principal.expiresAt <= ports.now()) {
    return ports.strangers.refuse(address, "The key has expired.");
  }
  if (principal.allowFrom.length > 0 && !isWithin(address, blocksOf(principal))) {
    return new GatewayError("address_not_allowed", "This key may not be used from this network address.");
  }
  return undefined;
}

/** A key of ours with a wrong checksum is refused without a look-up. Imported keys have their own form. */
function look(ports: IdentifyPorts, credential: string): ReturnType<IdentifyPorts["findPrincipal"]> {
  if (credential.startsWith("sp_") && parseVirtualKey(credential) === undefined) return undefined;
  return ports.findPrincipal(ports.digest(credential));
}

const blocks = new WeakMap<Principal, NonNullable<ReturnType<typeof parseCidr>>[]>();

/** A principal is one object for as long as nothing about it changes, so its blocks are parsed once. */
function blocksOf(principal: Principal) {
  let parsed = blocks.get(principal);
  if (parsed === undefined) {
    parsed = principal.allowFrom.map(parseCidr).filter((block) => block !== undefined);
    blocks.set(principal, parsed);
  }
  return parsed;
}

function readCredential(headers: Call["headers"], query: string): string {
  let credential: string | null = null;
  for (const name of CREDENTIAL_HEADERS) {
    const value = headers[name];
    if (value === undefined) continue;
    const found = name === "authorization" ? bearer(value) : value.trim();
    if (found === "") continue;
    if (credential !== null && credential !== found) {
      throw new GatewayError("conflicting_credentials", "The request carries two different credentials; send one.");
    }
    credential = found;
  }
  if (credential === null) {
    const hint = /(?:^|&)(?:key|api[-_]key|access_token)=/.test(query)
      ? " Keys in the query string are not taken."
      : "";
    throw new GatewayError("missing_credential", `No key was sent; send one as "Authorization: Bearer …".${hint}`);
  }
  // A comma is what two headers of one name look like after they have been joined.
  if (credential.length > MAX_CREDENTIAL || /[\s,]/.test(credential)) {
    throw new GatewayError("conflicting_credentials", "The credential is malformed, or was sent twice.");
  }
  return credential;
}

function bearer(value: string): string {
  const match = /^bearer +(.*)$/i.exec(value.trim());
  if (match === null)
    throw new GatewayError("invalid_credential", 'The Authorization header must have the form "Bearer <key>".');
  return match[1]!.trim();
}
