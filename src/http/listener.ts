import type { Sockets } from "../gateway/call.ts";
import { IDLE_CONNECTION_SECONDS } from "../kernel/bounds.ts";
import { preferNewestSocket } from "./newest-socket.ts";

/** PEM texts. */
export interface Tls {
  cert: string;
  key: string;
}

export interface ListenerOptions {
  /** Address or name, IPv6 without brackets. */
  hostname: string;
  /** 0 lets the system choose. */
  port: number;
  tls: Tls | undefined;
  /** @param peer address of the socket's other end. */
  answer(request: Request, peer: string, sockets: Sockets): Response | Promise<Response>;
}

/** A listening socket with its server. */
export interface Listener {
  readonly port: number;
  readonly url: string;
  /** Requests whose answers have not left the process in full. */
  readonly pending: number;
  /** Serves new connections with another certificate; open ones keep theirs. @throws what Bun says of a certificate that is none. */
  renew(tls: Tls): void;
  /** Takes no new connections; `hard` also ends the open ones. */
  stop(hard: boolean): Promise<void>;
}

/** How long a handshake that was under way when the certificate changed may take. */
const HANDSHAKE_MS = 10_000;

/** Elsewhere Bun cannot let two servers share a port. */
const SHARES_PORTS = process.platform === "linux";

/**
 * A server on Bun's HTTP parser. The size of bodies and the time of calls are bounded by
 * whoever answers, which knows who is calling and in which dialect to refuse; so Bun's own
 * bounds are out of the way here. A connection that never finishes its headers is closed
 * by Bun after some twelve seconds, however it trickles.
 *
 * Bun cannot change the certificate of a server, so a renewed one is served by a second
 * server on the same port; where ports cannot be shared, new connections are refused for the
 * moment between the first server and the second.
 * @throws an error with the code EADDRINUSE, EACCES or EADDRNOTAVAIL where it cannot listen.
 */
export function listen(options: ListenerOptions, sharesPorts = SHARES_PORTS): Listener {
  const { tls } = options;
  const shared = tls !== undefined && sharesPorts;
  let server = shared ? serveAlone(options, tls) : serve(options, options.port, tls, false);
  const port = server.port!;
  const newestFirst = shared && preferNewestSocket(port);
  const host = options.hostname.includes(":") ? `[${options.hostname}]` : options.hostname;
  /** Servers of former certificates, which finish what they have begun. */
  const former = new Set<typeof server>();
  let retire = () => {};

  function retireLater(old: typeof server, ms: number): void {
    former.add(old);
    const timer = setTimeout(() => retire(), ms);
    retire = () => {
      clearTimeout(timer);
      retire = () => {};
      void old.stop(false).then(() => former.delete(old));
    };
  }

  return {
    port,
    url: `${tls === undefined ? "http" : "https"}://${host}:${port}`,
    get pending() {
      let count = server.pendingRequests;
      for (const old of former) count += old.pendingRequests;
      return count;
    },
    renew(next) {
      const old = server;
      if (!shared) {
        // Bun looks at a certificate only when it listens; this one must not stand in the way of both.
        void serve(options, 0, next, false).stop(true);
        retireLater(old, 0);
        retire();
        server = serve(options, port, next, false);
        return;
      }
      // Of three sockets on one port the newest would not be the second.
      retire();
      server = serve(options, port, next, true);
      retireLater(old, newestFirst ? HANDSHAKE_MS : 0);
    },
    async stop(hard) {
      retire();
      await Promise.all([server, ...former].map((each) => each.stop(hard)));
    },
  };
}

/**
 * The first server on a port that will be shared (SO_REUSEPORT). Sharing would also let in
 * another gateway of this user, and each would get a part of the calls; so it listens for a
 * moment without sharing, which fails where anybody is there.
 */
function serveAlone(options: ListenerOptions, tls: Tls) {
  const alone = serve({ ...options, answer: () => new Response(null, { status: 503 }) }, options.port, tls, false);
  const port = alone.port!;
  void alone.stop(true);
  return serve(options, port, tls, true);
}

function serve(options: ListenerOptions, port: number, tls: Tls | undefined, reusePort: boolean) {
  return Bun.serve({
    hostname: options.hostname,
    port,
    ...(tls === undefined ? {} : { tls }),
    reusePort,
    idleTimeout: IDLE_CONNECTION_SECONDS,
    maxRequestBodySize: Number.MAX_SAFE_INTEGER,
    development: false,
    fetch: (request, own) => options.answer(request, own.requestIP(request)?.address ?? "", own),
    error: () =>
      new Response(
        '{"error":{"message":"The gateway failed to handle this call.","type":"server_error","code":"internal"}}',
        {
          status: 500,
          headers: { "content-type": "application/json" },
        },
      ),
  });
}
