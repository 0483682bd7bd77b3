import { describe, expect, test } from "bun:test";
import { formatListenAddress, isLoopback, isPrivateHost, parseListenAddress, parseNetwork } from "./network.ts";
import { Refusal } from "./problem.ts";

describe("a listen address", () => {
  for (const text of ["127.0.0.1:8080", "[::1]:0", "gate.example:443"]) {
    test(`${text} is written as it was read`, () => expect(formatListenAddress(parseListenAddress(text))).toBe(text));
  }
  for (const text of [
    "",
    ":",
    "::1:80",
    "[1.2.3.4]:80",
    "a b:80",
    "1.2.3:80",
    "h:-1",
    "h:999999",
    "0x7f.1:80",
    "h:80/x",
    "-h:1",
  ]) {
    test(`${JSON.stringify(text)} is refused`, () => expect(() => parseListenAddress(text)).toThrow(Refusal));
  }
});

test("only addresses of this machine are loopback", () => {
  const loopback = ["127.0.0.1", "127.9.9.9", "::1", "localhost", "LOCALHOST", "::ffff:127.0.0.1"];
  const reachable = ["0.0.0.0", "::", "10.0.0.1", "gate.example", "localhost.example"];
  expect(loopback.filter((host) => !isLoopback(host))).toEqual([]);
  expect(reachable.filter(isLoopback)).toEqual([]);
});

test("private hosts are known by their form", () => {
  const privates = [
    "127.0.0.1",
    "10.1.2.3",
    "[::1]",
    "fd00::1",
    "169.254.1.1",
    "localhost",
    "ollama",
    "llm.internal",
    "nas.local",
  ];
  const publics = ["api.openai.com", "8.8.8.8", "[2606:4700::1]", "internal.example"];
  expect(privates.filter((host) => !isPrivateHost(host))).toEqual([]);
  expect(publics.filter(isPrivateHost)).toEqual([]);
});

describe("a network", () => {
  const canonical: [string, string][] = [
    ["10.0.0.0/8", "10.0.0.0/8"],
    ["192.0.2.1", "192.0.2.1/32"],
    ["0.0.0.0/0", "0.0.0.0/0"],
    ["2001:DB8::/32", "2001:db8::/32"],
    ["::1", "::1/128"],
  ];
  for (const [text, expected] of canonical)
    test(`${text} is ${expected}`, () => expect(parseNetwork(text)).toBe(expected));
  for (const text of [
    "",
    "10.0.0.0/",
    "10.0.0.0/33",
    "10.0.0/8",
    "10/8",
    "::/129",
    "x",
    "1.2.3.4/8/8",
    "fe80::1%eth0",
    "::ffff:10.0.0.0/104",
    "010.0.0.1",
    "10.0.0.1/8",
  ]) {
    test(`${JSON.stringify(text)} is refused`, () => expect(() => parseNetwork(text)).toThrow(Refusal));
  }
});
