import { describe, expect, test } from "bun:test";
import { isAddress, isHost, isWithin, parseCidr } from "./address.ts";

const within = (address: string, ...blocks: string[]) =>
  isWithin(
    address,
    blocks.map((block) => parseCidr(block)!),
  );

describe("an address counts in its usual spelling only", () => {
  test.each(["10.0.0.1", "0.0.0.0", "255.255.255.255", "::1", "2001:db8::1", "::ffff:10.0.0.1", "fe80::1"])(
    "%s",
    (text) => {
      expect(isAddress(text)).toBe(true);
    },
  );

  const odd = [
    "",
    "1",
    "10.1",
    "010.0.0.1",
    "0x7f.0.0.1",
    "0x7f000001",
    "2130706433",
    "256.1.1.1",
    "1.2.3.4.5",
    " 10.0.0.1",
    "10.0.0.1 ",
  ];
  const odder = [
    "10.0.0.1:80",
    "[::1]",
    "fe80::1%eth0",
    "::ffff:010.0.0.1",
    ":::",
    "1::2::3",
    "localhost",
    "10.0.0.0/8",
    "1\n",
  ];
  test.each([...odd, ...odder])("%j is none", (text) => {
    expect(isAddress(text)).toBe(false);
    expect(within(text, "0.0.0.0/0", "::/0")).toBe(false);
  });
});

describe("a block", () => {
  const rows: [string, string, boolean][] = [
    ["10.1.2.3", "10.0.0.0/8", true],
    ["11.1.2.3", "10.0.0.0/8", false],
    ["10.0.0.1", "10.0.0.1", true],
    ["10.0.0.2", "10.0.0.1", false],
    ["8.8.8.8", "0.0.0.0/0", true],
    ["2001:db8::9", "2001:db8::/32", true],
    ["2001:db9::9", "2001:db8::/32", false],
    ["::ffff:10.0.0.1", "10.0.0.0/8", true],
    ["::ffff:11.0.0.1", "10.0.0.0/8", false],
    ["10.0.0.1", "::/0", false],
    ["::1", "0.0.0.0/0", false],
  ];
  test.each(rows)("%s in %s: %p", (address, block, expected) => {
    expect(within(address, block)).toBe(expected);
  });

  test.each([
    "10.0.0.0/33",
    "::/129",
    "10.0.0.0/",
    "10.0.0.0/8/8",
    "10.0.0.0/-1",
    "10.0.0.0/8.0",
    "10.0.0.0/ 8",
    "010.0.0.0/8",
    "/8",
    "",
  ])("%j is no block", (text) => {
    expect(parseCidr(text)).toBeUndefined();
  });

  test("no block holds no address", () => {
    expect(isWithin("10.0.0.1", [])).toBe(false);
  });
});

describe("a Host header", () => {
  test.each(["a", "llm.example.com", "llm_1:8080", "127.0.0.1:1", "[::1]", "[2001:db8::1]:65535"])(
    "%j is one",
    (text) => {
      expect(isHost(text)).toBe(true);
    },
  );

  const odd = [
    "",
    "a b",
    "a,b",
    "a, a",
    "a/b",
    "a?b",
    "a#b",
    "u@a",
    "[",
    "[]",
    "[::1",
    "[1.2.3.4]",
    "::1",
    "a:",
    "a:x",
  ];
  test.each([...odd, "a:65536", "a:123456", "%61", "\u00e9", "a\n", "a;b", "a\\b"])("%j is none", (text) => {
    expect(isHost(text)).toBe(false);
  });
});
