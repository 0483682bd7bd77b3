import { describe, expect, test } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { inspect } from "node:util";
import { present } from "../../test/support/parts.ts";
import { Secret } from "../kernel/secret.ts";
import { providerKeyContext } from "../ports/vault.ts";
import { canOpen, createSealer, createUnsealer, decrypt, encrypt, UnsealError } from "./envelope.ts";

const MASTER = Uint8Array.from({ length: 32 }, (_, i) => i * 7);
const OTHER = Uint8Array.from({ length: 32 }, (_, i) => i * 11);
const random = (count: number) => crypto.getRandomValues(new Uint8Array(count));
const sealer = createSealer(MASTER, random);
const unsealer = createUnsealer(MASTER);
const SECRET = new Secret("sk-proj-schlüssel");

describe("a sealed secret", () => {
  test("opens under its own context", () => {
    for (const text of ["sk-proj-schlüssel", "", "x".repeat(10_000), "\0\u{1f511}"]) {
      expect(unsealer.open(sealer.seal(new Secret(text), "a"), "a").reveal()).toBe(text);
    }
  });

  test("shows nothing of its plaintext, neither sealed nor opened nor in a failure", () => {
    const sealed = sealer.seal(SECRET, "a");
    expect(Buffer.from(sealed.slice(3), "base64url").toString("latin1")).not.toContain("sk-proj");
    expect(inspect(unsealer.open(sealed, "a"))).toBe("*****");
    expect(() => unsealer.open(sealed, "b")).not.toThrow(/sk-proj/);
  });

  test("is another text each time it is sealed", () => {
    expect(new Set(Array.from({ length: 100 }, () => sealer.seal(SECRET, "a"))).size).toBe(100);
  });

  test("does not open under another context", () => {
    expect(() => unsealer.open(sealer.seal(SECRET, "a"), "b")).toThrow(UnsealError);
  });

  test("does not open under another master key", () => {
    expect(() => createUnsealer(OTHER).open(sealer.seal(SECRET, "a"), "a")).toThrow(/another master key/);
  });

  test("does not open when any one of its bits was changed", () => {
    const bytes = Buffer.from(sealer.seal(new Secret("k"), "a").slice(3), "base64url");
    for (let bit = 0; bit < bytes.length * 8; bit++) {
      const changed = Buffer.from(bytes);
      changed[bit >> 3]! ^= 1 << (bit & 7);
      expect(() => unsealer.open(`v1.${changed.toString("base64url")}`, "a")).toThrow(UnsealError);
    }
  });

  test("does not open when it was cut or has another form", () => {
    const sealed = sealer.seal(SECRET, "a");
    const odd = [
      "",
      "v1",
      "v1.",
      "v1.AAAA",
      `v2.${sealed.slice(3)}`,
      sealed.slice(0, -4),
      `${sealed}.x`,
      `${sealed}=`,
      SECRET.reveal(),
    ];
    for (const text of odd) expect(() => unsealer.open(text, "a"), text).toThrow(UnsealError);
  });
});

describe("a fingerprint", () => {
  test("is the same for the same secret and context, and for nothing else", () => {
    const print = sealer.fingerprint(SECRET, "a");
    expect(createSealer(MASTER, random).fingerprint(new Secret(SECRET.reveal()), "a")).toBe(print);
    const others = [
      sealer.fingerprint(new Secret("sk-proj-schlussel"), "a"),
      sealer.fingerprint(SECRET, "b"),
      createSealer(OTHER, random).fingerprint(SECRET, "a"),
    ];
    expect(others).not.toContain(print);
  });

  test("cannot be moved between context and secret", () => {
    expect(sealer.fingerprint(new Secret("bc"), "a")).not.toBe(sealer.fingerprint(new Secret("c"), "ab"));
  });
});

test("sealer and unsealer are two things: who seals cannot open", () => {
  expect(Object.keys(sealer)).toEqual(["seal", "fingerprint"]);
  expect(Object.keys(unsealer)).toEqual(["open"]);
});

test("a provider's key does not open when its account got another name, kind, address or option", () => {
  const account = { name: "up", kind: "openai", baseUrl: "https://api.openai.com/v1", options: {} };
  const sealed = sealer.seal(SECRET, providerKeyContext(account));
  expect(unsealer.open(sealed, providerKeyContext({ ...account })).reveal()).toBe(SECRET.reveal());
  const swapped = [
    { name: "other" },
    { kind: "anthropic" },
    { baseUrl: "https://evil.example/v1" },
    { baseUrl: null },
    { options: { region: "x" } },
  ];
  for (const change of swapped) {
    expect(() => unsealer.open(sealed, providerKeyContext({ ...account, ...change }))).toThrow(UnsealError);
  }
});

interface Vector {
  tcId: number;
  comment: string;
  key: string;
  iv: string;
  aad: string;
  msg: string;
  ct: string;
  tag: string;
  result: "valid" | "invalid" | "acceptable";
}

// Test vectors of Wycheproof, from a folder beside the checkout that users do not have.
const VECTORS = join(import.meta.dir, "../../../shared/data/vectors/wycheproof/aes_gcm_test.json");
const found = present({
  name: "Wycheproof vectors",
  found: existsSync(VECTORS),
  how: "AES-GCM vectors in ../shared/data/vectors",
});

describe.skipIf(!found)("Wycheproof, AES-256-GCM with 96-bit nonces and 128-bit tags", () => {
  const groups = found ? (JSON.parse(readFileSync(VECTORS, "utf8")) as { testGroups: Group[] }).testGroups : [];
  interface Group {
    keySize: number;
    ivSize: number;
    tagSize: number;
    tests: Vector[];
  }
  const vectors = groups
    .filter((group) => group.keySize === 256 && group.ivSize === 96 && group.tagSize === 128)
    .flatMap((group) => group.tests);
  const bytes = (hex: string) => Buffer.from(hex, "hex");

  test("there are vectors", () => expect(vectors.length).toBeGreaterThan(50));

  for (const vector of vectors) {
    test(`${vector.tcId} ${vector.comment} is ${vector.result}`, () => {
      const [key, iv, aad] = [bytes(vector.key), bytes(vector.iv), bytes(vector.aad)];
      const sealed = Buffer.concat([bytes(vector.ct), bytes(vector.tag)]);
      const opened = decrypt(key, iv, aad, sealed);
      expect(opened?.toString("hex")).toBe(vector.result === "valid" ? vector.msg : undefined);
      if (vector.result === "valid")
        expect(encrypt(key, iv, aad, bytes(vector.msg)).toString("hex")).toBe(sealed.toString("hex"));
    });
  }
});

test("whether a key opens can be asked without being told what is in it", () => {
  const [mine, other] = [new Uint8Array(32).fill(1), new Uint8Array(32).fill(2)];
  const sealed = createSealer(mine, (count) => new Uint8Array(count).fill(3)).seal(new Secret("sk-1"), "here");
  expect(canOpen(mine, sealed, "here")).toBe(true);
  expect(canOpen(other, sealed, "here")).toBe(false);
  expect(canOpen(mine, sealed, "there")).toBe(false);
  expect(canOpen(mine, "no ciphertext", "here")).toBe(false);
});
