/**
 * Embeddings through the gateway: the official clients of OpenAI, Google and Ollama, and providers
 * of four dialects. What left is judged by the bytes that the provider received. It is the test of
 * spec/operation.ts, of src/wire/whole-answer.ts, openai-embeddings/index.ts, openai-embeddings/floats.ts,
 * src/wire/gemini/embed.ts and src/wire/ollama/embed.ts, and of src/providers/whole-answer.ts, operations/embeddings.ts,
 * openai-compatible/operations.ts, src/providers/cohere/embed.ts,
 * src/providers/google/embed.ts, src/providers/ollama/embed.ts, src/providers/bedrock/embed.ts and
 * src/providers/vertex/operations.ts.
 */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { GoogleGenAI } from "@google/genai";
import { Ollama } from "ollama";
import OpenAI, { AzureOpenAI } from "openai";
import type { JsonObject } from "../../src/kernel/json.ts";
import { type App, post, startApp } from "../support/app.ts";
import { modelAt } from "../support/models.ts";
import { json, type ReceivedRequest, type Script, startUpstream, type Upstream } from "../support/upstream.ts";

const PROVIDERS = ["openai", "google", "vertex", "cohere", "ollama", "azure", "bedrock"] as const;
type Provider = (typeof PROVIDERS)[number];

/** Providers that do not tell how many tokens a batch was. */
const UNTOLD: ReadonlySet<Provider> = new Set<Provider>(["google", "bedrock"]);

const model = (name: string, provider: string, target = `${name}-embed`) => modelAt(name, provider, target);

/** Two numbers that a 32-bit float holds exactly, told apart by the text they stand for. */
const vectorOf = (text: unknown) => [String(text).length / 4, -0.5];
const base64Of = (vector: number[]) => Buffer.from(new Float32Array(vector).buffer).toString("base64");

/** What each provider says to the texts that it was sent. */
function answers(request: ReceivedRequest): Script {
  const body = request.json();
  const { path } = request;
  if (path.includes("/embeddings")) {
    const inputs: unknown[] = Array.isArray(body.input) ? body.input : [body.input];
    const data = inputs.map((text, index) => {
      const vector = vectorOf(text);
      return { object: "embedding", index, embedding: body.encoding_format === "base64" ? base64Of(vector) : vector };
    });
    // Some servers finish a batch out of order.
    data.reverse();
    const usage = { prompt_tokens: 7, total_tokens: 7 };
    return json(200, { object: "list", data, model: "embed-upstream", usage, extra_field: 1 });
  }
  if (path.endsWith(":batchEmbedContents")) {
    const requests = body.requests as { content: { parts: { text: string }[] } }[];
    return json(200, { embeddings: requests.map(({ content }) => ({ values: vectorOf(content.parts[0]!.text) })) });
  }
  if (path.endsWith(":embedContent")) {
    const { parts } = body.content as { parts: { text: string }[] };
    return json(200, { embedding: { values: vectorOf(parts[0]!.text) }, usageMetadata: { promptTokenCount: 7 } });
  }
  if (path === "/v2/embed") {
    const embeddings = { float: (body.texts as string[]).map(vectorOf) };
    return json(200, { id: "e", texts: body.texts, embeddings, meta: { billed_units: { input_tokens: 7 } } });
  }
  if (path === "/api/embed") {
    const embeddings = (body.input as string[]).map(vectorOf);
    return json(200, { model: "nomic", embeddings, total_duration: 1, prompt_eval_count: 7 });
  }
  if (path.endsWith(":predict")) {
    const texts = (body.instances as { content: string }[]).map(({ content }) => content);
    // Seven tokens in all, however many texts.
    const predictions = texts.map((content, index) => {
      return { embeddings: { values: vectorOf(content), statistics: { token_count: index === 0 ? 7 : 0 } } };
    });
    return json(200, { predictions });
  }
  if (path.endsWith("/invoke")) {
    return body.texts === undefined
      ? json(200, { embedding: vectorOf(body.inputText), inputTextTokenCount: 7 })
      : json(200, {
          embeddings: { float: (body.texts as string[]).map(vectorOf) },
          response_type: "embeddings_by_type",
        });
  }
  throw new Error(`no answer for ${path}`);
}

let up: Upstream;
let app: App;
let openai: OpenAI;
let genai: GoogleGenAI;

