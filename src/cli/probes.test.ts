import { afterAll, expect, test } from "bun:test";
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { readEnvironment } from "../config/environment.ts";
import { GatewayError } from "../errors.ts";
import type { UpstreamCall } from "../ports/upstream.ts";
import { ADAPTERS } from "../providers/adapters.ts";
import { createProbes, type ProbeParts } from "./probes.ts";

const root = mkdtempSync(join(tmpdir(), "sallyport-probes-"));
afterAll(() => rmSync(root, { recursive: true }));
const KEY = Buffer.from(Array.from({ length: 32 }, (_, i) => i)).toString("base64");

function probes(overrides: Partial<ProbeParts> = {}) {
  return createProbes({
    clock: { now: () => 0, ticks: () => 0 },
    bun: { running: "1.4.5", pinned: "1.4.5" },
    masterKeyFile: "master.key",
    inspectDirectory: () => undefined,
    inspectLedger: () => undefined,
    inspectShared: () => Promise.reject(new Error("no database here")),
    inspectLock: () => ({ held: false, pid: null }),
    opens: () => true,
    masterKeySetting: "master-key-fingerprint",
    fingerprint: (key) => Buffer.from(key.reveal()).toString("hex"),
    env: {},
    readFile: (path) => readFileSync(path, "utf8"),
    kinds: ADAPTERS,
    upstream: { send: () => Promise.reject(new Error("not in this test")) },
    ...overrides,
  });
}

const environmentOf = (dataDir: string, rest: Record<string, string> = {}) =>
  readEnvironment({ SALLYPORT_DATA_DIR: dataDir, ...rest }, () => "");

test("a folder is told with mode, owner and free space; one that is not there with whether it could be", () => {
  const folder = join(root, "data");
  mkdirSync(folder);
  chmodSync(folder, 0o750);
  expect(probes().folder(folder)).toMatchObject({
    exists: true,
    isFolder: true,
    mode: 0o750,
    owner: process.getuid?.(),
    writable: true,
    freeBytes: expect.any(Number),
  });
  expect(probes().folder(join(root, "not", "yet"))).toMatchObject({
    exists: false,
    couldBeMade: true,
    freeBytes: expect.any(Number),
  });
  writeFileSync(join(root, "file"), "");
  expect(probes().folder(join(root, "file"))).toMatchObject({ exists: true, isFolder: false });
});

test("the master key is looked for where it was said to be, and its content is judged", () => {
  const folder = join(root, "key");
  mkdirSync(folder);
  const path = join(folder, "master.key");
  expect(probes().masterKey(environmentOf(folder))).toMatchObject({ source: "file", path, file: { exists: false } });
  writeFileSync(path, `${KEY}\n`, { mode: 0o600 });
  expect(probes().masterKey(environmentOf(folder))).toMatchObject({
    file: { exists: true, mode: 0o600, readable: true },
    fault: null,
  });
  writeFileSync(path, "short");
  expect(probes().masterKey(environmentOf(folder))).toMatchObject({ fault: expect.stringContaining("32 bytes") });
  expect(probes().masterKey(environmentOf(folder, { SALLYPORT_MASTER_KEY: KEY }))).toEqual({ source: "environment" });
});

test("sealed keys are tried with the key of the environment, or else with that of the file", () => {
  const folder = join(root, "opens");
  mkdirSync(folder);
  const other = Buffer.from(Array.from({ length: 32 }, (_, i) => 255 - i)).toString("base64");
  writeFileSync(join(folder, "master.key"), KEY);
  const tried: string[] = [];
  const looking = probes({
    opens: (key) => {
      tried.push(Buffer.from(key.reveal()).toString("base64"));
      return false;
    },
  });
  const account = {
    name: "up",
    kind: "openai",
    baseUrl: null,
    options: {},
    sealedKey: "x",
    allowPrivateNetwork: false,
  };
  expect(looking.opens(environmentOf(folder), account)).toBe(false);
  looking.opens(environmentOf(folder, { SALLYPORT_MASTER_KEY: other }), account);
  expect(tried).toEqual([KEY, other]);
});

