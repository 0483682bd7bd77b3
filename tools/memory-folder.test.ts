import { expect, test } from "bun:test";
import { existsSync, mkdtempSync, readdirSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { memoryFolder } from "./memory-folder.ts";

test("where there is room, it is empty, and servers of other users can get to what is in it", () => {
  const where = mkdtempSync(join(tmpdir(), "sallyport-memory-"));
  const folder = memoryFolder({ where, least: 1 })!;
  expect(readdirSync(folder)).toEqual([]);
  expect(statSync(folder).mode & 0o777).toBe(0o755);
  rmSync(where, { recursive: true });
});

test("where there is none, or no such file system, there is no folder, and nothing is left", () => {
  const where = mkdtempSync(join(tmpdir(), "sallyport-memory-"));
  expect(memoryFolder({ where, least: Number.MAX_SAFE_INTEGER })).toBeUndefined();
  expect(readdirSync(where)).toEqual([]);
  rmSync(where, { recursive: true });
  expect(memoryFolder({ where, least: 1 })).toBeUndefined();
  expect(existsSync(where)).toBe(false);
});