beforeAll(async () => {
  up = await startUpstream();
  app = await startApp({
    upstream: up.url,
    providers: [
      { name: "oai", kind: "openai", baseUrl: `${up.url}/v1` },
      { name: "goo", kind: "google", baseUrl: `${up.url}/v1beta` },
      { name: "coh", kind: "cohere", baseUrl: up.url },
      { name: "oll", kind: "ollama", baseUrl: up.url, sealedKey: null },
      { name: "azu", kind: "azure-openai", baseUrl: up.url, options: { apiVersion: "2024-10-21" } },
      { name: "ver", kind: "vertex", baseUrl: up.url, options: { project: "acme-prod", location: "eu" } },
      { name: "bed", kind: "bedrock", baseUrl: up.url, options: { region: "eu-central-1" } },
    ],
    models: [
      model("openai", "oai"),
      model("google", "goo", "gemini-embedding-001"),
      model("cohere", "coh"),
      model("ollama", "oll"),
      model("azure", "azu"),
      model("vertex", "ver", "text-embedding-005"),
      model("bedrock", "bed", "cohere.embed-multilingual-v3"),
      model("titan", "bed", "amazon.titan-embed-text-v2:0"),
      model("claude", "ant"),
      model("demo", "demo", "demo"),
    ],
  });
  openai = new OpenAI({ apiKey: app.key, baseURL: `${app.url}/v1`, maxRetries: 0 });
  genai = new GoogleGenAI({ apiKey: app.key, httpOptions: { baseUrl: app.url } });
});
afterAll(async () => {
  await app?.stop();
  await up?.stop();
});

async function sent<T>(asking: () => Promise<T>, script: (request: ReceivedRequest) => Script = answers) {
  up.requests = [];
  up.plan(script);
  const answer = await asking();
  return { answer, request: up.requests[0]!, body: up.requests[0]!.json() as JsonObject };
}

const embed = (body: JsonObject, path = "/v1/embeddings") => post(app, { path, body });
const lastRecord = async () => (await app.records()).at(-1)!;

describe.each(PROVIDERS)("OpenAI's client at %s", (provider: Provider) => {
  test("gets the vectors of a batch in the order of its texts, whatever encoding it asks for", async () => {
    for (const encoding_format of ["float", "base64", undefined] as const) {
      const input = ["one", "three", "fifteen"];
      const { answer } = await sent(() =>
        openai.embeddings.create({
          model: provider,
          input,
          ...(encoding_format === undefined ? {} : { encoding_format }),
        }),
      );
      const read = answer.data.map(({ embedding }) =>
        typeof embedding === "string"
          ? [...new Float32Array(Uint8Array.fromBase64(embedding as string).buffer)]
          : embedding,
      );
      expect(read).toEqual(input.map(vectorOf));
      if (!UNTOLD.has(provider)) expect(answer.usage).toEqual({ prompt_tokens: 7, total_tokens: 7 });
    }
  });

  test("is charged for what the provider read, and for nothing written", async () => {
    await sent(() => openai.embeddings.create({ model: provider, input: "hello there" }));
    const record = await lastRecord();
    const tokens = UNTOLD.has(provider) ? 3 : 7;
    expect(record).toMatchObject({
      outcome: "finished",
      endpoint: "embeddings",
      inputTokens: tokens,
      outputTokens: 0,
      costNanoUsd: tokens * 1_000,
      usageSource: UNTOLD.has(provider) ? "counted" : "reported",
    });
  });
});

