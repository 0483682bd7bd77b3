import { expect, test } from "bun:test";
import { cli } from "../../test/support/cli.ts";
import { COMMANDS } from "./index.ts";
import { CommandFailure, UsageError } from "./io.ts";

test("0: version says which, as text and as JSON", async () => {
  expect(await cli(["version"])).toEqual({ exit: 0, stdout: "sallyport 0.1.0 (bun 1.4.5)\n", stderr: "" });
  expect(await cli(["--version"])).toMatchObject({ exit: 0, stdout: "sallyport 0.1.0 (bun 1.4.5)\n" });
  expect(JSON.parse((await cli(["version", "--json"])).stdout)).toEqual({ sallyport: "0.1.0", bun: "1.4.5" });
});

test("0: help lists every command, in JSON too", async () => {
  for (const argv of [["help"], ["--help"], ["-h"]]) {
    const { exit, stdout } = await cli(argv);
    expect(exit).toBe(0);
    for (const { name } of COMMANDS) expect(stdout).toContain(`  ${name} `);
  }
  const { commands } = JSON.parse((await cli(["help", "--json"])).stdout);
  expect(commands.map(({ name }: { name: string }) => name)).toEqual(COMMANDS.map(({ name }) => name));
});

test("0: help of a command names its flags and what is required, however it is asked for", async () => {
  for (const argv of [
    ["help", "key", "create"],
    ["key", "create", "--help"],
  ]) {
    const { exit, stdout } = await cli(argv);
    expect(exit).toBe(0);
    expect(stdout).toContain("usage: sallyport key create [flags]");
    expect(stdout).toMatch(/--application <tenant\/team\/application \| id> +Whose key it is\. Required\./);
    expect(stdout).toContain("--json");
  }
});

test("0: help of a word with which commands begin lists these", async () => {
  for (const argv of [
    ["help", "limits"],
    ["limits", "--help"],
  ]) {
    const { exit, stdout } = await cli(argv);
    expect(exit).toBe(0);
    expect(stdout).toContain("  limits withdraw ");
    expect(stdout).not.toContain("key create");
  }
  const { commands } = JSON.parse((await cli(["key", "--help", "--json"])).stdout);
  expect(commands.map(({ name }: { name: string }) => name)).toEqual(["key create", "key list", "key revoke"]);
  expect((await cli(["lock", "--help"])).exit).toBe(2);
});

test("0: every command takes --json and --help", async () => {
  for (const { name } of COMMANDS) {
    const { exit, stdout } = await cli([...name.split(" "), "--help", "--json"]);
    expect({ name, exit }).toEqual({ name, exit: 0 });
    expect(stdout).toContain("--json");
  }
});

test("serve hands on to the gateway, and its exit code back", async () => {
  const seen: unknown[] = [];
  const serve = async (options: { json: boolean }) => {
    seen.push(options);
    return 7;
  };
  expect((await cli(["serve"], { serve })).exit).toBe(7);
  expect((await cli(["serve", "--json"], { serve })).exit).toBe(7);
  expect(seen).toEqual([{ json: false }, { json: true }]);
});

test("1: a start that fails says why in one line, without a stack", async () => {
  const { exit, stderr } = await cli(["serve"], {
    serve: () => Promise.reject(new Error("the data folder is in use")),
  });
  expect(exit).toBe(1);
  expect(stderr).toBe("sallyport serve: the data folder is in use\n");
});

test("2: no command at all prints the help where errors go", async () => {
  const { exit, stdout, stderr } = await cli([]);
  expect(exit).toBe(2);
  expect(stdout).toBe("");
  expect(stderr).toContain("usage: sallyport");
});

test.each([
  [["sevre"], '"sevre" is not a command; did you mean "serve"?'],
  [["key"], '"key" is not a command; there are "key create", "key list", "key revoke"'],
  [["key", "creat"], '"key creat" is not a command; there are "key create", "key list", "key revoke"'],
  [["config"], '"config" is not a command; there is "config validate"'],
  [["config", "plan"], '"config plan" is not part of this version'],
  [["config", "apply", "x.yaml"], '"config apply" is not part of this version'],
  [["key", "rotate", "abc"], '"key rotate" is not part of this version'],
  [["audit", "verify"], '"audit verify" is not part of this version'],
  [["--frobnicate"], '"--frobnicate" is not a command'],
  [["help", "key", "creat"], '"key creat" is not a command'],
  [["version", "now"], '"now" is one word too many'],
  [["doctor", "--onlin"], '--onlin is not a flag of "doctor"; did you mean "--online"?'],
  [["key", "list", "--tenant"], "--tenant needs a value: --tenant <id>"],
  [["doctor", "--online=yes"], "--online takes no value"],
] as const)("2: %j is told what is wrong", async (argv, message) => {
  const { exit, stdout, stderr } = await cli(argv);
  expect(exit).toBe(2);
  expect(stdout).toBe("");
  expect(stderr).toContain(message);
});

test("errors are JSON where JSON was asked for", async () => {
  const usage = await cli(["key", "create", "--json"]);
  expect(usage).toMatchObject({ exit: 2, stderr: "" });
  expect(JSON.parse(usage.stdout).error).toMatchObject({
    code: "usage",
    message: expect.stringContaining("--application"),
  });
  const failure = await cli(["key", "list", "--json"]);
  expect(failure).toMatchObject({ exit: 1, stderr: "" });
  expect(JSON.parse(failure.stdout).error.code).toBe("unreachable");
});

test("2 is a command line that was not understood, 1 whatever else failed", async () => {
  const failing = (thrown: unknown) => cli(["serve"], { serve: () => Promise.reject(thrown) });
  expect(await failing(new UsageError("which one?"))).toMatchObject({
    exit: 2,
    stderr: expect.stringContaining("which one?"),
  });
  expect(await failing(new CommandFailure("unreachable", "away"))).toMatchObject({
    exit: 1,
    stderr: "sallyport serve: away\n",
  });
  expect(await failing("a text that was thrown")).toMatchObject({
    exit: 1,
    stderr: "sallyport serve: a text that was thrown\n",
  });
});
