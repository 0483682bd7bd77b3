import type { Arrival, Sockets } from "../gateway/call.ts";

export interface GatewayListenerParts {
  handle(arrival: Arrival): Promise<Response>;
  ready(): { ready: boolean; reason?: string };
}

const TEXT = { "content-type": "text/plain; charset=utf-8", "cache-control": "no-store" };

/** What the gateway listener answers: health for load balancers, and calls. */
export function gatewayHandler(
  parts: GatewayListenerParts,
): (request: Request, peer: string, sockets: Sockets) => Response | Promise<Response> {
  return (request, peer, sockets) => {
    const { path, query } = targetOf(request.url);
    if (path === "/livez" || (path === "/" && isLook(request))) return health(request, true, "ok");
    if (path === "/readyz") {
      const { ready, reason } = parts.ready();
      return health(request, ready, ready ? "ready" : `not ready: ${reason ?? "starting"}`);
    }
    return parts.handle({ request, sockets, path, query, peer });
  };
}

/**
 * Clients knock at the root before they call: Claude Code warms its connection with it, and Ollama's command gives up
 * where the answer is no success.
 */
function isLook({ method }: Request): boolean {
  return method === "GET" || method === "HEAD";
}

function health({ headers }: Request, good: boolean, words: string): Response {
  // A body that comes with the question is not read, and must not keep the connection for as long as it likes.
  const closing = headers.has("content-length") || headers.has("transfer-encoding");
  return new Response(`${words}\n`, {
    status: good ? 200 : 503,
    headers: { ...TEXT, ...(closing ? { connection: "close" } : {}) },
  });
}

/**
 * Path and query of a request. Bun has normalised the path already, so that there is one
 * reading of it. Where the Host header is no host, `url` is no URL either (Bun then gives the
 * bare path, or a URL that cannot be parsed), and the call must still get as far as being
 * refused and recorded.
 */
function targetOf(url: string): { path: string; query: string } {
  const authority = /^https?:\/\/[^/?#]*/.exec(url)?.[0].length ?? 0;
  const end = indexOrEnd(url, "#", authority);
  const mark = Math.min(indexOrEnd(url, "?", authority), end);
  return { path: url.slice(authority, mark) || "/", query: url.slice(mark + 1, end) };
}

function indexOrEnd(text: string, mark: string, from: number): number {
  const at = text.indexOf(mark, from);
  return at === -1 ? text.length : at;
}
