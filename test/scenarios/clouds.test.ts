/**
 * Models at clouds, through the whole gateway: requests that are signed or carry a token, streams
 * of binary frames, deployments in the path.
 */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import { generateKeyPairSync } from "node:crypto";
import OpenAI, { AzureOpenAI } from "openai";
import { type App, type AppOptions, post, startApp } from "../support/app.ts";
import { faultOfSignature } from "../support/sigv4.ts";
import {
  type AwsMessage,
  awsChunk,
  awsEvent,
  awsException,
  encodeAwsMessages,
} from "../support/upstream/aws-event-stream.ts";
import {
  anthropicMessages,
  json,
  openaiChat,
  type Script,
  sse,
  startUpstream,
  text,
  type Upstream,
} from "../support/upstream.ts";

const AWS_SECRET = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
const AWS_KEY = JSON.stringify({ accessKeyId: "AKIAIOSFODNN7EXAMPLE", secretAccessKey: AWS_SECRET });
const CLAUDE = "eu.anthropic.claude-sonnet-4-5-20250929-v1:0";

let up: Upstream;
let app: App;
beforeAll(async () => {
  up = await startUpstream();
  const entra = JSON.stringify({
    tenantId: "contoso",
    clientId: "app",
    clientSecret: "entra-secret",
    authority: up.url,
  });
  const options = { region: "eu-central-1" };
  const providers: NonNullable<AppOptions["providers"]> = [
    { name: "aws", kind: "bedrock", baseUrl: up.url, options, sealedKey: AWS_KEY },
    {
      name: "aws-invoke",
      kind: "bedrock",
      baseUrl: up.url,
      options: { ...options, claude: "invoke" },
      sealedKey: AWS_KEY,
    },
    {
      name: "azure",
      kind: "azure-openai",
      baseUrl: up.url,
      options: { apiVersion: "2024-10-21" },
      sealedKey: "azure-key",
    },
    { name: "azure-entra", kind: "azure-openai", baseUrl: up.url, sealedKey: entra },
  ];
  const model = (name: string, provider: string, target: string) => ({
    name,
    targets: [{ provider, model: target, weight: 1 }],
    fallbacks: [],
  });
  const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
  const googleKey = JSON.stringify({
    type: "service_account",
    client_email: "gateway@acme-prod.example",
    private_key: privateKey.export({ type: "pkcs8", format: "pem" }),
    token_uri: `${up.url}/token`,
  });
  providers.push({
    name: "gcp",
    kind: "vertex",
    baseUrl: up.url,
    options: { project: "acme-prod" },
    sealedKey: googleKey,
  });
  app = await startApp({
    upstream: up.url,
    providers,
    models: [
      model("nova", "aws", "amazon.nova-pro-v1:0"),
      model("claude", "aws", CLAUDE),
      model("claude-invoke", "aws-invoke", CLAUDE),
      model("gemini", "gcp", "gemini-2.5-flash"),
      model("claude-vertex", "gcp", "claude-sonnet-4-5@20250929"),
      model("gpt", "azure", "prod gpt"),
      model("gpt-entra", "azure-entra", "prod"),
    ],
  });
});
afterAll(async () => {
  await app.stop();
  await up.stop();
});
beforeEach(() => up.forget());

const HI = [{ role: "user", content: "hi" }];
const chat = (body: object) => post(app, { body: { messages: HI, ...body } });
const messages = (body: object) => post(app, { path: "/v1/messages", body: { max_tokens: 9, messages: HI, ...body } });

function binary(...frames: AwsMessage[]): Script {
  return text(200, encodeAwsMessages(frames), {
    contentType: "application/vnd.amazon.eventstream",
    framing: "chunked",
    split: { seed: 3, max: 40 },
  });
}

const SAID = [
  awsEvent("messageStart", { role: "assistant" }),
  awsEvent("contentBlockDelta", { contentBlockIndex: 0, delta: { text: "grüße" } }),
  awsEvent("contentBlockStop", { contentBlockIndex: 0 }),
  awsEvent("messageStop", { stopReason: "end_turn" }),
  awsEvent("metadata", { usage: { inputTokens: 3, outputTokens: 2, totalTokens: 5 }, metrics: { latencyMs: 1 } }),
];

