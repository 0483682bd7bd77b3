import { expect, test } from "bun:test";
import { join } from "node:path";

const root = join(import.meta.dir, "../..");
const file = "test/types/wrong-order.wont-compile.ts";

test("stages in a wrong order do not compile, and in the right one they do", async () => {
  const options = ["--noEmit", "--skipLibCheck", "--strict", "--exactOptionalPropertyTypes", "--target", "esnext"];
  const more = [
    "--lib",
    "esnext",
    "--module",
    "preserve",
    "--moduleResolution",
    "bundler",
    "--allowImportingTsExtensions",
    "--types",
    "bun",
    "--resolveJsonModule",
    "--ignoreConfig",
  ];
  const tsc = Bun.spawn([join(root, "node_modules/.bin/tsc"), ...options, ...more, "--pretty", "false", file], {
    cwd: root,
    stdout: "pipe",
  });
  const output = await new Response(tsc.stdout).text();
  await tsc.exited;
  const found = new Set<number>();
  for (const match of output.matchAll(/^(.+?)\((\d+),\d+\): error/gm)) {
    expect(match[1]).toBe(file);
    found.add(Number(match[2]));
  }
  const lines = (await Bun.file(join(root, file)).text()).split("\n");
  const marked = lines.flatMap((line, i) => (line.includes("// refused") ? [i + 1] : []));
  // The comment that explains the mark is a line with the mark, and is not code.
  expect([...found].sort((a, b) => a - b)).toEqual(marked.filter((line) => !lines[line - 1]!.startsWith(" *")));
  expect(found.size).toBeGreaterThan(10);
}, 60_000);
