import { expect, test } from "bun:test";
import { isSigned, type Seal, seal, unseal } from "./sealed.ts";

test("a sealed signature is read back as it was, whatever the call's id", () => {
  const rows: Seal[] = [
    { dialect: "gemini", place: "text", data: "Eo/+==" },
    { dialect: "gemini", place: "thought", data: "" },
    { dialect: "cohere-chat", place: "plan", data: "" },
    { dialect: "gemini", place: "call", data: "a-_b", callId: "functions.search:0\n:x" },
  ];
  for (const row of rows) expect(unseal(seal(row))).toEqual(row);
});

test("anybody else's signature is none of ours", () => {
  for (const text of [undefined, "", "EqAECp0EAQ==", "sp1:", "sp1:gemini:elsewhere:x:", "xsp1:gemini:text:x:"]) {
    expect(unseal(text)).toBeUndefined();
  }
});

test("a note of the place alone signs nothing", () => {
  const note = seal({ dialect: "cohere-chat", place: "plan", data: "" });
  const signed = seal({ dialect: "gemini", place: "thought", data: "Eo" });
  expect([note, undefined, signed, "EqAECp0EAQ==", ""].map(isSigned)).toEqual([false, false, true, true, true]);
});
