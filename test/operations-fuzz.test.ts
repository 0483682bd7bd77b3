/**
 * Decoders of what is no conversation, given what is almost right: every request is taken or refused by
 * name, every answer is read, an error, or malformed. Nothing else is thrown.
 */
import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { apiOf } from "../src/gateway/asking/api-of.ts";
import { ENDPOINTS } from "../src/gateway/endpoints.ts";
import type { Json, JsonObject } from "../src/kernel/json.ts";
import { ADAPTERS } from "../src/providers/adapters.ts";
import { MalformedAnswer, UnsupportedFeature } from "../src/spec/adapter.ts";
import { type Embed, nameOf, type Operation } from "../src/spec/operation.ts";
import type { ModelRequest } from "../src/spec/request.ts";
import { InvalidRequest } from "../src/spec/wire.ts";

const SEED = Number(process.env.FUZZ_SEED ?? 20_261_122);
const RUNS = { seed: SEED, numRuns: 120 };

const contents = [{ role: "user", parts: [{ text: "a" }] }];
const REQUESTS: Readonly<Record<string, JsonObject>> = {
  "/v1/embeddings": { model: "m", input: ["a", [1, 2]], dimensions: 8, encoding_format: "base64", input_type: "query" },
  "/api/embed": { model: "m", input: ["a"], dimensions: 8, options: { a: 1 } },
  "/v1beta/models/{model}:embedContent": { content: { parts: [{ text: "a" }] }, taskType: "CLUSTERING", title: "t" },
  "/v1beta/models/{model}:batchEmbedContents": {
    requests: [
      { content: { parts: [{ text: "a" }] }, outputDimensionality: 8 },
      { content: "b", outputDimensionality: 8 },
    ],
  },
  "/v1/messages/count_tokens": {
    model: "m",
    system: "s",
    messages: [{ role: "user", content: [{ type: "text", text: "a" }] }],
  },
  "/v1beta/models/{model}:countTokens": { generateContentRequest: { model: "models/m", contents } },
  "/v1/completions": { model: "m", prompt: ["a"], suffix: "z", echo: true, best_of: 2, logprobs: 1, n: 2, stop: ["x"] },
  "/v1/images/generations": { model: "m", prompt: "a", n: 2, size: "1x1" },
  "/v1/audio/transcriptions": { model: "m", prompt: "a", file: "x" },
  "/v1/moderations": { model: "m", input: ["a", { type: "text", text: "b" }] },
  "/v2/rerank": { model: "m", query: "a", documents: ["b", { text: "c" }] },
};

/** Answers of every provider, each to two texts or whatever was asked. */
const ANSWERS: readonly JsonObject[] = [
  {
    object: "list",
    data: [
      { index: 0, embedding: [1, 2] },
      { index: 1, embedding: "AACAPwAAAEA=" },
    ],
    usage: { prompt_tokens: 2 },
  },
  { embeddings: { float: [[1], [2]] }, meta: { billed_units: { input_tokens: 2 } } },
  { embeddings: [{ values: [1] }, { values: [2] }], usageMetadata: { promptTokenCount: 2 } },
  { model: "m", embeddings: [[1], [2]], prompt_eval_count: 2 },
  { predictions: [{ embeddings: { values: [1], statistics: { token_count: 1 } } }, { embeddings: { values: [2] } }] },
  { input_tokens: 3, totalTokens: 3 },
  {
    id: "c",
    choices: [
      {
        index: 0,
        text: "a",
        logprobs: { tokens: ["a"], token_logprobs: [-1], top_logprobs: [{ a: -1 }] },
        finish_reason: "stop",
      },
    ],
    usage: { prompt_tokens: 1, completion_tokens: 1 },
  },
  { created: 1, data: [{ b64_json: "aGk=" }], usage: { input_tokens: 1, output_tokens: 2 }, error: null },
];

const STRANGE: readonly Json[] = [
  null,
  true,
  -1,
  0.5,
  1e21,
  "",
  "x",
  "__proto__",
  [],
  {},
  [[]],
  [null],
  { error: { message: 1 } },
  { toString: 1 },
  "\ud800",
];

/** Where to wound, by a number for each step down, and what to put there; undefined takes the field away. */
const wound = fc.record({
  steps: fc.array(fc.nat(7), { maxLength: 5 }),
  value: fc.option(fc.oneof(fc.constantFrom(...STRANGE), fc.jsonValue() as fc.Arbitrary<Json>), { nil: undefined }),
});
const wounds = fc.array(wound, { minLength: 1, maxLength: 3 });

