import { describe, expect, test } from "bun:test";
import type { JsonObject } from "../../kernel/json.ts";
import { UnsupportedFeature } from "../../spec/adapter.ts";
import type { ModelRequest } from "../../spec/request.ts";
import { openaiChat } from "../../wire/openai-chat/index.ts";
import { openaiResponses } from "../../wire/openai-responses/index.ts";
import { LOOKALIKES } from "../openai-compatible/table.ts";
import { encodeRequest } from "./request.ts";
import { encodeResponses } from "./responses/request.ts";

const openrouter = LOOKALIKES.find(({ kind }) => kind === "openrouter")!;

const asked: [string, (fields: JsonObject, policy?: Partial<ModelRequest>) => JsonObject][] = [
  [
    "Chat Completions",
    (fields, policy) => {
      const request = openaiChat.decode({ model: "m", messages: [{ role: "user", content: "hi" }], ...fields });
      return encodeRequest({ ...request, ...policy }, "m", openrouter.quirks).body;
    },
  ],
  [
    "Responses",
    (fields, policy) => {
      const request = openaiResponses.decode({ model: "m", input: "hi", ...fields });
      return encodeResponses({ ...request, ...policy }, "m", openrouter.quirks).body;
    },
  ],
];

describe.each(asked)("by %s, a provider that passes calls on", (_, ask) => {
  test.each<[string, JsonObject]>([
    ["preset", { preset: "dear" }],
    ["route", { route: "fallback" }],
  ])("is not told whom to ask: %s", (path, fields) => {
    expect(() => ask(fields)).toThrow(UnsupportedFeature);
    expect(() => ask(fields)).toThrow(path);
  });

  test("is told what only narrows or orders its choice", () => {
    const provider = { sort: "price", ignore: ["x"], data_collection: "deny", only: ["a"], order: ["a", "b"] };
    expect(ask({ provider }).provider).toEqual(provider);
  });

  test("is not told to loosen what the API demands", () => {
    const provider = { data_collection: "allow", zdr: false };
    expect(ask({ provider }, { store: false, training: false }).provider).toEqual({
      data_collection: "deny",
      zdr: true,
    });
  });

  test("runs no plugins where nothing may be kept or learnt from", () => {
    const plugins = [{ id: "web" }];
    expect(ask({ plugins }).plugins).toEqual(plugins);
    for (const policy of [{ store: false }, { training: false }] as const) {
      expect(() => ask({ plugins }, policy)).toThrow("plugins");
    }
  });
});
