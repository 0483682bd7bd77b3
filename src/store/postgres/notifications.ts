import type pg from "pg";
import { disconnect, type Postgres } from "./connection.ts";
import { PostgresError, translated } from "./error.ts";

/** How long its connection may take to be made, and to answer, in milliseconds. */
const ANSWER_MS = 1_500;

/**
 * A connection of its own that hears one channel and can be asked. Whoever asks finds out whether
 * it still hears: when it has broken, asking makes it anew.
 */
export class Notifications {
  readonly #postgres: Postgres;
  readonly #channel: string;
  readonly #heard: (payload: string) => void;
  #client: pg.Client | undefined;
  #broke = false;
  #closed = false;

  /** @param heard called with the payload of each notification, and must not throw. */
  constructor(postgres: Postgres, channel: string, heard: (payload: string) => void) {
    this.#postgres = postgres;
    this.#channel = channel;
    this.#heard = heard;
  }

  /**
   * One statement, on the connection that hears. Not to be called again before it has ended.
   * @throws PostgresError within ANSWER_MS, twice that where the connection must be made.
   */
  async ask<R extends object>(text: string): Promise<R[]> {
    const client = this.#client ?? (await this.#connect());
    this.#client = client;
    try {
      return (await client.query<R>(text)).rows;
    } catch (error) {
      this.#drop(client);
      throw translated(error);
    }
  }

  async close(): Promise<void> {
    this.#closed = true;
    const client = this.#client;
    this.#client = undefined;
    if (client !== undefined) await disconnect(client);
  }

  async #connect(): Promise<pg.Client> {
    if (this.#closed) throw new PostgresError("the connection has been closed", undefined);
    const limits = { connectionTimeoutMillis: ANSWER_MS, query_timeout: ANSWER_MS, statement_timeout: ANSWER_MS };
    const client = await this.#postgres.connect(limits);
    client.on("notification", ({ payload }) => this.#heard(payload ?? ""));
    client.on("error", () => this.#drop(client));
    client.on("end", () => this.#drop(client));
    try {
      await client.query(`LISTEN ${this.#channel}`);
      // Those of the pool are of the same age as the one that broke, and may be as dead without showing it.
      if (this.#broke) this.#postgres.retire();
      this.#broke = false;
      return client;
    } catch (error) {
      await disconnect(client);
      throw translated(error);
    }
  }

  #drop(client: pg.Client): void {
    if (this.#client !== client) return;
    this.#client = undefined;
    this.#broke = true;
    void disconnect(client);
  }
}
