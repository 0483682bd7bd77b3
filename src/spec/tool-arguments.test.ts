import { describe, expect, test } from "bun:test";
import { argumentsAsObject, argumentsAsText, RAW_ARGUMENTS } from "./tool-arguments.ts";

describe("tool arguments between dialects that hold text and dialects that hold objects", () => {
  test.each([
    ["", {}],
    ["  \n", {}],
    ["{}", {}],
    ['{"a":1}', { a: 1 }],
    ['{"a":', { [RAW_ARGUMENTS]: '{"a":' }],
    ["[1]", { [RAW_ARGUMENTS]: "[1]" }],
    ["null", { [RAW_ARGUMENTS]: "null" }],
    ['"text"', { [RAW_ARGUMENTS]: '"text"' }],
  ])("%j becomes an object without loss", (text, object) => {
    expect(argumentsAsObject(text)).toEqual(object);
  });

  test.each(['{"a":', "[1]", '{"a":1}', "{}"])("%j comes back as it was", (text) => {
    expect(argumentsAsText(argumentsAsObject(text))).toBe(text);
  });

  test("an object that merely has a key of that name stays an object", () => {
    const object = { [RAW_ARGUMENTS]: "x", other: 1 };
    expect(JSON.parse(argumentsAsText(object))).toEqual(object);
  });
});

test("text that nests too deep to be written again stays text", () => {
  const deep = `{"a":${"[".repeat(60_000)}${"]".repeat(60_000)}}`;
  expect(argumentsAsObject(deep)).toEqual({ [RAW_ARGUMENTS]: deep });
  expect(argumentsAsText(argumentsAsObject(deep))).toBe(deep);
});
