import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

/**
 * What a stranger does: starts the gateway in an empty folder, issues a key with the command
 * line, runs the examples with it, asks the doctor, and stops the gateway.
 */
const root = join(import.meta.dir, "..", "..");
const data = mkdtempSync(join(tmpdir(), "sallyport-examples-"));
const ADMIN_TOKEN = "examples-admin-token-0123456789";

let gateway: Bun.Subprocess<"ignore", "pipe", "pipe">;
let output: Promise<string>;
let env: Record<string, string>;
let gatewayUrl: string;
let adminUrl: string;
let key: string;

/** The environment without what belongs to another gateway or to a real provider. */
function cleanEnvironment(): Record<string, string> {
  const clean: Record<string, string> = {};
  for (const name of ["PATH", "HOME", "TMPDIR", "LANG", "CI"]) {
    const value = process.env[name];
    if (value !== undefined) clean[name] = value;
  }
  return clean;
}

async function freePort(): Promise<number> {
  const { promise, resolve } = Promise.withResolvers<number>();
  const server = createServer().listen({ host: "127.0.0.1", port: 0 }, () => {
    const { port } = server.address() as { port: number };
    server.close(() => resolve(port));
  });
  return promise;
}

async function run(command: string[], extra: Record<string, string> = {}) {
  const child = Bun.spawn(command, {
    cwd: root,
    env: { ...env, ...extra },
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
  });
  const [stdout, stderr, exit] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
    child.exited,
  ]);
  return { exit, stdout, stderr };
}

const sallyport = (...args: string[]) => run(["sh", "bin/sallyport", ...args]);

async function becomesReady(): Promise<void> {
  const until = performance.now() + 20_000;
  while (performance.now() < until && gateway.exitCode === null) {
    const answer = await fetch(`${gatewayUrl}/readyz`).catch(() => undefined);
    if (answer?.ok === true) return;
    await Bun.sleep(20);
  }
  gateway.kill();
  throw new Error(`the gateway did not become ready:\n${await output}`);
}

beforeAll(async () => {
  const [listen, adminListen] = [`127.0.0.1:${await freePort()}`, `127.0.0.1:${await freePort()}`];
  gatewayUrl = `http://${listen}`;
  adminUrl = `http://${adminListen}`;
  env = {
    ...cleanEnvironment(),
    SALLYPORT_LISTEN: listen,
    SALLYPORT_ADMIN_LISTEN: adminListen,
    SALLYPORT_DATA_DIR: data,
    SALLYPORT_ADMIN_TOKEN: ADMIN_TOKEN,
    SALLYPORT_URL: adminUrl,
    SALLYPORT_TOKEN: ADMIN_TOKEN,
  };
  gateway = Bun.spawn(["sh", "bin/sallyport", "serve"], {
    cwd: root,
    env,
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
  });
  output = Promise.all([new Response(gateway.stdout).text(), new Response(gateway.stderr).text()]).then((texts) =>
    texts.join("\n"),
  );
  await becomesReady();
}, 30_000);

afterAll(async () => {
  gateway.kill("SIGKILL");
  await gateway.exited;
  rmSync(data, { recursive: true, force: true });
});

test("a key for the first start's application is issued by the command line", async () => {
  const list = await sallyport("key", "list", "--json");
  expect(list).toMatchObject({ exit: 0, stderr: "" });
  const [first] = JSON.parse(list.stdout).items;
  const { tenant, team, name } = first.application;
  const created = await sallyport(
    "key",
    "create",
    "--application",
    `${tenant.name}/${team.name}/${name}`,
    "--name",
    "examples",
  );
  expect(created.exit).toBe(0);
  expect(created.stdout).toMatch(/^sp_live_[0-9a-z_]+\n$/);
  key = created.stdout.trim();
});

test("examples/curl.sh lists models and gets an answer, a stream, and an answer in the other dialect", async () => {
  const { exit, stdout, stderr } = await run(["sh", "examples/curl.sh"], { GATEWAY_URL: gatewayUrl, GATEWAY_KEY: key });
  expect({ exit, stderr }).toEqual({ exit: 0, stderr: "" });
  expect(stdout).toContain('"id":"demo"');
  expect(stdout).toContain('"object":"chat.completion"');
  expect(stdout).toContain("data: [DONE]");
  expect(stdout).toContain('"type":"message"');
}, 20_000);