describe("Bedrock", () => {
  test("is asked by a signed request, and answers callers of either dialect, streamed and not", async () => {
    const whole = { output: { message: { role: "assistant", content: [{ text: "grüße" }] } }, stopReason: "end_turn" };
    up.answer(json(200, { ...whole, usage: { inputTokens: 3, outputTokens: 2, totalTokens: 5 } }));
    const told = (await (await chat({ model: "nova" })).json()) as OpenAI.ChatCompletion;
    expect(told.choices[0]).toMatchObject({ message: { content: "grüße" }, finish_reason: "stop" });
    expect(told.usage).toMatchObject({ prompt_tokens: 3, completion_tokens: 2 });

    up.answer(binary(...SAID));
    const streamed = await (await chat({ model: "nova", stream: true })).text();
    expect(streamed).toContain('"content":"grüße"');
    expect(streamed).toEndWith("data: [DONE]\n\n");
    const asMessages = await (await messages({ model: "claude", stream: true })).text();
    expect(asMessages).toContain('"text":"grüße"');
    expect(asMessages).toContain('"output_tokens":2');
    expect(asMessages).toContain("event: message_stop");

    expect(up.requests.map(({ path }) => path)).toEqual([
      "/model/amazon.nova-pro-v1%3A0/converse",
      "/model/amazon.nova-pro-v1%3A0/converse-stream",
      `/model/${encodeURIComponent(CLAUDE)}/converse-stream`,
    ]);
    for (const request of up.requests) {
      const { method, path: target, body } = request;
      const header = (name: string) => request.header(name);
      expect(faultOfSignature({ method, target, header, body }, AWS_SECRET, "bedrock")).toBeUndefined();
    }
    expect(up.everything()).not.toContain(AWS_SECRET);
    expect(await app.records()).toContainEqual(
      expect.objectContaining({ outcome: "finished", inputTokens: 3, outputTokens: 2 }),
    );
  });

  test("that fails in mid-stream ends the answer in an error, in each dialect", async () => {
    up.answer(binary(...SAID.slice(0, 2), awsException("modelStreamErrorException", "the model broke")));
    const streamed = await (await chat({ model: "nova", stream: true })).text();
    expect(streamed).toContain("the model broke");
    expect(streamed).not.toContain("[DONE]");
    const asMessages = await (await messages({ model: "nova", stream: true })).text();
    expect(asMessages).toContain('{"type":"error","error":{"type":"api_error","message":"the model broke"}');
    expect(asMessages).not.toContain("message_stop");
  });

  test("whose frame fails its checksum sent no answer", async () => {
    const bytes = encodeAwsMessages(SAID);
    bytes[bytes.length - 20]! ^= 1;
    up.answer(text(200, bytes, { contentType: "application/vnd.amazon.eventstream" }));
    const streamed = await (await chat({ model: "nova", stream: true })).text();
    expect(streamed).toContain("The provider sent something that is no answer.");
    expect(streamed).not.toContain("[DONE]");
  });

  test("that is throttled says so with its status", async () => {
    up.answer(json(429, { message: "Too many requests" }, { headers: { "x-amzn-errortype": "ThrottlingException" } }));
    const response = await chat({ model: "nova" });
    expect(response.status).toBe(429);
    expect(await response.text()).toContain("Too many requests");
  });

  test("gives Claude by invoke in Anthropic's own events, unknown fields included", async () => {
    const events = [
      {
        type: "message_start",
        message: {
          id: "m",
          type: "message",
          role: "assistant",
          content: [],
          usage: { input_tokens: 3, output_tokens: 1 },
        },
      },
      { type: "content_block_start", index: 0, content_block: { type: "text", text: "" }, later: 1 },
      { type: "content_block_delta", index: 0, delta: { type: "text_delta", text: "hi" } },
      { type: "content_block_stop", index: 0 },
      { type: "message_delta", delta: { stop_reason: "end_turn" }, usage: { output_tokens: 2 } },
      { type: "message_stop", "amazon-bedrock-invocationMetrics": { inputTokenCount: 3 } },
    ];
    up.answer(binary(...events.map(awsChunk)));
    const streamed = await (await messages({ model: "claude-invoke", stream: true, later: { a: 1 } })).text();
    const frames = events.map((event) => `event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`).join("");
    expect(streamed.replace(/: sallyport \{[^\n]*\}\n\n/, "")).toBe(frames);
    expect(up.requests[0]!.path).toEndWith("/invoke-with-response-stream");
    expect(up.requests[0]!.json()).toMatchObject({ anthropic_version: "bedrock-2023-05-31", later: { a: 1 } });
  });
});

