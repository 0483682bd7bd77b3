import { expect, test } from "bun:test";
import { type Command, describeCommand, parseInvocation, usageOf } from "./command.ts";

const command: Command = {
  name: "thing make",
  summary: "Makes a thing.",
  positionals: [
    { name: "id", required: true },
    { name: "more", required: false },
  ],
  flags: {
    name: { value: "<name>", help: "What to call it.", required: true },
    tag: { value: "<tag>", help: "Any.", multiple: true },
    force: { value: null, help: "Do it." },
  },
  run: async () => 0,
};

test("flags, switches and words are told apart", () => {
  const { flags, switches, positionals, json } = parseInvocation(command, [
    "a",
    "--name",
    "x",
    "--tag=1",
    "--tag",
    "2",
    "--force",
    "b",
  ]);
  expect(flags).toEqual({ name: ["x"], tag: ["1", "2"], force: [] });
  expect([...switches]).toEqual(["force"]);
  expect(positionals).toEqual(["a", "b"]);
  expect(json).toBe(false);
});

test("a value may be empty or begin with a dash, if it is tied to its flag", () => {
  expect(parseInvocation(command, ["a", "--name=-x"]).flags.name).toEqual(["-x"]);
  expect(parseInvocation(command, ["a", "--name="]).flags.name).toEqual([""]);
});

test("words after -- are words, also if they look like flags", () => {
  expect(parseInvocation(command, ["--name", "x", "--", "--force"]).positionals).toEqual(["--force"]);
});

test.each([
  [["a"], "--name <name> is required"],
  [["--name", "x"], "<id> is required"],
  [["a", "b", "c", "--name", "x"], '"c" is one word too many'],
  [["a", "--name", "x", "--name", "y"], "--name may be given once only"],
  [["a", "--name"], "--name needs a value: --name <name>"],
  [["a", "--name", "--force"], "--name needs a value: --name <name>"],
  [["a", "--nam", "x"], '--nam is not a flag of "thing make"; did you mean "--name"?'],
  [["a", "--colour", "red"], '--colour is not a flag of "thing make"'],
  [["a", "-n", "x"], '-n is not a flag of "thing make"'],
  [["a", "--name", "x", "--force=1"], "--force takes no value"],
] as const)("%j is refused by name", (args, message) => {
  expect(() => parseInvocation(command, args)).toThrow(message);
});

test("--help asks for nothing else", () => {
  expect(parseInvocation(command, ["--help"]).switches.has("help")).toBe(true);
});

test("the help shows words, flags and their values", () => {
  expect(usageOf(command)).toBe("usage: sallyport thing make <id> [more] [flags]");
  expect(describeCommand(command)).toContain("  --tag <tag>    Any.\n");
});
