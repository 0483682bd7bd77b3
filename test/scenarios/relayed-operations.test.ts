/**
 * Images, sound, moderation and reranking, by the clients of OpenAI and Cohere: relayed where the
 * provider speaks the caller's dialect, refused elsewhere. It is the test of src/wire/relayed/index.ts,
 * src/providers/relay.ts and src/providers/cohere/rerank.ts.
 */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { CohereClientV2 } from "cohere-ai";
import OpenAI, { AzureOpenAI, toFile } from "openai";
import type { Json, JsonObject } from "../../src/kernel/json.ts";
import { type App, post, startApp } from "../support/app.ts";
import { modelAt } from "../support/models.ts";
import { json, type ReceivedRequest, type Script, startUpstream, text, type Upstream } from "../support/upstream.ts";

const model = (name: string, provider: string, target = `${name}-2026`) => modelAt(name, provider, target);

let up: Upstream;
let app: App;
let openai: OpenAI;

beforeAll(async () => {
  up = await startUpstream();
  app = await startApp({
    upstream: up.url,
    settings: { maxBodyBytes: 64 * 1024 },
    providers: [
      { name: "oai", kind: "openai", baseUrl: `${up.url}/v1` },
      { name: "azu", kind: "azure-openai", baseUrl: up.url, options: { apiVersion: "2024-10-21" } },
      { name: "coh", kind: "cohere", baseUrl: up.url },
    ],
    models: [
      model("openai", "oai"),
      model("azure", "azu"),
      model("vllm", "up"),
      model("cohere", "coh"),
      model("claude", "ant"),
      model("omni-moderation-latest", "oai", "omni-moderation-latest"),
    ],
  });
  openai = new OpenAI({ apiKey: app.key, baseURL: `${app.url}/v1`, maxRetries: 0 });
});
afterAll(async () => {
  await app?.stop();
  await up?.stop();
});

function answering(script: Script) {
  up.requests = [];
  up.answer(script);
}
const sound = new Uint8Array([0xff, 0xf3, 0, 1, 2, 3]);
const spoken = (mediaType: string, body: Uint8Array | string = sound) => text(200, body, { contentType: mediaType });
const lastRecord = async () => (await app.records()).at(-1)!;

/** What a provider reads of a form. */
async function formOf(request: ReceivedRequest): Promise<Record<string, Json>> {
  const [type] = request.headerValues("content-type");
  const data = await new Response(request.body, { headers: { "content-type": type! } }).formData();
  const read: Record<string, Json> = {};
  for (const [name, value] of data as unknown as Iterable<[string, string | File]>) {
    const shown = typeof value === "string" ? value : [value.name, value.type, [...(await value.bytes())]];
    read[name] = Object.hasOwn(read, name) ? ([read[name], shown].flat() as Json) : shown;
  }
  return read;
}

describe("Images", () => {
  const picture = {
    created: 1,
    data: [{ b64_json: "aGk=" }],
    usage: { input_tokens: 11, output_tokens: 300, total_tokens: 311, input_tokens_details: { text_tokens: 11 } },
  };

  test("are made at OpenAI, and charged by the tokens it tells", async () => {
    answering(json(200, picture));
    const answer = await openai.images.generate({ model: "openai", prompt: "A fox", n: 1, size: "1024x1024" });
    expect(answer.data![0]!.b64_json).toBe("aGk=");
    expect(up.requests[0]!.path).toBe("/v1/images/generations");
    expect(up.requests[0]!.json()).toEqual({ model: "openai-2026", prompt: "A fox", n: 1, size: "1024x1024" });
    expect(await lastRecord()).toMatchObject({
      endpoint: "images.generations",
      dialect: "openai-images",
      inputTokens: 11,
      outputTokens: 300,
      costNanoUsd: 11 * 1_000 + 300 * 2_000,
      usageSource: "reported",
    });
  });

  test("are edited and varied by a form that is written anew", async () => {
    for (const verb of ["edits", "variations"] as const) {
      answering(json(200, picture));
      const image = await toFile(sound, "fox.png", { type: "image/png" });
      if (verb === "edits") await openai.images.edit({ model: "openai", prompt: "Blue", image: [image, image] });
      else await openai.images.createVariation({ model: "openai", image });
      const [request] = up.requests;
      expect(request!.path).toBe(`/v1/images/${verb}`);
      expect(request!.headerValues("content-type")[0]).toStartWith("multipart/form-data; boundary=sallyport-call_");
      const form = await formOf(request!);
      const file = ["fox.png", "image/png", [...sound]];
      expect(form).toEqual(
        verb === "edits"
          ? { model: "openai-2026", prompt: "Blue", "image[]": [...file, ...file] }
          : { model: "openai-2026", image: file },
      );
    }
  });
});

