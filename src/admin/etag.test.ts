import { expect, test } from "bun:test";
import { entityTag, requireMatch } from "./etag.ts";

test("equal resources have equal tags, others do not", () => {
  expect(entityTag({ a: 1, b: null })).toBe(entityTag({ a: 1, b: null }));
  expect(entityTag({ a: 1, b: null })).not.toBe(entityTag({ a: 1, b: 0 }));
  expect(entityTag({})).toMatch(/^[A-Za-z0-9_-]{22}$/);
});

test.each([[null], ["*"], ['"now"'], ['"old", "now"']])("If-Match %p allows the change", (header) => {
  requireMatch(header, "now");
});

test.each([['"old"'], ['W/"now"'], ["now"], [""], ['"now'], ['"NOW"']])("412: If-Match %p does not", (header) => {
  expect(() => requireMatch(header, "now")).toThrow(
    expect.objectContaining({ code: "precondition_failed", status: 412 }),
  );
});