describe("What leaves the gateway", () => {
  test("to OpenAI is what was asked, tokens and unknown fields included", async () => {
    const { body, request } = await sent(() =>
      embed({
        model: "openai",
        input: [[1, 2], [3]],
        dimensions: 256,
        user: "u1",
        encoding_format: "float",
        future: 1,
      }),
    );
    expect(request.path).toBe("/v1/embeddings");
    expect(body).toEqual({
      model: "openai-embed",
      input: [[1, 2], [3]],
      dimensions: 256,
      user: "u1",
      encoding_format: "float",
      future: 1,
    });
  });

  test("to Google is a batch with task and size", async () => {
    const { body, request } = await sent(() =>
      embed({ model: "google", input: ["a", "b"], dimensions: 64, input_type: "query" }),
    );
    expect(request.path).toBe("/v1beta/models/gemini-embedding-001:batchEmbedContents");
    const one = (text: string) => ({
      model: "models/gemini-embedding-001",
      content: { parts: [{ text }] },
      outputDimensionality: 64,
      taskType: "RETRIEVAL_QUERY",
    });
    expect(body).toEqual({ requests: [one("a"), one("b")] });
  });

  test("to Cohere names the kind that it demands", async () => {
    const { body } = await sent(() => embed({ model: "cohere", input: "a", dimensions: 256 }));
    expect(body).toEqual({
      model: "cohere-embed",
      texts: ["a"],
      input_type: "search_document",
      embedding_types: ["float"],
      output_dimension: 256,
    });
  });

  test("to Ollama forbids it to cut texts short", async () => {
    const { body } = await sent(() => embed({ model: "ollama", input: "a" }));
    expect(body).toEqual({ model: "ollama-embed", input: ["a"], truncate: false });
  });

  test("to Vertex stands in the project, and forbids to cut texts short", async () => {
    const { body, request } = await sent(() =>
      embed({ model: "vertex", input: ["a"], dimensions: 64, input_type: "query" }),
    );
    expect(request.path).toBe(
      "/v1/projects/acme-prod/locations/eu/publishers/google/models/text-embedding-005:predict",
    );
    expect(body).toEqual({
      instances: [{ content: "a", task_type: "RETRIEVAL_QUERY" }],
      parameters: { autoTruncate: false, outputDimensionality: 64 },
    });
  });

  test("to Bedrock is in the words of the model's maker", async () => {
    const cohere = await sent(() => embed({ model: "bedrock", input: ["a", "b"] }));
    expect(cohere.request.path).toBe("/model/cohere.embed-multilingual-v3/invoke");
    expect(cohere.body).toEqual({ texts: ["a", "b"], input_type: "search_document", embedding_types: ["float"] });
    const titan = await sent(() => embed({ model: "titan", input: "a", dimensions: 256 }));
    expect(titan.request.path).toBe("/model/amazon.titan-embed-text-v2%3A0/invoke");
    expect(titan.body).toEqual({ inputText: "a", dimensions: 256 });
    expect(await titan.answer.json()).toMatchObject({ usage: { prompt_tokens: 7 } });
  });

  test("to Azure stands at the deployment's address", async () => {
    const { body, request } = await sent(() => embed({ model: "azure", input: "a" }));
    expect(request.path).toBe("/openai/deployments/azure-embed/embeddings?api-version=2024-10-21");
    expect(body).toEqual({ input: "a" });
  });
});

describe("The answer", () => {
  test("of a provider that speaks the caller's dialect is relayed with what nobody knows", async () => {
    const { answer } = await sent(() => embed({ model: "openai", input: "a" }));
    expect(((await answer.json()) as JsonObject).extra_field).toBe(1);
  });

  test("is written anew where the provider passed over the wish for base64", async () => {
    const plain = json(200, { data: [{ embedding: [0.5, -1], index: 0 }], model: "m", usage: { prompt_tokens: 2 } });
    const { answer } = await sent(
      () => openai.embeddings.create({ model: "openai", input: "a" }),
      () => plain,
    );
    expect(answer.data[0]!.embedding).toEqual([0.5, -1]);
  });

  test.each([
    ["has too few vectors", { data: [] }],
    ["has no vectors", { object: "list" }],
    ["has words for numbers", { data: [{ index: 0, embedding: ["x"] }] }],
  ])("that %s is the provider's failure, never an answer", async (_what, body) => {
    const { answer } = await sent(
      () => embed({ model: "openai", input: "a" }),
      () => json(200, body),
    );
    expect(answer.status).toBe(502);
  });
});

describe("Refused with a 400 that names the field", () => {
  test.each([
    ["input", { model: "openai" }],
    ["input", { model: "openai", input: [] }],
    ["input", { model: "openai", input: "" }],
    ["input[1]", { model: "openai", input: ["a", {}] }],
    ["input[0]", { model: "openai", input: [1.5] }],
    ["dimensions", { model: "openai", input: "a", dimensions: 0 }],
    ["encoding_format", { model: "openai", input: "a", encoding_format: "int8" }],
    ["input", { model: "cohere", input: [1, 2] }],
    ["input", { model: "google", input: [[1]] }],
    ["input", { model: "vertex", input: [1] }],
    ["input", { model: "bedrock", input: [1] }],
    ["input", { model: "titan", input: ["a", "b"] }],
    ["model", { model: "claude", input: "a" }],
  ])("%s of %j", async (field, body) => {
    up.requests = [];
    const answer = await embed(body as JsonObject);
    expect(answer.status).toBe(400);
    expect(((await answer.json()) as { error: { param: string } }).error.param).toBe(field);
    expect(up.requests).toHaveLength(0);
  });
});

