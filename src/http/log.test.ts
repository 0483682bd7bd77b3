import { expect, test } from "bun:test";
import type { LogFields } from "../ports/log.ts";
import { createLog } from "./log.ts";

const clock = { now: () => Date.UTC(2026, 0, 2, 3, 4, 5, 6), ticks: () => 0 };

function logged(format: "json" | "pretty", write: (log: ReturnType<typeof createLog>) => void): string {
  let out = "";
  const log = createLog({ format, level: "info" }, clock, (text) => {
    out += text;
  });
  write(log);
  log.flush();
  return out;
}

test("a JSON line has time, level, message and the fields", () => {
  const line = logged("json", (log) => log.write("warn", "careful", { status: 503, detail: "x" }));
  expect(JSON.parse(line)).toEqual({
    time: "2026-01-02T03:04:05.006Z",
    level: "warn",
    message: "careful",
    status: 503,
    detail: "x",
  });
});

test("a field that is not on the allow-list is dropped, whatever its type said", () => {
  const smuggled = { prompt: "secret words", authorization: "Bearer x", call: "call_1" } as unknown as LogFields;
  for (const format of ["json", "pretty"] as const) {
    const line = logged(format, (log) => log.write("info", "call", smuggled));
    expect(line).toContain("call_1");
    expect(line).not.toContain("secret words");
    expect(line).not.toContain("Bearer");
  }
});

test("no value begins a line of its own, or speaks to the terminal", () => {
  const nasty = "a\nb\r\u001b[2J\u2028c";
  for (const format of ["json", "pretty"] as const) {
    const line = logged(format, (log) => log.write("info", nasty, { model: nasty }));
    expect(line.trimEnd().split(/[\r\n\u2028]/)).toHaveLength(1);
    expect(line).not.toContain("\u001b");
  }
});

test("what is below the level is not written", () => {
  expect(logged("json", (log) => log.write("debug", "quiet"))).toBe("");
});

test("lines that could not be taken are counted, and told of by the next that can", () => {
  let takes = true;
  let out = "";
  const log = createLog({ format: "json", level: "info" }, clock, (text) => {
    if (takes) out += text;
    return takes;
  });
  const say = (message: string) => {
    log.write("info", message);
    log.write("info", message);
    log.flush();
  };
  takes = false;
  say("into the void");
  say("into the void");
  takes = true;
  say("heard");
  say("heard");
  const lines = out
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line));
  expect(lines.map(({ level, count }) => [level, count])).toEqual([
    ["warn", 4],
    ["info", undefined],
    ["info", undefined],
    ["info", undefined],
    ["info", undefined],
  ]);
});