function wounded(value: Json, all: readonly { steps: number[]; value: Json | undefined }[]): Json {
  const copy = structuredClone(value);
  for (const { steps, value: put } of all) strike(copy, steps, put);
  // What is missing from a list is null once it has been JSON.
  return JSON.parse(JSON.stringify(copy)) as Json;
}

function strike(value: Json, [step = 0, ...rest]: number[], put: Json | undefined): void {
  if (typeof value !== "object" || value === null) return;
  const at = value as JsonObject;
  const keys = Object.keys(at);
  if (keys.length === 0) return;
  const key = keys[step % keys.length]!;
  const inner = at[key]!;
  if (rest.length > 0 && typeof inner === "object" && inner !== null) strike(inner, rest, put);
  else if (put === undefined) delete at[key];
  else at[key] = structuredClone(put);
}

function allowed(thrown: unknown, kind: typeof InvalidRequest | typeof UnsupportedFeature | typeof MalformedAnswer) {
  if (!(thrown instanceof kind)) throw thrown;
}

const ADDRESS = { params: { model: "m" }, query: "" };
const wireOf = (path: string) => ENDPOINTS.find((row) => row.path === path)!.wire;

describe("a request that was damaged", () => {
  test.each(Object.entries(REQUESTS))(
    "is taken or refused by name, and written for every provider: %s",
    (path, whole) => {
      const wire = wireOf(path);
      let refused = 0;
      const one = fc.property(wounds, (all) => {
        const body = wounded(whole, all);
        if (typeof body !== "object" || body === null || Array.isArray(body)) return;
        try {
          const request = wire.decode(body, ADDRESS);
          for (const adapter of ADAPTERS) {
            try {
              const api = apiOf(adapter, request, "embed-m", { project: "p", location: "eu", region: "eu-west-1" });
              if (api.local === undefined) JSON.stringify(api.encode(request, "embed-m", { project: "p" }));
            } catch (thrown) {
              allowed(thrown, UnsupportedFeature);
            }
          }
        } catch (thrown) {
          allowed(thrown, InvalidRequest);
          refused++;
        }
      });
      expect(() => wire.decode(whole, ADDRESS)).not.toThrow();
      fc.assert(one, RUNS);
      expect(refused).toBeGreaterThan(0);
    },
  );
});

describe("an answer that was damaged", () => {
  const operations: readonly Operation[] = [
    { type: "embed", inputs: [{ text: "a" }, { text: "b" }] } satisfies Embed,
    { type: "count-tokens" },
    { type: "complete", prompts: ["a"] },
    { type: "relay", name: "images.generate", fields: {}, texts: [] },
    { type: "relay", name: "rerank", fields: {}, texts: [] },
  ];
  const rows = ADAPTERS.flatMap((adapter) =>
    operations.flatMap((operation) => {
      const api = adapter.operations?.[nameOf(operation)];
      return api === undefined || api.local !== undefined
        ? []
        : [[adapter.kind, nameOf(operation), api, operation] as const];
    }),
  );

  test.each(rows)("is read, an error or malformed: %s %s", (_kind, _name, api, operation) => {
    const request: ModelRequest = {
      dialect: "openai-chat",
      model: "m",
      messages: [],
      stream: false,
      includeUsage: true,
      operation,
    };
    const bytes = (text: string) => new TextEncoder().encode(text);
    const one = fc.property(fc.constantFrom(...ANSWERS), wounds, fc.boolean(), (whole, all, cut) => {
      const text = JSON.stringify(wounded(whole, all));
      const body = cut ? text.slice(0, -1) : text;
      try {
        const decoder = api.decoder(request);
        const parts = decoder.body?.(bytes(body), "application/json") ?? decoder.unary(body);
        expect(["end", "error"]).toContain(parts.at(-1)!.type);
        const streamed = api.decoder(request);
        const events = [...streamed.frame({ event: "", data: body }), ...streamed.close()];
        expect(events.filter(({ type }) => type === "end").length).toBeLessThan(2);
      } catch (thrown) {
        allowed(thrown, MalformedAnswer);
      }
    });
    fc.assert(one, RUNS);
  });
});