describe("Sound", () => {
  test("is spoken, and its bytes come as they came", async () => {
    answering(spoken("audio/mpeg"));
    const answer = await openai.audio.speech.create({ model: "openai", input: "Hello", voice: "alloy" });
    expect(answer.headers.get("content-type")).toBe("audio/mpeg");
    expect(new Uint8Array(await answer.arrayBuffer())).toEqual(sound);
    expect(up.requests[0]!.json()).toEqual({ model: "openai-2026", input: "Hello", voice: "alloy" });
    expect(await lastRecord()).toMatchObject({ endpoint: "audio.speech", outcome: "finished", usageSource: "counted" });
  });

  test("is transcribed, as JSON and as subtitles", async () => {
    const file = () => toFile(sound, "talk.mp3", { type: "audio/mpeg" });
    answering(json(200, { text: "Hello.", usage: { type: "tokens", input_tokens: 14, output_tokens: 3 } }));
    const said = await openai.audio.transcriptions.create({
      model: "openai",
      file: await file(),
      timestamp_granularities: ["word", "segment"],
    });
    expect(said.text).toBe("Hello.");
    expect(await formOf(up.requests[0]!)).toEqual({
      model: "openai-2026",
      file: ["talk.mp3", "audio/mpeg", [...sound]],
      "timestamp_granularities[]": ["word", "segment"],
    });
    expect(await lastRecord()).toMatchObject({ inputTokens: 14, outputTokens: 3, usageSource: "reported" });

    const vtt = "WEBVTT\n\n00:00.000 --> 00:01.000\nHello.\n";
    answering(spoken("text/vtt", vtt));
    const subtitles = await openai.audio.transcriptions.create({
      model: "openai",
      file: await file(),
      response_format: "vtt",
    });
    expect(subtitles as unknown).toBe(vtt);
  });

  test("is translated, at Azure by the deployment in the path", async () => {
    answering(json(200, { text: "Hello." }));
    const azure = new AzureOpenAI({ apiKey: app.key, endpoint: app.url, apiVersion: "2024-10-21", maxRetries: 0 });
    const answer = await azure.audio.translations.create({ model: "azure", file: await toFile(sound, "t.mp3") });
    expect(answer.text).toBe("Hello.");
    expect(up.requests[0]!.path).toBe("/openai/deployments/azure-2026/audio/translations?api-version=2024-10-21");
  });

  test("that is longer than a body may be is a 413", async () => {
    answering(json(200, { text: "" }));
    const file = await toFile(new Uint8Array(80 * 1024), "talk.mp3");
    const thrown = await openai.audio.transcriptions.create({ model: "openai", file }).catch((error) => error);
    expect(thrown.status).toBe(413);
    expect(up.requests).toHaveLength(0);
  });
});

