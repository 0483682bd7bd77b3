import { openApiDocument } from "../admin/openapi.ts";
import { type AdminDependencies, createAdminPlane, type Peer, requestIdOf } from "../admin/plane.ts";
import { problemResponse, SECURITY_HEADERS } from "../admin/problem.ts";
import { isLoopback } from "../config/network.ts";
import { GatewayError, toGatewayError } from "../errors.ts";
import { isHost } from "../kernel/address.ts";

export interface AdminListenerParts {
  admin: AdminDependencies;
  /** Where the listener listens: an address (IPv6 without brackets) or a name, without a port. */
  hostname: string;
  health: {
    /** `reason` is for the operator: `draining`, `store unavailable`. Never a secret. */
    ready(): { ready: boolean; reason?: string };
  };
  metrics: {
    contentType: string;
    text(): Promise<string> | string;
  };
}

export type AdminHandler = (request: Request, peer: Peer) => Promise<Response>;

/**
 * Everything that the admin listener answers. `/livez` and `/readyz` are open to whoever
 * reaches the port. `/metrics` is open on loopback, as scrapers expect, and asks for an
 * admin token (`metrics.read`) where the listener is reachable from outside: who calls what,
 * how often, is nobody else's business. The OpenAPI document tells nothing of this
 * installation but its version, so it is open too.
 */
export function adminHandler(parts: AdminListenerParts): AdminHandler {
  const { admin } = parts;
  const plane = createAdminPlane(admin);
  const onLoopback = isLoopback(parts.hostname);
  const openApi = JSON.stringify(openApiDocument(admin.operations, admin.version));

  const pages: Readonly<Record<string, (request: Request, peer: Peer) => Response | Promise<Response>>> = {
    "/": () => page(200, "text/html; charset=utf-8", landingPage(admin.version)),
    "/livez": () => page(200, "text/plain; charset=utf-8", "ok\n"),
    "/readyz": () => {
      const { ready, reason } = parts.health.ready();
      return page(
        ready ? 200 : 503,
        "text/plain; charset=utf-8",
        ready ? "ready\n" : `not ready: ${reason ?? "starting"}\n`,
      );
    },
    "/metrics": async (request, peer) => {
      if (!onLoopback) plane.admit(request, peer, "metrics.read");
      return page(200, parts.metrics.contentType, await parts.metrics.text());
    },
    "/api/v1/openapi.json": () => page(200, "application/json", openApi),
  };

  return async (request, peer) => {
    const response = await answer(request, peer);
    if (leavesBody(request)) response.headers.set("connection", "close");
    return response;
  };

  async function answer(request: Request, peer: Peer): Promise<Response> {
    try {
      checkHost(request.headers.get("host"), parts.hostname, onLoopback);
      checkOrigin(request);
      const { pathname } = new URL(request.url);
      const show = Object.hasOwn(pages, pathname) ? pages[pathname] : undefined;
      if (show === undefined) return await plane.handle(request, peer);
      if (request.method !== "GET" && request.method !== "HEAD") {
        throw new GatewayError("method_not_allowed", "This path takes GET, HEAD only.");
      }
      const response = await show(request, peer);
      return request.method === "HEAD" ? new Response(null, response) : response;
    } catch (thrown) {
      const error = toGatewayError(thrown);
      const requestId = requestIdOf(request, admin);
      const detail = error.internal === undefined ? {} : { detail: error.internal };
      const line = { call: requestId, status: error.status, code: error.code, address: peer.address, ...detail };
      admin.log.write(error.status >= 500 ? "error" : "info", "admin listener refused", line);
      return problemResponse(error, requestId, error.code === "method_not_allowed" ? { allow: "GET, HEAD" } : {});
    }
  }
}

/** A body that nobody has read would otherwise be read to its end, however slowly it comes. */
function leavesBody(request: Request): boolean {
  if (request.bodyUsed) return false;
  return Number(request.headers.get("content-length") ?? 0) > 0 || request.headers.has("transfer-encoding");
}

/**
 * A page that a browser was lured to can make a name of its own point to this machine (DNS
 * rebinding) and then read what this listener says. Its requests carry its own name in Host.
 */
function checkHost(host: string | null, hostname: string, onLoopback: boolean): void {
  if (host === null || !isHost(host)) {
    throw new GatewayError("forbidden_header", "The request must have exactly one Host header, with one host.", {
      param: "host",
    });
  }
  if (!onLoopback) return;
  const name = host
    .replace(/:\d+$/, "")
    .replace(/^\[(.*)\]$/, "$1")
    .toLowerCase();
  if (!isLoopback(name) && name !== hostname.toLowerCase()) {
    throw new GatewayError("foreign_host", "This listener answers for this machine's loopback names only.", {
      param: "host",
    });
  }
}

/** Browsers say where a change comes from; programs do not. Another site's page may change nothing. */
function checkOrigin(request: Request): void {
  if (request.method === "GET" || request.method === "HEAD") return;
  const origin = request.headers.get("origin");
  const host = request.headers.get("host");
  const foreign = origin !== null && origin !== `http://${host}` && origin !== `https://${host}`;
  if (foreign || request.headers.get("sec-fetch-site") === "cross-site") {
    throw new GatewayError("foreign_origin", "A page of another site may change nothing here.", { param: "origin" });
  }
}

function page(status: number, contentType: string, body: string): Response {
  return new Response(body, { status, headers: { ...SECURITY_HEADERS, "content-type": contentType } });
}

function landingPage(version: string): string {
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="robots" content="noindex">
<title>Sallyport</title>
<h1>Sallyport ${version}</h1>
<p>This is the admin listener. The console follows in a later version; until then, administration goes by the API.</p>
<ul>
<li>The API is at <code>/api/v1/</code>, described by <a href="/api/v1/openapi.json">/api/v1/openapi.json</a>.
Send the admin token as <code>Authorization: Bearer &lt;token&gt;</code>.</li>
<li>The command <code>sallyport</code> speaks this API: <code>sallyport key create</code>, <code>sallyport key list</code>.</li>
<li>Health: <a href="/livez">/livez</a>, <a href="/readyz">/readyz</a>. Metrics: <a href="/metrics">/metrics</a>.</li>
</ul>
`;
}
