import { describe, expect, test } from "bun:test";
import { PLANTED_TIDY } from "../test/planted/tidy.ts";
import { checkTidy, FORBIDDEN_WORDS, readTexts } from "./tidy.ts";

const machine = { root: "/srv/build-7/checkout", home: "/srv/ada" };
const rulesOf = (tree: Record<string, string>) => [
  ...new Set(checkTidy(new Map(Object.entries(tree)), machine).map(({ rule }) => rule)),
];

describe("each rule bites on its planted breach and not on its control", () => {
  test.each(PLANTED_TIDY.map((planted) => [`${planted.rule}: ${planted.what}`, planted] as const))(
    "%s",
    (_, planted) => {
      expect(rulesOf(planted.breach)).toEqual([planted.rule]);
      expect(rulesOf(planted.control)).toEqual([]);
    },
  );
});

test("no forbidden word gets by as part of a name", () => {
  for (const word of FORBIDDEN_WORDS) {
    expect(rulesOf({ [`docs/key-${word}.md`]: "" })).toEqual(["names"]);
  }
});

test("recordings are left as they are", () => {
  expect(rulesOf({ "src/providers/p/fixtures/answer.json": "TODO /home/ada/x" })).toEqual([]);
});

test("the texts that are read are this checkout's, without what npm installed", async () => {
  const files = await readTexts(`${import.meta.dir}/..`);
  expect(files.get("tools/tidy.ts")).toContain("export function checkTidy");
  expect(files.has("package.json")).toBe(true);
  expect([...files.keys()].filter((file) => file.includes("node_modules/"))).toEqual([]);
});
