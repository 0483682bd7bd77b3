import type { Json, JsonObject } from "../../src/kernel/json.ts";
import type { Upstream, UpstreamAnswer, UpstreamCall } from "../../src/ports/upstream.ts";
import { type App, startApp } from "../support/app.ts";
import type { Front } from "./fronts.ts";
import type { Played, ReplayAccount } from "./replay.ts";

/** What a caller got. */
export interface Got {
  status: number;
  headers: Headers;
  text: string;
}

/** How many bytes each read of the network brings; the next one is asked for as long as there are some. */
export type Cuts = () => number;

/** How the gateway refuses a recorded request itself: for what it asks, or for files that it has not taken. */
const REFUSED: ReadonlySet<number> = new Set([400, 404]);

/** What the provider answers next. */
interface Plan {
  bytes: Uint8Array;
  status: number;
  headers: Record<string, string>;
  cuts: Cuts | undefined;
}

/**
 * The whole gateway, in this process, with a recording in the place of its providers: no sockets,
 * so that ten thousand calls take seconds. One call at a time.
 */
export class House {
  /** What left the gateway last. */
  sent: UpstreamCall | undefined;
  readonly #app: App;
  readonly #plan: Plan;
  #calls = 0;

  private constructor(app: App, plan: Plan) {
    this.#app = app;
    this.#plan = plan;
  }

  /** @param rewrites with a guard that finds nothing, but has every answer written anew. */
  static async open(accounts: readonly ReplayAccount[], { rewrites = false } = {}): Promise<House> {
    const plan: Plan = { bytes: new Uint8Array(), status: 200, headers: {}, cuts: undefined };
    let house: House | undefined;
    const upstream: Upstream = {
      async send(call) {
        house!.sent = call;
        return new ReplayedAnswer(plan.status, plan.headers, plan.bytes, plan.cuts);
      },
    };
    const phrases = ["a phrase that no recording holds"];
    const app = await startApp({
      upstreamPort: upstream,
      providers: accounts.map(({ name, kind, options }) => ({ name, kind, options, baseUrl: "http://replay.test/v1" })),
      models: accounts.map(({ name }) => {
        return { name: `${name}/*`, targets: [{ provider: name, model: "*", weight: 1 }], fallbacks: [] };
      }),
      guardrails: rewrites ? [{ name: "never", kind: "phrases", phrases, action: "mask", direction: "output" }] : [],
    });
    house = new House(app, plan);
    return house;
  }

  /** A name of a model of this account's that was never called: one bad answer must not count against the next. */
  model(account: ReplayAccount): string {
    return `${account.name}/${account.model}-${++this.#calls}`;
  }

  /** Plays the exchange to whatever the owner of this line asks next; for clients that make their requests themselves. */
  play(played: Played): { fetch: (request: Request) => Promise<Response>; key: string; model: string } {
    this.#next(played);
    const fetch = async (request: Request) => {
      const { pathname, search } = new URL(request.url);
      const headers = new Headers(request.headers);
      headers.set("host", "gateway.test");
      return this.#handle(new Request(request, { headers }), pathname, search.slice(1));
    };
    return { fetch, key: this.#app.key, model: this.model(played.account) };
  }

  /** Plays the exchange to a caller of this front, who asks what was recorded if it was asked in this dialect. */
  async answer(front: Front, played: Played, cuts?: Cuts): Promise<Got> {
    const { account, exchange, stream } = played;
    const { request, response } = exchange;
    this.#next(played, cuts);
    const asked = exchange.api === front.api && request?.json !== undefined ? request.json : null;
    const got = await this.ask(front, this.model(account), asked, stream);
    // A request that the gateway refuses is not what is tried here: its answer is.
    if (asked === null || !REFUSED.has(got.status) || response.status !== 200) return got;
    return this.ask(front, this.model(account), null, stream);
  }

  #next({ bytes, contentType, exchange: { response } }: Played, cuts?: Cuts): void {
    const headers = { ...lowerCase(response.headers ?? {}), "content-type": contentType };
    Object.assign(this.#plan, { bytes, status: response.status, headers, cuts });
  }

  async ask(front: Front, model: string, asked: JsonObject | null, stream: boolean): Promise<Got> {
    this.sent = undefined;
    const response = await this.post(front.path(model, stream), front.body(asked, model, stream));
    return { status: response.status, headers: response.headers, text: await response.text() };
  }

  async post(address: string, body: Json, signal?: AbortSignal): Promise<Response> {
    const [path = "/", query = ""] = address.split("?");
    const request = new Request(`http://gateway.test${address}`, {
      method: "POST",
      headers: { host: "gateway.test", "content-type": "application/json", authorization: `Bearer ${this.#app.key}` },
      body: JSON.stringify(body),
      ...(signal === undefined ? {} : { signal }),
    });
    return this.#handle(request, path, query);
  }

  #handle(request: Request, path: string, query: string): Promise<Response> {
    const sockets = { timeout: () => {} };
    return this.#app.gateway.handle({ request, sockets, path, query, peer: "127.0.0.1" });
  }

  async close(): Promise<void> {
    await this.#app.stop();
  }
}

const lowerCase = (headers: Record<string, string>) =>
  Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]));

class ReplayedAnswer implements UpstreamAnswer {
  readonly status: number;
  readonly #headers: Record<string, string>;
  readonly #bytes: Uint8Array;
  readonly #cuts: Cuts | undefined;

  constructor(status: number, headers: Record<string, string>, bytes: Uint8Array, cuts: Cuts | undefined) {
    this.status = status;
    this.#headers = headers;
    this.#bytes = bytes;
    this.#cuts = cuts;
  }

  header(name: string): string | null {
    return this.#headers[name] ?? null;
  }

  async *chunks(): AsyncGenerator<Uint8Array> {
    for (let at = 0; at < this.#bytes.length; ) {
      const end = Math.min(this.#bytes.length, at + (this.#cuts?.() ?? this.#bytes.length));
      yield this.#bytes.slice(at, end);
      at = end;
    }
  }

  async bytes(): Promise<Uint8Array> {
    return this.#bytes;
  }

  discard(): void {}
}
