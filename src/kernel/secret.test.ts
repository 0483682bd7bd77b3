import { expect, test } from "bun:test";
import { inspect } from "node:util";
import { Secret } from "./secret.ts";

const WORD = "hunter2-hunter2";

test("only reveal gives the value", () => {
  expect(new Secret(WORD).reveal()).toBe(WORD);
  const bytes = new Uint8Array([1, 2, 3]);
  expect(new Secret(bytes).reveal()).toBe(bytes);
});

test("no way of printing gives it away", () => {
  const secret = new Secret(WORD);
  const holder = { key: secret, list: [secret], map: new Map([["k", secret]]) };
  const texts = [
    `${secret}`,
    String(secret),
    `x${secret as unknown as string}`,
    JSON.stringify(secret),
    JSON.stringify(holder),
    inspect(secret),
    inspect(holder, { depth: 9, showHidden: true }),
    Bun.inspect(secret),
    Bun.inspect(holder),
    Object.entries(secret).join(),
    Object.getOwnPropertyNames(secret).join(),
    JSON.stringify(structuredCloneOrNot(secret)),
    new Error("x", { cause: secret }).stack ?? "",
  ];
  for (const text of texts) expect(text).not.toContain(WORD);
  expect(texts[0]).toBe("*****");
});

/** A clone has none of the private fields. */
function structuredCloneOrNot(value: unknown): unknown {
  try {
    return structuredClone(value);
  } catch {
    return null;
  }
}

test("it does not add up to a number either", () => {
  expect(Number(new Secret(12345))).toBeNaN();
});
