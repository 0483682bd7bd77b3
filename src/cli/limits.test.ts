import { expect, test } from "bun:test";
import { ADMIN_TOKEN, adminPlane, BOT } from "../../test/support/admin-plane.ts";
import { cli } from "../../test/support/cli.ts";
import { limitWord, parseLimit } from "./limits.ts";

const SCOPE = `application:${BOT.id}`;
const ASK = ["limits", "request", "--scope", SCOPE, "--limit", "requests=500/day", "--reason", "a launch"];

/** The command line in front of a real admin plane whose application may make a hundred requests a day. */
function withGateway() {
  const gateway = adminPlane();
  gateway.administration.limits.set(SCOPE, [{ dimension: "requests", window: "day", amount: 100 }]);
  const fetch = (url: string, init: RequestInit) =>
    gateway.plane.handle(new Request(url, init), { address: "127.0.0.1" });
  const run = (argv: string[]) => cli(argv, { fetch, env: { SALLYPORT_TOKEN: ADMIN_TOKEN } });
  return { ...gateway, run, ask: async () => JSON.parse((await run([...ASK, "--json"])).stdout).id as string };
}

const words: [string, object][] = [
  ["requests=1000/day", { per: "day", requests: 1000 }],
  ["requests=30/minute,burst=10", { per: "minute", requests: 30, burst: 10 }],
  ["usd=0.25/month", { per: "month", usd: 0.25 }],
  ["concurrent=4", { concurrent: 4 }],
];

test.each(words)("%s is a limit, read and written alike", (word, row) => {
  expect(parseLimit(word)).toEqual(row as never);
  expect(limitWord(parseLimit(word))).toBe(word);
});

test.each([
  "",
  "1000",
  "requests",
  "requests=",
  "requests=-5/day",
  "requests=1e9/day",
  "requests=5/day,burst",
  "=5/day",
])("2: --limit %p is none, and is told as such", async (word) => {
  const { run, administration } = withGateway();
  const { exit, stderr } = await run([...ASK.slice(0, 4), `--limit=${word}`, ...ASK.slice(6)]);
  expect(exit).toBe(2);
  expect(stderr).toContain("--limit");
  expect(administration.requests).toEqual([]);
});

test("0: what is asked for is granted, with less and for a time, and withdrawn again", async () => {
  const { run, administration } = withGateway();
  const asked = await run(ASK);
  expect(asked).toMatchObject({ exit: 0, stderr: "" });
  const { id } = administration.requests[0]!;
  expect(asked.stdout).toBe(`Request ${id} asks for requests=500/day.\n`);
  const flags = ["--limit", "requests=300/day", "--until", "2026-12-01", "--note", "for the launch"];
  const approved = await run(["limits", "approve", id, ...flags]);
  expect(approved.stdout).toBe(
    `application:acme/research/bot may have requests=300/day until 2026-12-01T00:00:00.000Z.\n`,
  );
  expect(administration.requests[0]).toMatchObject({ state: "approved", decision: { note: "for the launch" } });
  const { stdout } = await run(["limits", "list", "--state", "approved"]);
  expect(stdout).toMatch(/ID +STATE +SCOPE +LIMIT +UNTIL +ASKED +REASON/);
  expect(stdout).toContain(
    `${id}  approved  application:acme/research/bot  requests=300/day  2026-12-01T00:00:00.000Z  2026-11-22  a launch`,
  );
  expect((await run(["limits", "withdraw", id])).stdout).toBe(`Request ${id} is withdrawn.\n`);
  expect(administration.requests[0]?.state).toBe("withdrawn");
});

test("0: a rejection is kept with its note", async () => {
  const { run, ask, administration } = withGateway();
  const id = await ask();
  expect((await run(["limits", "reject", id, "--note", "no"])).stdout).toBe(`Request ${id} is rejected.\n`);
  expect(administration.requests[0]).toMatchObject({ state: "rejected", decision: { note: "no" } });
});

test("0: each takes --json, and prints what the gateway says", async () => {
  const { run, ask } = withGateway();
  const id = await ask();
  const items = JSON.parse((await run(["limits", "list", "--json", "--tenant", BOT.tenant.id])).stdout).items;
  expect(items).toMatchObject([{ id, state: "requested" }]);
  expect(JSON.parse((await run(["limits", "approve", id, "--json"])).stdout)).toMatchObject({ id, state: "approved" });
  expect(JSON.parse((await run(["limits", "withdraw", id, "--json"])).stdout)).toMatchObject({ state: "withdrawn" });
  expect(JSON.parse((await run(["limits", "reject", await ask(), "--json"])).stdout)).toMatchObject({
    state: "rejected",
  });
});

test("1: the gateway's refusal is told in the words of the command", async () => {
  const { run, ask } = withGateway();
  const low = await run([...ASK.slice(0, 5), "requests=50/day", ...ASK.slice(6)]);
  expect(low).toMatchObject({ exit: 1, stdout: "" });
  expect(low.stderr).toBe(
    "sallyport limits request: --limit: must be more than 100 requests per day, which holds already\n",
  );
  const id = await ask();
  await run(["limits", "reject", id]);
  const twice = await run(["limits", "approve", id]);
  expect(twice).toMatchObject({ exit: 1, stderr: "sallyport limits approve: The request is rejected already.\n" });
  expect((await run(["limits", "approve", "lreq_x"])).stderr).toContain("There is no such request.");
});

test("2: what is no id, and a flag that is missing, are told without asking the gateway", async () => {
  const { run } = withGateway();
  expect((await run(["limits", "approve", "../keys"])).exit).toBe(2);
  expect((await run(["limits", "request", "--scope", SCOPE])).stderr).toContain("--limit");
});

test("a reason cannot write to the terminal, nor begin a line of its own", async () => {
  const { run, ask, administration } = withGateway();
  await ask();
  administration.requests[0]!.reason = "a\nb\u001b[2Jc";
  expect((await run(["limits", "list"])).stdout).toContain("a b?[2Jc\n");
});
