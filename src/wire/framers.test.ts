import { expect, test } from "bun:test";
import { FRAMERS } from "./framers.ts";

test("every framing has a content type of its own, and a framer that starts empty", () => {
  const types = Object.values(FRAMERS).map(({ contentType }) => contentType);
  expect(new Set(types).size).toBe(types.length);
  for (const { contentType, framer } of Object.values(FRAMERS)) {
    expect(contentType).toBe(contentType.toLowerCase());
    expect(framer().close()).toEqual([]);
  }
});
