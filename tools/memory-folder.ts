/** A folder in memory for what the tests write: on a disk, every commit of every store waits for the platter. */
import { chmodSync, mkdtempSync, rmSync, statfsSync, writeFileSync } from "node:fs";
import { join } from "node:path";

export interface MemoryFolderOptions {
  /** A file system in memory; Linux has one here. */
  where?: string;
  /** Bytes that must be free there. */
  least?: number;
}

/** Makes one; undefined where there is no memory for it, or where no program may be started in it. It is the caller's to remove. */
export function memoryFolder({
  where = "/dev/shm",
  least = 4 * 1024 ** 3,
}: MemoryFolderOptions = {}): string | undefined {
  let folder: string | undefined;
  try {
    const { bavail, bsize } = statfsSync(where);
    if (bavail * bsize < least) return undefined;
    folder = mkdtempSync(join(where, "sallyport-tests-"));
    // Servers of the tests run as other users, and have folders of their own in it.
    chmodSync(folder, 0o755);
    const program = join(folder, "program");
    writeFileSync(program, "#!/bin/sh\n", { mode: 0o755 });
    if (Bun.spawnSync([program]).exitCode !== 0) throw new Error("not executable");
    rmSync(program);
    return folder;
  } catch {
    if (folder !== undefined) rmSync(folder, { recursive: true, force: true });
    return undefined;
  }
}
