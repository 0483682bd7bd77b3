/** What Linux knows of running processes: CPU time, memory, load of a core. See proc(5). */
import { readdirSync, readFileSync } from "node:fs";

/** USER_HZ: 100 on every Linux port that Bun runs on. */
const TICK_US = 10_000;

function read(path: string): string | undefined {
  try {
    return readFileSync(path, "latin1");
  } catch {
    return undefined; // The process ended between two looks at it.
  }
}

/** The fields of /proc/<pid>/stat from the third (state) on; the second may contain spaces and brackets. */
function statFields(pid: number): string[] | undefined {
  const stat = read(`/proc/${pid}/stat`);
  return stat?.slice(stat.lastIndexOf(")") + 2).split(" ");
}

/** A process and all its descendants that live now. */
export function processTree(root: number): number[] {
  const children = new Map<number, number[]>();
  for (const name of readdirSync("/proc")) {
    const pid = Number(name);
    const parent = Number.isInteger(pid) ? Number(statFields(pid)?.[1]) : Number.NaN;
    if (!Number.isNaN(parent)) children.set(parent, [...(children.get(parent) ?? []), pid]);
  }
  const tree = [root];
  for (let i = 0; i < tree.length; i++) tree.push(...(children.get(tree[i]!) ?? []));
  return tree;
}

/** CPU time of these processes with all their threads and reaped children, user and system, in microseconds. */
export function cpuMicros(pids: readonly number[]): number {
  let ticks = 0;
  for (const pid of pids) {
    const fields = statFields(pid);
    for (const index of [11, 12, 13, 14]) ticks += Number(fields?.[index] ?? 0);
  }
  return ticks * TICK_US;
}

export interface Memory {
  /** Resident now, bytes. */
  now: number;
  /** The most that was ever resident, bytes: the sum of each process's own peak. */
  peak: number;
}

/** Resident memory of these processes. */
export function memory(pids: readonly number[]): Memory {
  const total = { now: 0, peak: 0 };
  for (const pid of pids) {
    const status = read(`/proc/${pid}/status`) ?? "";
    total.now += 1024 * Number(/^VmRSS:\s+(\d+)/m.exec(status)?.[1] ?? 0);
    total.peak += 1024 * Number(/^VmHWM:\s+(\d+)/m.exec(status)?.[1] ?? 0);
  }
  return total;
}

export interface CoreTime {
  /** Microseconds of processes in user and system mode, interrupts not counted. */
  processes: number;
  /** Microseconds of everything, idling included. */
  all: number;
}

/** Time that one core has spent since boot. */
export function coreTime(core: number): CoreTime {
  const line = new RegExp(`^cpu${core} (.*)$`, "m").exec(read("/proc/stat") ?? "")?.[1] ?? "";
  const [user = 0, nice = 0, system = 0, ...rest] = line.split(" ").slice(0, 8).map(Number);
  const processes = user + nice + system;
  return { processes: processes * TICK_US, all: (processes + rest.reduce((a, b) => a + b, 0)) * TICK_US };
}

/** Share (0…1) of a core's time between two looks that went to processes. */
export function busy(before: CoreTime, after: CoreTime): number {
  return (after.processes - before.processes) / Math.max(1, after.all - before.all);
}
