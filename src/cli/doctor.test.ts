import { expect, test } from "bun:test";
import { NOW } from "../../test/support/admin-plane.ts";
import { cli, healthyProbes } from "../../test/support/cli.ts";
import type { DatabaseAddress } from "../config/shared-store.ts";
import { DAY } from "../kernel/clock.ts";
import type { Finding } from "./doctor.ts";
import { CHECKS } from "./doctor-checks.ts";
import { readPatient } from "./doctor-finding.ts";
import { octal } from "./doctor-store-checks.ts";
import type { DirectoryFacts, LedgerFacts, Probes, SharedFacts } from "./probe.ts";

type Env = Record<string, string>;

async function findings(probes: Partial<Probes> = {}, env: Env = {}, flags: string[] = []) {
  const { exit, stdout } = await cli(["doctor", "--json", ...flags], {
    env,
    probes: async () => healthyProbes(probes),
  });
  const report = JSON.parse(stdout) as { healthy: boolean; findings: Finding[] };
  return { exit, ...report, of: (check: string) => report.findings.filter((finding) => finding.check === check) };
}

const healthy = healthyProbes();
const directory = (rest: Partial<DirectoryFacts>) => ({ directory: () => ({ ...healthy.directory("x")!, ...rest }) });
const ledger = (rest: Partial<LedgerFacts>) => ({ ledger: () => ({ ...healthy.ledger("x")!, ...rest }) });
const folder = (rest: object) => ({ folder: () => ({ ...healthy.folder("x"), ...rest }) });
const file = { exists: true, mode: 0o600, owner: 1000, readable: true };
const TLS = { SALLYPORT_TLS_CERT: "c.pem", SALLYPORT_TLS_KEY: "k.pem" };
const shared = (rest: Partial<SharedFacts>) => ({
  shared: async () => ({ ...(await healthy.shared({} as DatabaseAddress)), ...rest }),
});
const SHARED = { DATABASE_URL: "postgres://u:hunter2@127.0.0.1/main" };
const store = { schema: { applied: 1, known: 1 }, latestAt: null, providers: [], settings: {} };
const held = () => ({ held: true, pid: 4711 });

test("0: where all is well every row is ok and nothing is to be mended", async () => {
  const report = await findings();
  expect(report.exit).toBe(0);
  expect(report.healthy).toBe(true);
  expect(report.findings.filter(({ state, mend }) => state !== "ok" || mend !== null)).toEqual([]);
});

test("0: before the first start there is nothing to complain about", async () => {
  const report = await findings({
    ...folder({ exists: false, isFolder: false, writable: false, couldBeMade: true }),
    masterKey: () => ({
      source: "file",
      path: "data/master.key",
      file: { ...file, exists: false, readable: false },
      fault: null,
    }),
    directory: () => undefined,
    ledger: () => undefined,
  });
  expect(report.exit).toBe(0);
  expect(report.findings.filter(({ state }) => state === "problem")).toEqual([]);
});

