/** Sallyport itself with everything on: key, tenant, plan limits, usage records and JSON log on disk. */
import { randomBytes } from "node:crypto";
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { mintVirtualKey } from "../../src/domain/access/virtual-key.ts";
import { BUN, CACHE, ROOT } from "../process.ts";

const KEY = mintVirtualKey("live", (count) => new Uint8Array(randomBytes(count))).text;

/** The models that the bench asks for; the bench upstream reads its pace from the name. */
export const MODELS = ["bench", "bench-every-10", "bench-every-1000"];

/** Limits that are checked on every call and never reached. */
const PLAN = {
  name: "bench",
  limits: [
    { per: "minute", requests: 900_000_000 },
    { per: "day", requests: 900_000_000 },
  ],
};

export function sallyportConfig(upstreamPort: number): object {
  const subscription = { api: "chat", version: "v1", plan: PLAN.name, state: "approved" };
  const application = {
    name: "load",
    subscriptions: [subscription],
    keys: [{ name: "bench", import: { env: "BENCH_KEY" } }],
  };
  return {
    version: 1,
    providers: [
      {
        name: "upstream",
        kind: "openai-compatible",
        baseUrl: `http://127.0.0.1:${upstreamPort}/v1`,
        apiKey: { env: "BENCH_UPSTREAM_KEY" },
        allowPrivateNetwork: true,
        prices: MODELS.map((model) => ({ model, inputPerMTokUsd: 0.15, outputPerMTokUsd: 0.6 })),
      },
    ],
    models: MODELS.map((name) => ({ name, targets: [{ provider: "upstream", model: name }] })),
    plans: [PLAN],
    apis: [{ slug: "chat", version: "v1", stage: "published", models: MODELS, approval: "manual" }],
    tenants: [{ name: "bench", teams: [{ name: "bench", members: [], applications: [application] }] }],
  };
}

/** Flags of the runtime itself, before the program: a profiler's. */
export function sallyportCommand(runtimeFlags: readonly string[] = []): string[] {
  return runtimeFlags.length === 0
    ? ["sh", join(ROOT, "bin/sallyport"), "serve"]
    : [...BUN, ...runtimeFlags, join(ROOT, "src/main.ts"), "serve"];
}

/** A fresh data folder and a configuration that points to the bench upstream. */
export function sallyportEnvironment(
  port: number,
  adminPort: number,
  upstreamPort: number,
  name = "sallyport",
): Record<string, string> {
  const folder = join(CACHE, name);
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  const config = join(folder, "sallyport.json");
  writeFileSync(config, JSON.stringify(sallyportConfig(upstreamPort), null, 2));
  return {
    SALLYPORT_LISTEN: `127.0.0.1:${port}`,
    SALLYPORT_ADMIN_LISTEN: `127.0.0.1:${adminPort}`,
    SALLYPORT_DATA_DIR: join(folder, "data"),
    SALLYPORT_CONFIG: config,
    SALLYPORT_LOG: "json",
    BENCH_KEY: KEY,
    BENCH_UPSTREAM_KEY: "upstream-key",
  };
}

export function sallyportHeaders(): Record<string, string> {
  return { Authorization: `Bearer ${KEY}` };
}