test("examples/curl.sh ends with an error, and shows it, where the key is wrong", async () => {
  const { exit, stdout } = await run(["sh", "examples/curl.sh"], {
    GATEWAY_URL: gatewayUrl,
    GATEWAY_KEY: "sp_live_wrong",
  });
  expect(exit).not.toBe(0);
  expect(stdout).toContain("invalid_api_key");
});

test("examples/openai-sdk.ts calls, streams, runs a tool and reads an error", async () => {
  const { exit, stdout, stderr } = await run(["sh", "bin/bun", "examples/openai-sdk.ts"], {
    OPENAI_BASE_URL: `${gatewayUrl}/v1`,
    OPENAI_API_KEY: key,
  });
  expect({ exit, stderr }).toEqual({ exit: 0, stderr: "" });
  expectSdkLines(stdout);
  expect(stdout).toContain("error: 404 model_not_found");
}, 20_000);

test("examples/anthropic-sdk.ts calls, streams, runs a tool and reads an error", async () => {
  const { exit, stdout, stderr } = await run(["sh", "bin/bun", "examples/anthropic-sdk.ts"], {
    ANTHROPIC_BASE_URL: gatewayUrl,
    ANTHROPIC_API_KEY: key,
  });
  expect({ exit, stderr }).toEqual({ exit: 0, stderr: "" });
  expectSdkLines(stdout);
  expect(stdout).toContain("error: 404 not_found_error");
}, 20_000);

function expectSdkLines(stdout: string): void {
  const line = (name: string) => new RegExp(`^${name}: (.+)$`, "m").exec(stdout)?.[1];
  expect(line("answer")).toContain("demo model");
  expect(Number(line("tokens"))).toBeGreaterThan(0);
  expect(line("stream")).toBe(line("answer") as string);
  expect(line("tool call")).toMatch(/^weather \{"city":/);
  expect(line("after the tool")).toContain("12 degrees, light rain");
}

test("every call of the examples has a usage record, with the key that made it", async () => {
  const id = key.split("_")[2]!;
  const answer = await fetch(`${adminUrl}/api/v1/usage-records?key=${id}&limit=200`, {
    headers: { authorization: `Bearer ${ADMIN_TOKEN}` },
  });
  const { items } = (await answer.json()) as { items: { outcome: string; model: string; costUsd: string }[] };
  const finished = items.filter(({ outcome, model }) => outcome === "finished" && model === "demo");
  expect(finished.length).toBeGreaterThanOrEqual(3 + 4 + 4);
  for (const { costUsd } of finished) expect(costUsd).toBe("0");
  expect(items.filter(({ outcome }) => outcome === "refused").length).toBeGreaterThanOrEqual(2);
});

test("the doctor finds the running gateway, and nothing wrong", async () => {
  const { exit, stdout } = await sallyport("doctor", "--json");
  const { findings } = JSON.parse(stdout) as { findings: { check: string; state: string; what: string }[] };
  expect(findings.filter(({ state }) => state === "problem")).toEqual([]);
  expect(exit).toBe(0);
  const of = (check: string) => findings.find((finding) => finding.check === check)?.what;
  expect(of("gateway")).toContain("is running");
  expect(of("gateway port")).toContain("a Sallyport answers, and is ready");
  expect(of("admin port")).toContain("a Sallyport answers, and is ready");
  expect(of("directory")).toContain("is whole");
  expect(of("ledger")).toContain("is whole");
});

test("a revoked key is refused from then on", async () => {
  expect((await sallyport("key", "revoke", key)).exit).toBe(0);
  const answer = await fetch(`${gatewayUrl}/v1/models`, { headers: { authorization: `Bearer ${key}` } });
  expect(answer.status).toBe(401);
});

test("SIGTERM ends the gateway with 0, and the doctor finds the folder in order", async () => {
  gateway.kill("SIGTERM");
  expect(await gateway.exited).toBe(0);
  const text = await output;
  expect(text).not.toContain(key);
  const { exit, stdout } = await sallyport("doctor", "--json");
  expect({
    exit,
    problems: JSON.parse(stdout).findings.filter(({ state }: { state: string }) => state === "problem"),
  }).toEqual({ exit: 0, problems: [] });
}, 20_000);