describe("Moderation and reranking", () => {
  test("texts are judged by the model that OpenAI takes where none is named", async () => {
    answering(json(200, { id: "m", model: "omni", results: [{ flagged: true }] }));
    const answer = await openai.moderations.create({ input: ["a", "b"] });
    expect(answer.results[0]!.flagged).toBe(true);
    expect(up.requests[0]!.json()).toEqual({ model: "omni-moderation-latest", input: ["a", "b"] });
  });

  const results = [{ index: 1, relevance_score: 0.9 }];

  test("Cohere's client reaches Cohere and vLLM", async () => {
    const cohere = new CohereClientV2({ token: app.key, environment: app.url, maxRetries: 0 } as never);
    answering(json(200, { id: "r", results, meta: { billed_units: { search_units: 1 } } }));
    for (const [name, path] of [
      ["cohere", "/v2/rerank"],
      ["vllm", "/v1/rerank"],
    ]) {
      const answer = await cohere.rerank({ model: name!, query: "q", documents: ["a", "b"], topN: 1 });
      expect(answer.results).toEqual([{ index: 1, relevanceScore: 0.9 }]);
      const request = up.requests.at(-1)!;
      expect(request.path).toBe(path!);
      expect(request.json()).toEqual({ model: `${name}-2026`, query: "q", documents: ["a", "b"], top_n: 1 });
    }
  });

  test("a total of tokens is charged as read", async () => {
    answering(json(200, { id: "r", results, usage: { total_tokens: 56 } }));
    await post(app, { path: "/v1/rerank", body: { model: "vllm", query: "q", documents: ["a", "b"] } });
    expect(await lastRecord()).toMatchObject({ inputTokens: 56, outputTokens: 0, usageSource: "reported" });
  });
});

describe("Refused, and nobody is asked", () => {
  test.each<[number, string, string, string, JsonObject]>([
    [400, "unsupported_feature", "model", "/v1/images/generations", { model: "claude", prompt: "a" }],
    [400, "unsupported_feature", "model", "/v1/audio/speech", { model: "cohere", input: "a" }],
    [400, "unsupported_feature", "model", "/v1/rerank", { model: "openai", query: "a", documents: [] }],
    [400, "unsupported_feature", "stream", "/v1/images/generations", { model: "openai", prompt: "a", stream: true }],
    [400, "unsupported_feature", "stream_format", "/v1/audio/speech", { model: "openai", stream_format: "sse" }],
    [400, "invalid_request", "model", "/v1/images/generations", { prompt: "a" }],
    [400, "invalid_request", "n", "/v1/images/generations", { model: "openai", prompt: "a", n: 999 }],
    [400, "invalid_request", "api_base", "/v1/moderations", { input: "a", api_base: "https://x" }],
    [404, "model_not_found", "model", "/v1/audio/speech", { model: "none", input: "a" }],
  ])("%i %s of %s at %s", async (status, code, param, path, body) => {
    answering(json(200, {}));
    const answer = await post(app, { path, body });
    expect(answer.status).toBe(status);
    expect(((await answer.json()) as JsonObject).error).toMatchObject({ code, param });
    expect(up.requests).toHaveLength(0);
  });

  test("a form where JSON is asked for, and a form that is broken", async () => {
    const headers = { "content-type": "multipart/form-data; boundary=x" };
    const form = (path: string, body: string) => post(app, { path, headers, body });
    expect((await form("/v1/chat/completions", "--x--\r\n")).status).toBe(415);
    expect((await form("/v1/audio/transcriptions", "--x\r\nnonsense")).status).toBe(400);
  });

  test("what hides between the parts of a form does not go on", async () => {
    answering(json(200, { text: "ok" }));
    const headers = { "content-type": "multipart/form-data; boundary=x" };
    const part = (name: string, value: string) =>
      `--x\r\nContent-Disposition: form-data; name="${name}"\r\nX-Evil: 1\r\n\r\n${value}\r\n`;
    const body = `hidden preamble\r\n${part("model", "openai")}${part("prompt", "p")}--x--\r\nhidden epilogue`;
    const answer = await post(app, { path: "/v1/audio/transcriptions", headers, body });
    expect(answer.status).toBe(200);
    expect(up.requests[0]!.text()).not.toMatch(/hidden|evil/i);
    expect(await formOf(up.requests[0]!)).toEqual({ model: "openai-2026", prompt: "p" });
    const twice = `${part("model", "openai")}${part("model", "claude")}--x--\r\n`;
    const second = await post(app, { path: "/v1/audio/transcriptions", headers, body: twice });
    expect(second.status).toBe(400);
  });
});