test("a database is looked at once, with the permissions of its file", () => {
  const folder = join(root, "store");
  mkdirSync(folder);
  writeFileSync(join(folder, "directory.db"), "", { mode: 0o640 });
  let looks = 0;
  const looking = probes({
    inspectDirectory: (path) => {
      looks++;
      return { path, faults: [], schema: { applied: 1, known: 1 }, latestAt: null, providers: [], settings: {} };
    },
  });
  expect(looking.directory(folder)?.file.mode).toBe(0o640);
  expect(looking.directory(folder)?.path).toBe(join(folder, "directory.db"));
  expect(looks).toBe(1);
  expect(looking.ledger(folder)).toBeUndefined();
});

const account = {
  name: "up",
  kind: "openai",
  baseUrl: "https://api.example/v1",
  options: {},
  sealedKey: "sealed",
  allowPrivateNetwork: true,
};

test("a provider is reached without its key, and any status will do", async () => {
  const calls: UpstreamCall[] = [];
  let discarded = 0;
  const looking = probes({
    upstream: {
      send: async (call) => {
        calls.push(call);
        return {
          status: 401,
          header: (name) => (name === "date" ? "Sun, 22 Nov 2026 12:00:00 GMT" : null),
          chunks: () => {
            throw new Error("the body is not read");
          },
          bytes: () => Promise.reject(new Error("the body is not read")),
          discard: () => {
            discarded++;
          },
        };
      },
    },
  });
  expect(await looking.reach(account)).toEqual({ reached: true, status: 401, farClock: Date.UTC(2026, 10, 22, 12) });
  expect(discarded).toBe(1);
  expect(calls).toMatchObject([{ baseUrl: "https://api.example/v1", allowPrivateNetwork: true }]);
  expect(Object.keys(calls[0]!.headers)).toEqual(["content-type"]);
});

test("a provider that is not reached says why", async () => {
  const failing = (thrown: unknown) => probes({ upstream: { send: () => Promise.reject(thrown) } }).reach(account);
  const blocked = new GatewayError("upstream_blocked", "The address may not be called.", {
    internal: "10.0.0.1 is private",
  });
  expect(await failing(blocked)).toEqual({
    reached: false,
    why: "The address may not be called. (10.0.0.1 is private)",
  });
  expect(await failing(new DOMException("x", "TimeoutError"))).toEqual({ reached: false, why: "no answer within 5 s" });
  const homeless = { ...account, kind: "openai-compatible", baseUrl: null };
  expect(await probes({ kinds: [] }).reach(homeless)).toEqual({ reached: false, why: "the account has no address" });
});

test("the limit of open files is a number that the shell tells", () => {
  expect(probes().openFiles()).toBeGreaterThan(3);
});

test("a master key belongs to the installation that remembers it", () => {
  const looking = probes();
  const surroundings = environmentOf(join(root, "none"), { SALLYPORT_MASTER_KEY: KEY });
  const remembering = (settings: Record<string, string>) => ({
    path: "directory.db",
    file: { exists: true, mode: 0o600, owner: 0, readable: true },
    faults: [],
    schema: { applied: 1, known: 1 },
    latestAt: null,
    providers: [],
    settings,
  });
  const own = Buffer.from(KEY, "base64").toString("hex");
  expect(looking.masterKeyBelongs(surroundings, remembering({ "master-key-fingerprint": own }))).toBe(true);
  expect(looking.masterKeyBelongs(surroundings, remembering({ "master-key-fingerprint": "other" }))).toBe(false);
  expect(looking.masterKeyBelongs(surroundings, remembering({}))).toBeNull();
});

test("a configuration file is checked in full, with its secrets or without", () => {
  const file = join(root, "sallyport.yaml");
  const text = "version: 1\nproviders:\n  - { name: up, kind: openai, apiKey: { env: UP_KEY } }\n";
  writeFileSync(file, text);
  expect(probes({ env: { UP_KEY: "sk-some-key-of-a-provider" } }).configuration(file, true).problems).toEqual([]);
  const [problem, ...rest] = probes().configuration(file, true).problems;
  expect(rest).toEqual([]);
  expect(problem).toMatchObject({
    where: expect.stringContaining(`${file}:3:`),
    message: expect.stringContaining("UP_KEY"),
  });
  expect(probes().configuration(file, false)).toEqual({ problems: [], warnings: [] });
  writeFileSync(file, "version: 1\nplan: []\n");
  expect(probes().configuration(file, false).problems).toMatchObject([
    { where: expect.stringContaining(`${file}:2:`) },
  ]);
  expect(probes().configuration(join(root, "none.yaml"), true).problems).toMatchObject([
    { message: expect.stringContaining("cannot be read") },
  ]);
});
