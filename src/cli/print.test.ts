import { expect, test } from "bun:test";
import { printable, table } from "./print.ts";

test("nothing printed moves the cursor, rings the bell or turns the text around", () => {
  expect(printable("a\u001b[31mb\u0007c\u202ed\r\ne\u200b")).toBe("a?[31mb?c?d??e?");
  expect(printable("Zürich 日本 🦀")).toBe("Zürich 日本 🦀");
});

test("columns are as wide as their widest cell, without spaces at the end", () => {
  expect(
    table(
      ["A", "BB"],
      [
        ["xxx", "y"],
        ["x", ""],
      ],
    ),
  ).toBe("A    BB\nxxx  y\nx\n");
});