describe("Other clients", () => {
  test("Google's gets its vectors from Google, and the bytes as they came", async () => {
    const { answer, request } = await sent(() =>
      genai.models.embedContent({ model: "google", contents: ["one", "three"], config: { outputDimensionality: 8 } }),
    );
    expect(answer.embeddings!.map(({ values }) => values!)).toEqual([vectorOf("one"), vectorOf("three")]);
    expect(request.path).toBe("/v1beta/models/gemini-embedding-001:batchEmbedContents");
  });

  test("Google's gets its vectors from OpenAI", async () => {
    const { answer, body } = await sent(() =>
      genai.models.embedContent({ model: "openai", contents: ["one", "three"], config: { outputDimensionality: 8 } }),
    );
    expect(answer.embeddings!.map(({ values }) => values!)).toEqual([vectorOf("one"), vectorOf("three")]);
    expect(body).toEqual({ model: "openai-embed", input: ["one", "three"], dimensions: 8 });
  });

  test("embedContent asks for one vector", async () => {
    const path = "/v1beta/models/google:embedContent";
    const { answer, request } = await sent(() => embed({ content: { parts: [{ text: "one" }] } }, path));
    expect(await answer.json()).toEqual({
      embedding: { values: vectorOf("one") },
      usageMetadata: { promptTokenCount: 7 },
    });
    expect(request.path).toBe("/v1beta/models/gemini-embedding-001:embedContent");
    const other = await sent(() => embed({ content: { parts: [{ text: "one" }] } }, path.replace("google", "cohere")));
    expect(await other.answer.json()).toEqual({
      embedding: { values: vectorOf("one") },
      usageMetadata: { promptTokenCount: 7 },
    });
  });

  test("Ollama's gets its vectors from Ollama and from OpenAI", async () => {
    const ollama = new Ollama({ host: app.url, headers: { authorization: `Bearer ${app.key}` } });
    for (const name of ["ollama", "openai"]) {
      const { answer } = await sent(() => ollama.embed({ model: name, input: ["one", "three"] }));
      expect(answer.embeddings).toEqual([vectorOf("one"), vectorOf("three")]);
      expect(answer.prompt_eval_count).toBe(7);
    }
  });

  test("Azure's names the model in the path", async () => {
    const azure = new AzureOpenAI({ apiKey: app.key, endpoint: app.url, apiVersion: "2024-10-21", maxRetries: 0 });
    const { answer, body } = await sent(() => azure.embeddings.create({ model: "openai", input: "three" }));
    expect(answer.data[0]!.embedding).toEqual(vectorOf("three"));
    expect(body.model).toBe("openai-embed");
  });
});

test("The demo model embeds too, for nothing", async () => {
  const answer = await openai.embeddings.create({ model: "demo", input: ["one", "two"], dimensions: 16 });
  expect(answer.data.map(({ embedding }) => embedding.length)).toEqual([16, 16]);
  expect(await lastRecord()).toMatchObject({ outcome: "finished", costNanoUsd: 0, provider: "demo" });
});

describe("Guards", () => {
  const guarding = (action: "mask" | "deny") =>
    startApp({
      upstream: up.url,
      guardrails: [{ name: "names", kind: "phrases", action, direction: "both", phrases: ["falcon"] }],
    });
  const body = { model: "small", input: ["a", "the falcon"] };

  test("that mask read every text of a batch", async () => {
    const guarded = await guarding("mask");
    const { answer, body: asked } = await sent(() => post(guarded, { path: "/v1/embeddings", body }));
    await guarded.stop();
    expect(answer.status).toBe(200);
    expect(asked.input).toEqual(["a", "the [names]"]);
  });

  test("that deny do so before anything leaves, and tokens are no way around them", async () => {
    const guarded = await guarding("deny");
    up.requests = [];
    for (const input of [body.input, [1, 2]]) {
      const answer = await post(guarded, { path: "/v1/embeddings", body: { ...body, input } });
      expect(answer.status).toBe(422);
    }
    await guarded.stop();
    expect(up.requests).toHaveLength(0);
  });
});
