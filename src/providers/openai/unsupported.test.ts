import { describe, expect, test } from "bun:test";
import type { JsonObject } from "../../kernel/json.ts";
import { UnsupportedFeature } from "../../spec/adapter.ts";
import type { Capabilities } from "../../spec/capability.ts";
import { openaiChat } from "../../wire/openai-chat/index.ts";
import { OPENAI_CAPABILITIES } from "./index.ts";
import { Losses } from "./losses.ts";
import { checkSupport } from "./unsupported.ts";

const POOR: Capabilities = {
  ...OPENAI_CAPABILITIES,
  choices: false,
  logprobs: false,
  logitBias: false,
  jsonSchema: false,
};

function check(body: JsonObject, capabilities: Capabilities): void {
  const request = openaiChat.decode({ model: "m", messages: [{ role: "user", content: "x" }], ...body });
  checkSupport(request, capabilities, new Losses(true));
}

describe("what a server would leave out without a word", () => {
  test.each<[string, JsonObject]>([
    ["n", { n: 2 }],
    ["logprobs", { logprobs: true }],
    ["logit_bias", { logit_bias: { "1": 5 } }],
  ])("%s is refused by name, and passes where it is taken", (field, body) => {
    expect(() => check(body, POOR)).toThrow(UnsupportedFeature);
    expect(() => check(body, POOR)).toThrow(field);
    expect(() => check(body, OPENAI_CAPABILITIES)).not.toThrow();
  });

  test.each<[string, JsonObject]>([
    ["one answer", { n: 1 }],
    ["no log probabilities", { logprobs: false }],
    ["an empty bias", { logit_bias: {} }],
    ["what the server refuses itself", { response_format: { type: "json_schema", json_schema: { name: "x" } } }],
  ])("%s is no such thing", (_, body) => {
    expect(() => check(body, POOR)).not.toThrow();
  });
});
