/**
 * `npm run dev`: the gateway in front of the upstream emulator, with models of both dialects
 * and a key, in a data folder that is thrown away. No account, no network. The gateway
 * starts anew whenever a file in src changes.
 */
import { mkdtempSync, rmSync, watch, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { mintVirtualKey } from "../src/domain/access/virtual-key.ts";
import { anthropicMessages, openaiChat, startUpstream, text, type Upstream } from "../test/support/upstream.ts";

const ROOT = join(import.meta.dir, "..");
const ANSWER = {
  text: "This is the upstream emulator. It says the same to everyone.",
  usage: { input: 9, output: 12 },
};

/** A sallyport.yaml with one provider of each dialect, both of them the emulator. */
export function devConfiguration(upstream: string): string {
  return `version: 1
providers:
  - { name: emulated-openai, kind: openai-compatible, baseUrl: "${upstream}/v1", apiKey: { env: DEV_PROVIDER_KEY }, allowPrivateNetwork: true }
  - { name: emulated-anthropic, kind: anthropic, baseUrl: "${upstream}", apiKey: { env: DEV_PROVIDER_KEY }, allowPrivateNetwork: true }
models:
  - { name: small, targets: [{ provider: emulated-openai, model: small-1 }] }
  - { name: claude, targets: [{ provider: emulated-anthropic, model: claude-1 }] }
plans:
  - { name: standard, limits: [{ per: minute, requests: 1000 }] }
apis:
  - { slug: dev, version: v1, stage: published, models: [small, claude], approval: auto }
tenants:
  - name: dev
    teams:
      - name: dev
        applications:
          - name: dev
            subscriptions: [{ api: dev, version: v1, plan: standard }]
            keys: [{ name: dev, import: { env: DEV_KEY } }]
`;
}

export interface DevParts {
  upstream: Upstream;
  key: string;
  /** What the gateway needs in its environment. */
  env: Record<string, string>;
  /** Removes the data folder and stops the emulator. */
  stop(): Promise<void>;
}

/** Starts the emulator and writes the configuration; the gateway is the caller's to start. */
export async function prepareDev(listen: string, adminListen: string): Promise<DevParts> {
  const upstream = await startUpstream();
  upstream.plan((request) => {
    if (request.path.endsWith("/chat/completions")) return openaiChat.replies(ANSWER)(request);
    if (request.path.endsWith("/messages")) return anthropicMessages.replies(ANSWER)(request);
    return text(404, "the emulator knows no such path");
  });
  const folder = mkdtempSync(join(tmpdir(), "sallyport-dev-"));
  const file = join(folder, "sallyport.yaml");
  writeFileSync(file, devConfiguration(upstream.url));
  const random = (count: number) => crypto.getRandomValues(new Uint8Array(count));
  const key = mintVirtualKey("live", random).text;
  const env = {
    SALLYPORT_CONFIG: file,
    SALLYPORT_DATA_DIR: join(folder, "data"),
    SALLYPORT_LISTEN: listen,
    SALLYPORT_ADMIN_LISTEN: adminListen,
    DEV_PROVIDER_KEY: "sk-emulated",
    DEV_KEY: key,
  };
  const stop = async () => {
    rmSync(folder, { recursive: true, force: true });
    await upstream.stop();
  };
  return { upstream, key, env, stop };
}

async function main(): Promise<number> {
  const listen = process.env.SALLYPORT_LISTEN ?? "127.0.0.1:8080";
  const parts = await prepareDev(listen, process.env.SALLYPORT_ADMIN_LISTEN ?? "127.0.0.1:8081");
  console.log(
    `Emulator  ${parts.upstream.url}\nModels    small (OpenAI's dialect), claude (Anthropic's)\nKey       ${parts.key}\n`,
  );
  console.log(`curl http://${listen}/v1/chat/completions -H "Authorization: Bearer ${parts.key}" \\`);
  console.log(
    `  -H "Content-Type: application/json" -d '{"model":"small","messages":[{"role":"user","content":"Hello"}]}'\n`,
  );

  const start = () =>
    Bun.spawn(["sh", join(ROOT, "bin/sallyport"), "serve"], {
      env: { ...process.env, ...parts.env },
      stdio: ["ignore", "inherit", "inherit"],
    });
  let gateway = start();
  let timer: ReturnType<typeof setTimeout> | undefined;
  const restart = async () => {
    gateway.kill();
    await gateway.exited;
    gateway = start();
  };
  watch(join(ROOT, "src"), { recursive: true }, (_, file) => {
    if (!file?.endsWith(".ts") || file.endsWith(".test.ts")) return;
    clearTimeout(timer);
    timer = setTimeout(restart, 200);
  });
  await new Promise<void>((resolve) => {
    for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => resolve());
  });
  clearTimeout(timer);
  gateway.kill();
  await gateway.exited;
  await parts.stop();
  return 0;
}

if (import.meta.main) process.exit(await main());
