/** How the process starts (src/compose.ts, src/compose-installation.ts, with the stores of src/store/open.ts): in time, with the words of a first start once, or with a line that says what is in the way. */
import { Database } from "bun:sqlite";
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { chmodSync, cpSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { availableParallelism, loadavg } from "node:os";
import { join } from "node:path";
import type { JsonObject } from "../../src/kernel/json.ts";
import { selfSigned } from "../support/certificate.ts";
import { configuration, Installation, type RunOptions } from "../support/process.ts";

// Processes take their time on a machine that is busy with others.
setDefaultTimeout(60_000);

const UP = "http://127.0.0.1:9";

const places: Installation[] = [];
function place(config: JsonObject | null = null): Installation {
  const made = new Installation(config);
  places.push(made);
  return made;
}
afterAll(async () => {
  await Promise.all(places.map((each) => each.remove()));
});

/** From the start of the process to readiness, in milliseconds. */
const PROMISED_MS = 2_000;
/** A machine on which others are waiting too gives each its share only. */
const busy = () => Math.max(1, (2 * loadavg()[0]!) / availableParallelism());

/** Starts that must fail: what it says, and that it says it in time and with a bad exit code. */
async function refused(installation: Installation, options: RunOptions = {}): Promise<string> {
  const gateway = installation.spawn(options);
  const started = gateway.said("ready", 30_000).then(
    () => "it started",
    () => "it never was ready",
  );
  expect(await Promise.race([gateway.exited, started])).toBe(1);
  expect(gateway.stdout).toBe("");
  expect(gateway.stderr).toStartWith("sallyport serve: ");
  return gateway.stderr;
}

test("nothing of PostgreSQL is loaded where the store is embedded", () => {
  const script = `
    const loaded = () => Object.keys(require.cache).filter((file) => /node_modules.pg\\b/.test(file)).length;
    await import("./src/compose.ts");
    const before = loaded();
    await import("./src/store/postgres/shared.ts");
    console.log(before, loaded() > 0);`;
  const { stdout } = Bun.spawnSync([process.execPath, "-e", script], { cwd: join(import.meta.dir, "../..") });
  expect(stdout.toString()).toBe("0 true\n");
});

describe("a first start", () => {
  test("is ready in time, tells the newcomer everything once, and its curl command works", async () => {
    const installation = place();
    const first = await installation.start();
    console.log(`first start: ready after ${Math.round(first.readyMs)} ms`);
    expect(first.readyMs).toBeLessThan(PROMISED_MS * busy());
    expect(await (await fetch(`${first.url}/readyz`)).text()).toBe("ready\n");
    expect(await (await fetch(`${first.adminUrl}/readyz`)).text()).toBe("ready\n");

    const told = first.plain.join("\n");
    const token = /Admin token +(\S+)/.exec(told)![1]!;
    expect(told).toContain(first.adminUrl);
    const status = await fetch(`${first.adminUrl}/api/v1/status`, { headers: { authorization: `Bearer ${token}` } });
    expect(status.status).toBe(200);

    const curl = told.slice(told.indexOf("curl "), told.lastIndexOf("}'") + 2);
    const shell = Bun.spawnSync(["sh", "-c", `${curl.replace("curl ", "curl --silent --show-error --fail ")}`], {
      stderr: "pipe",
    });
    expect(shell.stderr.toString()).toBe("");
    expect(JSON.parse(shell.stdout.toString())).toMatchObject({
      object: "chat.completion",
      model: "demo",
      choices: [{ message: { role: "assistant" }, finish_reason: "stop" }],
    });

    const key = /sp_live_\w+/.exec(told)![0];
    expect(statSync(installation.dataDir).mode & 0o777).toBe(0o700);
    for (const file of ["master.key", "directory.db", "ledger.db"]) {
      expect(statSync(join(installation.dataDir, file)).mode & 0o777).toBe(0o600);
    }
    expect(await first.stop()).toBe(0);

    const second = await installation.start();
    console.log(`second start: ready after ${Math.round(second.readyMs)} ms`);
    expect(second.readyMs).toBeLessThan(PROMISED_MS * busy());
    expect(second.plain).toEqual([]);
    expect(second.stdout).not.toContain("sp_live_");
    expect(second.stdout).not.toContain("spa_");
    expect(second.stderr).toBe("");
    // What was told holds.
    const again = await fetch(`${second.url}/v1/models`, { headers: { authorization: `Bearer ${key}` } });
    expect(again.status).toBe(200);
    expect(
      (await fetch(`${second.adminUrl}/api/v1/status`, { headers: { authorization: `Bearer ${token}` } })).status,
    ).toBe(200);
    expect(await second.stop()).toBe(0);
  });

  test("that failed is told at the next one: nobody has seen its key", async () => {
    const installation = place();
    const squatter = createServer().listen(0, "127.0.0.1");
    const { port } = squatter.address() as { port: number };
    await refused(installation, { env: { SALLYPORT_ADMIN_LISTEN: `127.0.0.1:${port}` } });
    squatter.close();
    const next = await installation.start();
    const key = /sp_live_\w+/.exec(next.stdout)![0];
    expect((await fetch(`${next.url}/v1/models`, { headers: { authorization: `Bearer ${key}` } })).status).toBe(200);
    expect(next.stdout).toMatch(/Admin token +spa_/);
  });

  test("with --json tells it as one line of JSON, so that a program can read all of stdout", async () => {
    const installation = place();
    const gateway = await installation.start({ args: ["--json"] });
    expect(gateway.plain).toEqual([]);
    const { firstStart } = gateway.lines[0] as unknown as { firstStart: JsonObject };
    expect(firstStart).toMatchObject({
      gatewayUrl: gateway.url,
      adminUrl: gateway.adminUrl,
      model: "demo",
      providers: [],
    });
    expect(String(firstStart.key)).toStartWith("sp_live_");
    expect(String(firstStart.adminToken)).toStartWith("spa_");
  });

  test("makes an account of a provider's usual variable, and tells of one that it cannot use", async () => {
    const installation = place();
    const env = {
      OPENAI_API_KEY: "sk-openai-0123456789",
      OPENAI_BASE_URL: UP,
      ANTHROPIC_API_KEY: "sk ant with spaces",
    };
    const gateway = await installation.start({ env });
    expect(gateway.stdout).toContain("openai, from the environment");
    expect(gateway.stderr).toMatch(/^sallyport serve: ANTHROPIC_API_KEY: has spaces/);
    for (const secret of [env.OPENAI_API_KEY, env.ANTHROPIC_API_KEY]) {
      expect(gateway.stdout + gateway.stderr).not.toContain(secret);
    }
  });
});

test("a start tells of what the configuration file may not have meant, and goes on", async () => {
  const config = configuration({ upstream: UP }) as { apis: JsonObject[] };
  config.apis[0]!.parameters = { deny: ["seed", "temprature"] };
  const { lines } = await place(config as unknown as JsonObject).start();
  const told = lines.filter(({ detail }) => String(detail).includes("unknown parameter"));
  expect(told).toHaveLength(1);
  expect(told[0]).toMatchObject({ level: "warn", detail: expect.stringContaining("apis[0].parameters.deny[1]") });
});

describe("a start that cannot be is refused with exit code 1 and a line that names what is wrong:", () => {
  test("every variable that is unknown or malformed, all at once, without repeating a secret", async () => {
    const installation = place();
    const secrets = { SALLYPORT_MASTER_KEY: "not-a-master-key", SALLYPORT_ADMIN_TOKEN: "hunter2" };
    const said = await refused(installation, {
      env: {
        ...secrets,
        SALLYPORT_LISTN: "127.0.0.1:1",
        SALLYPORT_LISTEN: "127.0.0.1:99999",
        SALLYPORT_ADMIN_LISTEN: "everywhere",
        SALLYPORT_LOG: "xml",
        SALLYPORT_LOG_LEVEL: "loud",
        SALLYPORT_TRUSTED_PROXIES: "10.0.0.0/40",
        SALLYPORT_INSECURE_HTTP: "perhaps",
        SALLYPORT_CONFIG_FILE: join(installation.folder, "nowhere"),
        DATABASE_URL: "postgres://user:letmein@db",
      },
    });
    const lines = said.trimEnd().split("\n");
    for (const name of [
      "SALLYPORT_LISTN",
      "SALLYPORT_LISTEN",
      "SALLYPORT_ADMIN_LISTEN",
      "SALLYPORT_LOG",
      "SALLYPORT_LOG_LEVEL",
      "SALLYPORT_TRUSTED_PROXIES",
      "SALLYPORT_INSECURE_HTTP",
      "SALLYPORT_CONFIG_FILE",
      "DATABASE_URL",
      "SALLYPORT_MASTER_KEY",
      "SALLYPORT_ADMIN_TOKEN",
    ]) {
      expect(
        lines.filter((line) => line.startsWith(`sallyport serve: ${name}: `)),
        name,
      ).toHaveLength(1);
    }
    expect(lines).toHaveLength(11);
    for (const secret of [...Object.values(secrets), "letmein"]) expect(said).not.toContain(secret);
    expect(said).toContain('did you mean "SALLYPORT_LISTEN"');
  });

  test("plain HTTP where other machines can reach it, unless that is said to be meant", async () => {
    const installation = place();
    const env = { SALLYPORT_LISTEN: "0.0.0.0:0" };
    const said = await refused(installation, { env });
    expect(said).toContain("SALLYPORT_LISTEN: is 0.0.0.0:0");
    expect(said).toContain("SALLYPORT_INSECURE_HTTP=1");
    const gateway = await installation.start({ env: { ...env, SALLYPORT_INSECURE_HTTP: "1" } });
    expect((await fetch(`${gateway.url.replace("0.0.0.0", "127.0.0.1")}/livez`)).status).toBe(200);
  });

  test("in the configuration file: file, line, column and field, all at once", async () => {
    const installation = place({});
    writeFileSync(
      installation.configFile,
      `version: 1
gateway:
  maxOpenCalls: many
providers:
  - { name: up, kind: openai, apikey: { env: X } }
plans:
  - name: free
    limits: [{ per: fortnight, requests: 1 }]
`,
    );
    const lines = (await refused(installation)).trimEnd().split("\n");
    expect(lines).toHaveLength(3);
    expect(lines[0]).toMatch(/sallyport\.json:3:17: gateway\.maxOpenCalls: must be a number, not text/);
    expect(lines[1]).toMatch(
      /sallyport\.json:5:31: providers\[0\]\.apikey: is not a field here; did you mean "apiKey"/,
    );
    expect(lines[2]).toMatch(/sallyport\.json:8:21: plans\[0\]\.limits\[0\]\.per: must be one of/);
    writeFileSync(
      installation.configFile,
      "version: 1\nproviders:\n  - { name: up, kind: openai, apiKey: { env: NOT_SET } }\n",
    );
    expect(await refused(installation)).toMatch(/sallyport\.json:3:\d+: providers\[0\]\.apiKey.*NOT_SET/);
  });

  test("a port that is taken, of either listener: the variable, the address and who has it", async () => {
    const squatter = createServer().listen(0, "127.0.0.1");
    const { port } = squatter.address() as { port: number };
    const address = `127.0.0.1:${port}`;
    for (const name of ["SALLYPORT_LISTEN", "SALLYPORT_ADMIN_LISTEN"]) {
      const said = await refused(place(), { env: { [name]: address } });
      expect(said).toStartWith(`sallyport serve: ${name}: is ${address}, which is in use by `);
      if (process.platform === "linux") expect(said).toContain(`(process ${process.pid})`);
      expect(said).toContain(`set ${name} to another port`);
    }
    squatter.close();
  });

  test("a port that another gateway has, with TLS, where two could share it unnoticed", async () => {
    const { cert, key } = selfSigned(new Date(Date.now() - 1e6), new Date(Date.now() + 1e9));
    const tls = { SALLYPORT_TLS_CERT: cert, SALLYPORT_TLS_KEY: key };
    const first = await place().start({ env: tls });
    const { host } = new URL(first.url);
    const said = await refused(place(), { env: { ...tls, SALLYPORT_LISTEN: host } });
    expect(said).toContain(`SALLYPORT_LISTEN: is ${host}, which is in use by another Sallyport`);
  });

  test("an address that is not this machine's", async () => {
    const said = await refused(place(), {
      env: { SALLYPORT_LISTEN: "203.0.113.7:8080", SALLYPORT_INSECURE_HTTP: "1" },
    });
    expect(said).toMatch(
      /^sallyport serve: SALLYPORT_LISTEN: is 203\.0\.113\.7:8080, where this machine cannot listen/,
    );
  });

  test("a certificate that cannot be served", async () => {
    const dates = [new Date(Date.now() - 1e6), new Date(Date.now() + 1e9)] as const;
    const [one, other] = [selfSigned(...dates), selfSigned(...dates)];
    const said = await refused(place(), { env: { SALLYPORT_TLS_CERT: one.cert, SALLYPORT_TLS_KEY: other.key } });
    expect(said).toBe("sallyport serve: SALLYPORT_TLS_CERT: the private key does not belong to the certificate\n");
    const missing = await refused(place(), { env: { SALLYPORT_TLS_CERT: "/nowhere.pem", SALLYPORT_TLS_KEY: one.key } });
    expect(missing).toContain("/nowhere.pem (SALLYPORT_TLS_CERT) cannot be read");
    expect(await refused(place(), { env: { SALLYPORT_TLS_CERT: one.cert } })).toContain(
      "SALLYPORT_TLS_KEY: is needed too",
    );
  });
});

describe("a data folder that cannot be used stops the start, says why, and is left as it was:", () => {
  let used: Installation;
  beforeAll(async () => {
    used = new Installation(configuration({ upstream: UP }));
    expect(await (await used.start()).stop()).toBe(0);
  });
  afterAll(() => used.remove());

  /** A copy of a folder that has been in use. */
  function usedPlace(): Installation {
    const installation = place(configuration({ upstream: UP }));
    cpSync(used.dataDir, installation.dataDir, { recursive: true });
    return installation;
  }

  test("in use by another gateway, which is not disturbed", async () => {
    const installation = place(configuration({ upstream: UP }));
    const first = await installation.start();
    const said = await refused(installation);
    expect(said).toContain(
      `the data folder ${installation.dataDir} is in use by another gateway (process ${first.pid})`,
    );
    expect((await fetch(`${first.url}/readyz`)).status).toBe(200);
    // It is free as soon as that process is gone, however it went.
    first.kill("SIGKILL");
    await first.exited;
    await installation.start();
  });

  test("the master key: readable by others, garbled, another one, missing", async () => {
    const installation = usedPlace();
    const file = join(installation.dataDir, "master.key");
    const key = readFileSync(file, "utf8");
    chmodSync(file, 0o644);
    expect(await refused(installation)).toMatch(/master\.key has mode 0644.*chmod 600/);
    chmodSync(file, 0o600);
    const other = Buffer.from(crypto.getRandomValues(new Uint8Array(32))).toString("base64");
    writeFileSync(file, other);
    expect(await refused(installation)).toMatch(
      /master\.key is not the master key with which this installation was made/,
    );
    rmSync(file);
    expect(await refused(installation)).toMatch(/master\.key is missing.*restore the file/);
    expect(await refused(installation, { env: { SALLYPORT_MASTER_KEY: other } })).toMatch(
      /SALLYPORT_MASTER_KEY is not the master key/,
    );
    await installation.start({ env: { SALLYPORT_MASTER_KEY: key.trim() } });
  });

  test("written by a newer version, in either database", async () => {
    const installation = usedPlace();
    const newer = {
      "ledger.db": "PRAGMA user_version = 99",
      "directory.db": "INSERT INTO migrations VALUES (99, 'of a later version', 0)",
    };
    for (const [name, change] of Object.entries(newer)) {
      const file = join(installation.dataDir, name);
      const before = readFileSync(file);
      const db = new Database(file);
      db.run(change);
      db.run("PRAGMA wal_checkpoint(TRUNCATE)");
      db.close();
      expect(await refused(installation), name).toMatch(/newer/);
      writeFileSync(file, before);
    }
  });

  test("a database that is none, and a path where no folder can be", async () => {
    const installation = usedPlace();
    const file = join(installation.dataDir, "ledger.db");
    writeFileSync(file, "not a database".repeat(1_000));
    expect(await refused(installation)).toContain(file);
    expect(readFileSync(file, "utf8")).toStartWith("not a database");
    mkdirSync(join(installation.folder, "empty"));
    writeFileSync(join(installation.folder, "empty/file"), "");
    const inFile = join(installation.folder, "empty/file/data");
    expect(await refused(installation, { env: { SALLYPORT_DATA_DIR: inFile } })).toContain(
      `the data folder ${inFile} cannot be made`,
    );
  });
});
