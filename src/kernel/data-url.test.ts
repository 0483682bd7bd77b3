import { describe, expect, test } from "bun:test";
import { dataUrlOf, percentDecoded } from "./data-url.ts";

describe("an address that carries its bytes is read as RFC 2397 says", () => {
  const rows: [string, ReturnType<typeof dataUrlOf>][] = [
    ["data:,a%20b", { mediaType: "", parameters: "", base64: false, anywhere: false, data: "a%20b" }],
    ["data:text/plain,a,b", { mediaType: "text/plain", parameters: "", base64: false, anywhere: false, data: "a,b" }],
    ["data:;base64,YQ==", { mediaType: "", parameters: "base64", base64: true, anywhere: true, data: "YQ==" }],
    [
      "DATA:text/plain; charset=utf-8; BASE64 ,YQ==",
      { mediaType: "text/plain", parameters: " charset=utf-8; BASE64 ", base64: true, anywhere: true, data: "YQ==" },
    ],
    [
      " \tda\nta:text/plain;base64;charset=x,YQ==",
      { mediaType: "text/plain", parameters: "base64;charset=x", base64: false, anywhere: true, data: "YQ==" },
    ],
    ["data:text/plain", undefined],
    ["database:a,b", undefined],
    ["see data:,a", undefined],
    ["https://example.com/?data:,a", undefined],
  ];
  test.each(rows)("%j", (text, expected) => {
    expect(dataUrlOf(text)).toEqual(expected);
  });
});

test("two hexadecimal digits behind a percent sign are a byte, and anything else is what it is", () => {
  for (const [text, expected] of [
    ["grey%20falcon", "grey falcon"],
    ["%67%C3%a9", "gé"],
    ["é%c3%A9", "éé"],
    ["100%, %4, %zz%4G %%41", "100%, %4, %zz%4G %A"],
    ["%", "%"],
    ["", ""],
  ] as const) {
    expect(new TextDecoder().decode(percentDecoded(text))).toBe(expected);
  }
  expect([...percentDecoded("%00%ff%FE")]).toEqual([0, 255, 254]);
});
