/**
 * Promise: what goes on from here is a request for something that exists, from a client
 * whose address is known, at a gateway that can carry it. Nothing of it has been believed
 * yet but its shape. Stands first because everything later costs more.
 */
import { GatewayError } from "../errors.ts";
import { type Cidr, isHost } from "../kernel/address.ts";
import { WELL_FORMED_REQUEST_ID } from "../kernel/id.ts";
import { clientAddress } from "./arrival/client-address.ts";
import type { Call } from "./call.ts";
import { type Match, matchEndpoint } from "./endpoints.ts";

class Ticket {
  protected readonly madeBy = "accept";
  readonly call: Call;
  readonly match: Match;

  constructor(call: Call, match: Match) {
    this.call = call;
    this.match = match;
  }
}

export type Accepted = Ticket;

export interface AcceptSettings {
  trustedProxies: readonly Cidr[];
  maxOpenCalls: number;
  /** Bodies that may be in memory at once, in bytes. */
  maxBodyBytesInFlight: number;
}

export interface Load {
  draining: boolean;
  openCalls: number;
  bodyBytes: number;
}

/** Headers by which a caller could try to choose where the call goes. There is no such choice. */
// biome-ignore format: a table
const UPSTREAM_HEADERS: ReadonlySet<string> = new Set([
  "x-portkey-custom-host", "x-portkey-provider", "x-portkey-config", "x-portkey-virtual-key", "x-litellm-api-base",
  "helicone-target-url", "helicone-openai-api-base", "cf-aig-custom-base-url", "x-target-url", "x-upstream-url",
  "x-upstream-host", "x-provider-url", "x-base-url", "x-api-base", "openai-base-url", "anthropic-base-url", "x-host",
  "x-original-host", "x-original-url", "x-rewrite-url", "x-http-host-override", "x-http-method-override",
]);

export function createAccept(settings: AcceptSettings, load: () => Load) {
  return function accept(call: Call): Accepted {
    const { headers } = call;
    const { request, path } = call.arrival;
    const given = headers["x-request-id"];
    if (given !== undefined && WELL_FORMED_REQUEST_ID.test(given)) call.requestId = given;

    const match = matchEndpoint(request.method, path, "anthropic-version" in headers);
    call.wire = "problem" in match ? match.wire : match.endpoint.wire;
    shed(settings, load());
    checkHost(headers.host);
    for (const name in headers) {
      if (UPSTREAM_HEADERS.has(name)) {
        throw new GatewayError(
          "forbidden_header",
          `The header ${name} is refused: callers cannot choose the upstream.`,
          { param: name },
        );
      }
    }
    call.address = clientAddress(headers, call.arrival.peer, settings.trustedProxies);

    if ("problem" in match) {
      if (match.problem === "not_found") throw new GatewayError("not_found", nothingAt(request.method, path));
      throw new GatewayError("method_not_allowed", `${path} takes ${match.allow} only.`, { param: match.allow });
    }
    call.match = match;
    return new Ticket(call, match);
  };
}

/** Most SDKs want a base URL with `/v1`, and Anthropic's wants one without. */
function nothingAt(method: string, path: string): string {
  const meant = path.startsWith("/v1/v1/") ? path.slice("/v1".length) : `/v1${path}`;
  const isThere = !("problem" in matchEndpoint(method, meant, false));
  return `There is nothing at ${path}.${isThere ? ` Did you mean ${meant}?` : ""}`;
}

function shed(settings: AcceptSettings, load: Load): void {
  if (load.draining) {
    throw new GatewayError("draining", "The gateway is shutting down; call again in a moment.", {
      retryAfterMs: 1_000,
    });
  }
  if (load.openCalls > settings.maxOpenCalls || load.bodyBytes > settings.maxBodyBytesInFlight) {
    throw new GatewayError("overloaded", "The gateway has as many calls as it can carry; call again in a moment.", {
      retryAfterMs: 1_000,
    });
  }
}

/** Two Host headers arrive joined by a comma; a host has none. RFC 9112 section 3.2: such a request is answered 400. */
function checkHost(host: string | undefined): void {
  if (host === undefined || !isHost(host)) {
    throw new GatewayError("forbidden_header", "The request must have exactly one Host header, with one host.", {
      param: "host",
    });
  }
}
