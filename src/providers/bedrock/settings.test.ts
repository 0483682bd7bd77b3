import { describe, expect, test } from "bun:test";
import type { JsonObject } from "../../kernel/json.ts";
import { anthropicMessages } from "../../wire/anthropic-messages/index.ts";
import { openaiChat } from "../../wire/openai-chat/index.ts";
import { encodeRequest } from "./request.ts";

const CLAUDE = "eu.anthropic.claude-sonnet-4-5-20250929-v1:0";
const NOVA = "amazon.nova-pro-v1:0";
const GPT = "openai.gpt-oss-120b-1:0";
const LLAMA = "meta.llama3-3-70b-instruct-v1:0";

const HI = [{ role: "user", content: "hi" }];

function openai(fields: JsonObject, model = CLAUDE, options = {}) {
  return encodeRequest(openaiChat.decode({ model: "m", messages: HI, ...fields }), model, options);
}

function claudes(fields: JsonObject, model = CLAUDE) {
  return encodeRequest(anthropicMessages.decode({ model: "m", max_tokens: 99, messages: HI, ...fields }), model);
}

const fieldsOf = ({ warnings }: ReturnType<typeof encodeRequest>) => warnings.map(({ field }) => field);
describe("settings", () => {
  test("have Converse's names", () => {
    const fields = { max_tokens: 5, temperature: 0.5, top_p: 0.9, stop: ["x", ""] };
    expect(openai(fields, NOVA).body.inferenceConfig).toEqual({
      maxTokens: 5,
      temperature: 0.5,
      topP: 0.9,
      stopSequences: ["x"],
    });
    expect(openai({ stop: "x" }).body.additionalModelResponseFieldPaths).toEqual([
      "/stop_sequence",
      "/delta/stop_sequence",
    ]);
  });

  test.each<[string, JsonObject, string, JsonObject | undefined]>([
    [
      "Claude within a budget",
      { reasoning_effort: "low" },
      CLAUDE,
      { thinking: { type: "enabled", budget_tokens: 1_024 } },
    ],
    [
      "Claude that decides itself",
      { reasoning_effort: "high" },
      "us.anthropic.claude-sonnet-4-6",
      { thinking: { type: "adaptive", display: "summarized" }, output_config: { effort: "high" } },
    ],
    ["GPT", { reasoning_effort: "xhigh" }, GPT, { reasoning_effort: "high" }],
    [
      "Nova 2",
      { reasoning_effort: "minimal" },
      "us.amazon.nova-2-lite-v1:0",
      { reasoningConfig: { type: "enabled", maxReasoningEffort: "low" } },
    ],
    [
      "Nova 2, not at all",
      { reasoning_effort: "none" },
      "us.amazon.nova-2-lite-v1:0",
      { reasoningConfig: { type: "disabled" } },
    ],
  ])("thinking is asked for in the words of %s", (_, fields, model, additional) => {
    expect(openai(fields, model).body.additionalModelRequestFields).toEqual(additional as JsonObject);
  });

  test("of Anthropic's callers reach Claude as they are, and others by their meaning", () => {
    const thinking = { type: "enabled", budget_tokens: 2_000, later: 1 };
    const fields = { thinking, top_k: 5, output_config: { effort: "low" }, metadata: { user_id: "u1" } };
    expect(claudes(fields).body).toMatchObject({
      additionalModelRequestFields: { thinking, top_k: 5, output_config: { effort: "low" } },
      requestMetadata: { user: "u1" },
    });
    expect(claudes(fields, GPT).body.additionalModelRequestFields).toEqual({ reasoning_effort: "low" });
    expect(
      claudes({ thinking: { type: "enabled", budget_tokens: 20_000 } }, GPT).body.additionalModelRequestFields,
    ).toEqual({
      reasoning_effort: "high",
    });
    expect(claudes({ top_k: 5 }, NOVA).body.additionalModelRequestFields).toEqual({ inferenceConfig: { topK: 5 } });
    expect(fieldsOf(claudes({ top_k: 5 }, LLAMA))).toEqual(["top_k"]);
  });

  test("take flags that Bedrock knows, and warn of others", () => {
    const request = anthropicMessages.decode({ model: "m", max_tokens: 9, messages: HI });
    request.headers = { "anthropic-beta": "interleaved-thinking-2025-05-14, claude-code-20250219" };
    const sent = encodeRequest(request, CLAUDE);
    expect(sent.body.additionalModelRequestFields).toEqual({ anthropic_beta: ["interleaved-thinking-2025-05-14"] });
    expect(fieldsOf(sent)).toEqual(["anthropic-beta: claude-code-20250219"]);
  });

  test("of the caller's account there are none, but the account may demand a guardrail", () => {
    const options = { region: "eu-central-1", guardrail: "gr1", guardrailVersion: "2" };
    expect(openai({}, NOVA, options).body.guardrailConfig).toEqual({
      guardrailIdentifier: "gr1",
      guardrailVersion: "2",
    });
    expect(openai({ stream: true }, NOVA, { guardrail: "gr1" }).body.guardrailConfig).toEqual({
      guardrailIdentifier: "gr1",
      guardrailVersion: "DRAFT",
      streamProcessingMode: "sync",
    });
    expect(fieldsOf(openai({ guardrailConfig: { guardrailIdentifier: "mine" } }, NOVA, options))).toEqual([
      "guardrailConfig",
    ]);
  });

  test("of service and user are told, or warned of", () => {
    expect(openai({ service_tier: "flex", user: "u 1" }).body).toMatchObject({
      serviceTier: { type: "flex" },
      requestMetadata: { user: "u 1" },
    });
    expect(fieldsOf(openai({ service_tier: "scale", user: "ü" }))).toEqual(["user", "service_tier"]);
  });
});
