import { describe, expect, test } from "bun:test";
import type { JsonObject } from "../../kernel/json.ts";
import { anthropicMessages } from "../../wire/anthropic-messages/index.ts";
import { openaiChat } from "../../wire/openai-chat/index.ts";
import { vertex } from "./index.ts";

const HI = [{ role: "user", content: "hi" }];
const PLACE = { project: "acme-prod", location: "europe-west4" };
const HOME = "/v1/projects/acme-prod/locations/europe-west4";
const request = (fields: JsonObject = {}) => openaiChat.decode({ model: "m", messages: HI, ...fields });
const messages = (fields: JsonObject = {}) =>
  anthropicMessages.decode({ model: "m", max_tokens: 9, messages: HI, ...fields });

function sent(model: string, asked = request(), options: Record<string, string> = PLACE) {
  return vertex.variant!(asked, model, options).encode(asked, model, options);
}

describe("a model on Vertex", () => {
  test.each([
    [PLACE, "https://europe-west4-aiplatform.googleapis.com"],
    [{ project: "acme-prod" }, "https://aiplatform.googleapis.com"],
    [{ project: "acme-prod", location: "eu" }, "https://aiplatform.eu.rep.googleapis.com"],
  ])("with %j is at %s", (options, address) => expect(vertex.baseUrlOf!(options)).toBe(address));

  test("stands under its project and place, or under none in express mode", () => {
    expect(sent("gemini-2.5-flash").path).toBe(`${HOME}/publishers/google/models/gemini-2.5-flash:generateContent`);
    expect(sent("gemini-2.5-flash", request({ stream: true })).path).toBe(
      `${HOME}/publishers/google/models/gemini-2.5-flash:streamGenerateContent?alt=sse`,
    );
    expect(sent("endpoints/123").path).toBe(`${HOME}/endpoints/123:generateContent`);
    expect(sent("gemini-2.5-flash", request(), {}).path).toBe(
      "/v1/publishers/google/models/gemini-2.5-flash:generateContent",
    );
    expect(sent("../../x").path).toBe(`${HOME}/publishers/google/models/..%2F..%2Fx:generateContent`);
    expect(sent("gemini-2.5-flash").body.contents).toMatchObject([{ role: "user", parts: [{ text: "hi" }] }]);
  });

  test("is shown a key of express mode, or a token that a service account's key is traded for", () => {
    expect(vertex.credential("AIza")).toEqual({ "x-goog-api-key": "AIza" });
    expect(vertex.authorization!("AIza")).toBeNull();
    expect(vertex.authorization!('{"type":"service_account"}')).toBe("google-access-token");
  });
});

describe("Claude on Vertex", () => {
  const claude = vertex.variant!(messages(), "claude-sonnet-4-5@20250929", PLACE);

  test("is asked in Anthropic's dialect, every field as it is", () => {
    const asked = messages({ stream: true, later: 1 });
    asked.headers = { "anthropic-beta": "context-1m-2025-08-07" };
    const { path, headers, body, warnings } = sent("claude-sonnet-4-5@20250929", asked);
    expect(path).toBe(`${HOME}/publishers/anthropic/models/claude-sonnet-4-5@20250929:streamRawPredict`);
    expect(headers).toEqual({ "anthropic-beta": "context-1m-2025-08-07" });
    expect(body).toEqual({
      anthropic_version: "vertex-2023-10-16",
      max_tokens: 9,
      messages: HI,
      stream: true,
      later: 1,
    });
    expect(warnings).toEqual([]);
    expect(claude).toMatchObject({ dialect: "anthropic-messages", framing: "sse" });
  });

  test("is asked what callers of other dialects mean", () => {
    expect(sent("claude-opus-4-5", request({ max_tokens: 5 }))).toMatchObject({
      path: `${HOME}/publishers/anthropic/models/claude-opus-4-5:rawPredict`,
      body: { anthropic_version: "vertex-2023-10-16", max_tokens: 5, messages: HI },
    });
  });

  test("answers as Anthropic does, and is refused by the model in its form and by the platform in Google's", () => {
    const answer = { type: "message", content: [{ type: "text", text: "x" }], stop_reason: "end_turn" };
    expect(claude.decoder(messages()).unary(JSON.stringify(answer)).at(-1)).toEqual({ type: "end" });
    const own = { type: "error", error: { type: "overloaded_error", message: "busy" } };
    expect(claude.error(529, JSON.stringify(own), () => null)).toMatchObject({
      type: "overloaded_error",
      message: "busy",
    });
    const googles = { error: { code: 429, message: "Quota exceeded", status: "RESOURCE_EXHAUSTED" } };
    expect(claude.error(429, JSON.stringify(googles), () => null)).toMatchObject({
      status: 429,
      message: "Quota exceeded",
    });
    expect(claude.error(429, JSON.stringify([googles]), () => null).message).toBe("Quota exceeded");
  });
});
