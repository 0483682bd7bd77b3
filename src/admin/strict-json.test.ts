import { expect, test } from "bun:test";
import fc from "fast-check";
import { parseStrictJson } from "./strict-json.ts";

const bytes = (text: string) => new TextEncoder().encode(text);

test("whatever JSON.stringify writes is read back as it was", () => {
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      const text = JSON.stringify(value);
      expect(parseStrictJson(bytes(text))).toEqual(JSON.parse(text));
      expect(parseStrictJson(bytes(JSON.stringify(value, null, 2)))).toEqual(JSON.parse(text));
    }),
  );
});

test("a key that is there twice is refused wherever it stands and however it is spelled", () => {
  fc.assert(
    fc.property(fc.string(), fc.jsonValue(), fc.jsonValue(), fc.nat(3), (key, a, b, depth) => {
      const escaped = `"${[...key].map((char) => [...Array(char.length)].map((_, i) => `\\u${char.charCodeAt(i).toString(16).padStart(4, "0")}`).join("")).join("")}"`;
      let text = `{${JSON.stringify(key)}:${JSON.stringify(a)},${escaped}:${JSON.stringify(b)}}`;
      for (let i = 0; i < depth; i++) text = i % 2 === 0 ? `[1,${text},"x"]` : `{"a":{"b":0},"c":${text}}`;
      expect(() => parseStrictJson(bytes(text))).toThrow("twice");
    }),
  );
});

test.each([
  ['{"a":{"x":1},"b":{"x":1}}', "equal keys in two objects"],
  ['{"a":"a","b":["a","a"]}', "a value that equals a key"],
  ['{"a":[{"a":1},{"a":1}]}', "equal keys in items"],
  ['{"a,\\"b":1,"a":2}', "punctuation inside a key"],
])("%s is taken: %s", (text) => {
  expect(parseStrictJson(bytes(text))).toEqual(JSON.parse(text));
});

test.each([
  ["nothing", ""],
  ["an open end", "{"],
  ["two values", "{} {}"],
  ["single quotes", "{'a':1}"],
  ["a trailing comma", '{"a":1,}'],
  ["no JSON number", "NaN"],
  ["a byte order mark", "\ufeff{}"],
  ["brackets without end", "[".repeat(60_000)],
  ["nesting beyond the bound", "[".repeat(200) + "]".repeat(200)],
])("%s is refused", (_case, text) => {
  expect(() => parseStrictJson(bytes(text))).toThrow(expect.objectContaining({ code: "invalid_json" }));
});

test("bytes that are not UTF-8 are refused", () => {
  for (const bad of [
    [0x22, 0xff, 0x22],
    [0x22, 0xc0, 0xaf, 0x22],
    [0x22, 0xed, 0xa0, 0x80, 0x22],
  ]) {
    expect(() => parseStrictJson(new Uint8Array(bad))).toThrow("UTF-8");
  }
});
