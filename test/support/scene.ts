/**
 * What scenario rows share: a gateway in front of an emulated provider, the two fronts that
 * callers speak, and what must be true after a call was refused, whatever it was refused for.
 */
import { expect } from "bun:test";
import { ERRORS, type ErrorCode } from "../../src/errors.ts";
import type { JsonObject } from "../../src/kernel/json.ts";
import type { UsageRecord } from "../../src/ports/records.ts";
import { type App, type AppOptions, type CallOptions, chat, messages, PROVIDER_KEY, post, startApp } from "./app.ts";
import type { RawAnswer } from "./raw-http.ts";
import {
  anthropicMessages,
  openaiChat,
  type ReceivedRequest,
  type Script,
  startUpstream,
  type Upstream,
} from "./upstream.ts";

/** A dialect that callers speak, and where. */
export interface Front {
  name: "openai" | "anthropic";
  path: string;
  /** A request that would be served. */
  body(over?: JsonObject): JsonObject;
  /** What the dialect's error body says; what it has no place for is undefined. Throws when it is no such body. */
  envelope(body: unknown): Envelope;
  /** The name of the field that bounds the answer. */
  maxTokens: string;
}

export interface Envelope {
  message: string;
  type: string;
  code?: string;
  param?: string | null;
  requestId?: string;
}

const openai: Front = {
  name: "openai",
  path: "/v1/chat/completions",
  body: (over) => chat({ model: "small", ...over }),
  envelope(body) {
    expect(Object.keys(body as object)).toEqual(["error"]);
    const { error } = body as { error: Envelope };
    expect(Object.keys(error).sort()).toEqual(["code", "message", "param", "type"]);
    return error;
  },
  maxTokens: "max_tokens",
};

const anthropic: Front = {
  name: "anthropic",
  path: "/v1/messages",
  body: (over) => messages({ model: "small", ...over }),
  envelope(body) {
    const { type, error, request_id } = body as { type: string; error: Envelope; request_id: string };
    expect(Object.keys(body as object).sort()).toEqual(["error", "request_id", "type"]);
    expect(type).toBe("error");
    expect(Object.keys(error).sort()).toEqual(["message", "type"]);
    return { ...error, requestId: request_id };
  },
  maxTokens: "max_tokens",
};

export const FRONTS = { openai, anthropic } as const;
export type DialectName = keyof typeof FRONTS;
export const DIALECTS: readonly DialectName[] = ["openai", "anthropic"];

/** The catalog's model at the provider of each dialect. */
export const MODELS = { openai: "small", anthropic: "claude" } as const;

/** How the provider of each dialect answers. */
export const PROVIDERS = { openai: openaiChat, anthropic: anthropicMessages } as const;

/** Every front, asked for a whole answer and for a stream. */
export const ASKED = DIALECTS.flatMap((front) => [false, true].map((stream) => ({ front, stream })));

/** Every front in front of every provider. */
export const PAIRS = DIALECTS.flatMap((front) => DIALECTS.map((provider) => ({ front, provider })));

/** Every pair, asked for a whole answer and for a stream. */
export const ROADS = PAIRS.flatMap((pair) => [false, true].map((stream) => ({ ...pair, stream })));

/** The dialects' own words for a status. Source: the error pages of OpenAI and of Anthropic. */
const TYPES: Record<DialectName, Record<number, string>> = {
  openai: { 401: "authentication_error", 403: "permission_error", 404: "not_found_error", 429: "rate_limit_error" },
  anthropic: {
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    408: "timeout_error",
    409: "conflict_error",
    413: "request_too_large",
    429: "rate_limit_error",
    503: "overloaded_error",
    504: "timeout_error",
  },
};

function typeOf(front: DialectName, status: number, code: string): string {
  if (code === "insufficient_quota") return front === "openai" ? "insufficient_quota" : "billing_error";
  if (code === "model_not_found" && front === "openai") return "invalid_request_error";
  const server = front === "openai" ? "server_error" : "api_error";
  return TYPES[front][status] ?? (status < 500 ? "invalid_request_error" : server);
}

