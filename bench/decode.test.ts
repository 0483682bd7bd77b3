import { expect, test } from "bun:test";
import { decodeTable } from "./decode.ts";

test("both dialects are measured on a body of over 100 kB", () => {
  const rows = decodeTable()
    .split("\n")
    .filter((line) => /^\| (?:openai|anthropic)/.test(line));
  expect(rows).toHaveLength(2);
  for (const row of rows) expect(Number(row.split("|")[2])).toBeGreaterThan(100_000);
});
