/** Files that break a rule of tools/tidy.ts, and controls that come as near to it as is allowed. */

type Tree = Record<string, string>;

export interface PlantedTidy {
  rule: string;
  what: string;
  breach: Tree;
  control: Tree;
}

const lines = (count: number, line = "x();") => `${line}\n`.repeat(count);
const fn = (name: string, count: number) => `export function ${name}() {\n${lines(count - 2, "  x();")}}\n`;
const types = "export interface A {\n  a: 1;\n}\n";
const tested = (file: string) => ({ [file.replace(".ts", ".test.ts")]: "" });

export const PLANTED_TIDY: readonly PlantedTidy[] = [
  {
    rule: "file length",
    what: "a file of 400 lines",
    breach: { "src/a.ts": lines(400), ...tested("src/a.ts") },
    control: { "src/a.ts": lines(399), ...tested("src/a.ts") },
  },
  {
    rule: "file length",
    what: "a long file that gives no reason",
    breach: { "src/a.ts": `// tidy: long\n${lines(500)}`, ...tested("src/a.ts") },
    control: { "src/a.ts": `// tidy: long because it is one table\n${lines(500)}`, ...tested("src/a.ts") },
  },
  {
    rule: "file length",
    what: "a stage of 150 lines",
    breach: { "src/gateway/reserve.ts": lines(150), ...tested("src/gateway/reserve.ts") },
    control: { "src/gateway/arrival/body.ts": lines(150), ...tested("src/gateway/arrival/body.ts") },
  },
  {
    rule: "file length",
    what: "a test of 400 lines",
    breach: { "src/a.test.ts": lines(400) },
    control: { "src/a.test.ts": lines(399) },
  },
  {
    rule: "function length",
    what: "a function of 70 lines",
    breach: { "src/a.ts": fn("f", 70), ...tested("src/a.ts") },
    control: { "src/a.ts": fn("f", 69) + fn("g", 69), ...tested("src/a.ts") },
  },
  {
    rule: "function length",
    what: "a long function whose excuse names another",
    breach: { "src/a.ts": `// tidy: long function g because x\n${fn("f", 80)}`, ...tested("src/a.ts") },
    control: { "src/a.ts": `// tidy: long function f because x\n${fn("f", 80)}`, ...tested("src/a.ts") },
  },
  {
    rule: "function length",
    what: "a long method",
    breach: {
      "src/a.ts": `class A {\n  async run(): Promise<void> {\n${lines(70, "    x();")}  }\n}\n`,
      ...tested("src/a.ts"),
    },
    control: { "src/a.test.ts": `test("a", () => {\n${lines(70, "  x();")}});\n` },
  },
  {
    rule: "names",
    what: "a file called utils",
    breach: { "src/utils.ts": types },
    control: { "src/utility-bill.ts": types },
  },
  {
    rule: "names",
    what: "a folder called helpers",
    breach: { "test/helpers/a.json": "{}" },
    control: { "test/support/a.json": "{}" },
  },
  {
    rule: "names",
    what: "a class called manager",
    breach: { "src/a.ts": "export class KeyManager {}", ...tested("src/a.ts") },
    control: {
      "src/a.ts": 'export class KeyRing {} // no class KeyManager\nconst x = "class KeyManager";',
      ...tested("src/a.ts"),
    },
  },
  {
    rule: "names",
    what: "a constant called service",
    breach: { "src/a.ts": "const authService = 1;", ...tested("src/a.ts") },
    control: { "src/a.ts": "const serviceTier = 1;", ...tested("src/a.ts") },
  },
  {
    rule: "leftovers",
    what: "a note to oneself",
    breach: { "docs/a.md": "One day.\nTODO: write this." },
    control: { "docs/a.md": "The to-do list is in the issues." },
  },
  {
    rule: "machine paths",
    what: "someone's home",
    breach: { "docs/a.md": "cd /home/ada/sallyport" },
    control: { "docs/a.md": "cd ~/sallyport; see https://example.com/home/ada and /var/lib/sallyport" },
  },
  {
    rule: "machine paths",
    what: "this very checkout",
    breach: { "bench/a.json": '{"command":"/srv/build-7/checkout/bin/bun"}' },
    control: { "bench/a.json": '{"command":"bin/bun"}' },
  },
  {
    rule: "machine paths",
    what: "a folder for one run",
    breach: { "docs/a.md": "see /tmp/out.txt" },
    control: { "docs/a.md": "a folder under $TMPDIR, by mkdtemp" },
  },
  {
    rule: "tests",
    what: "a source file that no test names",
    breach: { "src/a.ts": "export const x = 1;", "src/b.test.ts": 'import "./b.ts";' },
    control: { "src/a.ts": "export const x = 1;", "test/b.test.ts": 'import { x } from "../src/a.ts";' },
  },
  {
    rule: "tests",
    what: "a name that five folders share",
    breach: { "src/wire/p/decode.ts": "export const x = 1;", "test/b.test.ts": "// Covers decode.ts" },
    control: { "src/wire/p/decode.ts": "export const x = 1;", "test/b.test.ts": "// Covers p/decode.ts" },
  },
  {
    rule: "tests",
    what: "a file that has code beside its types",
    breach: { "src/a.ts": `${types}export const x: A = { a: 1 };` },
    control: { "src/a.ts": `import type { B } from "./b.ts";\n${types}export type C = A | B;` },
  },
];
