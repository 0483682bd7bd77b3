import type { Arrival } from "../gateway/call.ts";

export interface GatewayListenerParts {
  handle(arrival: Arrival): Promise<Response>;
  ready(): { ready: boolean; reason?: string };
}

const TEXT = { "content-type": "text/plain; charset=utf-8", "cache-control": "no-store" };

/** What the gateway listener answers: health for load balancers, and calls. */
export function gatewayHandler(
  parts: GatewayListenerParts,
): (request: Request, peer: string) => Response | Promise<Response> {
  return (request, peer) => {
    const { pathname, search } = new URL(request.url);
    if (pathname === "/livez") return new Response("ok\n", { headers: TEXT });
    if (pathname === "/readyz") {
      const { ready, reason } = parts.ready();
      return new Response(ready ? "ready\n" : `not ready: ${reason ?? "starting"}\n`, {
        status: ready ? 200 : 503,
        headers: TEXT,
      });
    }
    return parts.handle({ request, path: pathname, query: search.slice(1), peer });
  };
}
