import { type Cidr, isAddress, isWithin, parseCidr } from "../kernel/address.ts";
import { isObject, type Json, type JsonObject } from "../kernel/json.ts";
import type { ModelRequest } from "../spec/request.ts";
import { InvalidRequest } from "../spec/wire.ts";

/**
 * What would choose another upstream by its value, where `refused-fields.ts` knows names: a
 * model's name that is a step in a path, and addresses that a provider would call for the caller.
 * A provider that is run by oneself calls them from inside.
 */

/** Addresses that nobody reaches from outside (RFC 6890). */
const NOT_PUBLIC = `
  0.0.0.0/8 10.0.0.0/8 100.64.0.0/10 127.0.0.0/8 169.254.0.0/16 172.16.0.0/12 192.0.0.0/24 192.168.0.0/16
  198.18.0.0/15 224.0.0.0/4 240.0.0.0/4 ::/8 64:ff9b::/16 2002::/16 fc00::/7 fe80::/10 ff00::/8`
  .trim()
  .split(/\s+/)
  .map((block) => parseCidr(block)!) as readonly Cidr[];

const INNER_NAME = /^[^.]+$|(?:^|\.)(?:localhost|local|internal|lan|home\.arpa)$/i;

/** How tools name a server, without case, `_` and `-`: OpenAI's `server_url`, Anthropic's `url`, Google's `endpoint`. */
const ADDRESS = /^(?:server)?ur[li]$|^endpoint$/;

/** Google's way of using a secret of the project's for a server of the caller's. */
const SECRETS: ReadonlySet<string> = new Set(["apikeysecretversion", "apikeysecret"]);

/** Whether a name is a step in a path: alone in an address it leads elsewhere, and no escape helps. A slash is escaped. */
export function isPathStep(model: string): boolean {
  return model === "." || model === "..";
}

/** @throws InvalidRequest naming the field */
export function refuseChosenUpstream(request: ModelRequest): void {
  if (isPathStep(request.model)) throw new InvalidRequest("model", "model must be a name, not a step in a path");
  for (const [index, tool] of (request.tools ?? []).entries()) {
    if (tool.type === "opaque") refuseAddresses(tool.value, `tools[${index}]`);
  }
  const servers = request.extra?.mcp_servers;
  if (servers !== undefined) refuseAddresses({ mcp_servers: servers }, "");
}

function refuseAddresses(value: JsonObject, path: string): void {
  for (const name of Object.keys(value)) {
    const inner = value[name]!;
    const field = path === "" ? name : `${path}.${name}`;
    const plain = name.replace(/[_-]/g, "").toLowerCase();
    if (SECRETS.has(plain)) fail(field, "is not taken from callers: the gateway holds the providers' credentials");
    if (ADDRESS.test(plain) && typeof inner === "string") checkAddress(inner, field);
    const list: readonly Json[] = Array.isArray(inner) ? inner : [inner];
    for (const [index, each] of list.entries()) {
      if (isObject(each)) refuseAddresses(each, Array.isArray(inner) ? `${field}[${index}]` : field);
    }
  }
}

function checkAddress(text: string, field: string): void {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url?.protocol !== "https:") fail(field, "must be an https address");
  const host = url.hostname.replace(/^\[|\]$/g, "").replace(/\.$/, "");
  if (isAddress(host) ? isWithin(host, NOT_PUBLIC) : INNER_NAME.test(host)) fail(field, "must be a public address");
}

function fail(field: string, must: string): never {
  throw new InvalidRequest(field, `${field} ${must}`);
}
