import { GatewayError } from "../errors.ts";
import type { Clock } from "../kernel/clock.ts";
import type { Upstream, UpstreamAnswer, UpstreamCall } from "../ports/upstream.ts";
import { createAuthorizer } from "./authorize/index.ts";
import type { Egress } from "./egress.ts";

/**
 * Sends by fetch, to pinned addresses, never through a proxy of the environment, never following
 * a redirect. Requests that no header of the key makes the account's own are signed here, or get
 * a token that is asked for in the same guarded way.
 */
export function createUpstream(egress: Egress, clock: Clock): Upstream {
  async function send(call: UpstreamCall): Promise<UpstreamAnswer> {
    const pin =
      egress.recent(call.baseUrl, call.allowPrivateNetwork) ??
      (await egress.pin(call.baseUrl, call.allowPrivateNetwork));
    const path = pathOf(call.baseUrl) + call.path;
    const own =
      call.authorization === undefined
        ? call.headers
        : await authorizer.headers(call, new URL(call.baseUrl).origin + path);
    const init = {
      method: call.method ?? "POST",
      headers: { ...own, host: pin.host, "accept-encoding": "identity" },
      ...(call.method === undefined || call.method === "POST" ? { body: call.body } : {}),
      signal: call.signal,
      redirect: "manual",
      // Otherwise Bun obeys HTTP_PROXY; proxies are a matter of configuration. The types do not know `false`.
      proxy: false as unknown as string,
      // Otherwise Bun gives up after five minutes of silence; how long a provider may think is the caller's to say.
      timeout: false,
    } as BunFetchRequestInit;
    if (pin.serverName !== null) init.tls = { serverName: pin.serverName };
    let response: Response;
    try {
      call.signal.throwIfAborted();
      call.onSend?.();
      response = await fetch(pin.origin + path, init);
    } catch (cause) {
      call.signal.throwIfAborted();
      throw failure(cause);
    }
    if (response.status === 401) authorizer.refused(call);
    return new FetchedAnswer(response, call.signal);
  }
  const authorizer = createAuthorizer(clock, send);
  return { send };
}

const paths = new Map<string, string>();

/** The path of a base URL, without a slash at its end. Accounts are few, so their paths are kept. */
function pathOf(baseUrl: string): string {
  let path = paths.get(baseUrl);
  if (path === undefined) {
    if (paths.size > 1_000) paths.clear();
    path = new URL(baseUrl).pathname.replace(/\/+$/, "");
    paths.set(baseUrl, path);
  }
  return path;
}

/** What Bun calls an answer that is no HTTP. */
const NO_HTTP: ReadonlySet<unknown> = new Set([
  "Malformed_HTTP_Response",
  "InvalidContentLength",
  "ResponseHeadersTooLarge",
  "UnrequestedUpgrade",
]);

/**
 * Why there is no head of an answer. A connection that breaks has been made, so the question
 * may have arrived, and the provider may charge for it: that is another thing than a
 * provider that cannot be reached.
 */
function failure(cause: unknown): GatewayError {
  const { code } = cause as { code?: unknown };
  const details = { internal: typeof code === "string" ? code : "the connection failed", cause };
  if (NO_HTTP.has(code)) {
    return new GatewayError("upstream_malformed", "The provider sent something that is no answer.", details);
  }
  if (code === "ECONNRESET") {
    return new GatewayError("upstream_cut", "The provider closed the connection without an answer.", details);
  }
  return new GatewayError("upstream_unreachable", "The provider could not be reached.", details);
}

const NOTHING = { done: true, value: undefined } as const;

class FetchedAnswer implements UpstreamAnswer {
  readonly status: number;
  readonly #response: globalThis.Response;
  readonly #signal: AbortSignal;

  constructor(response: Response, signal: AbortSignal) {
    this.status = response.status;
    this.#response = response;
    this.#signal = signal;
  }

  header(name: string): string | null {
    return this.#response.headers.get(name);
  }

  headers(): Readonly<Record<string, string>> {
    return this.#response.headers.toJSON();
  }

  chunks(): AsyncIterableIterator<Uint8Array> {
    const reader = this.#response.body?.getReader();
    // Not a generator: one more of them would be paid for at every read.
    return {
      next: () =>
        reader === undefined ? Promise.resolve(NOTHING) : reader.read().catch((cause: unknown) => this.#broken(cause)),
      return: async () => {
        if (reader !== undefined) void letGo(reader, this.#signal);
        return NOTHING;
      },
      [Symbol.asyncIterator]() {
        return this;
      },
    };
  }

  /** Why reading failed: our own abort, or the other side. */
  #broken(cause: unknown): never {
    this.#signal.throwIfAborted();
    throw new GatewayError("upstream_cut", "The provider's answer broke off before it was whole.", {
      internal: "the connection broke in mid-answer",
      cause,
    });
  }

  async bytes(max: number): Promise<Uint8Array> {
    const length = Number(this.header("content-length"));
    if (length > max) {
      this.discard();
      throw tooLong(max);
    }
    // With a length that is known and small there is nothing to guard against, and one call is faster
    // than many. A compressed body tells only its compressed length.
    if (length > 0 && this.header("content-encoding") === null) {
      return this.#response.bytes().catch((cause) => this.#broken(cause));
    }
    const parts: Uint8Array[] = [];
    let size = 0;
    for await (const chunk of this.chunks()) {
      size += chunk.length;
      if (size > max) throw tooLong(max);
      parts.push(chunk);
    }
    return parts.length === 1 ? parts[0]! : new Uint8Array(Buffer.concat(parts, size));
  }

  discard(): void {
    void this.#response.body?.cancel().catch(() => {});
  }
}

function tooLong(max: number): GatewayError {
  return new GatewayError("upstream_malformed", "The provider's answer is larger than this gateway takes.", {
    internal: `the answer is longer than ${max} bytes`,
  });
}

/** How long, and how far, a provider may go on after nobody reads it any more. */
const LINGER_MS = 1_000;
const LINGER_BYTES = 64 * 1024;

type Reader = Pick<ReadableStreamDefaultReader<Uint8Array>, "read" | "cancel">;

/**
 * Lets go of a body before its end. A provider whose answer was whole has only to end it in
 * good order, and then its connection serves the next call; so it gets a moment. One that
 * goes on, and every one whose call was aborted, is cut off, or it would write for ever.
 */
async function letGo(reader: Reader, signal: AbortSignal): Promise<void> {
  const cut = () => void reader.cancel().catch(() => {});
  if (signal.aborted) return cut();
  const timer = setTimeout(cut, LINGER_MS);
  timer.unref();
  try {
    for (let left = LINGER_BYTES; left > 0; ) {
      const { done, value } = await reader.read();
      if (done) return;
      left -= value.length;
    }
    cut();
  } catch {
    // The connection is gone, which is as good.
  } finally {
    clearTimeout(timer);
  }
}
