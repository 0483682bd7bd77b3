import { describe, expect, test } from "bun:test";
import { inspect } from "node:util";
import { type Environment, readEnvironment, VARIABLES } from "./environment.ts";
import { ConfigurationError } from "./problem.ts";

const KEY = Buffer.from(Array.from({ length: 32 }, (_, i) => i * 7)).toString("base64");

function files(content: Record<string, string>): (path: string) => string {
  return (path) => {
    const text = content[path];
    if (text === undefined) throw new Error("no such file");
    return text;
  };
}

function read(env: Record<string, string>, content: Record<string, string> = {}): Environment {
  return readEnvironment(env, files(content));
}

function refusal(env: Record<string, string>, content: Record<string, string> = {}): string {
  try {
    read(env, content);
  } catch (error) {
    expect(error).toBeInstanceOf(ConfigurationError);
    return (error as ConfigurationError).message;
  }
  throw new Error("was not refused");
}

describe("the environment", () => {
  test("has working defaults when nothing is set", () => {
    expect(read({})).toEqual({
      listen: { host: "127.0.0.1", port: 8080 },
      adminListen: { host: "127.0.0.1", port: 8081 },
      dataDir: "./data",
      ledgerSync: "normal",
      configFile: undefined,
      adminToken: undefined,
      masterKey: undefined,
      tls: undefined,
      trustedProxies: [],
      insecureHttp: false,
      log: undefined,
      logLevel: "info",
      url: "http://127.0.0.1:8081",
      token: undefined,
      database: undefined,
      redis: undefined,
    });
  });

  test("cannot be changed once it is read", () => {
    expect(Object.isFrozen(read({}))).toBe(true);
    expect(Object.isFrozen(read({}).listen)).toBe(true);
  });

  const accepted: [string, Record<string, string>, Partial<Environment>][] = [
    ["an IPv6 listener", { SALLYPORT_LISTEN: "[::1]:9000" }, { listen: { host: "::1", port: 9000 } }],
    [
      "port 0",
      { SALLYPORT_LISTEN: "127.0.0.1:0", SALLYPORT_ADMIN_LISTEN: "127.0.0.1:0" },
      { listen: { host: "127.0.0.1", port: 0 } },
    ],
    ["localhost", { SALLYPORT_LISTEN: "localhost:80" }, { listen: { host: "localhost", port: 80 } }],
    [
      "an open listener when told so",
      { SALLYPORT_LISTEN: "0.0.0.0:80", SALLYPORT_INSECURE_HTTP: "1" },
      { insecureHttp: true },
    ],
    ["proxies", { SALLYPORT_TRUSTED_PROXIES: "10.0.0.0/8, ::1" }, { trustedProxies: ["10.0.0.0/8", "::1/128"] }],
    ["an empty variable as not set", { SALLYPORT_LOG_LEVEL: "", DATABASE_URL: "" }, { logLevel: "info" }],
    [
      "an admin URL, without its trailing slash",
      { SALLYPORT_URL: "https://gate.example/" },
      { url: "https://gate.example" },
    ],
    ["a ledger that waits for the disk", { SALLYPORT_LEDGER_SYNC: "full" }, { ledgerSync: "full" }],
    ["a log form", { SALLYPORT_LOG: "json", SALLYPORT_LOG_LEVEL: "debug" }, { log: "json", logLevel: "debug" }],
  ];
  for (const [what, env, expected] of accepted) {
    test(`accepts ${what}`, () => expect(read(env)).toMatchObject(expected));
  }

  const refused: [string, Record<string, string>, RegExp][] = [
    [
      "an unknown variable, with a suggestion",
      { SALLYPORT_LISTNE: "x" },
      /^SALLYPORT_LISTNE: is not a variable.*"SALLYPORT_LISTEN"/,
    ],
    [
      "a variable and its twin",
      { SALLYPORT_LOG: "json", SALLYPORT_LOG_FILE: "f" },
      /^SALLYPORT_LOG: .*SALLYPORT_LOG_FILE is set too/,
    ],
    ["a twin whose file is missing", { SALLYPORT_LOG_FILE: "f" }, /^SALLYPORT_LOG_FILE: names f, which cannot be read/],
    ["a listener without a port", { SALLYPORT_LISTEN: "127.0.0.1" }, /^SALLYPORT_LISTEN: must be address:port/],
    ["a listener without an address", { SALLYPORT_LISTEN: "8080" }, /^SALLYPORT_LISTEN: must name an address/],
    ["a port that is none", { SALLYPORT_LISTEN: "127.0.0.1:65536" }, /^SALLYPORT_LISTEN: .*65535/],
    ["an address that is none", { SALLYPORT_LISTEN: "127.0.0.256:1" }, /^SALLYPORT_LISTEN: .*no IPv4/],
    ["an address in brackets that is none", { SALLYPORT_LISTEN: "[::g]:1" }, /^SALLYPORT_LISTEN: .*no IPv6/],
    ["plain HTTP for the world", { SALLYPORT_LISTEN: "0.0.0.0:80" }, /^SALLYPORT_LISTEN: .*SALLYPORT_INSECURE_HTTP/],
    [
      "plain HTTP on IPv6 for the world",
      { SALLYPORT_ADMIN_LISTEN: "[::]:80" },
      /^SALLYPORT_ADMIN_LISTEN: .*SALLYPORT_INSECURE_HTTP/,
    ],
    [
      "one port for both listeners",
      { SALLYPORT_ADMIN_LISTEN: "127.0.0.1:8080" },
      /^SALLYPORT_ADMIN_LISTEN: must not be/,
    ],
    ["half of TLS", { SALLYPORT_TLS_CERT: "c.pem" }, /^SALLYPORT_TLS_KEY: is needed too, because SALLYPORT_TLS_CERT/],
    ["the other half of TLS", { SALLYPORT_TLS_KEY: "k.pem" }, /^SALLYPORT_TLS_CERT: is needed too/],
    [
      "a proxy that is no network",
      { SALLYPORT_TRUSTED_PROXIES: "10.0.0.0/33" },
      /^SALLYPORT_TRUSTED_PROXIES: must have a mask/,
    ],
    [
      "a proxy with bits beyond its mask",
      { SALLYPORT_TRUSTED_PROXIES: "10.1.0.0/8" },
      /10\.0\.0\.0\/8 is probably meant/,
    ],
    ["a switch that is neither", { SALLYPORT_INSECURE_HTTP: "yes" }, /^SALLYPORT_INSECURE_HTTP: must be 1 or 0/],
    [
      "a prototype's name as a switch",
      { SALLYPORT_INSECURE_HTTP: "__proto__" },
      /^SALLYPORT_INSECURE_HTTP: must be 1 or 0/,
    ],
    [
      "a log level that is none",
      { SALLYPORT_LOG_LEVEL: "inof" },
      /^SALLYPORT_LOG_LEVEL: must be one of.*did you mean "info"/,
    ],
    ["a URL with credentials", { SALLYPORT_URL: "http://a:b@c" }, /^SALLYPORT_URL: must be/],
    ["a short admin token", { SALLYPORT_ADMIN_TOKEN: "admin" }, /^SALLYPORT_ADMIN_TOKEN: .*16 characters/],
    ["an admin token of one letter", { SALLYPORT_ADMIN_TOKEN: "a".repeat(40) }, /^SALLYPORT_ADMIN_TOKEN: .*repeated/],
    [
      "an admin token that no header carries",
      { SALLYPORT_ADMIN_TOKEN: "token with some spaces" },
      /^SALLYPORT_ADMIN_TOKEN: /,
    ],
    ["a short master key", { SALLYPORT_MASTER_KEY: "AAEC" }, /^SALLYPORT_MASTER_KEY: .*32 bytes/],
    [
      "a master key of zeros",
      { SALLYPORT_MASTER_KEY: Buffer.alloc(32).toString("base64") },
      /^SALLYPORT_MASTER_KEY: must be random/,
    ],
    [
      "a database that is none",
      { DATABASE_URL: "mysql://u@db/d" },
      /^DATABASE_URL: must be a URL of the form postgres:/,
    ],
    ["counters without a ledger", { REDIS_URL: "redis://x" }, /^DATABASE_URL: is needed too, because REDIS_URL is set/],
  ];
  for (const [what, env, message] of refused) {
    test(`refuses ${what}`, () => expect(refusal(env)).toMatch(message));
  }

  test("tells every problem at once", () => {
    const message = refusal({ SALLYPORT_LISTEN: "x", SALLYPORT_LOG: "y", SALLYPORT_WHAT: "z" });
    expect(message.split("\n").map((line) => line.split(":")[0])).toEqual([
      "SALLYPORT_WHAT",
      "SALLYPORT_LISTEN",
      "SALLYPORT_LOG",
    ]);
  });

  test("never repeats a secret in a problem", () => {
    for (const name of VARIABLES.flatMap((row) => (row.secret ? row.name : []))) {
      expect(refusal({ [name]: "hunter two" })).not.toContain("hunter");
    }
  });

  test("holds secrets so that printing it shows none", () => {
    const environment = read({ SALLYPORT_MASTER_KEY: KEY, SALLYPORT_ADMIN_TOKEN: "correct-horse-battery" });
    expect(inspect(environment, { depth: 9 }) + JSON.stringify(environment)).not.toMatch(/horse|AAcO/);
    expect(environment.masterKey?.reveal()).toHaveLength(32);
    expect(environment.adminToken?.reveal()).toBe("correct-horse-battery");
  });

  test("takes every variable from the file that its twin names, without the last newline", () => {
    for (const row of VARIABLES.filter((row) => row.name !== "SALLYPORT_URL")) {
      const sample = SAMPLES[row.name];
      expect(sample, row.name).toBeDefined();
      const extra = /TLS_CERT/.test(row.name)
        ? { SALLYPORT_TLS_KEY: "k.pem" }
        : /TLS_KEY/.test(row.name)
          ? { SALLYPORT_TLS_CERT: "c.pem" }
          : row.name === "REDIS_URL"
            ? { DATABASE_URL: SAMPLES.DATABASE_URL! }
            : {};
      const viaFile = read({ ...extra, [`${row.name}_FILE`]: "/run/x" }, { "/run/x": `${sample}\n` });
      expect(JSON.stringify(viaFile), row.name).toBe(JSON.stringify(read({ ...extra, [row.name]: sample! })));
      expect(refusal({ [`${row.name}_FILE`]: "/run/x" }, { "/run/x": "\n" })).toContain(
        `${row.name}_FILE: names /run/x, which is empty`,
      );
    }
  });

  test("serves TLS from a path, from a file that holds the PEM, or from the PEM itself", () => {
    const pem = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----";
    expect(
      read({ SALLYPORT_TLS_CERT: "c.pem", SALLYPORT_TLS_KEY: "k.pem", SALLYPORT_LISTEN: "0.0.0.0:443" }).tls,
    ).toEqual({
      cert: { file: "c.pem" },
      key: { file: "k.pem" },
    });
    const viaTwin = read({ SALLYPORT_TLS_CERT_FILE: "c.pem", SALLYPORT_TLS_KEY: pem }, { "c.pem": pem });
    expect(viaTwin.tls?.cert).toEqual({ file: "c.pem" });
    expect(viaTwin.tls?.key).toHaveProperty("text");
  });

  test("does not judge listeners for a command that opens none", () => {
    const env = { SALLYPORT_LISTEN: "0.0.0.0:80" };
    expect(readEnvironment(env, files({}), { serving: false }).listen.port).toBe(80);
  });
});

const SAMPLES: Record<string, string> = {
  SALLYPORT_LISTEN: "127.0.0.1:9",
  SALLYPORT_ADMIN_LISTEN: "127.0.0.1:10",
  SALLYPORT_DATA_DIR: "/var/lib/sallyport",
  SALLYPORT_CONFIG: "sallyport.yaml",
  SALLYPORT_ADMIN_TOKEN: "correct-horse-battery",
  SALLYPORT_MASTER_KEY: KEY,
  SALLYPORT_TLS_CERT: "c.pem",
  SALLYPORT_TLS_KEY: "k.pem",
  SALLYPORT_TRUSTED_PROXIES: "10.0.0.0/8",
  SALLYPORT_INSECURE_HTTP: "1",
  SALLYPORT_LEDGER_SYNC: "full",
  SALLYPORT_LOG: "json",
  SALLYPORT_LOG_LEVEL: "warn",
  SALLYPORT_TOKEN: "some-admin-token",
  DATABASE_URL: "postgres://gate:letmein@db/main",
  REDIS_URL: "redis://:letmein@db:6379",
};
