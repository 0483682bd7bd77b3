import { expect, test } from "bun:test";
import { isMadeUpCallId, madeUpCallId } from "./call-id.ts";

test("ids that were made up are known again, and hold nothing that a dialect forbids", () => {
  expect(madeUpCallId("mSEX.aseKG:P5", 2)).toBe("sp_call_mSEXaseKGP5_2");
  expect(isMadeUpCallId(madeUpCallId("", 0))).toBe(true);
  for (const id of ["", "call_abc", "8oyvnqk0", "toolu_1"]) expect(isMadeUpCallId(id)).toBe(false);
});
