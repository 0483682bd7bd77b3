import { afterAll, expect, test } from "bun:test";
import { chmodSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DataFolderError, makePrivate, openDataFolder } from "./folder.ts";

const root = mkdtempSync(join(tmpdir(), "sallyport-folder-"));
afterAll(() => rmSync(root, { recursive: true }));
const HOLDER = `
  import { openDataFolder } from ${JSON.stringify(join(import.meta.dir, "folder.ts"))};
  const path = process.argv.at(-1);
  openDataFolder(path);
  // Asking again must not loosen what is held.
  try { openDataFolder(path); } catch { console.log("held"); }
  Bun.gc(true);
  setInterval(() => {}, 1000);
`;

function startHolder(path: string) {
  return Bun.spawn([process.execPath, "-e", HOLDER, path], { stdout: "pipe" });
}

async function firstLine(child: ReturnType<typeof startHolder>): Promise<string> {
  const reader = child.stdout.getReader();
  const { value } = await reader.read();
  reader.releaseLock();
  return new TextDecoder().decode(value).trim();
}

test("a new folder is made for its owner only", () => {
  const folder = openDataFolder(join(root, "deep", "new"));
  expect(statSync(folder.path).mode & 0o777).toBe(0o700);
  expect(statSync(folder.file("gateway.lock")).mode & 0o777).toBe(0o600);
  folder.release();
});

test("the mode of a folder that was there is not touched: it may be anything, even /tmp", () => {
  const path = mkdtempSync(join(root, "shared-"));
  chmodSync(path, 0o755);
  openDataFolder(path).release();
  expect(statSync(path).mode & 0o777).toBe(0o755);
});

test("a second gateway is told which process holds the folder, and a third gets it when that one is gone", () => {
  const path = join(root, "twice");
  const first = openDataFolder(path);
  expect(() => openDataFolder(path)).toThrow(DataFolderError);
  expect(() => openDataFolder(path)).toThrow(new RegExp(`in use by another gateway \\(process ${process.pid}\\)`));
  first.release();
  openDataFolder(path).release();
});

test("another process is kept out, and a kill leaves no stale lock", async () => {
  const path = join(root, "killed");
  const holder = startHolder(path);
  try {
    expect(await firstLine(holder)).toBe("held");
    expect(() => openDataFolder(path)).toThrow(new RegExp(`process ${holder.pid}`));
  } finally {
    holder.kill("SIGKILL");
    await holder.exited;
  }
  expect(readFileSync(join(path, "gateway.pid"), "utf8").trim()).toBe(String(holder.pid));
  openDataFolder(path).release();
});

test("a place that cannot be a folder is refused by name", () => {
  const file = join(root, "file");
  writeFileSync(file, "");
  expect(() => openDataFolder(file)).toThrow(DataFolderError);
  expect(() => openDataFolder(join(file, "below"))).toThrow(
    /cannot be made or read: .*; give it to the user .* or set SALLYPORT_DATA_DIR/,
  );
});

test("a file that others could read is made private", () => {
  const file = join(root, "open");
  writeFileSync(file, "kept", { mode: 0o644 });
  makePrivate(file);
  expect(statSync(file).mode & 0o777).toBe(0o600);
  expect(readFileSync(file, "utf8")).toBe("kept");
});
