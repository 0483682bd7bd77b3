// Covers claude.ts and how index.ts chooses it.
import { describe, expect, test } from "bun:test";
import type { JsonObject } from "../../kernel/json.ts";
import { anthropicMessages } from "../../wire/anthropic-messages/index.ts";
import { openaiChat } from "../../wire/openai-chat/index.ts";
import { bedrock } from "./index.ts";

const MODEL = "eu.anthropic.claude-sonnet-4-5-20250929-v1:0";
const INVOKE = { region: "eu-central-1", claude: "invoke" };
const HI = [{ role: "user", content: "hi" }];
const request = (fields: JsonObject = {}) =>
  anthropicMessages.decode({ model: "m", max_tokens: 9, messages: HI, ...fields });
const claude = bedrock.variant!(request(), MODEL, INVOKE);

test("an account chooses the API for Claude, and for no other model", () => {
  expect(claude).toMatchObject({ dialect: "anthropic-messages", framing: "aws-invoke-stream" });
  for (const [model, options] of [
    [MODEL, { region: "eu-central-1" }],
    [MODEL, { claude: "converse" }],
    ["amazon.nova-pro-v1:0", INVOKE],
  ] as const) {
    expect(bedrock.variant!(request(), model, options)).toMatchObject({
      dialect: "bedrock-converse",
      framing: "aws-event-stream",
    });
  }
});

test("addresses follow from the region", () => {
  expect(bedrock.baseUrlOf!({ region: "eu-central-1" })).toBe("https://bedrock-runtime.eu-central-1.amazonaws.com");
  expect(bedrock.baseUrlOf!({ region: "cn-north-1" })).toBe("https://bedrock-runtime.cn-north-1.amazonaws.com.cn");
});

test("a key of Bedrock's own is shown, an access key signs", () => {
  expect(bedrock.authorization!("bedrock-api-key-abc")).toBeNull();
  expect(bedrock.credential("abc")).toEqual({ authorization: "Bearer abc" });
  expect(bedrock.authorization!(' {"accessKeyId":"x"}')).toBe("aws-sigv4");
});

describe("Claude by invoke", () => {
  test("is sent every field of Anthropic's dialect, without the model and the stream, which the path says", () => {
    const asked = request({
      stream: true,
      later: { a: 1 },
      service_tier: "auto",
      tools: [{ type: "bash_20250124", name: "bash" }],
    });
    asked.headers = { "anthropic-beta": "computer-use-2025-01-24,claude-code-20250219" };
    const sent = claude.encode(asked, MODEL, INVOKE);
    expect(sent).toMatchObject({
      path: `/model/${encodeURIComponent(MODEL)}/invoke-with-response-stream`,
      headers: { accept: "application/vnd.amazon.eventstream" },
    });
    expect(sent.body).toEqual({
      anthropic_version: "bedrock-2023-05-31",
      anthropic_beta: ["computer-use-2025-01-24"],
      max_tokens: 9,
      messages: HI,
      later: { a: 1 },
      tools: [{ type: "bash_20250124", name: "bash" }],
    });
    expect(sent.warnings.map(({ field }) => field)).toEqual(["anthropic-beta: claude-code-20250219", "service_tier"]);
  });

  test("is sent what callers of other dialects mean", () => {
    const sent = claude.encode(openaiChat.decode({ model: "m", messages: HI, max_tokens: 5 }), MODEL, {
      ...INVOKE,
      guardrail: "gr1",
    });
    expect(sent.path).toBe(`/model/${encodeURIComponent(MODEL)}/invoke`);
    expect(sent.body).toEqual({ anthropic_version: "bedrock-2023-05-31", max_tokens: 5, messages: HI });
    expect(sent.headers).toMatchObject({
      "x-amzn-bedrock-guardrailidentifier": "gr1",
      "x-amzn-bedrock-guardrailversion": "DRAFT",
    });
  });

  test("fails as AWS fails, and answers as Anthropic answers", () => {
    const decoder = claude.decoder(request());
    expect(decoder.frame({ event: "message_start", data: '{"type":"message_start","message":{"id":"m"}}' })).toEqual([
      { type: "start", id: "m" },
    ]);
    expect(decoder.frame({ event: "modelTimeoutException", data: '{"message":"late"}', failed: true })).toEqual([
      { type: "error", error: { status: 504, message: "late", type: "modelTimeoutException" } },
    ]);
    const message = { type: "message", content: [{ type: "text", text: "x" }], stop_reason: "end_turn" };
    expect(claude.decoder(request()).unary(JSON.stringify(message)).at(-1)).toEqual({ type: "end" });
    expect(claude.error(429, '{"message":"m"}', () => null)).toEqual({ status: 429, message: "m" });
  });
});
