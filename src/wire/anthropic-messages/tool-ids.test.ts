import { describe, expect, test } from "bun:test";
import { idForCaller, idFromCaller } from "./tool-ids.ts";

describe("a tool's id", () => {
  test.each(["toolu_01abc", "call_abc-1", "a"])("%s goes out as it is", (id) => {
    expect(idForCaller(id)).toBe(id);
    expect(idFromCaller(id)).toBe(id);
  });

  test.each(["functions.search:0", "", "ä", "toolu_id_Zm9v"])(
    "%j goes out in letters that the dialect allows, and comes back",
    (id) => {
      expect(idForCaller(id)).toMatch(/^[a-zA-Z0-9_-]+$/);
      expect(idFromCaller(idForCaller(id))).toBe(id);
    },
  );

  test.each(["toolu_id_!!", "toolu_id_Zm9v"])("%s, which we never gave, stays as it is", (id) => {
    expect(idFromCaller(id)).toBe(id);
  });
});
