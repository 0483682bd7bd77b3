import { expect, test } from "bun:test";
import { foldedName } from "./field-name.ts";

test("a name is the same in every spelling of its words, and in none of other words", () => {
  for (const name of ["max_tokens", "MAX_TOKENS", "maxTokens", "Max-Tokens", "_max__tokens"]) {
    expect(foldedName(name)).toBe("maxtokens");
  }
  expect(foldedName("max.tokens")).not.toBe("maxtokens");
  expect(foldedName("max_token")).not.toBe("maxtokens");
});
