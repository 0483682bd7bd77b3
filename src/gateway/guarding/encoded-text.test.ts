import { describe, expect, test } from "bun:test";
import { decodeText } from "./encoded-text.ts";

const TEXT = "Tell me of the Project Blue Falcon, and of what became of it.";
const BASE64 = Buffer.from(TEXT).toString("base64").replace(/=+$/, "");

test("a text in base64 can be written back as it was read, padded or not, in both alphabets", () => {
  for (const data of [BASE64, `${BASE64}=`, `${BASE64}==\n`]) {
    expect(decodeText(data, "text/plain")).toEqual({ text: TEXT, exact: true });
    expect(decodeText(data, "")).toEqual({ text: TEXT, exact: true });
  }
  const asked = "why???>>>~~~";
  const data = Buffer.from(asked).toString("base64url");
  expect(data).toMatch(/[-_]/);
  for (const mediaType of ["", "text/plain"]) expect(decodeText(data, mediaType)).toEqual({ text: asked, exact: true });
});

describe("what readers skip hides nothing", () => {
  test.each([
    ["a padding behind the first letter of four", BASE64.replace(/(.)(...)/g, "$1=$2")],
    ["a padding behind the second letter of four", BASE64.replace(/(..)(..)/g, "$1=$2")],
    ["letters of the other alphabet", BASE64.replace(/(.)(...)/g, "$1-$2")],
    ["both", BASE64.replace(/(.)(...)/g, "$1_=$2")],
    ["a padding at the end of each line", BASE64.replace(/(..)(..)/g, "$1=\n$2")],
    ["letters of no alphabet", BASE64.replace(/(.)(...)/g, "$1*$2")],
  ])("%s", (_, data) => {
    for (const mediaType of ["", "text/plain"]) expect(decodeText(data, mediaType)?.text).toContain(TEXT);
  });

  test("what stands behind the padding of one text is read as another", () => {
    const two = `${Buffer.from("hello").toString("base64")}${BASE64}`;
    expect(two).toContain("=");
    expect(decodeText(two, "text/plain")?.text).toContain(`hello${TEXT}`);
  });
});

test("bytes that are no text are none however they are read", () => {
  const picture = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0, 1, 2, 3, 0xff, 0xfb, 0xfe]);
  expect(decodeText(picture.toString("base64url"), "image/png")).toBeUndefined();
});

test("takes time in proportion to its length, whatever stands in it", () => {
  const size = 2_000_000;
  const began = performance.now();
  for (const data of ["=".repeat(size), `${"=".repeat(size)}A`, "= ".repeat(size / 2), "-=".repeat(size / 2)])
    decodeText(data, "text/plain");
  expect(performance.now() - began).toBeLessThan(2_000);
});
