/**
 * A model provider that does what a test tells it: it records the raw bytes it receives
 * (the oracle of what left the gateway) and answers by script, as well-formed or as
 * broken as wanted. It stands on bare TCP so that nothing repairs what it sends.
 *
 *   const up = await startUpstream();
 *   up.answer(openaiChat.script({ text: "Hello" }, { stream: true }));
 *   …call the gateway, whose provider has baseUrl: `${up.url}/v1`…
 *   expect(up.requests[0]!.json().model).toBe("small-2026");
 *   await up.stop();
 */
import { type AddressInfo, createServer as createPlainServer, type Server, type Socket } from "node:net";
import { createServer as createTlsServer } from "node:tls";
import { play, type Stage } from "./upstream/play.ts";
import { ByteSource, NoRequest, type ReceivedRequest, readBody, readHead } from "./upstream/received.ts";
import { json, type Script } from "./upstream/script.ts";

export * as anthropicMessages from "./upstream/anthropic-messages.ts";
export * as openaiChat from "./upstream/openai-chat.ts";
export { type Closing, ReceivedRequest } from "./upstream/received.ts";
export * from "./upstream/script.ts";

export type Plan = (request: ReceivedRequest) => Script;

export interface UpstreamOptions {
  /** PEM texts; with them the emulator speaks TLS. */
  tls?: { key: string; cert: string };
  host?: string;
  port?: number;
}

export async function startUpstream(options: UpstreamOptions = {}): Promise<Upstream> {
  const upstream = new Upstream(options);
  await upstream.listen(options);
  return upstream;
}

/** An address at which nobody listens: connections to it are refused. */
export async function nobody(): Promise<string> {
  const upstream = await startUpstream();
  const { url } = upstream;
  await upstream.stop();
  return url;
}

export class Upstream {
  /** `http://127.0.0.1:port`, without a slash at the end. */
  url = "";
  port = 0;
  /** In order of their heads' arrival. */
  requests: ReceivedRequest[] = [];
  /** What arrived and was no HTTP/1.1 request. */
  noise: Uint8Array[] = [];
  /** Connections that were ever accepted. */
  accepted = 0;
  /** Thrown by a plan: the test that made the plan is wrong. Told again by `stop`. */
  readonly faults: unknown[] = [];
  readonly #server: Server;
  readonly #open = new Set<Socket>();
  readonly #scheme: string;
  #plan: Plan = () => json(200, { emulator: "no answer was planned" });
  #early: ((request: ReceivedRequest) => Script | null) | null = null;
  #waiting: { count: number; resolve: (request: ReceivedRequest) => void }[] = [];

  constructor(options: UpstreamOptions) {
    const serve = (socket: Socket) => void this.#serve(socket);
    this.#scheme = options.tls ? "https" : "http";
    this.#server = options.tls
      ? createTlsServer(options.tls, serve)
      : createPlainServer({ allowHalfOpen: true, noDelay: true }, serve);
  }

  async listen(options: UpstreamOptions): Promise<void> {
    const host = options.host ?? "127.0.0.1";
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.#server.once("error", reject);
    this.#server.listen(options.port ?? 0, host, resolve);
    await promise;
    this.port = (this.#server.address() as AddressInfo).port;
    this.url = `${this.#scheme}://${host.includes(":") ? `[${host}]` : host}:${this.port}`;
  }

  /** Every request gets this answer from now on. */
  answer(script: Script): void {
    this.plan(() => script);
  }

  /** One answer after the other; the last one stays. */
  answers(...scripts: Script[]): void {
    let next = 0;
    this.plan(() => scripts[Math.min(next++, scripts.length - 1)]!);
  }

  /** The answer is chosen when a request is whole. */
  plan(plan: Plan): void {
    this.#plan = plan;
  }

  /** Asked when only the head is there. A script that is not null is played at once, the body unread. */
  planEarly(plan: ((request: ReceivedRequest) => Script | null) | null): void {
    this.#early = plan;
  }

  /** Connections that are open now. */
  get open(): number {
    return this.#open.size;
  }

  /** The `count`-th whole request (from 1), when it is there. */
  async request(count = 1): Promise<ReceivedRequest> {
    const whole = this.requests.filter((request) => request.complete);
    if (whole.length >= count) return whole[count - 1]!;
    return await new Promise((resolve) => this.#waiting.push({ count, resolve }));
  }

  /** Everything received so far, as Latin-1 text: for searching what must never have left the gateway. */
  everything(): string {
    return [...this.requests.map((request) => request.raw), ...this.noise]
      .map((bytes) => Buffer.from(bytes).toString("latin1"))
      .join("\n");
  }

  /** Forgets the requests so far; the plan stays. */
  forget(): void {
    this.requests = [];
    this.noise = [];
  }

  /** Breaks every connection and closes the door. Throws what a plan has thrown. */
  async stop(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    for (const socket of this.#open) socket.destroy();
    await closed;
    if (this.faults.length > 0) throw this.faults[0];
  }

  async #serve(socket: Socket): Promise<void> {
    const connection = this.accepted++;
    this.#open.add(socket);
    const source = new ByteSource();
    const { promise: gone, resolve } = Promise.withResolvers<void>();
    let current: ReceivedRequest | null = null;
    const brought: ReceivedRequest[] = [];
    let over = false;
    let hungUp = false;
    const finish = (who: "peer" | "upstream") => {
      if (over) return;
      over = true;
      const by = hungUp ? "upstream" : who;
      this.#open.delete(socket);
      source.end();
      for (const request of brought) {
        request.close({ by, beforeEnd: !request.answered, at: performance.now() });
      }
      resolve();
    };
    socket.on("data", (bytes: Buffer) => source.push(bytes));
    socket.on("end", () => {
      finish("peer");
      socket.destroy();
    });
    socket.on("error", () => finish("peer"));
    socket.on("close", () => finish("upstream"));

    const hangUp = (how: "close" | "reset") => {
      hungUp = true;
      if (how === "close") socket.end();
      else socket.resetAndDestroy();
    };
    const stage: Stage = { socket, gone, isGone: () => over, hangUp };
    try {
      while (!over) {
        current = await readHead(source, connection);
        if (current === null) break;
        brought.push(current);
        this.requests.push(current);
        await this.#respond(current, source, stage);
      }
    } catch (thrown) {
      if (!(thrown instanceof NoRequest)) this.faults.push(thrown);
      else if (current === null || current.answered)
        this.noise.push(Buffer.concat([source.sinceMark(), source.rest()]));
      socket.destroy();
    }
  }

  async #respond(request: ReceivedRequest, source: ByteSource, stage: Stage): Promise<void> {
    const early = this.#early?.(request) ?? null;
    if (early !== null) request.answered ||= await play(early, stage, request);
    else if (request.header("expect")?.toLowerCase() === "100-continue") {
      stage.socket.write("HTTP/1.1 100 Continue\r\n\r\n");
    }
    if (stage.isGone()) return;
    await readBody(source, request);
    this.#announce();
    if (early === null) request.answered ||= await play(this.#plan(request), stage, request);
  }

  #announce(): void {
    const whole = this.requests.filter((request) => request.complete);
    this.#waiting = this.#waiting.filter(({ count, resolve }) => {
      if (whole.length < count) return true;
      resolve(whole[count - 1]!);
      return false;
    });
  }
}
