import { describe, expect, test } from "bun:test";
import { inspect } from "node:util";
import { parseDatabaseUrl, parseRedisUrl } from "./shared-store.ts";

describe("DATABASE_URL", () => {
  test("says where the database is", () => {
    const { password, ...address } = parseDatabaseUrl(
      "postgres://gate:p%40ss%2Fword@db.internal:6432/main?sslmode=verify-full&sslrootcert=/etc/ca.pem",
    );
    expect(address).toEqual({
      host: "db.internal",
      port: 6432,
      user: "gate",
      database: "main",
      tls: "verified",
      rootCertificate: "/etc/ca.pem",
      shown: "postgres://gate@db.internal:6432/main?sslmode=verify-full&sslrootcert=/etc/ca.pem",
      exposed: false,
    });
    expect(password?.reveal()).toBe("p@ss/word");
  });

  const rows: [string, string, object][] = [
    ["the usual port", "postgres://u@db/d", { port: 5432, password: undefined }],
    ["the other scheme", "postgresql://u@db/d", { host: "db", database: "d" }],
    ["an IPv6 address", "postgres://u@[::1]:1/d", { host: "::1", exposed: false }],
    ["a Unix socket", "postgres://u@localhost/d?host=/run/postgresql", { host: "/run/postgresql", exposed: false }],
    ["a percent-encoded user", "postgres://a%20b@db/d", { user: "a b" }],
    ["a network without TLS", "postgres://u@db/d", { tls: "off", exposed: true }],
    ["TLS that is refused", "postgres://u@db/d?sslmode=disable", { tls: "off", exposed: true }],
    ["a certificate that nobody checks", "postgres://u@db/d?sslmode=no-verify", { tls: "unverified", exposed: false }],
    ["a certificate that is asked for", "postgres://u@db/d?sslmode=require", { tls: "verified", exposed: false }],
    ["this machine without TLS", "postgres://u@127.0.0.1/d", { exposed: false }],
  ];
  for (const [what, url, expected] of rows) {
    test(`takes ${what}`, () => expect(parseDatabaseUrl(url)).toMatchObject(expected));
  }

  const refused: [string, string, RegExp][] = [
    ["no URL", "db.internal", /must be a URL of the form postgres:/],
    ["another protocol", "mysql://u@db/d", /must be a URL of the form postgres:/],
    ["no host", "postgres://u@/d", /must name a host|must be a URL/],
    ["no user", "postgres://db/d", /must name a user/],
    ["no database", "postgres://u@db", /must name one database/],
    ["two databases", "postgres://u@db/a/b", /must name one database/],
    ["a password with a bare #", "postgres://u:pa#ss@db/d", /%23|must be a URL/],
    ["a password with a bare %", "postgres://u:pa%ss@db/d", /hexadecimal/],
    [
      "an unknown sslmode",
      "postgres://u@db/d?sslmode=prefer",
      /one of disable, no-verify, require, verify-ca, verify-full/,
    ],
    ["an sslmode that every object has", "postgres://u@db/d?sslmode=constructor", /one of disable/],
    ["a misspelt parameter", "postgres://u@db/d?sslmod=disable", /did you mean "sslmode"/],
    ["a parameter twice", "postgres://u@db/d?sslmode=disable&sslmode=verify-full", /twice/],
    ["authorities without verification", "postgres://u@db/d?sslrootcert=/ca.pem", /sslmode=verify-full/],
    ["a line break", "postgres://u@db/d\n", /must be a URL/],
  ];
  for (const [what, url, message] of refused) {
    test(`refuses ${what}`, () => expect(() => parseDatabaseUrl(url)).toThrow(message));
  }
});

describe("REDIS_URL", () => {
  const rows: [string, string, object][] = [
    ["a password", "redis://:pw@db:1/2", { shown: "redis://db:1/2", exposed: true }],
    ["TLS", "rediss://u:pw@db", { shown: "rediss://u@db", exposed: false }],
    ["this machine", "redis://localhost:6379", { exposed: false }],
  ];
  for (const [what, url, expected] of rows) {
    test(`takes ${what}`, () => expect(parseRedisUrl(url)).toMatchObject(expected));
  }

  for (const url of ["db:6379", "http://db", "redis:///0", "redis://db/a", "redis://db?x=1"]) {
    test(`refuses ${url}`, () => expect(() => parseRedisUrl(url)).toThrow(/must|may|parameter/));
  }
});

test("what is shown, printed or told in a refusal has no password in it", () => {
  const told = [
    inspect(parseDatabaseUrl("postgres://u:hunter2@db/d"), { depth: 9 }),
    JSON.stringify(parseDatabaseUrl("postgres://u:hunter2@db/d")),
    inspect(parseRedisUrl("redis://:hunter2@db"), { depth: 9 }),
  ];
  const broken = [
    "postgres://u:hunter2@db",
    "postgres://:hunter2@db/d",
    "http://u:hunter2@db",
    "postgres://u:hunter2@db/d?hunter2=1",
  ];
  for (const url of broken) {
    for (const parse of [parseDatabaseUrl, parseRedisUrl]) {
      try {
        parse(url);
      } catch (error) {
        told.push(String(error));
      }
    }
  }
  expect(told).toHaveLength(11);
  expect(told.join("\n")).not.toContain("hunter2");
});
