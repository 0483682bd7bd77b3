/** The command line against the real process: keys, configuration, doctor, whose view of the machine src/compose-cli.ts picks. */
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { chmodSync, cpSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:net";
import { join } from "node:path";
import type { JsonObject } from "../../src/kernel/json.ts";
import { chat, post } from "../support/app.ts";
import { ADMIN_TOKEN, configuration, type GatewayProcess, Installation } from "../support/process.ts";
import { nobody } from "../support/upstream.ts";

// Processes take their time on a machine that is busy with others.
setDefaultTimeout(60_000);

let installation: Installation;
let gateway: GatewayProcess;
let env: Record<string, string>;
const UP = await nobody();
beforeAll(async () => {
  installation = new Installation(configuration({ upstream: UP, gateway: { badCredentialsPerMinute: 1_000_000 } }));
  gateway = await installation.start();
  env = { SALLYPORT_URL: gateway.adminUrl, SALLYPORT_TOKEN: ADMIN_TOKEN };
});
afterAll(() => installation.remove());

const cli = (argv: readonly string[], over: Record<string, string | undefined> = {}) =>
  installation.cli(argv, { env: { ...env, ...over } });

const callWith = async (key: string) => {
  const response = await post(gateway, { key, body: chat({ model: "demo" }) });
  await response.text();
  return response.status;
};

test("a command that asks the gateway loads none: it is there in a moment", () => {
  const script = `
    const { run } = await import("./src/main.ts");
    const loaded = () => Object.keys(require.cache).filter((file) => /node_modules.zod|src.(gateway|providers|store)/.test(file));
    await run({ SALLYPORT_TOKEN: "x", SALLYPORT_URL: ${JSON.stringify(UP)} }, ["key", "list"], process);
    const before = loaded();
    await import("./src/compose-cli.ts");
    console.log(JSON.stringify([before, loaded().length > 0]));`;
  const { stdout } = Bun.spawnSync([process.execPath, "-e", script], { cwd: join(import.meta.dir, "../..") });
  expect(JSON.parse(stdout.toString())).toEqual([[], true]);
});

describe("a key", () => {
  test("works as soon as it is created, is listed without its secret, and is refused from the very next call on when it is revoked", async () => {
    const created = await cli(["key", "create", "--application", "acme/research/bot", "--name", "from the shell"]);
    expect(created.exit).toBe(0);
    // The key alone, so that it can go straight into a variable.
    const key = created.stdout.trim();
    expect(key).toMatch(/^sp_live_\w+$/);
    expect(await callWith(key)).toBe(200);
    const id = key.split("_")[2]!;

    const listed = await cli(["key", "list"]);
    expect(listed.exit).toBe(0);
    expect(listed.stdout).toMatch(new RegExp(`${id} +from the shell +live +active +acme/research/bot`));
    expect(listed.stdout).not.toContain(key);

    // In the middle of traffic, with this key and with another.
    let revoked = false;
    const late: number[] = [];
    const others: number[] = [];
    const traffic = Array.from({ length: 4 }, async (_, caller) => {
      while (!revoked || (caller % 2 === 0 && late.length < 10)) {
        const begunAfter = revoked;
        const status = await callWith(caller % 2 === 0 ? key : gateway.key);
        if (caller % 2 === 1) others.push(status);
        else if (begunAfter) late.push(status);
      }
    });
    const revoke = await cli(["key", "revoke", id, "--json"]);
    revoked = true;
    expect(await callWith(key)).toBe(401);
    await Promise.all(traffic);
    expect(revoke.exit).toBe(0);
    expect(revoke.json()).toMatchObject({ id, state: "revoked" });
    expect(new Set(late)).toEqual(new Set([401]));
    expect(new Set(others)).toEqual(new Set([200]));
    const again = await cli(["key", "list", "--json"]);
    expect((again.json().items as JsonObject[]).find((row) => row.id === id)).toMatchObject({ state: "revoked" });
    expect(again.stdout).not.toContain(key);
  }, 60_000);

  test("in JSON carries its secret once, its networks and its end", async () => {
    const flags = ["--mode", "test", "--allow-from", "10.0.0.0/8", "--expires", "2099-01-01", "--json"];
    const created = await cli(["key", "create", "--application", "acme/research/bot", "--name", "far", ...flags]);
    expect(created.exit).toBe(0);
    const key = created.json();
    expect(key).toMatchObject({ mode: "test", allowFrom: ["10.0.0.0/8"], state: "active" });
    expect(await callWith(String(key.secret))).toBe(403);
  }, 30_000);

  test.each([
    [
      "for nobody",
      ["key", "create", "--application", "acme/research/none", "--name", "x"],
      {},
      1,
      /--application|application/,
    ],
    ["with a bad token", ["key", "list"], { SALLYPORT_TOKEN: "spa_not_this_token_0123456789" }, 1, /token/i],
    [
      "without a token",
      ["key", "list"],
      { SALLYPORT_TOKEN: undefined, SALLYPORT_ADMIN_TOKEN: undefined },
      1,
      /SALLYPORT_TOKEN/,
    ],
    ["of a gateway that is not there", ["key", "list"], { SALLYPORT_URL: UP }, 1, /127\.0\.0\.1:\d+/],
    ["that was never issued", ["key", "revoke", "nobody"], {}, 1, /no such key/],
    ["by a flag that there is not", ["key", "create", "--aplication", "x"], {}, 2, /--application/],
  ] as const)(
    "%s: exit code, and what to do, in words and in JSON",
    async (_, argv, over, exit, expected) => {
      // In words where the gateway refuses, in JSON where the command itself does; each is printed in one place.
      const inWords = argv[1] === "create";
      const said = await cli(inWords ? argv : [...argv, "--json"], over);
      expect(said.exit).toBe(exit);
      if (inWords) {
        expect(said.stdout).toBe("");
        expect(said.stderr).toStartWith("sallyport key ");
        expect(said.stderr).toMatch(expected);
      } else expect(String((said.json().error as JsonObject).message)).toMatch(expected);
    },
    30_000,
  );
});

test("config validate: a good file, and a bad one with file, line, column and field", async () => {
  const good = await cli(["config", "validate", installation.configFile, "--json"]);
  expect([good.exit, good.json().valid]).toEqual([0, true]);
  const bad = join(installation.folder, "bad.yaml");
  writeFileSync(bad, "version: 1\nplans:\n  - name: a\n    limits: [{ per: fortnight, requests: 1 }]\n");
  const said = await cli(["config", "validate", bad]);
  expect(said.exit).toBe(1);
  expect(said.stderr).toMatch(/bad\.yaml:4:\d+: plans\[0\]\.limits\[0\]\.per: must be one of/);
  const inJson = await cli(["config", "validate", bad, "--json"]);
  expect(inJson.json()).toMatchObject({ valid: false, problems: [{ where: expect.stringContaining("bad.yaml:4:") }] });
}, 30_000);

describe("the doctor", () => {
  type Finding = { check: string; state: string; what: string; mend: string | null };

  async function diagnosis(over: Record<string, string | undefined> = {}) {
    const { exit, json } = await cli(["doctor", "--json"], over);
    const { healthy, findings } = json() as unknown as { healthy: boolean; findings: Finding[] };
    expect(exit).toBe(healthy ? 0 : 1);
    return { healthy, findings, of: (check: string) => findings.filter((finding) => finding.check === check) };
  }

  test("finds nothing wrong with a good installation, while its gateway runs", async () => {
    const { healthy, findings, of } = await diagnosis();
    expect(findings.filter(({ state }) => state === "problem")).toEqual([]);
    expect(healthy).toBe(true);
    expect(of("gateway")[0]!.what).toContain(`process ${gateway.pid}`);
    const words = await cli(["doctor"]);
    expect(words.exit).toBe(0);
    expect(words.stdout).toMatch(/Nothing is wrong/);
    expect((await cli(["doctor"], { SALLYPORT_LISTEN: new URL(gateway.url).host })).stdout).toContain(
      "a Sallyport answers, and is ready",
    );
  }, 60_000);

  /** A copy of the data folder, to be spoiled. */
  function copy(name: string): string {
    const folder = join(installation.folder, name);
    cpSync(installation.dataDir, folder, { recursive: true });
    chmodSync(folder, 0o700);
    return folder;
  }

  test("says what is wrong with a spoiled one, and how to mend it", async () => {
    const squatter: Server = createServer().listen(0, "127.0.0.1");
    const { port } = squatter.address() as { port: number };
    const open = copy("open");
    chmodSync(open, 0o755);
    chmodSync(join(open, "master.key"), 0o644);
    const config = join(installation.folder, "sallyport-bad.yaml");
    writeFileSync(config, "version: 1\nmodells: []\n");
    const broken = copy("broken");
    for (const end of ["-wal", "-shm"]) rmSync(join(broken, `ledger.db${end}`), { force: true });
    writeFileSync(join(broken, "ledger.db"), "no database at all".repeat(500));
    const foreign = Buffer.from(crypto.getRandomValues(new Uint8Array(32))).toString("base64");

    const one = {
      SALLYPORT_DATA_DIR: open,
      SALLYPORT_LISTEN: `127.0.0.1:${port}`,
      SALLYPORT_CONFIG: config,
      SALLYPORT_LISSEN: "x",
    };
    const other = { SALLYPORT_DATA_DIR: broken, SALLYPORT_MASTER_KEY: foreign };
    const cases: [Record<string, string>, string, string, RegExp, RegExp][] = [
      [one, "data folder", "warning", /mode 0?755/, /chmod 0700/],
      [one, "master key", "problem", /0?644/, /chmod 0?600/],
      [one, "gateway port", "problem", /in use by/, /SALLYPORT_LISTEN/],
      [one, "configuration", "problem", /sallyport-bad\.yaml:2:\d+: modells/, /config validate/],
      [one, "environment", "problem", /SALLYPORT_LISSEN/, /unset/],
      [other, "master key", "problem", /not the master key with which/, /Bring back the first one/],
      [other, "ledger", "problem", /ledger\.db/, /backup|restore/i],
    ]; // biome-ignore format: a table
    try {
      for (const [env, own] of Map.groupBy(cases, ([env]) => env)) {
        const { healthy, of } = await diagnosis(env);
        expect(healthy).toBe(false);
        for (const [, check, state, expected, mend] of own) {
          const found = of(check).filter((finding) => finding.state === state && expected.test(finding.what));
          expect(found, `${check}: ${JSON.stringify(of(check))}`).toHaveLength(1);
          expect(found[0]!.mend!, check).toMatch(mend);
        }
      }
    } finally {
      squatter.close();
    }
  }, 90_000);
});
