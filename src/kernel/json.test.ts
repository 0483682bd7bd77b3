// Covers json.ts.
import { expect, test } from "bun:test";
import { isObject, parseJson } from "./json.ts";

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
