// Covers tools/test.ts and test/support/parts.ts.
import { describe, expect, test } from "bun:test";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { present } from "../test/support/parts.ts";
import { BUN_TEST, chosen, LONGER, summary, TIMINGS, tally, testFiles } from "./test.ts";

const ROOT = join(import.meta.dir, "..");

/** Runs bun test on files with these texts, and gives what the runner makes of it. */
async function tallyOf(texts: string | readonly string[], env: Record<string, string> = {}) {
  const folder = mkdtempSync(join(tmpdir(), "sallyport-tally-"));
  for (const [i, text] of [texts].flat().entries()) writeFileSync(join(folder, `${i}.test.ts`), text);
  const child = Bun.spawn([process.execPath, ...BUN_TEST], {
    cwd: folder,
    stderr: "pipe",
    env: { ...process.env, CI: "", ...env },
  });
  const output = await new Response(child.stderr).text();
  const exitCode = await child.exited;
  rmSync(folder, { recursive: true });
  return tally(output, exitCode);
}

const BEGIN = 'import { expect, test } from "bun:test";\n';
const PARTS = `import { present } from ${JSON.stringify(join(import.meta.dir, "../test/support/parts.ts"))};\n`;

describe("the tally of a real run", () => {
  const rows: [string, string, { passed: number; failed: number; skipped: number }][] = [
    ["all pass", 'test("a", () => {}); test("b", () => {});', { passed: 2, failed: 0, skipped: 0 }],
    ["one fails", 'test("a", () => {}); test("b", () => { throw 1; });', { passed: 1, failed: 1, skipped: 0 }],
    ["one is skipped", 'test("a", () => {}); test.skip("b", () => {});', { passed: 1, failed: 0, skipped: 1 }],
    ["one is to do", 'test("a", () => {}); test.todo("b");', { passed: 1, failed: 0, skipped: 1 }],
    ["the file does not load", 'import "./nowhere.ts";', { passed: 0, failed: 2, skipped: 0 }],
    [
      "an error that no test waits for",
      'test("a", () => {}); Promise.reject(new Error("nobody waits for this"));',
      { passed: 0, failed: 1, skipped: 0 },
    ],
    ["the process ends early", 'test("a", () => process.exit(0));', { passed: 0, failed: 1, skipped: 0 }],
    ["no test at all", "", { passed: 0, failed: 1, skipped: 0 }],
  ];
  test.each(rows)("%s", async (_, text, expected) => {
    expect(await tallyOf(BEGIN + text)).toMatchObject(expected);
  });

  test.each(rows)("%s, beside files that pass", async (_, text, { failed, skipped }) => {
    const well = `${BEGIN}test("well", async () => { await Bun.sleep(100); });`;
    const result = await tallyOf([well, BEGIN + text, well]);
    expect([result.failed > 0, result.skipped]).toEqual([failed > 0 && text !== "", skipped]);
    expect(result.passed).toBeGreaterThanOrEqual(2);
  });

  test("several files that run at once are one sum, with what each of them misses", async () => {
    const missing = `${BEGIN}test("a", () => console.log("MISSING PART: moon: look up"));`;
    const result = await tallyOf([missing, missing, `${BEGIN}test("b", () => { throw 1; });`]);
    expect(result).toEqual({ passed: 2, failed: 1, skipped: 0, missing: ["MISSING PART: moon: look up"] });
  });
});

describe("the parts of the tests", () => {
  const files = ["src/a.test.ts", "test/process/kill.test.ts", "test/real/b.test.ts", "test/real/stores/c.test.ts"];
  const rows: [Parameters<typeof chosen>[0], string[], string[]][] = [
    ["plain", [], ["src/a.test.ts", "test/process/kill.test.ts"]],
    ["plain", ["process", "src"], ["src/a.test.ts", "test/process/kill.test.ts"]],
    ["plain", ["stores"], []],
    ["real", [], ["test/process/kill.test.ts", "test/real/b.test.ts", "test/real/stores/c.test.ts"]],
    ["real", ["stores"], ["test/real/stores/c.test.ts"]],
    ["all", [], files],
  ];
  test.each(rows)("%s, of %p", (part, filters, expected) => {
    expect(chosen(part, filters, files)).toEqual(expected);
  });

  test("together are all files, and none stands in both but what tries more in the second", async () => {
    const all = await testFiles(ROOT);
    const [plain, real] = [chosen("plain", [], all), chosen("real", [], all)];
    expect([...new Set([...plain, ...real])].sort()).toEqual(chosen("all", [], all));
    expect(plain.filter((file) => real.includes(file))).toEqual([...LONGER]);
    expect(plain.length).toBeGreaterThan(100);
  });

  test("what tries more when everything is meant is what asks for it", async () => {
    const asking = (await testFiles(ROOT)).filter(
      (file) => !file.startsWith("test/real/") && /env\.TEST_ALL/.test(readFileSync(join(ROOT, file), "utf8")),
    );
    expect(asking.sort()).toEqual([...LONGER]);
  });

  test("the files that are known to be slow are there", () => {
    const { files } = JSON.parse(readFileSync(join(ROOT, TIMINGS), "utf8"));
    expect(Object.keys(files).filter((file) => !existsSync(join(ROOT, file)))).toEqual([]);
  });
});

describe("a part that is missing", () => {
  const suite = `${BEGIN}${PARTS}
    test.skipIf(!present({ name: "moon", found: false, how: "look up" }))("a", () => {});
    test("b", () => {});`;

  test("is a loud line, and no failure where not everything is demanded", async () => {
    const result = await tallyOf(suite);
    expect(result).toEqual({ passed: 1, failed: 0, skipped: 1, missing: ["MISSING PART: moon: look up"] });
    expect(summary(result)).toBe("!! MISSING PART: moon: look up\n1 skipped\n1 passed, 0 failed");
  });

  test("is a failure under CI=true", async () => {
    expect(await tallyOf(suite, { CI: "true" })).toMatchObject({ passed: 1, failed: 1, skipped: 1 });
  });

  test("that is there is silent", () => {
    expect(present({ name: "sun", found: true, how: "" }, { CI: "true" })).toBe(true);
  });
});

test("the line that ends a summary stands alone", () => {
  expect(summary({ passed: 3, failed: 1, skipped: 0, missing: [] })).toBe("3 passed, 1 failed");
});
