import { expect, test } from "bun:test";
import { busy, coreTime, cpuMicros, memory, processTree } from "./proc.ts";

const onLinux = test.skipIf(process.platform !== "linux");

onLinux("a process tree has its root and its children, and their memory", () => {
  const child = Bun.spawn(["sleep", "30"]);
  try {
    const tree = processTree(process.pid);
    expect(tree[0]).toBe(process.pid);
    expect(tree).toContain(child.pid);
    expect(memory(tree).now).toBeGreaterThan(memory([child.pid]).now);
    expect(memory(tree).peak).toBeGreaterThanOrEqual(memory(tree).now * 0.9);
  } finally {
    child.kill();
  }
});

onLinux("CPU time grows with work and is counted in microseconds", () => {
  const before = cpuMicros([process.pid]);
  const until = process.cpuUsage().user + 60_000;
  while (process.cpuUsage().user < until);
  const spent = cpuMicros([process.pid]) - before;
  expect(spent).toBeGreaterThanOrEqual(40_000);
  expect(spent).toBeLessThan(1_000_000);
});

onLinux("a core is busy between not at all and altogether", () => {
  const now = coreTime(0);
  expect(now.all).toBeGreaterThan(now.processes);
  expect(busy({ processes: 0, all: 0 }, now)).toBeWithin(0, 1);
});
