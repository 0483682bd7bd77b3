import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { createServer } from "node:net";
import type { ListenAddress } from "../config/network.ts";
import type { PortFacts } from "./probe.ts";

/** A gateway of ours answers its health at once; whoever takes longer is something else. */
const ANSWER_WITHIN_MS = 1_000;

/** Whether the address is free, and if not, who has it. */
export async function lookAtPort(address: ListenAddress, tls: boolean): Promise<PortFacts> {
  const refused = await tryListening(address);
  if (refused === undefined) return { state: "free" };
  if (refused.code !== "EADDRINUSE") return { state: "forbidden", why: refused.code ?? refused.message };
  return (await askHealth(address, tls)) ?? { state: "other", program: programAt(address.port) };
}

/** Listens for a moment, which is the one sure way of knowing. */
function tryListening(address: ListenAddress): Promise<NodeJS.ErrnoException | undefined> {
  const { promise, resolve } = Promise.withResolvers<NodeJS.ErrnoException | undefined>();
  const server = createServer();
  server.once("error", (error) => resolve(error));
  server.listen({ host: address.host, port: address.port, exclusive: true }, () =>
    server.close(() => resolve(undefined)),
  );
  return promise;
}

/** A Sallyport says `ok` on /livez, and `ready` or `not ready: …` on /readyz. */
async function askHealth(address: ListenAddress, tls: boolean): Promise<PortFacts | undefined> {
  const any = address.host === "0.0.0.0" ? "127.0.0.1" : address.host === "::" ? "::1" : address.host;
  const host = any.includes(":") ? `[${any}]` : any;
  const ask = async (path: string) => {
    const response = await fetch(`${tls ? "https" : "http"}://${host}:${address.port}${path}`, {
      redirect: "manual",
      signal: AbortSignal.timeout(ANSWER_WITHIN_MS),
      // Whose certificate it is does not matter for knowing who listens: nothing is told to it.
      tls: { rejectUnauthorized: false },
    });
    return (await response.text()).slice(0, 200);
  };
  try {
    if ((await ask("/livez")) !== "ok\n") return undefined;
    const readiness = await ask("/readyz");
    if (readiness === "ready\n") return { state: "sallyport", ready: true, detail: "ready" };
    return readiness.startsWith("not ready: ")
      ? { state: "sallyport", ready: false, detail: readiness.trim() }
      : undefined;
  } catch {
    return undefined;
  }
}

/** Linux tells the socket's inode by port, and which process has it open, as far as this user may see. */
function programAt(port: number): string | null {
  try {
    const inodes = new Set(
      ["/proc/net/tcp", "/proc/net/tcp6"].flatMap((table) => listeningInodes(readFileSync(table, "utf8"), port)),
    );
    for (const pid of readdirSync("/proc").filter((name) => /^\d+$/.test(name))) {
      if (inodes.size > 0 && hasOpen(pid, inodes))
        return `${readFileSync(`/proc/${pid}/comm`, "utf8").trim()} (process ${pid})`;
    }
  } catch {
    // Not Linux, or the process went away in between: then it stays "another program".
  }
  return null;
}

/** Rows of /proc/net/tcp: local address as hexadecimal `ADDRESS:PORT` in column 1, state in 3 (0A is LISTEN), inode in 9. */
export function listeningInodes(table: string, port: number): string[] {
  const wanted = `:${port.toString(16).toUpperCase().padStart(4, "0")}`;
  return table
    .split("\n")
    .map((line) => line.trim().split(/\s+/))
    .filter((columns) => columns[1]?.endsWith(wanted) && columns[3] === "0A")
    .map((columns) => columns[9]!);
}

function hasOpen(pid: string, inodes: ReadonlySet<string>): boolean {
  try {
    return isOpenIn(readdirSync(`/proc/${pid}/fd`), (fd) => readlinkSync(`/proc/${pid}/fd/${fd}`), inodes);
  } catch {
    return false;
  }
}

/**
 * Whether one of a process's files is one of the sockets. A file may be closed between the list and its look-up, which says
 * nothing of the others: in this process that of the list itself always is.
 * @param linkOf throws where the file is gone
 */
export function isOpenIn(
  files: readonly string[],
  linkOf: (file: string) => string,
  inodes: ReadonlySet<string>,
): boolean {
  return files.some((file) => {
    try {
      const inode = /^socket:\[(\d+)\]$/.exec(linkOf(file))?.[1];
      return inode !== undefined && inodes.has(inode);
    } catch {
      return false;
    }
  });
}
