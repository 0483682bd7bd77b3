import { KEY_BY_DIGEST, type KeyBelongings, type KeyHit } from "../sql/rows.ts";
import type { Query } from "./connection.ts";

/** A key with all that its principal is made of. */
export type KeyRow = KeyHit & KeyBelongings & { digest: string };

/** Keys in one statement at most. */
const AT_ONCE = 500;

/** Connections that reading keys may take: strangers' guesses are read too, and the pool is for everybody. */
const STATEMENTS = 2;

interface Waiting {
  digest: string;
  found(row: KeyRow | undefined): void;
  failed(error: unknown): void;
}

/**
 * Reads keys by their digests. Those that are asked for while others are being read are read together, in
 * one statement: after a change every key in use is asked for anew at the same moment.
 */
export class KeyReader {
  readonly #query: Query;
  readonly #statement: string;
  #waiting: Waiting[] = [];
  #running = 0;

  /** @param belongings columns of the application's and the key's belongings, as a statement names them. */
  constructor(query: Query, belongings: string) {
    this.#query = query;
    const columns = `, k.digest, ${belongings}\n  FROM keys k`;
    this.#statement = `${KEY_BY_DIGEST.replace(/FROM keys k/, columns).replace(/= $/, "= ANY(")}$1)`;
  }

  /** @returns undefined where no key has it. @throws PostgresError */
  read(digest: string): Promise<KeyRow | undefined> {
    const { promise, resolve, reject } = Promise.withResolvers<KeyRow | undefined>();
    this.#waiting.push({ digest, found: resolve, failed: reject });
    if (this.#running < STATEMENTS) void this.#run();
    return promise;
  }

  async #run(): Promise<void> {
    this.#running++;
    // Those that are asked for in this very moment come along.
    await null;
    while (this.#waiting.length > 0) {
      const some = this.#waiting.slice(0, AT_ONCE);
      this.#waiting = this.#waiting.slice(AT_ONCE);
      try {
        const rows = await this.#query<KeyRow>(this.#statement, [some.map(({ digest }) => digest)]);
        const byDigest = new Map(rows.map((row) => [row.digest, row]));
        for (const { digest, found } of some) found(byDigest.get(digest));
      } catch (error) {
        for (const { failed } of some) failed(error);
      }
    }
    this.#running--;
  }
}