/** What must have become of a call. */
export interface Refusal {
  code: ErrorCode;
  /** The row's own, unless told otherwise. */
  status?: number;
  /** The field that the answer names; null where none is at fault, undefined where the row does not care. */
  param?: string | null | undefined;
  /** Requests that may have reached the provider: 0 unless told otherwise. */
  upstream?: number;
  outcome?: UsageRecord["outcome"];
  /** A number of tries after which strangers leave no record. */
  unrecorded?: boolean;
}

/** Either kind of answer. */
export type Given = Response | RawAnswer;

/** What must stand in no answer, log or record: inner names, stacks, and whatever the scene holds secret. */
const INSIDE = /\bat \S+ \(|\.ts:\d+|node_modules|\/src\/|GatewayError|SyntaxError|TypeError|MalformedAnswer|\[object /;

/** "Hello.", in the dialect in which it was asked for. */
export function greet(request: ReceivedRequest): Script {
  const dialect = request.path.endsWith("/messages") ? anthropicMessages : openaiChat;
  return dialect.replies({ text: "Hello." })(request);
}

export class Scene {
  readonly app: App;
  readonly up: Upstream;
  #fresh: UsageRecord[] = [];
  readonly #secrets = new Set([PROVIDER_KEY]);

  static async start(options: AppOptions = {}): Promise<Scene> {
    const up = await startUpstream();
    up.plan(greet);
    return new Scene(await startApp({ upstream: up.url, ...options }), up);
  }

  constructor(app: App, up: Upstream) {
    this.app = app;
    this.up = up;
    this.#listen(app.journal);
    this.secret(app.key);
  }

  /** From now on this text must be in no error, log or record. */
  secret(text: string): void {
    this.#secrets.add(text);
  }

  async stop(): Promise<void> {
    await this.app.stop();
    await this.up.stop();
  }

  call(front: DialectName, over: JsonObject, options: CallOptions = {}): Promise<Response> {
    return post(this.app, { path: FRONTS[front].path, body: FRONTS[front].body(over), ...options });
  }

  /** A call that must be served, read to its end, with its record. */
  async served(front: DialectName, over: JsonObject, options: CallOptions = {}) {
    const response = await this.call(front, over, options);
    const text = await response.text();
    expect([response.status, text]).toEqual([200, text]);
    const record = await this.record();
    expect(record).toMatchObject({ outcome: "finished", status: 200, errorCode: null });
    return { response, text, record };
  }

  /** Forgets what came before, for the next row. */
  async fresh(): Promise<void> {
    await this.quiet();
    this.up.forget();
    this.news();
  }

  /** Records that were committed since this was last asked, in that order. */
  news(): UsageRecord[] {
    return this.#fresh.splice(0);
  }

  #listen(journal: App["journal"]): void {
    const [close, append] = [journal.close.bind(journal), journal.append.bind(journal)];
    journal.close = (hold, record, committed) =>
      close(hold, record, committed).then(() => void this.#fresh.push(record));
    journal.append = (record) => append(record).then(() => void this.#fresh.push(record));
  }

  /** One record, once it is there. */
  async record(withinMs = 2_000): Promise<UsageRecord> {
    const end = performance.now() + withinMs;
    for (;;) {
      const fresh = this.news();
      if (fresh.length > 0 || performance.now() > end) {
        expect(fresh).toHaveLength(1);
        return fresh[0]!;
      }
      await Bun.sleep(5);
    }
  }

  /** A call that nobody refused may have left nothing open either. */
  async quiet(withinMs = 1_000): Promise<void> {
    const { app } = this;
    const open = () => [app.meter.openHolds, app.gateway.openCalls, app.gateway.bodyBytes];
    await until(() => open().every((count) => count === 0), withinMs);
    expect(open()).toEqual([0, 0, 0]);
  }

  /** That the call was refused as it must be, with one record of it, nothing upstream, nothing left open and nothing told. */
  async refused(
    front: DialectName,
    given: Given,
    wanted: Refusal,
  ): Promise<Envelope & { record: UsageRecord | undefined }> {
    const { code, status = ERRORS[code].status, param, upstream = 0 } = wanted;
    const header = (name: string) => ("headerLines" in given ? given.header(name) : given.headers.get(name));
    const text = "headerLines" in given ? given.text : await given.text();
    expect([given.status, text.slice(0, 300)]).toEqual([status, text.slice(0, 300)]);
    expect(header("content-type")).toBe("application/json");
    const said = FRONTS[front].envelope(JSON.parse(text));
    this.#expectEnvelope(front, said, { code, status, param }, header("x-request-id"));

    const news = this.news();
    if (wanted.unrecorded) expect(news).toEqual([]);
    else {
      expect(news.map(({ errorCode }) => errorCode)).toEqual([code]);
      expect(news[0]).toMatchObject({ status, outcome: wanted.outcome ?? "refused", captured: null });
      if (upstream === 0) expect(news[0]!.costNanoUsd).toBe(0);
      expect(news[0]!.requestId).toBe(header("x-request-id")!);
    }
    expect(this.up.requests).toHaveLength(upstream);
    expect(this.up.noise).toEqual([]);
    await this.quiet();
    const headers = "headerLines" in given ? given.headerLines.join("\n") : JSON.stringify([...given.headers]);
    this.tellsNothing(`${headers}\n${text}`, news);
    return { ...said, record: news[0] };
  }

  /** That a stream which had begun ends with an error in the front's dialect, and does not end like one that is whole. */
  async brokeOff(
    front: DialectName,
    response: Response,
    wanted: {
      code: ErrorCode;
      status?: number /** The provider's own frame tells of it, not ours. */;
      asItCame?: boolean;
    },
  ) {
    const { code, status = ERRORS[code].status, asItCame = false } = wanted;
    expect(response.status).toBe(200);
    expect(response.headers.get("content-type")).toBe("text/event-stream; charset=utf-8");
    const text = await response.text();
    for (const mark of ["[DONE]", "message_stop", ": sallyport"]) expect(text).not.toContain(mark);
    const last = text.trimEnd().split("\n\n").at(-1)!;
    expect(last).toMatch(front === "openai" ? /^data: / : /^event: error\ndata: /);
    const said = FRONTS[front].envelope(JSON.parse(last.slice(last.indexOf("data: ") + 6)));
    const id = response.headers.get("x-request-id");
    if (!asItCame) this.#expectEnvelope(front, said, { code, status, param: null }, id);
    const record = await this.record();
    expect([record.outcome, record.errorCode, record.status]).toEqual(["cut", code, status]);
    await this.quiet();
    this.tellsNothing(text, [record]);
    return { ...said, text, record };
  }

  #expectEnvelope(
    front: DialectName,
    said: Envelope,
    { code, status, param }: { code: ErrorCode; status: number; param: string | null | undefined },
    requestId: string | null,
  ): void {
    expect(said.type).toBe(typeOf(front, status, code));
    expect(said.message).toMatch(/^[^\n]{5,2000}$/);
    expect(requestId).toMatch(/^[A-Za-z0-9._:-]{1,128}$/);
    if (front === "anthropic") expect(said.requestId).toBe(requestId!);
    else expect(said.code).toBe(code === "invalid_credential" ? "invalid_api_key" : code);
    if (param === undefined) return;
    if (front === "openai") expect(said.param).toBe(param);
    // Anthropic's envelope has no place for the field, so the message names it.
    else if (param !== null) expect(said.message.toLowerCase()).toContain(param.toLowerCase());
  }

  /** That nothing of the inside, and no secret, stands in this text, in the log, or in the records. */
  tellsNothing(text: string, records: readonly UsageRecord[] = []): void {
    expect(this.app.logs).toEqual([]);
    expect(text).not.toMatch(INSIDE);
    const told = text + JSON.stringify(records);
    for (const secret of this.#secrets) expect(told).not.toContain(secret);
  }
}

/** Waits for what happens on another side of a socket. True when it did. */
export async function until(condition: () => boolean | Promise<boolean>, withinMs = 1_000): Promise<boolean> {
  const end = performance.now() + withinMs;
  while (!(await condition())) {
    if (performance.now() > end) return false;
    await Bun.sleep(2);
  }
  return true;
}

/** The answer, once all of it is there; `tell` is called when the caller has seen this text. */
export async function readThrough(response: Response, wanted: string, tell: () => void): Promise<Response> {
  let text = "";
  for await (const chunk of response.body!.pipeThrough(new TextDecoderStream())) {
    text += chunk;
    if (text.includes(wanted)) tell();
  }
  return new Response(text, { status: response.status, headers: response.headers });
}
