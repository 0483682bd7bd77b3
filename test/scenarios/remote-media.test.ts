/**
 * Images and documents that callers name by address, at providers that take bytes only. Proves
 * gateway/asking/remote-media.ts; what may be fetched at all is upstream/media.test.ts's.
 */
import { afterEach, describe, expect, test } from "bun:test";
import { GatewayError } from "../../src/errors.ts";
import type { JsonObject } from "../../src/kernel/json.ts";
import { type Media, type MediumDemand, MediumRefused } from "../../src/ports/media.ts";
import { ADAPTERS } from "../../src/providers/adapters.ts";
import { type AppOptions, post, startApp } from "../support/app.ts";
import { greet, Scene } from "../support/scene.ts";
import * as ollama from "../support/upstream/ollama.ts";
import { startUpstream } from "../support/upstream.ts";

const open: Scene[] = [];
afterEach(async () => {
  for (const scene of open.splice(0)) await scene.stop();
});

const PNG = new Uint8Array([0x89, 0x50, 0x4e, 0x47]);
const DATA = Buffer.from(PNG).toString("base64");

/** A web on which every address is an image or a document of four bytes, but for those that are given. */
class Web implements Media {
  readonly asked: { url: string; kind: string }[] = [];
  readonly #special: Record<string, (demand: MediumDemand) => Promise<Uint8Array>>;

  constructor(special: Record<string, (demand: MediumDemand) => Promise<Uint8Array>> = {}) {
    this.#special = special;
  }

