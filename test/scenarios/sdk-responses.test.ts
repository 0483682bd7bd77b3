/**
 * OpenAI's official client by `responses`, in front of a provider of each dialect: one that
 * speaks Responses itself, one that speaks Chat Completions only, and Anthropic.
 */
import { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test";
import OpenAI from "openai";
import type { Json, JsonObject } from "../../src/kernel/json.ts";
import { post } from "../support/app.ts";
import { until } from "../support/scene.ts";
import { rejection, SdkScene } from "../support/sdk.ts";
import type { Answer } from "../support/upstream/answer.ts";
import * as responses from "../support/upstream/openai-responses.ts";
import { anthropicMessages, json, openaiChat, type ReceivedRequest, type Script, sse } from "../support/upstream.ts";

let scene: SdkScene;
let client: OpenAI;
beforeAll(async () => {
  scene = await SdkScene.begin({ api: { storedState: true } });
  client = scene.clients.openai;
});
afterAll(() => scene.stop());
afterEach(() => scene.quiet());

const PROVIDERS = [
  { name: "a provider of Responses", model: "gpt", path: "/v1/responses" },
  { name: "a provider of Chat Completions only", model: "small", path: "/v1/chat/completions" },
  { name: "Anthropic", model: "claude", path: "/v1/messages" },
] as const;
type Provider = (typeof PROVIDERS)[number];
const ROADS = PROVIDERS.flatMap((provider) => [false, true].map((stream) => ({ ...provider, stream })));

function replying(answer: Answer): (request: ReceivedRequest) => Script {
  return (request) => {
    if (request.path.endsWith("/responses")) return responses.replies(answer)(request);
    return (request.path.endsWith("/messages") ? anthropicMessages : openaiChat).replies(answer)(request);
  };
}

/** One answer after the other; the last one stays. */
function says(...answers: Answer[]): void {
  scene.forget();
  let next = 0;
  scene.up.plan((request) => replying(answers[Math.min(next++, answers.length - 1)]!)(request));
}

type Asked = Omit<OpenAI.Responses.ResponseCreateParamsNonStreaming, "model" | "stream">;

/** The response as the client has it in the end: from its events where it is streamed. */
async function hear(
  { model, stream }: { model: string; stream: boolean },
  asked: Asked,
): Promise<OpenAI.Responses.Response> {
  if (!stream) return await client.responses.create({ ...asked, model });
  const deltas: string[] = [];
  const asking = client.responses.stream({ ...asked, model });
  asking.on("response.output_text.delta", ({ delta }) => deltas.push(delta));
  const response = await asking.finalResponse();
  expect(deltas.join("")).toBe(response.output_text);
  return response;
}

const WEATHER: OpenAI.Responses.FunctionTool = {
  type: "function",
  name: "weather",
  description: "Weather of a city.",
  parameters: {
    type: "object",
    properties: { city: { type: "string" } },
    required: ["city"],
    additionalProperties: false,
  },
  strict: true,
};

/** As JSON, without fields that say nothing: the client adds some. */
function withoutNulls(value: unknown): Json {
  return JSON.parse(JSON.stringify(value, (_, inner: unknown) => (inner === null ? undefined : inner))) as Json;
}

describe.each(ROADS)("in front of $name, stream: $stream", (road) => {
  test("a question is put, and the answer is heard, with its tokens", async () => {
    says({ id: "answer_1", model: "served", text: "Hello, Ada! 👋", usage: { input: 12, output: 7, cacheRead: 4 } });
    const response = await hear(road, { instructions: "Be brief.", input: "Say hello." });
    expect(scene.up.requests[0]!.path).toBe(road.path);
    expect(response).toMatchObject({
      id: "answer_1",
      model: "served",
      status: "completed",
      output_text: "Hello, Ada! 👋",
      usage: { input_tokens: 12, output_tokens: 7, total_tokens: 19, input_tokens_details: { cached_tokens: 4 } },
    });
    expect(JSON.stringify(scene.sent())).toContain("Be brief.");
    expect(await scene.record()).toMatchObject({ outcome: "finished", inputTokens: 12, outputTokens: 7 });
  });

  test("tools are called, in parallel and without arguments, and their results are understood", async () => {
    const toolCalls = [
      { id: "call_1", name: "weather", arguments: '{"city":"Berlin"}' },
      { id: "call_2", name: "now", arguments: "{}" },
    ];
    says({ text: "Let me look.", toolCalls }, { text: "Sunny at noon." });
    const tools: OpenAI.Responses.Tool[] = [WEATHER, { type: "function", name: "now", parameters: null, strict: null }];
    const first = await hear(road, { input: "Weather and time?", tools });
    const calls = first.output.filter((item) => item.type === "function_call");
    expect(calls.map(({ call_id, name, arguments: given }) => [call_id, name, JSON.parse(given) as unknown])).toEqual([
      ["call_1", "weather", { city: "Berlin" }],
      ["call_2", "now", {}],
    ]);
    const results = calls.map(({ call_id, name }) => ({
      type: "function_call_output" as const,
      call_id,
      output: `${name}: fine`,
    }));
    const input = [
      { role: "user" as const, content: "Weather and time?" },
      ...first.output,
      ...results,
    ] as OpenAI.Responses.ResponseInput;
    const second = await hear(road, { input, tools });
    expect(second.output_text).toBe("Sunny at noon.");
    const sent = scene.sent(1);
    if (road.path === "/v1/chat/completions") {
      expect(sent.messages).toMatchObject([
        { role: "user", content: "Weather and time?" },
        { role: "assistant", content: "Let me look.", tool_calls: [{ id: "call_1" }, { id: "call_2" }] },
        { role: "tool", tool_call_id: "call_1", content: "weather: fine" },
        { role: "tool", tool_call_id: "call_2", content: "now: fine" },
      ]);
    } else if (road.path === "/v1/messages") {
      expect(sent.messages).toMatchObject([
        { role: "user" },
        {
          role: "assistant",
          content: [
            { type: "text" },
            { type: "tool_use", id: "call_1" },
            { type: "tool_use", id: "call_2", input: {} },
          ],
        },
        {
          role: "user",
          content: [
            { type: "tool_result", tool_use_id: "call_1" },
            { type: "tool_result", tool_use_id: "call_2" },
          ],
        },
      ]);
    } else expect(sent.input).toEqual(withoutNulls(input));
  });

  test("an answer in JSON is parsed by the client", async () => {
    says({ text: '{"name":"Ada","age":36}' });
    const schema = {
      type: "object",
      properties: { name: { type: "string" }, age: { type: "integer" } },
      required: ["name", "age"],
      additionalProperties: false,
    };
    const response = await hear(road, {
      input: "Who?",
      text: { format: { type: "json_schema", name: "person", schema, strict: true } },
    });
    expect(JSON.parse(response.output_text)).toEqual({ name: "Ada", age: 36 });
    expect(JSON.stringify(scene.sent())).toContain('"age"');
  });
});

describe.each(PROVIDERS)("in front of $name", (provider: Provider) => {
  const failing = (status: number): Script =>
    provider.model === "claude"
      ? anthropicMessages.failure(status, { type: "api_error", message: "No." })
      : openaiChat.failure(status, { type: "some_error", message: "No." });

  test("a refusal is thrown with its status and the provider's words", async () => {
    scene.forget();
    scene.up.answer(failing(400));
    const thrown = await rejection(client.responses.create({ model: provider.model, input: "x" }));
    expect(thrown).toBeInstanceOf(OpenAI.BadRequestError);
    expect(thrown).toMatchObject({ status: 400, code: "upstream_rejected" });
    expect(String(thrown)).toContain("No.");
  });

  test("a rate limit is thrown as one, before a stream begins", async () => {
    scene.forget();
    scene.up.answer(failing(429));
    const thrown = await rejection(client.responses.create({ model: provider.model, input: "x", stream: true }));
    expect(thrown).toBeInstanceOf(OpenAI.RateLimitError);
  });

  test("a stream that breaks is thrown, and is never a response", async () => {
    scene.forget();
    // Broken when the client has heard the first word.
    const { promise, resolve } = Promise.withResolvers<void>();
    scene.up.answer([...beginning(provider).slice(0, -1), { do: "until", open: promise }, { do: "close" }]);
    const seen: string[] = [];
    const asking = async () => {
      for await (const event of await client.responses.create({ model: provider.model, input: "x", stream: true })) {
        seen.push(event.type);
        if (event.type === "response.output_text.delta") resolve();
      }
    };
    expect(await rejection(asking())).toBeInstanceOf(OpenAI.APIError);
    expect(seen).toContain("response.output_text.delta");
    expect(seen).not.toContain("response.completed");
    expect(await scene.record()).toMatchObject({ outcome: "cut", errorCode: "upstream_cut" });
  });

  test("a client that aborts lets the connection go", async () => {
    scene.forget();
    scene.up.answer([...beginning(provider).slice(0, -1), { do: "silence" }]);
    const stream = await client.responses.create({ model: provider.model, input: "x", stream: true });
    for await (const event of stream) if (event.type === "response.output_text.delta") stream.controller.abort();
    expect(await scene.up.requests[0]!.closed).toMatchObject({ by: "peer", beforeEnd: true });
    expect(await scene.record()).toMatchObject({ outcome: "cancelled", errorCode: "client_closed" });
    expect(await until(() => scene.app.meter.openHolds === 0)).toBe(true);
  });

  /** A stream as far as its first word. */
  function beginning({ path }: Provider): Script {
    if (path === "/v1/responses") {
      const events = responses.events({ text: ["One ", "two."] }).slice(0, 6);
      return sse(events.map((data) => ({ event: String(data.type), data })));
    }
    const maker = path === "/v1/messages" ? anthropicMessages : openaiChat;
    return sse(maker.frames({ text: ["One ", "two."] }).slice(0, path === "/v1/messages" ? 6 : 4));
  }
});

describe("between like dialects", () => {
  test("the provider's bytes are relayed, unknown fields and events included", async () => {
    const frames = responses
      .events({ text: "Hi.", extra: { x_new: { a: 1 } } })
      .map((data) => `event: ${String(data.type)}\ndata: ${JSON.stringify(data)}\n\n`);
    frames.splice(3, 0, 'event: response.x_new\ndata: {"type":"response.x_new","b":2}\n\n');
    scene.forget();
    scene.up.answer(sse(frames, { split: { seed: 3, max: 50 } }));
    const response = await post(scene.app, { path: "/v1/responses", body: { model: "gpt", input: "x", stream: true } });
    expect((await response.text()).replace(/: sallyport \{[^\n]*\}\n\n/, "")).toBe(frames.join(""));
    const unary = { ...responses.body({ text: "Hi." }), x_new: [1] };
    scene.up.answer(json(200, unary));
    const whole = await post(scene.app, { path: "/v1/responses", body: { model: "gpt", input: "x" } });
    expect(await whole.json()).toEqual(unary);
  });

  test("what lies with the provider is passed on", async () => {
    says({ text: "Hi." });
    const asked = {
      previous_response_id: "resp_0",
      store: true,
      background: false,
      conversation: { id: "conv_1" },
      x_new: 1,
    };
    const response = await post(scene.app, {
      path: "/v1/responses",
      body: { model: "gpt", input: [{ type: "item_reference", id: "msg_1" }], ...asked },
    });
    expect(response.status).toBe(200);
    expect(scene.sent()).toEqual({ model: "gpt-4.1", input: [{ type: "item_reference", id: "msg_1" }], ...asked });
  });
});

describe.each(PROVIDERS.slice(1))("nothing is stored for $name:", ({ model }) => {
  const ROWS: [string, JsonObject][] = [
    ["previous_response_id", { previous_response_id: "resp_0" }],
    ["conversation", { conversation: "conv_1" }],
    ["background", { background: true, stream: true }],
    ["prompt", { prompt: { id: "pmpt_1" } }],
    ["input[0]", { input: [{ type: "item_reference", id: "msg_1" }] }],
  ];
  test.each(ROWS)("%s is refused by name, and nothing leaves", async (field, over) => {
    says({ text: "Hi." });
    const response = await post(scene.app, { path: "/v1/responses", body: { model, input: "x", ...over } });
    const { error } = (await response.json()) as { error: JsonObject };
    expect([response.status, error.code, error.param]).toEqual([400, "unsupported_feature", field]);
    expect(scene.up.requests).toHaveLength(0);
  });

  test("store: true is served, with a warning, and the answer says that it is not", async () => {
    says({ text: "Hi." });
    const response = await post(scene.app, { path: "/v1/responses", body: { model, input: "x", store: true } });
    expect(response.headers.get("x-sallyport-warnings")).toContain("store");
    expect(await response.json()).toMatchObject({ status: "completed", store: false });
  });
});

describe("thoughts", () => {
  test("of Anthropic's come back to it with their signature", async () => {
    const tools = [WEATHER];
    const called: Answer = {
      reasoning: "Hm, Berlin.",
      signature: "c2lnbmF0dXJl",
      toolCalls: [{ id: "call_1", name: "weather", arguments: '{"city":"Berlin"}' }],
    };
    const asked: Asked = {
      input: "Weather?",
      tools,
      store: false,
      include: ["reasoning.encrypted_content"],
      reasoning: { effort: "low", summary: "auto" },
    };
    for (const stream of [false, true]) {
      says(called, { text: "Sunny." });
      const first = await hear({ model: "claude", stream }, asked);
      const [thought] = first.output;
      expect(thought).toMatchObject({ type: "reasoning", summary: [{ type: "summary_text", text: "Hm, Berlin." }] });
      const result = { type: "function_call_output" as const, call_id: "call_1", output: "Sunny." };
      const input = [
        { role: "user" as const, content: "Weather?" },
        ...first.output,
        result,
      ] as OpenAI.Responses.ResponseInput;
      await hear({ model: "claude", stream }, { ...asked, input });
      expect((scene.sent(1).messages as JsonObject[])[1]).toMatchObject({
        role: "assistant",
        content: [
          { type: "thinking", thinking: "Hm, Berlin.", signature: "c2lnbmF0dXJl" },
          { type: "tool_use", id: "call_1", input: { city: "Berlin" } },
        ],
      });
    }
  });
});
