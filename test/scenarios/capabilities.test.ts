/**
 * What a provider's API cannot is never asked of it: another target is, or the call is refused by the name of the
 * field. Proves providers/capable.ts and providers/guarded.ts, and that gateway/asking/attempts.ts moves on.
 */
import { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test";
import { USUAL_ROUTING } from "../../src/domain/catalog/catalog.ts";
import type { JsonObject } from "../../src/kernel/json.ts";
import { startApp } from "../support/app.ts";
import { type DialectName, greet, Scene } from "../support/scene.ts";
import { startUpstream, type Upstream } from "../support/upstream.ts";

let able: Upstream;
let scene: Scene | undefined;
beforeAll(async () => {
  able = await startUpstream();
});
afterAll(() => able.stop());
afterEach(async () => {
  await scene?.stop();
  scene = undefined;
  able.forget();
});

/** A model at accounts of these kinds, all at one address, and then at one of a kind that can everything, if `last`. */
async function start(kinds: readonly string[], last: boolean, maxAttempts = 10): Promise<Scene> {
  const up = await startUpstream();
  up.plan(greet);
  able.plan(greet);
  const providers = kinds.map((kind, i) => ({
    name: `p${i}`,
    kind,
    baseUrl: kind === "anthropic" ? up.url : `${up.url}/v1`,
  }));
  const app = await startApp({
    upstream: up.url,
    providers: [...providers, { name: "able", kind: "openai-compatible", baseUrl: `${able.url}/v1` }],
    models: [
      {
        name: "m",
        targets: [{ provider: "p0", model: "first", weight: 1 }],
        fallbacks: [...kinds.slice(1).map((_, i) => `p${i + 1}`), ...(last ? ["able"] : [])].map((provider) => ({
          provider,
          model: "next",
          weight: 1,
        })),
        routing: { ...USUAL_ROUTING, maxAttempts },
      },
    ],
  });
  scene = new Scene(app, up);
  return scene;
}

const SCHEMA = { type: "object", properties: { a: { type: "string" } }, required: ["a"], additionalProperties: false };
const shown = (part: JsonObject) => ({ messages: [{ role: "user", content: [part] }] });
const png = "iVBORw0KGgo=";

interface Row {
  front: DialectName;
  kind: string;
  over: JsonObject;
  field: string;
}

const ROWS: Row[] = [
  { front: "openai", kind: "perplexity", over: { tools: [{ type: "function", function: { name: "f" } }] }, field: "tools" },
  { front: "anthropic", kind: "perplexity", over: { tools: [{ name: "f", input_schema: { type: "object" } }] }, field: "tools" },
  { front: "openai", kind: "cerebras", over: shown({ type: "image_url", image_url: { url: `data:image/png;base64,${png}` } }), field: "messages[0].content[0]" },
  { front: "anthropic", kind: "cerebras", over: shown({ type: "image", source: { type: "base64", media_type: "image/png", data: png } }), field: "messages[0].content[0]" },
  { front: "openai", kind: "lmstudio", over: shown({ type: "image_url", image_url: { url: "https://example.com/a.png" } }), field: "messages[0].content[0]" },
  { front: "openai", kind: "groq", over: shown({ type: "file", file: { file_data: "data:application/pdf;base64,JVBERi0=", filename: "a.pdf" } }), field: "messages[0].content[0]" },
  { front: "anthropic", kind: "vllm", over: shown({ type: "document", source: { type: "base64", media_type: "application/pdf", data: "JVBERi0=" } }), field: "messages[0].content[0]" },
  { front: "openai", kind: "xai", over: shown({ type: "input_audio", input_audio: { data: "UklGRg==", format: "wav" } }), field: "messages[0].content[0]" },
  { front: "openai", kind: "anthropic", over: { n: 2 }, field: "n" },
  { front: "openai", kind: "groq", over: { logprobs: true }, field: "logprobs" },
  { front: "openai", kind: "moonshot", over: { top_logprobs: 2, logprobs: true }, field: "logprobs" },
  { front: "openai", kind: "zai", over: { logit_bias: { "5": 1 } }, field: "logit_bias" },
]; // biome-ignore format: a table

describe.each(ROWS)("$front's $field, which $kind cannot", ({ front, kind, over, field }) => {
  test.each([true, false])("is asked of the next target, stream: %p", async (stream) => {
    const { up } = await start([kind], true);
    const { response, record } = await scene!.served(front, { model: "m", stream, ...over });
    expect(response.headers.get("x-sallyport-model")).toBe("able/next");
    expect(record.attempts).toMatchObject([
      { provider: "p0", status: null, error: "unsupported_feature" },
      { provider: "able", error: null },
    ]);
    expect([up.requests.length, able.requests.length]).toEqual([0, 1]);
    await scene!.quiet();
  });

  test("is a 400 that names the field where no target can, and costs nothing", async () => {
    await start([kind, kind], false);
    const wanted = { code: "unsupported_feature", status: 400, param: field, outcome: "failed" } as const;
    const { record } = await scene!.refused(front, await scene!.call(front, { model: "m", ...over }), wanted);
    expect(record!.attempts.map(({ error }) => error)).toEqual(["unsupported_feature", "unsupported_feature"]);
  });
});

test("targets that were sent nothing are not counted among the attempts of a call", async () => {
  await start(["deepseek", "cerebras", "groq"], true, 1);
  const { record } = await scene!.served("openai", { model: "m", n: 2 });
  expect(record.attempts.map(({ error }) => error)).toEqual([...Array(3).fill("unsupported_feature"), null]);
});

const warned = (response: Response) => response.headers.get("x-sallyport-warnings");

test.each<[DialectName, JsonObject, string]>([
  [
    "openai",
    { response_format: { type: "json_schema", json_schema: { name: "a", schema: SCHEMA } } },
    "response_format",
  ],
  ["anthropic", { output_config: { format: { type: "json_schema", schema: SCHEMA } } }, "output_config.format"],
])(
  "a provider that knows JSON and no schemas is told %s's schema, and the caller hears so",
  async (front, over, field) => {
    const { up } = await start(["deepseek"], true);
    const { response, record } = await scene!.served(front, { model: "m", ...over });
    expect(warned(response)).toContain(field);
    expect(record.provider).toBe("p0");
    const body = up.requests[0]!.json() as { response_format: unknown; messages: { content: string }[] };
    expect(body.response_format).toEqual({ type: "json_object" });
    expect(body.messages[0]!.content).toContain(JSON.stringify(SCHEMA));
  },
);

describe("what may go", () => {
  test.each<[DialectName, string, JsonObject, string]>([
    ["openai", "deepseek", { seed: 7 }, "seed"],
    ["openai", "groq", { presence_penalty: 1, frequency_penalty: 1 }, "frequency_penalty"],
    ["openai", "xai", { top_k: 5 }, "top_k"],
    ["anthropic", "groq", { top_k: 5 }, "top_k"],
    [
      "openai",
      "cerebras",
      { tools: [{ type: "function", function: { name: "f" } }], parallel_tool_calls: false },
      "parallel_tool_calls",
    ],
  ])("of %s's request at %s is left out, and the caller is told: %j", async (front, kind, over, field) => {
    const { up } = await start([kind], true);
    const { response, record } = await scene!.served(front, { model: "m", ...over });
    expect(warned(response)).toContain(field);
    expect(up.requests[0]!.json()).not.toHaveProperty(field);
    expect(record.provider).toBe("p0");
  });

  test("what asks for nothing is left out without a word", async () => {
    const { up } = await start(["mistral"], true);
    const { response } = await scene!.served("openai", { model: "m", logprobs: false, logit_bias: {} });
    expect(warned(response)).toBeNull();
    expect(Object.keys(up.requests[0]!.json()).sort()).toEqual(["messages", "model"]);
  });

  test("the demo model tells of it too, and refuses what would change its answer", async () => {
    scene = await Scene.start();
    const { response } = await scene.served("openai", { model: "demo", reasoning_effort: "high" });
    expect(warned(response)).toContain("reasoning_effort");
    const wanted = { code: "unsupported_feature", param: "logit_bias", outcome: "failed" } as const;
    await scene.refused("openai", await scene.call("openai", { model: "demo", logit_bias: { "5": 1 } }), wanted);
  });
});

test.each<DialectName>(["openai", "anthropic"])(
  "%s's conversation with calls and results is not sent to who takes no tools",
  async (front) => {
    await start(["perplexity"], false);
    const messages =
      front === "openai"
        ? [
            { role: "user", content: "x" },
            {
              role: "assistant",
              tool_calls: [{ id: "c", type: "function", function: { name: "f", arguments: "{}" } }],
            },
            { role: "tool", tool_call_id: "c", content: "y" },
          ]
        : [
            { role: "user", content: "x" },
            { role: "assistant", content: [{ type: "tool_use", id: "c", name: "f", input: {} }] },
            { role: "user", content: [{ type: "tool_result", tool_use_id: "c", content: "y" }] },
          ];
    const wanted = { code: "unsupported_feature", param: "messages[1].content[0]", outcome: "failed" } as const;
    await scene!.refused(front, await scene!.call(front, { model: "m", messages }), wanted);
  },
);
