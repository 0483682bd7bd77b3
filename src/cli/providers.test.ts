import { expect, test } from "bun:test";
import { cli } from "../../test/support/cli.ts";

const GOOD = {
  ...{ model: "s-1", answers: true, as: "conversation", code: null, status: null, message: "" },
  ...{ inputTokens: 9, outputTokens: 2, totalMs: 120 },
};
const BAD = { ...GOOD, model: "s-2", answers: false, as: null, status: 418, inputTokens: 0, outputTokens: 0 };

function answering(body: object, status = 200) {
  const seen: { url: string; body: unknown }[] = [];
  const fetch = async (url: string, init: RequestInit) => {
    seen.push({ url, body: JSON.parse(String(init.body)) });
    return Response.json(body, { status });
  };
  return { seen, run: (...argv: string[]) => cli(["provider", "test", ...argv], { fetch }) };
}

const report = (over: object) => ({
  ...{ provider: "up", kind: "openai", key: "works", working: true, models: [GOOD], leftOut: [] },
  ...over,
});

test("0: all models answer, and so the key works", async () => {
  const { run, seen } = answering(report({}));
  const { exit, stdout } = await run("up");
  expect(exit).toBe(0);
  expect(stdout).toMatch(/s-1 +yes +120 ms +conversation, 9 tokens in, 2 out/);
  expect(stdout).toContain("The key of up works.\n1 of 1 models answers.\n");
  expect(seen).toEqual([{ url: "http://127.0.0.1:8081/api/v1/providers/up/test", body: {} }]);
});

test("0: --model says which to ask, any number of times", async () => {
  const { run, seen } = answering(report({}));
  await run("my account", "--model", "a", "--model", "b");
  expect(seen[0]).toEqual({
    url: "http://127.0.0.1:8081/api/v1/providers/my%20account/test",
    body: { models: ["a", "b"] },
  });
});

const FAILURES: [code: string, key: string, said: string[]][] = [
  ["upstream_refused", "refused", ["refuses the key of up", "start the gateway again"]],
  ["upstream_blocked", "unknown", ["is not known", "allowPrivateNetwork: true"]],
  ["upstream_unreachable", "unknown", ["baseUrl", "doctor --online"]],
  ["upstream_malformed", "none", ["up has no key", "baseUrl and kind"]],
  ["upstream_rejected", "works", ["works", "there for something else"]],
  ["upstream_rate_limited", "works", ["out of credit"]],
  ["internal", "unknown", ["is not known"]],
];
for (const [code, key, said] of FAILURES) {
  test(`1: ${code} is told with the provider's words, and what to do`, async () => {
    const { run } = answering(report({ key, working: false, models: [GOOD, { ...BAD, code, message: "its words" }] }));
    const { exit, stdout } = await run("up");
    expect(exit).toBe(1);
    expect(stdout).toMatch(new RegExp(`s-2 +no +120 ms +${code} \\(418\\): its words`));
    for (const words of said) expect(stdout).toContain(words);
    expect(stdout).toContain("1 of 2 models answers.");
  });
}

test("models that were not asked are named", async () => {
  const { stdout } = await answering(report({ leftOut: ["x", "y"] })).run("up");
  expect(stdout).toContain("Not asked: x, y; ask them with --model.");
});

test("what a provider says moves no cursor", async () => {
  const told = { ...BAD, code: "upstream_error", message: "\u001b[2Jgone" };
  expect((await answering(report({ working: false, models: [told] })).run("up")).stdout).not.toContain("\u001b");
});

test("--json prints the answer as it is, and fails where a model does", async () => {
  const body = report({ working: false, models: [BAD] });
  const { exit, stdout } = await answering(body).run("up", "--json");
  expect(exit).toBe(1);
  expect(JSON.parse(stdout)).toEqual(body);
});

test("1: the gateway's own words where there is no such account; 2: no account was named", async () => {
  const problem = { code: "not_found", detail: "There is no such provider account; there are up." };
  const { exit, stderr } = await answering(problem, 404).run("upp");
  expect(exit).toBe(1);
  expect(stderr).toContain("there are up.");
  expect((await answering({}).run()).exit).toBe(2);
});
