import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { Part } from "./parts.ts";

/**
 * Public collections of hard input, in a folder beside the checkout that users do not have.
 * Suites ask `present(VECTORS.…)`: skipped loudly without it, failing under CI=true.
 */
const FOLDER = join(import.meta.dir, "../../../shared/data/vectors");

function collection(name: string, path: string): Part {
  const found = existsSync(join(FOLDER, path));
  return { name, found, how: "it is looked for beside the checkout, in ../shared/data/vectors" };
}

export const VECTORS = {
  json: collection("JSONTestSuite", "jsontestsuite/test_parsing"),
  strings: collection("Big List of Naughty Strings", "blns/blns.json"),
};

/** Files of the JSONTestSuite: `n` must not parse, `y` must, `i` may. */
export function jsonFiles(kind: "n" | "y" | "i"): { name: string; bytes: Uint8Array }[] {
  if (!VECTORS.json.found) return [];
  const folder = join(FOLDER, "jsontestsuite/test_parsing");
  const names = readdirSync(folder).filter((name) => name.startsWith(`${kind}_`));
  return names.sort().map((name) => ({ name, bytes: new Uint8Array(readFileSync(join(folder, name))) }));
}

/** The naughty strings, each once. */
export function naughtyStrings(): string[] {
  if (!VECTORS.strings.found) return [];
  return [...new Set(JSON.parse(readFileSync(join(FOLDER, "blns/blns.json"), "utf8")) as string[])];
}
