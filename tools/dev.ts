/**
 * `npm run dev`: the gateway in front of the upstream emulator, with models at providers of every dialect
 * and a key, in a data folder that is thrown away. No account, no network. The gateway
 * starts anew whenever a file in src changes.
 */
import { mkdtempSync, rmSync, watch, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { mintVirtualKey } from "../src/domain/access/virtual-key.ts";
import type { JsonObject } from "../src/kernel/json.ts";
import { FRONTS } from "../test/conformance/fronts.ts";
import { PROVIDERS, type ProviderName, replyInKind } from "../test/support/any-provider.ts";
import { startUpstream, text, type Upstream } from "../test/support/upstream.ts";

const ROOT = join(import.meta.dir, "..");
const ANSWER = {
  text: "This is the upstream emulator. It says the same to everyone.",
  usage: { input: 9, output: 12 },
};

/** The models, each at an emulated provider of another dialect. */
export const MODELS = {
  small: "openai-compatible",
  gpt: "openai-responses",
  claude: "anthropic",
  gemini: "google",
  command: "cohere",
  llama: "ollama",
  nova: "bedrock",
  qwen: "dashscope",
} as const satisfies Record<string, ProviderName>;

/** What a provider's account needs beside its address and a key. */
const OPTIONS: Partial<Record<ProviderName, JsonObject>> = { bedrock: { region: "eu-central-1" } };
const AWS_KEY = { accessKeyId: "AKIAIOSFODNN7EXAMPLE", secretAccessKey: "wJalrXUtnFEMI/K7MDENG" };

/** A sallyport.yaml (JSON is YAML) with these models, all of them the emulator's. */
export function devConfiguration(upstream: string): JsonObject {
  const names = Object.entries(MODELS);
  return {
    version: 1,
    providers: names.map(([name, provider]) => ({
      name: `emulated-${name}`,
      kind: PROVIDERS[provider].kind,
      baseUrl: upstream + PROVIDERS[provider].path,
      apiKey: { env: provider === "bedrock" ? "DEV_AWS_KEY" : "DEV_PROVIDER_KEY" },
      allowPrivateNetwork: true,
      ...(OPTIONS[provider] === undefined ? {} : { options: OPTIONS[provider] }),
    })),
    models: names.map(([name, provider]) => ({
      name,
      targets: [{ provider: `emulated-${name}`, model: PROVIDERS[provider].model }],
    })),
    plans: [{ name: "standard", limits: [{ per: "minute", requests: 1000 }] }],
    apis: [{ slug: "dev", version: "v1", stage: "published", models: Object.keys(MODELS), approval: "auto" }],
    tenants: [
      {
        name: "dev",
        teams: [
          {
            name: "dev",
            applications: [
              {
                name: "dev",
                subscriptions: [{ api: "dev", version: "v1", plan: "standard" }],
                keys: [{ name: "dev", import: { env: "DEV_KEY" } }],
              },
            ],
          },
        ],
      },
    ],
  };
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
    try {
      return replyInKind(request, ANSWER);
    } catch {
      return text(404, "the emulator knows no such path");
    }
  });
  const folder = mkdtempSync(join(tmpdir(), "sallyport-dev-"));
  const file = join(folder, "sallyport.yaml");
  writeFileSync(file, JSON.stringify(devConfiguration(upstream.url), null, 2));
  const random = (count: number) => crypto.getRandomValues(new Uint8Array(count));
  const key = mintVirtualKey("live", random).text;
  const env = {
    SALLYPORT_CONFIG: file,
    SALLYPORT_DATA_DIR: join(folder, "data"),
    SALLYPORT_LISTEN: listen,
    SALLYPORT_ADMIN_LISTEN: adminListen,
    DEV_PROVIDER_KEY: "sk-emulated",
    DEV_AWS_KEY: JSON.stringify(AWS_KEY),
    DEV_KEY: key,
  };
  const stop = async () => {
    rmSync(folder, { recursive: true, force: true });
    await upstream.stop();
  };
  return { upstream, key, env, stop };
}

/** What is printed: where everything is, and a call from each front. */
export function devWelcome(gateway: string, upstream: string, key: string): string {
  const models = Object.entries(MODELS).map(([name, provider]) => `${name} (${provider})`);
  const calls = FRONTS.map(({ name, path, body }, i) => {
    const model = Object.keys(MODELS)[i % models.length]!;
    const said = JSON.stringify(body(null, model, false)).replaceAll('"x"', '"Hello"');
    return `# ${name}\ncurl ${gateway}${path(model, false)} -H "Authorization: Bearer $KEY" \\\n  -H "Content-Type: application/json" -d '${said}'\n`;
  });
  const facts = [`Emulator  ${upstream}`, `Models    ${models.join(", ")}; every front reaches each of them`];
  return [...facts, "", `KEY=${key}`, "", ...calls].join("\n");
}

async function main(): Promise<number> {
  const listen = process.env.SALLYPORT_LISTEN ?? "127.0.0.1:8080";
  const parts = await prepareDev(listen, process.env.SALLYPORT_ADMIN_LISTEN ?? "127.0.0.1:8081");
  console.log(devWelcome(`http://${listen}`, parts.upstream.url, parts.key));

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
