import { createHash } from "node:crypto";
import { RedisClient } from "bun";
import type { RedisAddress } from "../../config/shared-store.ts";

/** How long Redis may take to be connected to, or to answer, where nothing else is said. */
const ANSWER_MS = 250;

/** After a connection failed, how long nobody tries another one. */
const REST_MS = 100;

/** A timer that comes so late tells that this process had no time. */
const LATE_MS = 50;

/** Questions that wait for an answer at once. More are refused: behind so many none is answered in time. */
const MOST_WAITING = 10_000;

/** An answer as Redis gives it: integers, texts, null, lists. */
export type Reply = number | string | null | readonly Reply[];

/** What a command is given: a text, or numbers as the bytes that they are. */
export type Argument = string | Float64Array;

/** Redis is away, silent, or refuses to work. What was asked may have been done all the same. */
export class RedisAway extends Error {
  override readonly name = "RedisAway";
}

/** One connection, and which server it leads to. */
interface Link {
  client: RedisClient;
  /** Changes with every start of the server, and with the server itself. */
  runId: string;
}

/**
 * The way to Redis. A connection that broke, or was silent for too long, is never used again, and
 * nothing that was asked on it is asked again by itself. Every failure is a RedisAway, and none ends the process.
 */
export class RedisConnection {
  readonly #address: RedisAddress;
  readonly #sha: string;
  readonly #script: string;
  readonly #answerMs: number;
  #link: Link | undefined;
  #connecting: Promise<Link> | undefined;
  #failedAt = Number.NEGATIVE_INFINITY;
  /** When each unanswered question was asked, oldest first. */
  readonly #waiting = new Set<{ at: number }>();
  #watch: Timer | undefined;

  constructor(address: RedisAddress, script: string, answerMs = ANSWER_MS) {
    this.#address = address;
    this.#script = script;
    this.#answerMs = answerMs;
    this.#sha = createHash("sha1").update(script).digest("hex");
  }

  /** Where it is, without the password. */
  get shown(): string {
    return this.#address.shown;
  }

  /** `run_id` of the server that is connected; undefined where none is. */
  get runId(): string | undefined {
    return this.#link?.runId;
  }

  /** Connects if need be. @returns the server's `run_id` @throws RedisAway */
  async connect(): Promise<string> {
    return (await this.#open()).runId;
  }

  /** Runs the script on the connection that there is: never on one that nobody has looked at. @throws RedisAway */
  async ask(keys: readonly string[], values: readonly Argument[]): Promise<readonly Reply[]> {
    const link = this.#link;
    if (link === undefined) throw new RedisAway("not connected");
    const rest = [String(keys.length), ...keys, ...values];
    try {
      return (await this.#send(link, "EVALSHA", [this.#sha, ...rest])) as readonly Reply[];
    } catch (error) {
      if (!(error instanceof RedisAway) || !error.message.includes("NOSCRIPT")) throw error;
      return (await this.#send(link, "EVAL", [this.#script, ...rest])) as readonly Reply[];
    }
  }

  /** One command. @throws RedisAway */
  async command(name: string, ...values: string[]): Promise<Reply> {
    const link = this.#link;
    if (link === undefined) throw new RedisAway("not connected");
    return await this.#send(link, name, values);
  }

  close(): void {
    this.#drop(this.#link);
    clearTimeout(this.#watch);
    this.#watch = undefined;
  }

  #open(): Promise<Link> {
    if (this.#link !== undefined) return Promise.resolve(this.#link);
    if (performance.now() - this.#failedAt < REST_MS) return Promise.reject(new RedisAway("it was away a moment ago"));
    this.#connecting ??= this.#connect().finally(() => {
      this.#connecting = undefined;
    });
    return this.#connecting;
  }

  async #connect(): Promise<Link> {
    // What reconnects by itself would ask a server that may be another one, or an empty one.
    const client = new RedisClient(this.#address.url.reveal(), {
      autoReconnect: false,
      enableOfflineQueue: false,
      connectionTimeout: this.#answerMs,
      idleTimeout: 0,
    });
    const link: Link = { client, runId: "" };
    client.onclose = () => this.#drop(link);
    try {
      await inTime(client.connect(), 2 * this.#answerMs);
      // The watch drops the connection that there is, and this one is none yet.
      const info = String(await inTime(this.#send(link, "INFO", ["server"]), 2 * this.#answerMs));
      const runId = /^run_id:(\w+)/m.exec(info)?.[1];
      if (runId === undefined) throw new RedisAway("it does not say which server it is");
      link.runId = runId;
      this.#link = link;
      return link;
    } catch (error) {
      this.#failedAt = performance.now();
      this.#drop(link);
      throw away(error);
    }
  }

  async #send(link: Link, command: string, values: readonly Argument[]): Promise<Reply> {
    if (this.#waiting.size >= MOST_WAITING) throw new RedisAway("too many questions wait for it");
    const question = { at: performance.now() };
    this.#waiting.add(question);
    this.#watch ??= this.#lookIn(this.#answerMs);
    try {
      // It takes bytes as it takes texts, which its types do not say.
      return (await link.client.send(command, values as string[])) as Reply;
    } catch (error) {
      throw away(error);
    } finally {
      this.#waiting.delete(question);
    }
  }

  /** One timer for all questions: they are answered in their order. */
  #lookIn(ms: number): Timer {
    const due = performance.now() + ms;
    return setTimeout(() => {
      this.#watch = undefined;
      const [oldest] = this.#waiting;
      if (oldest === undefined) return;
      const now = performance.now();
      const left = this.#answerMs - (now - oldest.at);
      if (left > 1) this.#watch = this.#lookIn(left);
      // It was this process that stood still: the answer may be there, and has not been read.
      else if (now - due > LATE_MS) this.#watch = this.#lookIn(LATE_MS);
      else this.#drop(this.#link);
    }, ms);
  }

  #drop(link: Link | undefined): void {
    if (link === undefined) return;
    if (this.#link === link) {
      this.#link = undefined;
      this.#failedAt = performance.now();
    }
    // Fails what waits on it.
    link.client.close();
  }
}

async function inTime<T>(answer: Promise<T>, ms: number): Promise<T> {
  const { promise, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(new RedisAway("no answer")), ms);
  answer.catch(() => {});
  return await Promise.race([answer, promise]).finally(() => clearTimeout(timer));
}

/** Its message has neither values nor the password. */
function away(error: unknown): RedisAway {
  return error instanceof RedisAway ? error : new RedisAway(String((error as { message?: unknown }).message ?? error));
}
