import { expect, test } from "bun:test";
import { assert, unreachable } from "./assert.ts";

test("a promise that holds says nothing", () => {
  for (const kept of [true, 1, "x", {}]) assert(kept, "never told");
});

test("a promise that breaks is named", () => {
  for (const broken of [false, 0, "", null, undefined, Number.NaN]) {
    expect(() => assert(broken, "a hold is settled once")).toThrow("broken promise: a hold is settled once");
  }
});

test("a value that cannot occur is named when it does", () => {
  expect(() => unreachable({ kind: "new" } as never)).toThrow('broken promise: {"kind":"new"} cannot occur here');
});
