import { dlopen, ptr } from "bun:ffi";
import { readdirSync, readFileSync, readlinkSync } from "node:fs";

/** From Linux's asm-generic/socket.h; SO_ATTACH_REUSEPORT_CBPF came with Linux 4.5. */
const SOL_SOCKET = 1;
const SO_ATTACH_REUSEPORT_CBPF = 51;

/** `ret #1` in classic BPF (struct sock_filter of linux/filter.h): BPF_RET | BPF_K is 6. */
const TAKE_THE_SECOND = [6, 0, 0, 0, 1, 0, 0, 0];

/** What the C libraries of Linux are called: glibc's, and musl's by machine. */
const LIBRARIES = ["libc.so.6", `libc.musl-${process.arch === "arm64" ? "aarch64" : "x86_64"}.so.1`];

/**
 * From now on, when two sockets of this process listen on `port` (SO_REUSEPORT), the newer
 * one gets every new connection. Without it the kernel shares connections out between them,
 * and whatever half-opened connection the older one has when it closes is reset: a client
 * whose connection fails for no fault of its own. With it, the older one gets nothing new,
 * and can be closed when its last handshake is through.
 *
 * The choice is a program of one instruction, which every socket that joins the port later
 * is subject to: "the second". Where there is no second socket, the kernel takes the only one.
 * @returns false where this system has no such thing; then closing the older one may reset connections.
 */
export function preferNewestSocket(port: number): boolean {
  if (process.platform !== "linux") return false;
  for (const library of LIBRARIES) {
    try {
      const libc = dlopen(library, {
        setsockopt: { args: ["i32", "i32", "i32", "ptr", "u32"], returns: "i32" },
      });
      return attach(port, (socket, value) =>
        libc.symbols.setsockopt(socket, SOL_SOCKET, SO_ATTACH_REUSEPORT_CBPF, ptr(value), value.length),
      );
    } catch {
      // Not this C library; a system that is closed to foreign calls altogether ends up below.
    }
  }
  return false;
}

function attach(port: number, setOption: (socket: number, value: Uint8Array) => number): boolean {
  const instructions = Uint8Array.from(TAKE_THE_SECOND);
  // struct sock_fprog: a count of 16 bits, and on 64-bit machines the pointer at byte 8.
  const program = new Uint8Array(16);
  const view = new DataView(program.buffer);
  view.setUint16(0, 1, true);
  view.setBigUint64(8, BigInt(ptr(instructions)), true);
  const sockets = listeningSockets(port);
  return sockets.length > 0 && sockets.every((socket) => setOption(socket, program) === 0);
}

/** File descriptors of this process that listen on the port, by the kernel's tables (proc(5)). */
function listeningSockets(port: number): number[] {
  const suffix = `:${port.toString(16).toUpperCase().padStart(4, "0")}`;
  const rows = ["/proc/self/net/tcp", "/proc/self/net/tcp6"].flatMap((table) => readLines(table));
  const inodes = new Set(
    rows
      .map((row) => row.trim().split(/\s+/))
      .filter(([, local, , state]) => local?.endsWith(suffix) && state === LISTENING)
      .map((fields) => `socket:[${fields[9]}]`),
  );
  return readdirSync("/proc/self/fd")
    .filter((fd) => inodes.has(linkOf(fd)))
    .map(Number);
}

const LISTENING = "0A";

function readLines(file: string): string[] {
  try {
    return readFileSync(file, "latin1").split("\n");
  } catch {
    return [];
  }
}

function linkOf(fd: string): string {
  try {
    return readlinkSync(`/proc/self/fd/${fd}`);
  } catch {
    // The descriptor that reads the folder itself is gone by now.
    return "";
  }
}