/** check, what is so, how it is judged, what is said, what is advised */
const ROWS: [string, string, Partial<Probes>, Env, "warning" | "problem", RegExp, RegExp][] = [
  ["runtime", "another Bun than the pinned one", { bun: () => ({ running: "1.3.0", pinned: "1.4.5" }) }, {}, "warning", /1\.3\.0, but 1\.4\.5/, /npm ci/],
  ["runtime", "no package.json", { bun: () => ({ running: "1.4.5", pinned: null }) }, {}, "warning", /no package\.json/, /bin\/sallyport/],
  ["environment", "a mistyped variable", {}, { SALLYPORT_LISTN: "x" }, "problem", /SALLYPORT_LISTN: is not a variable.*SALLYPORT_LISTEN/, /unset/],
  ["environment", "a malformed value", {}, { SALLYPORT_LISTEN: "8080" }, "problem", /SALLYPORT_LISTEN: must name an address/, /Correct/],
  ["environment", "plain HTTP for everybody", {}, { SALLYPORT_LISTEN: "0.0.0.0:8080" }, "problem", /plain HTTP/, /Correct/],
  ["data folder", "no folder, and no way of making it", folder({ exists: false }), {}, "problem", /cannot be made/, /SALLYPORT_DATA_DIR/],
  ["data folder", "a file in its place", folder({ isFolder: false }), {}, "problem", /no folder/, /SALLYPORT_DATA_DIR/],
  ["data folder", "another owner", { user: () => 0 }, {}, "warning", /belongs to user 1000, and this is user 0/, /chown/],
  ["data folder", "read-only", folder({ writable: false }), {}, "problem", /cannot be written/, /chown/],
  ["data folder", "open to others", folder({ mode: 0o755 }), {}, "warning", /mode 0755/, /chmod 0700/],
  ["disk", "a full disk", folder({ freeBytes: 50 * 1024 ** 2 }), {}, "problem", /50 MB free/, /Make room/],
  ["disk", "a disk that fills", folder({ freeBytes: 500 * 1024 ** 2 }), {}, "warning", /500 MB free/, /Make room/],
  ["master key", "a missing key over a store in use", { masterKey: () => ({ source: "file", path: "m", file: { ...file, exists: false }, fault: null }) }, {}, "problem", /m is missing/, /backup/],
  ["master key", "an unreadable key", { masterKey: () => ({ source: "file", path: "m", file: { ...file, readable: false }, fault: null }) }, {}, "problem", /cannot be read/, /owner/],
  ["master key", "a key that is none", { masterKey: () => ({ source: "file", path: "m", file, fault: "must be base64" }) }, {}, "problem", /m must be base64/, /do not make a new one/],
  ["master key", "a key that others can read", { masterKey: () => ({ source: "file", path: "m", file: { ...file, mode: 0o644 }, fault: null }) }, {}, "problem", /mode 0644/, /chmod 0600 m/],
  ["master key", "another key than the first one", { masterKeyBelongs: () => false }, {}, "problem", /not the master key with which/, /first one/],
  ["database", "nobody there", { shared: () => Promise.reject(new Error("ECONNREFUSED")) }, SHARED, "problem", /u@127\.0\.0\.1\/main cannot be used: ECONNREFUSED/, /DATABASE_URL/],
  ["database", "a standby", shared({ standby: true }), SHARED, "problem", /is a standby/, /primary/],
  ["database", "no right to begin", shared({ mayBegin: false }), SHARED, "problem", /may make none/, /GRANT CREATE/],
  ["database", "a newer schema", shared({ directory: { ...store, schema: { applied: 9, known: 1 } } }), SHARED, "problem", /schema 9, and this version knows 1/, /later one/],
  ["database", "a clock that differs", shared({ farClock: NOW - 120_000 }), SHARED, "warning", /differ by 120 s/, /NTP/],
  ["database", "no encryption", {}, { DATABASE_URL: "postgres://u@db.internal/main" }, "warning", /without encryption/, /verify-full/],
  ["master key", "another one than the nodes have", { ...shared({ directory: store }), masterKeyBelongs: () => false }, SHARED, "problem", /not the master key/, /first one/],
  ["provider keys", "one that is shut in the shared store", { ...shared({ directory: { ...store, providers: healthy.directory("x")!.providers } }), opens: () => false }, SHARED, "problem", /does not open the key of up/, /anew/],
  ["directory", "damage", directory({ faults: ["row 3 missing from index"] }), {}, "problem", /damaged: row 3/, /backup/],
  ["directory", "a newer schema", directory({ schema: { applied: 9, known: 1 } }), {}, "problem", /schema 9, and this version knows 1/, /later one/],
  ["directory", "a file open to others", directory({ file: { ...file, mode: 0o644 } }), {}, "warning", /mode 0644/, /chmod 0600/],
  ["ledger", "damage", ledger({ faults: ["file is not a database"] }), {}, "problem", /not a database/, /backup/],
  ["ledger", "Holds of a gateway that died", ledger({ openHolds: 3 }), {}, "warning", /3 calls are admitted and not charged/, /recovered/],
  ["provider keys", "a key sealed under another master key", { opens: () => false }, {}, "problem", /does not open the key of up/, /sealed/],
  ["configuration", "a file with a fault", { configuration: () => ({ problems: [{ where: "s.yaml:3:5: plans", message: "must be a list" }], warnings: [] }) }, { SALLYPORT_CONFIG: "s.yaml" }, "problem", /s\.yaml:3:5: plans: must be a list/, /config validate/],
  ["configuration", "a file with a doubt", { configuration: () => ({ problems: [], warnings: [{ where: "s.yaml:3:5: apis", message: "unknown parameter" }] }) }, { SALLYPORT_CONFIG: "s.yaml" }, "warning", /s\.yaml:3:5: apis: unknown parameter/, /Correct the file/],
  ["gateway port", "another program", { port: async () => ({ state: "other", program: "nginx (process 12)" }) }, {}, "problem", /127\.0\.0\.1:8080 is in use by nginx \(process 12\)/, /SALLYPORT_LISTEN/],
  ["admin port", "a program that the system does not name", { port: async () => ({ state: "other", program: null }) }, {}, "problem", /127\.0\.0\.1:8081 is in use by another program/, /SALLYPORT_ADMIN_LISTEN/],
  ["admin port", "another Sallyport", { port: async () => ({ state: "sallyport", ready: true, detail: "ready" }) }, {}, "problem", /Sallyport with another data folder/, /another port/],
  ["gateway port", "a port that this user may not have", { port: async () => ({ state: "forbidden", why: "EACCES" }) }, {}, "problem", /EACCES/, /1023/],
  ["gateway port", "a running gateway that does not answer here", { lock: held }, {}, "warning", /nothing answers at/, /elsewhere/],
  ["gateway port", "a gateway that is not ready", { lock: held, port: async () => ({ state: "sallyport", ready: false, detail: "not ready: draining" }) }, {}, "warning", /not ready: draining/, /log/],
  ["tls", "plain HTTP on every address", {}, { SALLYPORT_INSECURE_HTTP: "1" }, "warning", /plain HTTP/, /TLS/],
  ["tls", "a pair that does not match", { certificate: () => ({ ...healthy.certificate({ file: "c" }, { file: "k" }), fault: "the private key does not belong to the certificate" }) }, TLS, "problem", /does not belong/, /SALLYPORT_TLS_KEY/],
  ["tls", "an ended certificate", { certificate: () => ({ fault: null, notBefore: 0, notAfter: NOW, names: "DNS:x" }) }, TLS, "problem", /ended on 2026-11-22/, /Renew/],
  ["tls", "a certificate that is not valid yet", { certificate: () => ({ fault: null, notBefore: NOW + 1, notAfter: NOW + DAY, names: "DNS:x" }) }, TLS, "problem", /not valid before/, /clock/],
  ["tls", "a certificate that ends soon", { certificate: () => ({ fault: null, notBefore: 0, notAfter: NOW + 10 * DAY, names: "DNS:x" }) }, TLS, "warning", /in 10 days/, /Renew/],
  ["providers", "the demo only", directory({ providers: [] }), {}, "warning", /but the demo/, /OPENAI_API_KEY/],
  ["clock", "a clock that was never set", { now: () => 0 }, {}, "problem", /1970/, /NTP/],
  ["clock", "a clock that was set back", { now: () => NOW - 3_600_000 }, {}, "warning", /set back/, /NTP/],
  ["open files", "a low limit", { openFiles: () => 1_024 }, {}, "warning", /about 480 open calls/, /ulimit -n/],
]; // biome-ignore format: a table

