import { expect, test } from "bun:test";
import { ADMIN_TOKEN, adminPlane } from "../../test/support/admin-plane.ts";
import { cli } from "../../test/support/cli.ts";
import { parseVirtualKey } from "../domain/access/virtual-key.ts";

/** The command line in front of a real admin plane. */
function withGateway() {
  const gateway = adminPlane();
  const seen: Request[] = [];
  const fetch = (url: string, init: RequestInit) => {
    seen.push(new Request(url, init));
    return gateway.plane.handle(new Request(url, init), { address: "127.0.0.1" });
  };
  const run = (argv: string[], env: Record<string, string> = { SALLYPORT_TOKEN: ADMIN_TOKEN }) =>
    cli(argv, { fetch, env });
  return { ...gateway, seen, run };
}

const CREATE = ["key", "create", "--application", "acme/research/bot", "--name", "ci"];

test("0: key create prints the key alone on stdout, and what to know of it on stderr", async () => {
  const { run, administration } = withGateway();
  const { exit, stdout, stderr } = await run([
    ...CREATE,
    "--mode",
    "test",
    "--allow-from",
    "10.0.0.0/8, 192.0.2.1",
    "--expires",
    "2027-01-01",
  ]);
  expect(exit).toBe(0);
  const key = parseVirtualKey(stdout.trim());
  expect(stdout).toBe(`${key?.text}\n`);
  expect(stderr).toContain(`Key ${key?.publicId} for acme/research/bot`);
  expect(stderr).not.toContain(key?.text as string);
  expect(administration.rows[0]).toMatchObject({
    name: "ci",
    mode: "test",
    allowFrom: ["10.0.0.0/8", "192.0.2.1/32"],
    expiresAt: Date.UTC(2027, 0, 1),
  });
});

test("0: key create may limit the key, by any number of limits", async () => {
  const { run, administration } = withGateway();
  const { exit } = await run([...CREATE, "--limit", "usd=5/month", "--limit", "requests=30/minute,burst=10"]);
  expect(exit).toBe(0);
  expect(administration.rows[0]?.limits).toEqual([
    { dimension: "usd", window: "month", amount: 5_000_000_000 },
    { dimension: "requests", window: "minute", amount: 30, burst: 10 },
  ]);
  const wrong = await run([...CREATE, "--limit", "requests=5/year"]);
  expect(wrong.exit).toBe(1);
  expect(wrong.stderr).toContain("--limit: per must be one of second, minute");
  const misspelt = await run([...CREATE, "--limit", "request=5/day"]);
  expect(misspelt.stderr).toContain('--limit: request is not a field of this operation; did you mean "requests"?');
});

test("0: key create --json prints all of it", async () => {
  const { run } = withGateway();
  const { stdout, stderr } = await run([
    ...CREATE,
    "--json",
    "--allow-from",
    "10.0.0.0/8",
    "--allow-from",
    "192.0.2.0/24",
  ]);
  expect(stderr).toBe("");
  expect(JSON.parse(stdout)).toMatchObject({
    name: "ci",
    secret: expect.stringMatching(/^sp_live_/),
    allowFrom: ["10.0.0.0/8", "192.0.2.0/24"],
  });
});

test("0: key list shows every page, without secrets", async () => {
  const { run, administration } = withGateway();
  const { stdout: secret } = await run(CREATE);
  const first = administration.rows[0]!;
  administration.rows = Array.from({ length: 450 }, (_, i) => ({ ...first, id: `id${i}`, name: `k${i}` }));
  const { exit, stdout } = await run(["key", "list"]);
  expect(exit).toBe(0);
  expect(stdout.split("\n")).toHaveLength(452);
  expect(stdout).toMatch(/^ID +NAME +MODE +STATE +APPLICATION/);
  expect(stdout).toMatch(/id449 +k449 +live +active +acme\/research\/bot +2026-11-22 +never +anywhere/);
  expect(stdout).not.toContain(secret.trim());
  expect(JSON.parse((await run(["key", "list", "--json", "--tenant", "ten_acme"])).stdout).items).toHaveLength(450);
});

