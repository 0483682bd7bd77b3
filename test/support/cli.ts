import { runCli } from "../../src/cli/index.ts";
import type { CliIo } from "../../src/cli/io.ts";
import type { Probes } from "../../src/cli/probe.ts";
import { ADMIN_TOKEN, NOW } from "./admin-plane.ts";

/** Probes of a machine on which all is well and nothing is running. */
export function healthyProbes(overrides: Partial<Probes> = {}): Probes {
  const file = { exists: true, mode: 0o600, owner: 1000, readable: true };
  return {
    now: () => NOW,
    bun: () => ({ running: "1.4.5", pinned: "1.4.5" }),
    user: () => 1000,
    folder: () => ({
      ...file,
      mode: 0o700,
      isFolder: true,
      writable: true,
      couldBeMade: false,
      freeBytes: 50 * 1024 ** 3,
    }),
    lock: () => ({ held: false, pid: null }),
    masterKey: () => ({ source: "file", path: "data/master.key", file, fault: null }),
    directory: () => ({
      path: "data/directory.db",
      file,
      faults: [],
      schema: { applied: 1, known: 1 },
      latestAt: NOW - 1_000,
      providers: [
        { name: "up", kind: "openai", baseUrl: null, options: {}, sealedKey: "sealed", allowPrivateNetwork: false },
      ],
      settings: {},
    }),
    shared: async () => ({ version: "15.18", standby: false, farClock: NOW, mayBegin: true, directory: undefined }),
    ledger: () => ({
      path: "data/ledger.db",
      file,
      faults: [],
      schema: { applied: 1, known: 1 },
      latestAt: null,
      openHolds: 0,
    }),
    opens: () => true,
    masterKeyBelongs: () => true,
    configuration: () => ({ problems: [], warnings: [] }),
    port: async () => ({ state: "free" }),
    certificate: () => ({
      fault: null,
      notBefore: NOW - 1,
      notAfter: NOW + 90 * 86_400_000,
      names: "DNS:gateway.internal",
    }),
    reach: async () => ({ reached: true, status: 401, farClock: NOW }),
    openFiles: () => 65_536,
    ...overrides,
  };
}

/** Runs one command with everything of the world replaced. */
export async function cli(argv: readonly string[], overrides: Partial<CliIo> = {}) {
  const out: string[] = [];
  const err: string[] = [];
  const exit = await runCli(argv, {
    env: { SALLYPORT_TOKEN: ADMIN_TOKEN },
    stdout: (text) => void out.push(text),
    stderr: (text) => void err.push(text),
    fetch: () => Promise.reject(Object.assign(new Error("refused"), { code: "ConnectionRefused" })),
    readFile: (path) => {
      throw new Error(`there is no ${path}`);
    },
    serve: async () => 0,
    probes: async () => healthyProbes(),
    version: { sallyport: "0.1.0", bun: "1.4.5" },
    colour: false,
    ...overrides,
  });
  return { exit, stdout: out.join(""), stderr: err.join("") };
}
