// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the rows are source text.
import { describe, expect, test } from "bun:test";
import { functionsOf, lineAt, readSource } from "./source.ts";

describe("imports", () => {
  test("every form of import is found, types included, with its line", () => {
    const source = readSource(
      [
        'import type { A } from "./a.ts";',
        'import { type B } from "./b.ts";',
        "import C from './c.ts';",
        'export * from "./d.ts";',
        "export type {",
        "  E,",
        '} from "./e.ts";',
        'import "./f.ts";',
        'const g = await import("./g.ts");',
        'let h: import("./h.ts").H;',
        'const i = require("node:fs");',
      ].join("\n"),
    );
    expect(source.imports.map(({ specifier, line }) => `${line} ${specifier}`)).toEqual([
      "1 ./a.ts",
      "2 ./b.ts",
      "3 ./c.ts",
      "4 ./d.ts",
      "7 ./e.ts",
      "8 ./f.ts",
      "9 ./g.ts",
      "10 ./h.ts",
      "11 node:fs",
    ]);
  });

  test("what only looks like an import is none", () => {
    const source = readSource(
      [
        '// import x from "./comment.ts"',
        '/* export * from "./block.ts" */',
        "const a = 'import \"./string.ts\"';",
        'const b = `import "./template.ts" ${a + `from "./inner.ts"`}`;',
        'const c = /from "x"/;',
        'const d = Array.from("abc");',
      ].join("\n"),
    );
    expect(source.imports).toEqual([]);
  });
});

describe("code without its comments and texts", () => {
  const rows: [string, string, string][] = [
    ["line comment", "a // b\nc", "a     \nc"],
    ["block comment", "a /* b\n */ c", "a     \n    c"],
    ["string with an escaped quote", 'x("a\\"b")', 'x("    ")'],
    ["code inside a template stays", "`a${b}c`", "` ${b} `"],
    ["template in a template", "`a${f(`x${y}z`)}c`", "` ${f(` ${y} `)} `"],
    ["object in a template", "`${{ a: 1 }.a}b` + c", "`${{ a: 1 }.a} ` + c"],
    ["pattern with a quote", "a = /\"'`/g; b", "a = /   /g; b"],
    ["pattern with a slash in a class", '(/[/"]/, c)', "(/    /, c)"],
    ["division is no pattern", "a / b / c", "a / b / c"],
    ["pattern after return", 'return /"/', "return / /"],
    ["first line that names an interpreter", "#! sh\na", "     \na"],
  ];
  test.each(rows)("%s", (_, text, code) => {
    expect(readSource(text).code).toBe(code);
  });

  test("length and lines never change", () => {
    const text = 'const a = `\n${"x"}\n`; // é\n/* \n */ "\\n"';
    const { code } = readSource(text);
    expect([code.length, code.split("\n").length]).toEqual([text.length, text.split("\n").length]);
    expect(lineAt(text, text.indexOf("é"))).toBe(3);
  });
});

describe("functions", () => {
  const spans = (text: string) =>
    functionsOf(readSource(text).code).map(({ name, from, to }) => `${name} ${from}-${to}`);
  const rows: [string, string, string[]][] = [
    ["declaration", "export async function a(x: string) {\n  b();\n}", ["a 1-3"]],
    ["parameters over lines", "function a(\n  x: string,\n): Promise<void> {\n}", ["a 1-4"]],
    ["object type returned", "function a(): { b: string } {\n}", ["a 1-2"]],
    ["generics with commas", "function a<K, V>(m: Map<K, V>): Map<V, K> {\n}", ["a 1-2"]],
    ["assertion", "function a(x: unknown): asserts x is { y: 1 } {\n}", ["a 1-2"]],
    ["arrow", "const a = async (x: number): Promise<Map<A, B>> => {\n  return x;\n};", ["a 1-3"]],
    ["arrow as an argument", "run(1, (x) => {\n  x();\n});", [" 1-3"]],
    ["property", "const o = {\n  a: (x) => {\n  },\n  b(y) {\n  },\n};", ["a 2-3", "b 4-5"]],
    ["methods", "class A extends B {\n  #x(y) {\n  }\n  get z(): T {\n  }\n}", ["#x 2-3", "z 4-5"]],
    ["after another", "function a() {\n}\n\nfunction b() {\n}", ["a 1-2", "b 4-5"]],
    ["nested", "function a() {\n  function b() {\n  }\n}", ["a 1-4", "b 2-3"]],
    [
      "no function",
      "if (a) {\n} else if (b) {\n} else {\n}\nfor (;;) {\n}\ntry {\n} catch (e) {\n}\nswitch (a) {\n}",
      [],
    ],
    [
      "no function either",
      "export class A extends B(C) {\n}\ninterface D {\n  e(): { f: 1 };\n}\nconst g = {\n};\nh({\n});",
      [],
    ],
    ["brace in a text", 'function a() {\n  return "}";\n}', ["a 1-3"]],
  ];
  test.each(rows)("%s", (_, text, expected) => {
    expect(spans(text)).toEqual(expected);
  });
});
