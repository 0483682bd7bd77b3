import { expect, test } from "bun:test";
import type { PlannedChange } from "../ports/administration.ts";
import type { LogFields, LogLevel } from "../ports/log.ts";
import type { AccountVariables } from "./first-start.ts";
import { tellChanges, tellUnread, tellWarnings } from "./tell.ts";

function listening() {
  const lines: [LogLevel, string, LogFields?][] = [];
  const log = {
    write(level: LogLevel, message: string, fields?: LogFields) {
      lines.push(fields === undefined ? [level, message] : [level, message, fields]);
    },
  };
  return { lines, log };
}

test("what a file changes is counted, and what it removes is named, with a warning about its keys", () => {
  const { lines, log } = listening();
  tellChanges([], "s.yaml", log);
  expect(lines).toEqual([]);
  const made: PlannedChange = { verb: "create", subject: "application acme/research/robot" };
  tellChanges([made], "s.yaml", log);
  expect(lines).toEqual([
    ["info", expect.any(String), { file: "s.yaml", count: 1, detail: "1 made, 0 changed, 0 removed" }],
  ]);
  lines.length = 0;
  const gone: PlannedChange = { verb: "remove", subject: "application acme/research/bot" };
  tellChanges([made, gone], "s.yaml", log);
  expect(lines[1]).toEqual([
    "warn",
    expect.stringContaining("revoked for good"),
    { file: "s.yaml", count: 1, detail: "application acme/research/bot" },
  ]);
  tellChanges(
    Array.from({ length: 25 }, () => gone),
    "s.yaml",
    log,
  );
  expect(lines.at(-1)![2]!.detail).toEndWith("bot and 5 more");
});

test("a provider's variable that is set too late is told of, unless there is an account of its kind", () => {
  const { lines, log } = listening();
  const accounts: AccountVariables[] = [
    { kind: "openai", keyVariable: "OPENAI_API_KEY" },
    { kind: "bedrock", keyVariable: "AWS_BEARER_TOKEN_BEDROCK" },
    { kind: "bedrock", keyVariable: "AWS_ACCESS_KEY_ID" },
    { kind: "ollama", keyVariable: null, addressVariable: "OLLAMA_HOST" },
    { kind: "groq", keyVariable: "GROQ_API_KEY" },
  ];
  const env = {
    OPENAI_API_KEY: "k",
    AWS_BEARER_TOKEN_BEDROCK: "b",
    AWS_ACCESS_KEY_ID: "a",
    OLLAMA_HOST: "h",
    GROQ_API_KEY: "",
  };
  tellUnread(env, accounts, { providers: new Map([["mine", { kind: "openai" }]]) }, log);
  expect(lines.map(([level, message]) => [level, message.split(" ", 1)[0]!])).toEqual([
    ["warn", "AWS_BEARER_TOKEN_BEDROCK"],
    ["warn", "OLLAMA_HOST"],
  ]);
});

test("what a file may not have meant is told line by line, and not without end", () => {
  const { lines, log } = listening();
  const doubt = { where: "s.yaml:3:1: apis[0]", message: "unknown parameter" };
  tellWarnings(
    Array.from({ length: 25 }, () => doubt),
    log,
  );
  expect(lines).toHaveLength(20);
  expect(lines[0]).toEqual(["warn", expect.any(String), { detail: "s.yaml:3:1: apis[0]: unknown parameter" }]);
});