test("0: a name that would move the cursor is shown, not obeyed", async () => {
  const { run, administration } = withGateway();
  await run(CREATE);
  administration.rows[0]!.name = "a\u001b[2Jb";
  expect((await run(["key", "list"])).stdout).toContain("a?[2Jb");
});

test("0: key revoke takes the public id, or the whole key, of which only the id leaves", async () => {
  const { run, seen, administration } = withGateway();
  const one = (await run(CREATE)).stdout.trim();
  const two = parseVirtualKey((await run(CREATE)).stdout.trim())!;
  expect((await run(["key", "revoke", one])).stdout).toBe(`Key ${parseVirtualKey(one)?.publicId} (ci) is revoked.\n`);
  expect((await run(["key", "revoke", two.publicId])).exit).toBe(0);
  expect(administration.rows.every(({ revokedAt }) => revokedAt !== null)).toBe(true);
  for (const { url } of seen) expect(url).not.toContain(one);
});

test("2: key revoke takes no mistyped key and nothing that is no id", async () => {
  const { run, seen } = withGateway();
  for (const id of ["sp_live_abc", "../keys", "a b", ""]) {
    const { exit, stderr } = await run(["key", "revoke", id]);
    expect(exit).toBe(2);
    expect(stderr).toContain("<id>");
  }
  expect(seen).toEqual([]);
});

test("1: key revoke of an unknown key", async () => {
  const { run } = withGateway();
  expect(await run(["key", "revoke", "abcdefghjkmn"])).toMatchObject({
    exit: 1,
    stderr: "sallyport key revoke: There is no such key.\n",
  });
});

test("2: key create without application or name names the flag", async () => {
  const { run } = withGateway();
  expect(await run(["key", "create", "--name", "x"])).toMatchObject({
    exit: 2,
    stderr: expect.stringContaining("--application"),
  });
  expect(await run(["key", "create", "--application", "x"])).toMatchObject({
    exit: 2,
    stderr: expect.stringContaining("--name <name> is required"),
  });
});

test.each([
  [["--expires", "tomorrow"], "--expires: must be a date"],
  [["--mode", "prod"], "--mode: "],
  [["--allow-from", "10.0.0.0/8,nowhere"], "--allow-from: must be a network"],
] as const)("1: what the gateway refuses of %j is told by the flag", async (flags, message) => {
  const { run } = withGateway();
  const { exit, stderr } = await run([...CREATE, ...flags]);
  expect(exit).toBe(1);
  expect(stderr).toContain(message);
});

test("1: an application that there is not", async () => {
  const { run } = withGateway();
  const { exit, stderr } = await run(["key", "create", "--application", "acme/research/nobody", "--name", "x"]);
  expect(exit).toBe(1);
  expect(stderr).toBe("sallyport key create: --application: there is no such application\n");
});

test("1: without a token the message says where to get one; the server's own variable serves too", async () => {
  const { run, seen } = withGateway();
  const { exit, stderr } = await run(CREATE, {});
  expect(exit).toBe(1);
  expect(stderr).toContain("SALLYPORT_TOKEN");
  expect(stderr).toContain("SALLYPORT_ADMIN_TOKEN");
  expect(seen).toEqual([]);
  expect((await run(CREATE, { SALLYPORT_ADMIN_TOKEN: ADMIN_TOKEN })).exit).toBe(0);
});

test("1: a wrong token is told as one, and never printed", async () => {
  const { run } = withGateway();
  const { exit, stdout, stderr } = await run(CREATE, { SALLYPORT_TOKEN: "wrong-token-wrong-token" });
  expect(exit).toBe(1);
  expect(stderr).toContain("check SALLYPORT_TOKEN");
  expect(stdout + stderr).not.toContain("wrong-token");
});