  async fetch(url: string, demand: MediumDemand) {
    this.asked.push({ url, kind: demand.kind });
    if (!url.startsWith("https:")) throw new MediumRefused("has an address that is not https");
    const bytes = (await this.#special[url]?.(demand)) ?? PNG;
    demand.take(bytes.length);
    return { mediaType: demand.kind === "image" ? "image/png" : "application/pdf", bytes };
  }
}

/** Models `local`, at a provider that takes no addresses, and `either`, which falls back on one that does. */
async function start(
  web: Web,
  api: NonNullable<AppOptions["api"]> = { remoteMedia: true },
  over: AppOptions = {},
): Promise<Scene> {
  const up = await startUpstream();
  up.plan((request) =>
    request.path.startsWith("/api/") ? ollama.replies({ text: "Hello." })(request) : greet(request),
  );
  const at = (provider: string) => ({ provider, model: "m", weight: 1 });
  const app = await startApp({
    upstream: up.url,
    media: web,
    providers: [{ name: "bytes", kind: "ollama", baseUrl: up.url, sealedKey: null }],
    models: [
      { name: "local", targets: [at("bytes")], fallbacks: [] },
      { name: "either", targets: [at("bytes")], fallbacks: [at("up")] },
      { name: "small", targets: [at("up")], fallbacks: [] },
      { name: "claude", targets: [at("ant")], fallbacks: [] },
    ],
    ...over,
    api,
  });
  const scene = new Scene(app, up);
  open.push(scene);
  return scene;
}

const picture = (url: string): JsonObject => ({ type: "image_url", image_url: { url } });
const asking = (...urls: string[]): JsonObject => ({
  model: "local",
  messages: [
    { role: "system", content: "s" },
    { role: "user", content: [{ type: "text", text: "What is it?" }, ...urls.map(picture)] },
  ],
});
const A = "https://cdn.example/a.png";

const images = (scene: Scene) =>
  (scene.up.requests.at(-1)!.json() as { messages: { images?: string[] }[] }).messages.flatMap(
    ({ images = [] }) => images,
  );

describe("where the API lets the gateway fetch", () => {
  test("a provider that takes bytes gets bytes", async () => {
    const web = new Web();
    const scene = await start(web);
    await scene.served("openai", asking(A));
    expect(images(scene)).toEqual([DATA]);
    expect(web.asked).toEqual([{ url: A, kind: "image" }]);
    expect(scene.up.requests.at(-1)!.text()).not.toContain("cdn.example");
    await scene.quiet();
  });

  test("what stands in two places is fetched once, and bytes are left alone", async () => {
    const web = new Web();
    const scene = await start(web);
    await scene.served("openai", asking(A, `data:image/png;base64,${DATA}`, A));
    expect(images(scene)).toEqual([DATA, DATA, DATA]);
    expect(web.asked).toHaveLength(1);
  });

  test("the results of tools have images too", async () => {
    const web = new Web();
    const scene = await start(web);
    const source = { type: "url", url: A };
    await scene.served("anthropic", {
      model: "local",
      messages: [
        { role: "user", content: "Look." },
        { role: "assistant", content: [{ type: "tool_use", id: "t1", name: "look", input: {} }] },
        { role: "user", content: [{ type: "tool_result", tool_use_id: "t1", content: [{ type: "image", source }] }] },
      ],
      tools: [{ name: "look", input_schema: { type: "object" } }],
    });
    expect(images(scene)).toEqual([DATA]);
  });

  test("documents are fetched for a provider that takes them as data", async () => {
    const web = new Web();
    const scene = await start(web);
    const source = { type: "url", url: "https://cdn.example/a.pdf" };
    await scene.served("anthropic", {
      model: "small",
      messages: [{ role: "user", content: [{ type: "document", source }] }],
    });
    expect(web.asked).toEqual([{ url: source.url, kind: "document" }]);
    expect(scene.up.requests.at(-1)!.text()).toContain(`data:application/pdf;base64,${DATA}`);
  });

  test("nothing is fetched for a provider that fetches itself", async () => {
    const web = new Web();
    const scene = await start(web);
    await scene.served("openai", { ...asking(A), model: "claude" });
    await scene.served("openai", { ...asking(A), model: "small" });
    expect(web.asked).toEqual([]);
  });

  test.each([
    ["http://cdn.example/a.png", "has an address that is not https"],
    ["https://cdn.example/gone.png", "cannot be fetched from its address"],
  ])("what cannot be had is refused, naming the field: %s", async (url, why) => {
    const gone = () => Promise.reject(new MediumRefused("cannot be fetched from its address"));
    const scene = await start(new Web({ "https://cdn.example/gone.png": gone }));
    const wanted = { code: "unsupported_feature", param: "messages[1].content[2]", outcome: "failed" } as const;
    const { message } = await scene.refused("openai", await scene.call("openai", asking(A, url)), wanted);
    expect(message).toContain(why);
    await scene.fresh();
    const source = { type: "url", url };
    const claudes = { model: "local", system: "s", messages: [{ role: "user", content: [{ type: "image", source }] }] };
    await scene.refused("anthropic", await scene.call("anthropic", claudes), {
      ...wanted,
      param: "messages[0].content[0]",
    });
  });

  test("what cannot be had is left to a target that fetches itself", async () => {
    const scene = await start(
      new Web({ [A]: () => Promise.reject(new MediumRefused("cannot be fetched from its address")) }),
    );
    const { record } = await scene.served("openai", { ...asking(A), model: "either" });
    expect(record.attempts.map(({ provider, error }) => [provider, error])).toEqual([
      ["bytes", "unsupported_feature"],
      ["up", null],
    ]);
    expect(scene.up.requests.at(-1)!.text()).toContain(A);
  });

  test("more than 20 are refused", async () => {
    const web = new Web();
    const scene = await start(web);
    const many = Array.from({ length: 21 }, (_, index) => `https://cdn.example/${index}.png`);
    const answer = await scene.call("openai", asking(...many));
    const { message } = await scene.refused("openai", answer, { code: "unsupported_feature", outcome: "failed" });
    expect(message).toContain("more than 20");
    expect(web.asked).toHaveLength(20);
  });

  test("they count among the bodies in memory, and a gateway that has too many sheds the call", async () => {
    let held = 0;
    let gateway: Scene["app"]["gateway"] | undefined;
    const large = async (demand: MediumDemand) => {
      demand.take(3_000_000);
      held = gateway?.bodyBytes ?? 0;
      return PNG;
    };
    const scene = await start(new Web({ [A]: large }));
    gateway = scene.app.gateway;
    await scene.served("openai", asking(A));
    expect(held).toBeGreaterThan(4_000_000);
    await scene.quiet();

    // 64 bodies of 32 KiB are all that may be in memory.
    const small = await start(
      new Web({ [A]: large }),
      { remoteMedia: true },
      { settings: { maxBodyBytes: 32 * 1024 } },
    );
    await small.refused("openai", await small.call("openai", asking(A)), { code: "overloaded", outcome: "failed" });
  });

  test("50 MiB of one call are the most", async () => {
    const large = async (demand: MediumDemand) => {
      for (let i = 0; i < 60; i++) demand.take(1024 * 1024);
      return PNG;
    };
    const scene = await start(new Web({ [A]: large }));
    const answer = await scene.call("openai", asking(A));
    const { message } = await scene.refused("openai", answer, { code: "unsupported_feature", outcome: "failed" });
    expect(message).toContain("52428800 bytes");
  });

  test("a caller who leaves ends the fetching", async () => {
    const ended = Promise.withResolvers<unknown>();
    const begun = Promise.withResolvers<void>();
    const forever = (demand: MediumDemand) => {
      begun.resolve();
      return new Promise<Uint8Array>((_, reject) => {
        demand.signal.addEventListener("abort", () => {
          ended.resolve(demand.signal.reason);
          reject(demand.signal.reason);
        });
      });
    };
    const scene = await start(new Web({ [A]: forever }));
    const controller = new AbortController();
    const body = { ...asking(A), model: "local" };
    const leaving = post(scene.app, { body, signal: controller.signal }).catch(() => {});
    await begun.promise;
    // As long as a sweep takes: only then is the caller listened for.
    await Bun.sleep(60);
    controller.abort();
    await leaving;
    expect(await ended.promise).toBeInstanceOf(GatewayError);
    expect((await scene.record()).outcome).toBe("cancelled");
    await scene.quiet();
  });
});

describe("where it does not, as it is unless said otherwise", () => {
  test("nothing is fetched, and the call is refused", async () => {
    const web = new Web();
    const scene = await start(web, {});
    const wanted = { code: "unsupported_feature", param: "messages[1].content[1]", outcome: "failed" } as const;
    await scene.refused("openai", await scene.call("openai", asking(A)), wanted);
    expect(web.asked).toEqual([]);
  });
});

test.each([
  ["bedrock", "amazon.nova-lite-v1:0", { image: true, document: true }],
  ["bedrock", "anthropic.claude-sonnet-4-5", { image: true, document: true }],
  ["vertex", "claude-sonnet-4-5", { image: true, document: true }],
  ["vertex", "gemini-3-pro", { image: false, document: false }],
  ["google", "gemini-3-pro", { image: false, document: false }],
  ["anthropic", "claude-sonnet-4-5", { image: false, document: false }],
  ["mistral", "mistral-large-latest", { image: false, document: false }],
  ["openai", "gpt-4o", { image: false, document: true }],
  ["ollama", "gemma3", { image: true, document: false }],
])("%s with %s needs bytes of %j", (kind, model, wanted) => {
  const options = { api: "invoke", region: "eu-central-1", project: "project-1" };
  const adapter = ADAPTERS.find((each) => each.kind === kind)!;
  for (const dialect of ["openai-chat", "anthropic-messages"] as const) {
    const request = { dialect, model, messages: [], stream: false, includeUsage: false };
    const { capabilities } = adapter.variant?.(request, model, options) ?? adapter;
    const { imageBytes, imageUrl, documents, documentUrl } = capabilities;
    expect({ image: imageBytes && !imageUrl, document: documents && !documentUrl }).toEqual(wanted);
  }
});