describe("Vertex", () => {
  test("is shown a token that a service account's key was traded for, by Gemini's address and Claude's", async () => {
    up.plan((request) => {
      if (request.path === "/token") return json(200, { access_token: "tok", expires_in: 3600 });
      if (request.path.includes("/anthropic/")) return anthropicMessages.replies({ text: "hello" })(request);
      return json(200, {
        candidates: [{ content: { role: "model", parts: [{ text: "hello" }] }, finishReason: "STOP" }],
      });
    });
    for (const model of ["gemini", "claude-vertex"]) {
      const told = (await (await chat({ model })).json()) as OpenAI.ChatCompletion;
      expect(told.choices[0]!.message.content).toBe("hello");
    }
    const place = "/v1/projects/acme-prod/locations/global/publishers";
    expect(up.requests.map((request) => [request.path, request.header("authorization")])).toEqual([
      ["/token", null],
      [`${place}/google/models/gemini-2.5-flash:generateContent`, "Bearer tok"],
      [`${place}/anthropic/models/claude-sonnet-4-5@20250929:rawPredict`, "Bearer tok"],
    ]);
    expect(up.everything()).not.toContain("PRIVATE KEY");
  });
});

describe("Azure", () => {
  test("is asked at a deployment, with the key in Azure's own header", async () => {
    up.plan(openaiChat.replies({ text: "hello" }));
    expect((await chat({ model: "gpt" })).status).toBe(200);
    const [request] = up.requests;
    expect(request!.path).toBe("/openai/deployments/prod%20gpt/chat/completions?api-version=2024-10-21");
    expect(request!.header("api-key")).toBe("azure-key");
    expect(request!.header("authorization")).toBeNull();
    expect(request!.json()).toEqual({ messages: HI });
  });

  test("is shown a token that was traded for the client's secret, once for many calls", async () => {
    const answer = openaiChat.replies({ text: "hello" });
    up.plan((request) =>
      request.path === "/contoso/oauth2/v2.0/token"
        ? json(200, { access_token: "tok", expires_in: 3600 })
        : answer(request),
    );
    const calls = await Promise.all([1, 2, 3].map(() => chat({ model: "gpt-entra" })));
    expect(calls.map(({ status }) => status)).toEqual([200, 200, 200]);
    const asked = up.requests.filter(({ path }) => path === "/openai/v1/chat/completions");
    expect(asked.map((request) => request.header("authorization"))).toEqual(["Bearer tok", "Bearer tok", "Bearer tok"]);
    expect(up.requests).toHaveLength(4);
    expect(asked.map((request) => request.rawText()).join()).not.toContain("entra-secret");
  });

  test("whose client's secret is refused charges nothing, and does not blame the caller", async () => {
    const refused = JSON.stringify({ tenantId: "t", clientId: "c", clientSecret: "wrong", authority: up.url });
    const other = await startApp({
      upstream: up.url,
      providers: [{ name: "azure", kind: "azure-openai", baseUrl: up.url, sealedKey: refused }],
      models: [{ name: "gpt", targets: [{ provider: "azure", model: "x", weight: 1 }], fallbacks: [] }],
    });
    up.answer(json(401, { error: "invalid_client", error_description: "AADSTS7000215: wrong secret of contoso" }));
    const response = await post(other, { body: { model: "gpt", messages: HI } });
    expect(response.status).toBe(502);
    expect(await response.text()).not.toContain("contoso");
    const [record] = await other.records();
    expect(record).toMatchObject({ costNanoUsd: 0 });
    await other.stop();
  });
});

