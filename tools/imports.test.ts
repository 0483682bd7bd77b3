// Covers tools/imports.ts and tools/import-rules.ts.
import { describe, expect, test } from "bun:test";
import { PLANTED_IMPORTS } from "../test/planted/imports.ts";
import { RULES } from "./import-rules.ts";
import { checkImports, readTree } from "./imports.ts";

const packages = { dependencies: { zod: "4" }, devDependencies: { openai: "6" } };
const GRAPH_RULES = ["packages are declared", "no circles", "no orphans"];

/** Rules that the tree breaks. A tree that has no entry is not asked for orphans. */
function broken(tree: Record<string, string>, about: string): string[] {
  const violations = checkImports(new Map(Object.entries(tree)), packages, "src/main.ts");
  const rules = new Set(violations.map(({ rule }) => rule));
  if (about !== "no orphans") rules.delete("no orphans");
  return [...rules];
}

describe("each rule bites on its planted violation and not on its control", () => {
  test.each(PLANTED_IMPORTS.map((planted) => [planted.rule, planted] as const))("%s", (rule, planted) => {
    expect(broken(planted.violation, rule)).toContain(rule);
    expect(broken(planted.control, rule)).toEqual([]);
  });

  test("no rule is without a planted violation", () => {
    expect(PLANTED_IMPORTS.map(({ rule }) => rule)).toEqual([...RULES.map(({ name }) => name), ...GRAPH_RULES]);
  });
});

test("a violation names file, line and target", () => {
  const tree = new Map([
    ["src/gateway/a.ts", '// first line\nimport "../admin/b.ts";'],
    ["src/admin/b.ts", ""],
  ]);
  const [first] = checkImports(tree, packages, "src/main.ts");
  expect(first).toMatchObject({ file: "src/gateway/a.ts", line: 2 });
  expect(first!.message).toStartWith("must not import src/admin/b.ts");
});

test("the tree that is read is this checkout", async () => {
  const files = await readTree(`${import.meta.dir}/..`);
  expect(files.get("tools/imports.ts")).toContain("export function checkImports");
  expect([...files.keys()].some((file) => file.includes("node_modules"))).toBe(false);
});
