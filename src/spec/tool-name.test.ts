import { describe, expect, test } from "bun:test";
import type { ModelRequest } from "./request.ts";
import { callersToolNames, type ToolNameForm, toolNameIn } from "./tool-name.ts";

const FORM: ToolNameForm = { allowed: /^[\w-]{1,20}$/, plain: (name) => name.replace(/[^\w-]/g, "_"), max: 20 };

const requestWith = (...names: string[]): ModelRequest => ({
  dialect: "gemini",
  model: "m",
  messages: [],
  stream: false,
  includeUsage: false,
  tools: [{ type: "opaque", value: { name: "a.b" } }, ...names.map((name) => ({ type: "function" as const, name }))],
});

describe("a name of a tool", () => {
  test.each(["f", "get_weather-2", "x".repeat(20)])("that is allowed stays as it is: %s", (name) => {
    expect(toolNameIn(FORM, name)).toBe(name);
  });

  test.each(["my.srv:get", "a/b", "two words", "x".repeat(21), "天気", "a\nb", ""])(
    "that is not becomes one that is, the same every time: %p",
    (name) => {
      expect(toolNameIn(FORM, name)).toMatch(FORM.allowed);
      expect(toolNameIn(FORM, name)).toBe(toolNameIn(FORM, name));
    },
  );

  test("can still be known by its beginning", () => {
    expect(toolNameIn(FORM, "my.srv:get")).toMatch(/^my_srv_get_[0-9a-f]{8}$/);
    expect(toolNameIn(FORM, "x".repeat(30))).toMatch(/^x{11}_[0-9a-f]{8}$/);
  });

  test.each([
    ["in a forbidden letter", ["a.b", "a:b", "a/b", "a b", "a_b"]],
    ["in what is cut off", [`${"x".repeat(30)}1`, `${"x".repeat(30)}2`]],
    // The low bytes of their code units are the same.
    ["in the high byte of a letter", ["\u4e2d", "\u4f2d", "\u012d"]],
  ])("stays another one than those that differ %s", (_, names) => {
    expect(new Set(names.map((name) => toolNameIn(FORM, name))).size).toBe(names.length);
  });
});

describe("the caller's own names", () => {
  test("are found by those that stand in their place, and by no other", () => {
    const names = callersToolNames(FORM, requestWith("f", "a.b", "a:b"))!;
    expect([...names]).toEqual([
      [toolNameIn(FORM, "a.b"), "a.b"],
      [toolNameIn(FORM, "a:b"), "a:b"],
    ]);
  });

  test("need not be looked for where all are allowed, or there are none", () => {
    expect(callersToolNames(FORM, requestWith("f", "g"))).toBeUndefined();
    const { tools: _, ...without } = requestWith();
    expect(callersToolNames(FORM, without)).toBeUndefined();
  });
});
