import type { BunFile } from "bun";

export interface Tls {
  cert: string | BunFile;
  key: string | BunFile;
}

export interface ListenerOptions {
  /** Address or name, IPv6 without brackets. */
  hostname: string;
  /** 0 lets the system choose. */
  port: number;
  tls: Tls | undefined;
  /** @param peer address of the socket's other end. */
  answer(request: Request, peer: string): Response | Promise<Response>;
}

/** A listening socket with its server. */
export interface Listener {
  readonly port: number;
  readonly url: string;
  /** Serves new connections with another certificate; open ones keep theirs. */
  renew(tls: Tls): void;
  /** Takes no new connections; `hard` also ends the open ones. */
  stop(hard: boolean): Promise<void>;
}

/** Seconds without a byte after which a connection between two requests is closed. */
const IDLE_SECONDS = 120;

/**
 * A server on Bun's HTTP parser. The size of bodies and the time of calls are bounded by
 * whoever answers, which knows who is calling and in which dialect to refuse; so Bun's own
 * bounds are out of the way here. A connection that never finishes its headers is closed
 * by Bun after some twelve seconds.
 */
export function listen(options: ListenerOptions): Listener {
  let server = serve(options, options.port, options.tls);
  const port = server.port!;
  const host = options.hostname.includes(":") ? `[${options.hostname}]` : options.hostname;
  return {
    port,
    url: `${options.tls === undefined ? "http" : "https"}://${host}:${port}`,
    renew(tls) {
      // Two sockets share the port for a moment (SO_REUSEPORT), so no connection is refused in between.
      const renewed = serve(options, port, tls);
      const old = server;
      server = renewed;
      void old.stop(false);
    },
    stop: (hard) => server.stop(hard),
  };
}

function serve(options: ListenerOptions, port: number, tls: Tls | undefined) {
  return Bun.serve({
    hostname: options.hostname,
    port,
    ...(tls === undefined ? {} : { tls }),
    reusePort: tls !== undefined,
    idleTimeout: IDLE_SECONDS,
    maxRequestBodySize: Number.MAX_SAFE_INTEGER,
    development: false,
    fetch(request, own) {
      own.timeout(request, 0);
      return options.answer(request, own.requestIP(request)?.address ?? "");
    },
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
