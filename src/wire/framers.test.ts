import { expect, test } from "bun:test";
import { FRAMERS } from "./framers.ts";

test("every framing has a content type, and a framer that starts empty", () => {
  for (const { contentType, framer } of Object.values(FRAMERS)) {
    expect(contentType).toBe(contentType.toLowerCase());
    expect(framer().close()).toEqual([]);
  }
});