for (const [check, when, probes, env, state, what, mend] of ROWS) {
  test(`${check}: ${when} is a ${state}, and how to mend it is said`, async () => {
    const report = await findings(probes, env);
    expect(report.of(check)).toContainEqual({
      check,
      state,
      what: expect.stringMatching(what),
      mend: expect.stringMatching(mend),
    });
    expect(report.exit).toBe(report.findings.some((finding) => finding.state === "problem") ? 1 : 0);
    if (state === "problem") expect(report.exit).toBe(1);
  });
}

test("0: with the gateway running, its lock, its ports and its open calls are as they should be", async () => {
  const report = await findings({
    lock: held,
    port: async () => ({ state: "sallyport", ready: true, detail: "ready" }),
    ...ledger({ openHolds: 2 }),
  });
  expect(report.findings.filter(({ state }) => state !== "ok")).toEqual([]);
  expect(report.of("gateway")[0]?.what).toContain("process 4711");
  expect(report.of("ledger")[1]?.what).toBe("2 calls are under way");
});

test("one wrong variable does not blind the other checks", async () => {
  const seen: string[] = [];
  const report = await findings(
    {
      folder: (path) => {
        seen.push(path);
        return healthy.folder(path);
      },
    },
    { SALLYPORT_LISTEN: "nonsense", SALLYPORT_DATA_DIR: "elsewhere", SALLYPORT_TLS_CERT: "only-one.pem" },
  );
  expect(report.of("environment").every(({ state }) => state === "problem")).toBe(true);
  expect(new Set(seen)).toEqual(new Set(["elsewhere"]));
});