describe("Azure's clients", () => {
  const client = () => new AzureOpenAI({ endpoint: app.url, apiKey: app.key, apiVersion: "2024-10-21", maxRetries: 0 });

  test("reach any model as a deployment, streamed and not", async () => {
    up.plan(openaiChat.replies({ text: "hello there" }));
    const asked = {
      model: "gpt",
      messages: [{ role: "user", content: "hi" }],
    } satisfies OpenAI.ChatCompletionCreateParams;
    const told = await client().chat.completions.create(asked);
    expect(told.choices[0]!.message.content).toBe("hello there");
    let streamed = "";
    for await (const chunk of await client().chat.completions.create({ ...asked, stream: true })) {
      streamed += chunk.choices[0]?.delta.content ?? "";
    }
    expect(streamed).toBe("hello there");

    up.answer(binary(...SAID));
    const nova = await client().chat.completions.create({ ...asked, model: "nova", stream: true });
    let said = "";
    for await (const chunk of nova) said += chunk.choices[0]?.delta.content ?? "";
    expect(said).toBe("grüße");
  });

  test("get Azure's first chunk and its filters as they are", async () => {
    const filters = { hate: { filtered: false, severity: "safe" } };
    const frames = [
      {
        data: {
          id: "",
          object: "",
          created: 0,
          model: "",
          choices: [],
          prompt_filter_results: [{ prompt_index: 0, content_filter_results: filters }],
        },
      },
      {
        data: {
          id: "c",
          object: "chat.completion.chunk",
          created: 1,
          model: "gpt",
          choices: [{ index: 0, delta: { content: "hi" }, finish_reason: "stop", content_filter_results: filters }],
        },
      },
    ];
    up.answer(sse(frames, { done: true }));
    const seen: OpenAI.ChatCompletionChunk[] = [];
    const stream = await client().chat.completions.create({
      model: "gpt",
      stream: true,
      messages: [{ role: "user", content: "hi" }],
    });
    for await (const chunk of stream) seen.push(chunk);
    expect(seen as unknown[]).toEqual(frames.map(({ data }) => data));
  });

  test("are told of an unknown deployment in OpenAI's dialect", async () => {
    const asked = client().chat.completions.create({ model: "gone", messages: [{ role: "user", content: "hi" }] });
    expect(await asked.catch((thrown: unknown) => thrown)).toBeInstanceOf(OpenAI.NotFoundError);
  });

  test("of the newer form call the same paths as OpenAI's", async () => {
    up.plan(openaiChat.replies({ text: "hello" }));
    const newer = new OpenAI({ baseURL: `${app.url}/openai/v1`, apiKey: app.key, maxRetries: 0 });
    const told = await newer.chat.completions.create({ model: "gpt", messages: [{ role: "user", content: "hi" }] });
    expect(told.choices[0]!.message.content).toBe("hello");
    expect((await newer.models.list()).data.map(({ id }) => id)).toContain("gpt");
  });
});

describe("a cloud that quotes what opens or names the account", () => {
  test("in an error in mid-stream is told without it", async () => {
    const said = `${AWS_SECRET} of AKIAIOSFODNN7EXAMPLE in arn:aws:iam::123456789012:user/gateway is wrong`;
    up.answer(binary(...SAID.slice(0, 2), awsException("modelStreamErrorException", said)));
    for (const ask of [chat, messages]) {
      const told = await (await ask({ model: "nova", stream: true })).text();
      expect(told).toContain("***** of ***** in ***** is wrong");
    }
  });

  test.each([400, 404, 500])("in a %i is told without it", async (status) => {
    const token = "ya29.a0AfB-x_123";
    up.plan((request) =>
      request.path === "/token"
        ? json(200, { access_token: token, expires_in: 3600, token_type: "Bearer" })
        : json(status, {
            error: {
              message: `${token} of gateway@acme-prod.example may not in acme-prod`,
              status: "INVALID_ARGUMENT",
            },
          }),
    );
    const { error } = (await (await chat({ model: "gemini" })).json()) as { error: { message: string } };
    expect(error.message).toBe("***** of ***** may not in *****");

    up.plan((request) =>
      request.path.endsWith("/token")
        ? json(200, { access_token: "eyJ0eXAiOiJKV1Qi.eyJhdWQi.c2ln", expires_in: 3600 })
        : json(status, {
            error: { message: "eyJ0eXAiOiJKV1Qi.eyJhdWQi.c2ln or entra-secret at acme.openai.azure.com" },
          }),
    );
    const entra = (await (await chat({ model: "gpt-entra" })).json()) as { error: { message: string } };
    expect(entra.error.message).toBe("***** or ***** at *****.openai.azure.com");
  });
});
