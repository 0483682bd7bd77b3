import { expect, test } from "bun:test";
import type { Query } from "./connection.ts";
import { KeyReader, type KeyRow } from "./key-reader.ts";

/** A database that answers when told to, with the digests that begin with "k". */
function database() {
  const asked: { digests: string[]; answer(): void; fail(): void }[] = [];
  const query = ((text: string, [digests]: [string[]]) => {
    expect(text).toContain("= ANY($1)");
    const { promise, resolve, reject } = Promise.withResolvers<KeyRow[]>();
    const rows = digests.filter((digest) => digest.startsWith("k")).map((digest) => ({ digest }) as KeyRow);
    asked.push({ digests, answer: () => resolve(rows), fail: () => reject(new Error("away")) });
    return promise;
  }) as unknown as Query;
  return { asked, reader: new KeyReader(query, "1 AS one") };
}

const turn = () => Bun.sleep(0);

test("what is asked for at one moment is read in one statement, and everybody gets their own", async () => {
  const { asked, reader } = database();
  const all = ["k1", "x", "k2", "k1"].map((digest) => reader.read(digest));
  await turn();
  expect(asked.map(({ digests }) => digests)).toEqual([["k1", "x", "k2", "k1"]]);
  asked[0]!.answer();
  expect((await Promise.all(all)).map((row) => row?.digest)).toEqual(["k1", undefined, "k2", "k1"]);
});

test("never more than two statements run, of five hundred keys each at most, and none is forgotten", async () => {
  const { asked, reader } = database();
  const digests = Array.from({ length: 1_700 }, (_, i) => `k${i}`);
  const all: Promise<KeyRow | undefined>[] = [];
  for (const digest of digests) {
    all.push(reader.read(digest));
    if (all.length === 1) await turn();
  }
  let most = 0;
  for (let answered = 0; answered < asked.length; answered++) {
    await turn();
    most = Math.max(most, asked.length - answered);
    asked[answered]!.answer();
    await turn();
  }
  expect(most).toBe(2);
  expect(Math.max(...asked.map((statement) => statement.digests.length))).toBe(500);
  expect((await Promise.all(all)).map((row) => row!.digest)).toEqual(digests);
});

test("a statement that fails fails for those in it, and the next one is asked", async () => {
  const { asked, reader } = database();
  const failing = reader.read("k1");
  await turn();
  asked[0]!.fail();
  await expect(failing).rejects.toThrow("away");
  const next = reader.read("k2");
  await turn();
  asked[1]!.answer();
  expect((await next)?.digest).toBe("k2");
});