test("a check that cannot be made is a warning, and the others are made", async () => {
  const report = await findings({
    lock: () => {
      throw new Error("unable to open database file");
    },
  });
  expect(report.of("gateway")).toEqual([
    {
      check: "gateway",
      state: "warning",
      what: "could not be checked: unable to open database file",
      mend: expect.stringContaining("as the user"),
    },
  ]);
  expect(report.of("open files")[0]?.state).toBe("ok");
});

test("providers are called only when asked to, and each has its row", async () => {
  let calls = 0;
  const reach = async () => {
    calls++;
    return { reached: true as const, status: 401, farClock: NOW + 2_000 };
  };
  await findings({ reach });
  expect(calls).toBe(0);
  const online = await findings({ reach }, {}, ["--online"]);
  expect(calls).toBe(1);
  expect(online.of("providers")).toMatchObject([{ state: "ok", what: "up answers (status 401, without a key)" }]);
});

test("1: online, a provider that cannot be reached is a problem; a clock that differs is a warning", async () => {
  const away = await findings({ reach: async () => ({ reached: false, why: "ConnectionRefused" }) }, {}, ["--online"]);
  expect(away).toMatchObject({ exit: 1 });
  expect(away.of("providers")[0]?.what).toContain("ConnectionRefused");
  const late = await findings({ reach: async () => ({ reached: true, status: 200, farClock: NOW - 600_000 }) }, {}, [
    "--online",
  ]);
  expect(late).toMatchObject({ exit: 0 });
  expect(late.of("providers")[0]).toMatchObject({ state: "warning", what: expect.stringContaining("differ by 600 s") });
});

test("the text says the state, the check, what is wrong and how to mend it, and a verdict", async () => {
  const probes = healthyProbes({ openFiles: () => 1_024, opens: () => false });
  const { exit, stdout } = await cli(["doctor"], { env: {}, probes: async () => probes });
  expect(exit).toBe(1);
  expect(stdout).toContain("PROBLEM  provider keys");
  expect(stdout).toMatch(/\n +→ Start with the master key/);
  expect(stdout).toEndWith("\n1 problem, 1 warning.\n");
  expect(stdout).not.toContain("\u001b");
  expect((await cli(["doctor"], { env: {}, colour: true })).stdout).toContain("\u001b[32mok");
  expect((await cli(["doctor"], { env: {} })).stdout).toEndWith("\nNothing is wrong.\n");
});

test("every check has its row in the report, in order", async () => {
  const report = await findings();
  expect([...new Set(report.findings.map(({ check }) => check))]).toEqual(CHECKS.map(({ name }) => name));
});

test("variables that are wrong are left out one by one, and the sound ones stay", () => {
  const env = { SALLYPORT_LISTEN: "127.0.0.1:1", SALLYPORT_ADMIN_LISTEN: "x", SALLYPORT_LOG_LEVEL: "loud", HOME: "y" };
  const patient = readPatient(env, () => "", healthy, false);
  expect(patient.problems.map(({ where }) => where)).toEqual(["SALLYPORT_ADMIN_LISTEN", "SALLYPORT_LOG_LEVEL"]);
  expect(patient.environment).toMatchObject({ listen: { port: 1 }, adminListen: { port: 8081 }, logLevel: "info" });
  expect(patient.variables).toBe(3);
});

test("permissions are written as chmod takes them", () => {
  expect([octal(0o100600), octal(0o40755), octal(0)]).toEqual(["0600", "0755", "00"]);
});

test("a shared database is told once, without its password, and the files of an embedded one are not asked", async () => {
  const asked = { directory: () => Promise.reject(new Error("asked")) as never };
  const report = await findings({ ...asked, ...shared({ directory: store }) }, SHARED);
  expect(report.of("database")).toMatchObject([
    { state: "ok", what: "PostgreSQL 15.18 at postgres://u@127.0.0.1/main, schema 1" },
  ]);
  expect(report.of("directory")).toMatchObject([{ state: "ok", what: "in the shared database" }]);
  expect(JSON.stringify(report)).not.toContain("hunter2");
});
