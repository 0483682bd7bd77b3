// Covers json.ts.
import { describe, expect, test } from "bun:test";
import { MAX_JSON_DEPTH } from "./bounds.ts";
import { isObject, parseBounded, parseExact, parseJson, parseMessage, wordOf } from "./json.ts";

test("an object is neither null nor a list nor a plain value", () => {
  expect([{}, { a: 1 }, Object.create(null)].map(isObject)).toEqual([true, true, true]);
  expect([null, undefined, [], [{}], "{}", 1, true].map(isObject)).toEqual([
    false,
    false,
    false,
    false,
    false,
    false,
    false,
  ]);
});

test("JSON is parsed, and what is none is undefined", () => {
  expect(parseJson('{"a":[1,null,"x"]}')).toEqual({ a: [1, null, "x"] });
  expect(parseJson("null")).toBeNull();
  for (const text of ["", "{", "{a:1}", "NaN", "'x'", "1 2", "[1,]", "undefined"])
    expect(parseJson(text)).toBeUndefined();
});

test("a key named __proto__ is a key like any other", () => {
  const parsed = parseJson('{"__proto__":{"admin":true}}') as Record<string, unknown>;
  expect(Object.keys(parsed)).toEqual(["__proto__"]);
  expect(parsed.admin).toBeUndefined();
});

describe("a stranger's JSON", () => {
  const nested = (depth: number, open = "[", close = "]", inside = "1") =>
    open.repeat(depth) + inside + close.repeat(depth);
  const long = `"${"x".repeat(5_000)}"`;

  test("is parsed like any other up to the bound, and is none beyond it", () => {
    const deepest = nested(MAX_JSON_DEPTH, "[", "]", long);
    expect(parseBounded(deepest)).toEqual(parseJson(deepest)!);
    expect(parseBounded(nested(MAX_JSON_DEPTH + 1, "[", "]", long))).toBeUndefined();
    expect(parseBounded(nested(MAX_JSON_DEPTH + 1, '{"a":', "}", long))).toBeUndefined();
    expect(parseBounded("{".repeat(5_000))).toBeUndefined();
    expect(parseBounded("x".repeat(5_000))).toBeUndefined();
    expect(parseBounded("{")).toBeUndefined();
  });

  test("may be wide, and brackets inside strings are no depth, behind any run of backslashes", () => {
    for (const value of [
      Array.from({ length: 5_000 }, () => [{}]),
      { a: "[{".repeat(5_000) },
      { a: `\\"${'[\\"{'.repeat(5_000)}`, b: `${"[".repeat(5_000)}\\`, c: [1] },
    ]) {
      expect(parseBounded(JSON.stringify(value))).toEqual(value);
    }
  });

  test("that is too short to be searched can always be written again", () => {
    const text = nested(2_047);
    expect(text.length).toBeLessThanOrEqual(4_096);
    expect(JSON.stringify(parseBounded(text))).toBe(text);
  });
});

test("a stranger's value as a word asks nothing of it", () => {
  expect([{ toString: "x" }, ["a"], "b", 7, null, undefined].map(wordOf)).toEqual([
    '{"toString":"x"}',
    '["a"]',
    "b",
    "7",
    "null",
    "undefined",
  ]);
});

describe("whole numbers beyond 2^53", () => {
  const big =
    '{"a":[9007199254740993,-12345678901234567890],"b":9007199254740991,"c":1.25,"d":"12345678901234567890","e":1e22}';

  test("keep their digits where they are written again", () => {
    const written = JSON.stringify(parseExact(big));
    expect(written).toBe(big);
    expect(parseExact('{"a":[1,"x",null,true]}')).toEqual({ a: [1, "x", null, true] });
    expect(() => parseExact("{")).toThrow(SyntaxError);
    expect(parseBounded("{", parseExact)).toBeUndefined();
  });

  test("keep them in a message as arguments of a call alone, and are rounded numbers elsewhere", () => {
    const id = "12345678901234567890";
    const call = (of: string) => `{"name":"f",${of}}`;
    for (const kept of [`"input":{"id":${id}}`, `"args":{"x":[{"id":${id}}]}`, `"arguments":{"id":${id}}`]) {
      const body = `{"calls":[${call(kept)}]}`;
      expect(JSON.stringify(parseMessage(body))).toBe(body);
    }
    for (const other of [
      call(`"input":[${id}]`),
      call(`"input":${id}`),
      call(`"max":{"id":${id}}`),
      `{"input":{"id":${id}}}`,
      `{"__proto__":{"id":${id}}}`,
    ]) {
      expect(parseMessage(other)).toEqual(JSON.parse(other));
      expect(JSON.stringify(parseMessage(other))).toBe(JSON.stringify(JSON.parse(other)));
    }
  });
});
