import { expect, test } from "bun:test";
import { GatewayError } from "../errors.ts";
import type { Actor } from "../ports/administration.ts";
import { actorMay, authenticate, tokenDigest, tokenVerifier } from "./authenticate.ts";

const PEPPER = new Uint8Array(32).fill(1);
const TOKEN = "correct-horse!battery~staple";
const verify = tokenVerifier(PEPPER, tokenDigest(PEPPER, TOKEN));
const badTokens = {
  refuse: (address: string, message: string) => new GatewayError("invalid_credential", `${message} ${address}`),
};

function authenticateWith(headers: [string, string][]): Actor {
  return authenticate(new Request(`http://x/?access_token=${TOKEN}`, { headers }), "192.0.2.1", verify, badTokens);
}

test("the admin token is the bootstrap administrator, who may do everything", () => {
  const actor = authenticateWith([["authorization", `Bearer ${TOKEN}`]]);
  expect(actor).toEqual({ kind: "admin-token", id: "bootstrap" });
  expect(actorMay(actor, "key.create")).toBe(true);
  expect(authenticateWith([["authorization", `bearer  ${TOKEN}`]])).toEqual(actor);
});

test("401: no credential is told apart from a bad one; a token in the query is none", () => {
  expect(() => authenticateWith([])).toThrow(expect.objectContaining({ code: "missing_credential" }));
});

test.each([
  ["a longer text", `Bearer ${TOKEN}x`],
  ["a shorter text", `Bearer ${TOKEN.slice(0, -1)}`],
  ["another case", `Bearer ${TOKEN.toUpperCase()}`],
  ["no token", "Bearer"],
  ["SQL", "Bearer ' OR 1=1 --"],
  ["another scheme", `Basic ${TOKEN}`],
  ["no scheme", TOKEN],
  ["two in one header", `Bearer ${TOKEN}, Bearer ${TOKEN}`],
  ["two tokens", `Bearer ${TOKEN} ${TOKEN}`],
  ["the digest that the store keeps", `Bearer ${tokenDigest(PEPPER, TOKEN)}`],
  ["a token of 10,000 characters", `Bearer ${"a".repeat(10_000)}`],
])("401: %s", (_case, header) => {
  expect(() => authenticateWith([["authorization", header]])).toThrow(
    expect.objectContaining({ code: "invalid_credential" }),
  );
});

test("401: two Authorization headers, both right, are no credential", () => {
  const twice: [string, string][] = [
    ["authorization", `Bearer ${TOKEN}`],
    ["authorization", `Bearer ${TOKEN}`],
  ];
  expect(() => authenticateWith(twice)).toThrow(expect.objectContaining({ code: "invalid_credential" }));
});

test("a bad token is counted against the address that showed it", () => {
  expect(() => authenticateWith([["authorization", "Bearer wrong"]])).toThrow("192.0.2.1");
});

test("the gateway itself is no actor that may do anything over HTTP", () => {
  expect(actorMay({ kind: "system", id: "start" }, "status.read")).toBe(false);
});

test("a verifier of another pepper knows no token of this one", () => {
  const other = tokenVerifier(new Uint8Array(32).fill(2), tokenDigest(PEPPER, TOKEN));
  expect(other(TOKEN)).toBeUndefined();
});
