import { afterAll, describe, expect, test } from "bun:test";
import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { inspect } from "node:util";
import { Secret } from "../kernel/secret.ts";
import { type KeyringOptions, MasterKeyError, openKeyring } from "./keyring.ts";

const root = mkdtempSync(join(tmpdir(), "sallyport-keyring-"));
afterAll(() => rmSync(root, { recursive: true }));
let folders = 0;
function freshFile(): string {
  return join(mkdtempSync(join(root, `${folders++}-`)), "master.key");
}

const random = (count: number) => crypto.getRandomValues(new Uint8Array(count));
const open = (options: Partial<KeyringOptions>) =>
  openKeyring({ value: undefined, file: freshFile(), expected: undefined, random, ...options });

describe("the master key", () => {
  test("is made at the first start, for its owner only, and is the same ever after", () => {
    const file = freshFile();
    const first = open({ file });
    expect(first.created).toBe(true);
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(readFileSync(file, "utf8").trim()).toBe(Buffer.from(first.master.reveal()).toString("base64"));
    expect(readdirSync(join(file, ".."))).toEqual(["master.key"]);
    const second = open({ file, expected: first.fingerprint });
    expect(second.created).toBe(false);
    expect(second.derive("vault")).toEqual(first.derive("vault"));
  });

  test("of the environment stands before the file, and makes none", () => {
    const file = freshFile();
    const value = new Secret(random(32));
    expect(open({ file, value }).master).toBe(value);
    expect(readdirSync(join(file, ".."))).toEqual([]);
  });

  test("gives another key for every purpose", () => {
    const keyring = open({});
    expect(keyring.derive("vault")).not.toEqual(keyring.derive("keys"));
    expect(keyring.derive("vault")).toHaveLength(32);
  });

  test("is not printed", () => {
    const keyring = open({});
    const encoded = Buffer.from(keyring.master.reveal()).toString("base64");
    expect(inspect(keyring, { depth: 9 }) + JSON.stringify(keyring)).not.toContain(encoded.slice(0, 8));
  });

  test("is refused when it is not the one that the installation was made with", () => {
    const expected = open({}).fingerprint;
    expect(() => open({ value: new Secret(random(32)), expected })).toThrow(
      /SALLYPORT_MASTER_KEY is not the master key/,
    );
    const file = freshFile();
    open({ file });
    expect(() => open({ file, expected })).toThrow(MasterKeyError);
  });

  test("is not made anew when its file is missing later", () => {
    const file = freshFile();
    expect(() => open({ file, expected: "a fingerprint" })).toThrow(/is missing.*restore/);
    expect(readdirSync(join(file, ".."))).toEqual([]);
  });

  const files: [string, string, number, RegExp][] = [
    ["that others may read", `${Buffer.from(random(32)).toString("base64")}\n`, 0o640, /mode 0640.*chmod 600/],
    ["that is too short", `${Buffer.from(random(31)).toString("base64")}\n`, 0o600, /32 bytes/],
    ["that is too long", `${Buffer.from(random(33)).toString("base64")}\n`, 0o600, /32 bytes/],
    ["that is empty", "", 0o600, /32 bytes/],
    ["of zeros", Buffer.alloc(32).toString("base64"), 0o600, /random/],
  ];
  for (const [what, content, mode, message] of files) {
    test(`in a file ${what} is refused, and the file stays as it is`, () => {
      const file = freshFile();
      writeFileSync(file, content);
      chmodSync(file, mode);
      expect(() => open({ file })).toThrow(message);
      expect(readFileSync(file, "utf8")).toBe(content);
    });
  }

  test("that cannot be written stops the start", () => {
    expect(() => open({ file: join(root, "nowhere", "master.key") })).toThrow(/cannot be written/);
  });
});
