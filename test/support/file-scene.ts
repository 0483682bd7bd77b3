import OpenAI, { toFile } from "openai";
import type { Principal } from "../../src/domain/access/principal.ts";
import type { CatalogModel } from "../../src/domain/catalog/catalog.ts";
import type { JsonObject } from "../../src/kernel/json.ts";
import { type App, type AppOptions, startApp } from "./app.ts";
import { FileProvider } from "./file-provider.ts";
import { openaiChat, startUpstream, type Upstream } from "./upstream.ts";

const model = (name: string, provider: string): CatalogModel => {
  return { name, targets: [{ provider, model: `${name}-2026`, weight: 1 }], fallbacks: [] };
};
const named = (id: string) => ({ id, name: id });
const caller = (tenant: string, application: string): Partial<Principal> => {
  return { tenant: named(tenant), application: named(application) };
};

/** One account that two tenants share, and their clients of OpenAI's. */
export class FileScene {
  provider = new FileProvider();
  readonly up: Upstream;
  readonly app: App;
  readonly owner: OpenAI;
  /** Another tenant's client, and that of another application of the owner's tenant. */
  readonly strangers: readonly OpenAI[];

  constructor(up: Upstream, app: App) {
    const client = (apiKey: string) => new OpenAI({ apiKey, baseURL: `${app.url}/v1`, maxRetries: 0 });
    this.up = up;
    this.app = app;
    this.owner = client(app.key);
    this.strangers = app.otherKeys.map(client);
  }

  static async begin(options: AppOptions = {}): Promise<FileScene> {
    const up = await startUpstream();
    const app = await startApp({
      upstream: up.url,
      settings: { maxBodyBytes: 256 * 1024 },
      others: [caller("ten_2", "app_9"), caller("ten_1", "app_2")],
      providers: [
        { name: "oai", kind: "openai", baseUrl: `${up.url}/v1` },
        { name: "azu", kind: "azure-openai", baseUrl: up.url, options: { apiVersion: "2024-10-21" } },
      ],
      models: [model("gpt", "oai"), model("azure", "azu"), model("small", "up"), model("claude", "ant")],
      limits: [{ dimension: "usd", window: "day", amount: 1_000_000_000_000 }],
      ...options,
    });
    return new FileScene(up, app);
  }

  /** Before each test: the provider keeps nothing, and nothing was asked of it. */
  forget(): void {
    this.provider = new FileProvider();
    this.up.plan((request) => {
      const converses = /chat\/completions|responses/.test(request.path);
      return converses ? openaiChat.unary({ text: "Read." }) : this.provider.answer(request);
    });
    this.up.requests = [];
  }

  async stop(): Promise<void> {
    await this.app.stop();
    await this.up.stop();
  }

  async note(client = this.owner) {
    const file = await toFile(Buffer.from("A note."), "note.txt", { type: "text/plain" });
    return client.files.create({ file, purpose: "user_data" }, { headers: { "x-sallyport-model": "gpt" } });
  }

  async upload(lines: unknown[], client = this.owner) {
    return client.files.create({ file: await toFile(Buffer.from(jsonl(lines)), "calls.jsonl"), purpose: "batch" });
  }

  async batch(id: string, client = this.owner) {
    return client.batches.create({ input_file_id: id, endpoint: "/v1/chat/completions", completion_window: "24h" });
  }

  async lastRecord() {
    return (await this.app.records()).at(-1)!;
  }
}

export function line(customId: string, over: JsonObject = {}): JsonObject {
  return {
    custom_id: customId,
    method: "POST",
    url: "/v1/chat/completions",
    body: { model: "gpt", messages: [{ role: "user", content: "Say hello." }], max_completion_tokens: 10, ...over },
  };
}

export function jsonl(lines: readonly unknown[]): string {
  return lines.map((each) => (typeof each === "string" ? each : JSON.stringify(each))).join("\n");
}

/** What a call was refused with; undefined where it was not. */
// biome-ignore lint/suspicious/noExplicitAny: an SDK's error has whatever fields it has
export function refusal(asked: PromiseLike<unknown>): Promise<any> {
  return Promise.resolve(asked).then(
    () => undefined,
    (error) => error,
  );
}
