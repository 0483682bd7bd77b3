/** Sallyport as its users run it: `sh bin/sallyport serve` with a configuration file, in a process of its own. */
import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { mintVirtualKey } from "../../src/domain/access/virtual-key.ts";
import { freePort } from "../support/private-server.ts";
import { MODEL, type ModelServer } from "./model-server.ts";

export interface GatewayProcess {
  /** `http://127.0.0.1:port`, without a slash at the end. */
  url: string;
  /** A virtual key that may use every model below. */
  key: string;
  /** What it printed until now. */
  output(): string;
  /** Ends it with SIGTERM and gives its exit code. */
  stop(): Promise<number>;
}

/** The one real model under three names: by provider kind, and once with a key that it refuses. */
export const BY_OPENAI = "small-by-openai";
export const BY_ANTHROPIC = "small-by-anthropic";
/** By the kind that knows this server. */
export const BY_LLAMACPP = "small-by-llamacpp";
export const WITH_BAD_KEY = "small-with-bad-key";

export function configuration(model: ModelServer): object {
  const openai = { kind: "openai-compatible", baseUrl: `${model.url}/v1`, allowPrivateNetwork: true };
  const anthropic = { kind: "anthropic", baseUrl: model.url, allowPrivateNetwork: true };
  const names = [BY_OPENAI, BY_ANTHROPIC, BY_LLAMACPP, WITH_BAD_KEY];
  const application = {
    name: "tests",
    subscriptions: [{ api: "chat", version: "v1", plan: "wide", state: "approved" }],
    keys: [{ name: "tests", import: { env: "CALLER_KEY" } }],
  };
  return {
    version: 1,
    providers: [
      { name: "in-openai", ...openai, apiKey: { env: "MODEL_KEY" } },
      { name: "in-anthropic", ...anthropic, apiKey: { env: "MODEL_KEY" } },
      { name: "in-llamacpp", ...openai, kind: "llamacpp", apiKey: { env: "MODEL_KEY" } },
      { name: "bad-key", ...openai, apiKey: { env: "BAD_KEY" } },
    ],
    models: [
      { name: BY_OPENAI, targets: [{ provider: "in-openai", model: MODEL }] },
      { name: BY_ANTHROPIC, targets: [{ provider: "in-anthropic", model: MODEL }] },
      { name: BY_LLAMACPP, targets: [{ provider: "in-llamacpp", model: MODEL }] },
      { name: WITH_BAD_KEY, targets: [{ provider: "bad-key", model: MODEL }] },
    ],
    plans: [{ name: "wide", limits: [{ per: "minute", requests: 10_000 }] }],
    apis: [{ slug: "chat", version: "v1", stage: "published", models: names, approval: "manual" }],
    tenants: [{ name: "acme", teams: [{ name: "quality", applications: [application] }] }],
  };
}

export async function startGateway(model: ModelServer): Promise<GatewayProcess> {
  const folder = mkdtempSync(join(tmpdir(), "sallyport-real-model-"));
  const config = join(folder, "sallyport.json");
  writeFileSync(config, JSON.stringify(configuration(model)));
  const key = mintVirtualKey("live", (count) => new Uint8Array(randomBytes(count))).text;
  const [port, adminPort] = [await freePort(), await freePort()];
  const child = Bun.spawn(["sh", join(import.meta.dir, "../../bin/sallyport"), "serve"], {
    env: {
      PATH: process.env.PATH ?? "",
      HOME: folder,
      SALLYPORT_LISTEN: `127.0.0.1:${port}`,
      SALLYPORT_ADMIN_LISTEN: `127.0.0.1:${adminPort}`,
      SALLYPORT_DATA_DIR: join(folder, "data"),
      SALLYPORT_CONFIG: config,
      SALLYPORT_LOG: "json",
      CALLER_KEY: key,
      MODEL_KEY: model.key,
      BAD_KEY: "sk-not-the-key-of-the-model",
    },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const said: string[] = [];
  for (const stream of [child.stdout, child.stderr]) void collect(stream, said);
  const url = `http://127.0.0.1:${port}`;
  await ready(url, child, said);
  const stop = async () => {
    child.kill("SIGTERM");
    const code = await child.exited;
    rmSync(folder, { recursive: true, force: true });
    return code;
  };
  return { url, key, output: () => said.join(""), stop };
}

async function collect(stream: ReadableStream<Uint8Array>, into: string[]): Promise<void> {
  const decoder = new TextDecoder();
  for await (const bytes of stream) into.push(decoder.decode(bytes, { stream: true }));
}

async function ready(url: string, child: { exitCode: number | null; kill(): void }, said: string[]): Promise<void> {
  for (const deadline = Date.now() + 60_000; Date.now() < deadline; await Bun.sleep(25)) {
    const answer = await fetch(`${url}/readyz`).catch(() => undefined);
    if (answer?.status === 200) return;
    if (child.exitCode !== null) break;
  }
  child.kill();
  throw new Error(`the gateway did not become ready:\n${said.join("")}`);
}
