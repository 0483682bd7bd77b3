// Covers tools/test.ts and test/support/parts.ts.
import { describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { present } from "../test/support/parts.ts";
import { summary, tally } from "./test.ts";

/** Runs bun test on one file with this text, and gives what the runner makes of it. */
async function tallyOf(text: string, env: Record<string, string> = {}) {
  const folder = mkdtempSync(join(tmpdir(), "sallyport-tally-"));
  writeFileSync(join(folder, "a.test.ts"), text);
  const child = Bun.spawn([process.execPath, "test"], {
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