describe("An answer", () => {
  test("that is a page of a proxy's is the provider's failure", async () => {
    answering(spoken("text/html", "<script>1</script>"));
    const answer = await post(app, { path: "/v1/audio/speech", body: { model: "openai", input: "a" } });
    expect(answer.status).toBe(502);
    expect(await answer.text()).not.toContain("script");
  });

  test("that is an error inside a 200 is an error", async () => {
    answering(json(200, { error: { message: "Too lewd.", type: "invalid_request_error", code: "content_filter" } }));
    const answer = await post(app, { path: "/v1/images/generations", body: { model: "openai", prompt: "a" } });
    expect(answer.status).toBe(400);
    expect((await lastRecord()).outcome).not.toBe("finished");
  });

  test("that refuses keeps the provider's status and words", async () => {
    answering(json(400, { error: { message: "No such voice.", type: "invalid_request_error", param: "voice" } }));
    const thrown = await openai.audio.speech
      .create({ model: "openai", input: "a", voice: "x" })
      .catch((error) => error);
    expect(thrown).toMatchObject({ status: 400, param: "voice" });
    expect(thrown.message).toContain("No such voice.");
  });
});

test("Guards mask what is asked and what comes back, and fail closed on what they cannot rewrite", async () => {
  const rule = { name: "names", kind: "phrases", action: "mask", direction: "both", phrases: ["grey falcon"] } as const;
  const guarded = await startApp({ upstream: up.url, guardrails: [{ ...rule, phrases: [...rule.phrases] }] });
  try {
    const ask = (path: string, body: JsonObject) => post(guarded, { path, body: { model: "small", ...body } });
    answering(json(200, { created: 1, data: [{ revised_prompt: "A grey falcon", b64_json: "aGk=" }] }));
    const image = await ask("/v1/images/generations", { prompt: "grey falcon at dawn" });
    expect(up.requests[0]!.json()).toEqual({ model: "small-2026", prompt: "[names] at dawn" });
    expect(await image.json()).toEqual({ created: 1, data: [{ revised_prompt: "A [names]", b64_json: "aGk=" }] });

    answering(json(200, { text: "grey falcon", words: [{ word: "grey" }, { word: "falcon" }] }));
    expect(await (await ask("/v1/audio/transcriptions", {})).json()).toEqual({ text: "[names]" });
    answering(spoken("text/vtt", "WEBVTT\n\n00:00.000 --> 00:01.000\nThe grey\n\n00:01.000 --> 00:02.000\nfalcon.\n"));
    expect(await (await ask("/v1/audio/transcriptions", {})).text()).toBe("The [names].");

    answering(json(200, {}));
    const denied = await ask("/v1/audio/speech", { input: "a", voice: "grey falcon" });
    expect(denied.status).toBe(422);
    expect(up.requests).toHaveLength(0);
  } finally {
    await guarded.stop();
  }
});

test("A budget in money admits a recording by what can be heard of it, not by its bytes", async () => {
  const thrifty = await startApp({
    upstream: up.url,
    settings: { maxBodyBytes: 8 * 1024 * 1024 },
    limits: [{ dimension: "usd", window: "day", amount: 1_000_000_000 }],
  });
  try {
    answering(json(200, { text: "Hello." }));
    const client = new OpenAI({ apiKey: thrifty.key, baseURL: `${thrifty.url}/v1`, maxRetries: 0 });
    const file = await toFile(new Uint8Array(4 * 1024 * 1024), "talk.mp3");
    expect((await client.audio.transcriptions.create({ model: "small", file })).text).toBe("Hello.");
  } finally {
    await thrifty.stop();
  }
});
