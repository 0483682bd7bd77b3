import { expect, test } from "bun:test";
import { deepFreeze } from "./freeze.ts";

test("every object and array of the tree is frozen", () => {
  const tree = deepFreeze({ list: [{ name: "a" }], nothing: null, text: "t" });
  expect(() => (tree.list[0]!.name = "b")).toThrow(TypeError);
  expect(() => tree.list.push({ name: "c" })).toThrow(TypeError);
  expect(tree).toEqual({ list: [{ name: "a" }], nothing: null, text: "t" });
});

test("a tree that refers to itself is frozen too", () => {
  const tree: { self?: unknown } = {};
  tree.self = tree;
  expect(Object.isFrozen(deepFreeze(tree))).toBe(true);
});
