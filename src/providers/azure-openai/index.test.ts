import { describe, expect, test } from "bun:test";
import type { JsonObject } from "../../kernel/json.ts";
import type { EventPart } from "../../spec/event.ts";
import { openaiChat } from "../../wire/openai-chat/index.ts";
import { openaiResponses } from "../../wire/openai-responses/index.ts";
import { responseItems } from "../../wire/openai-responses/stored.ts";
import { azureOpenai } from "./index.ts";

const HI = [{ role: "user", content: "hi" }];
const request = (fields: JsonObject = {}) => openaiChat.decode({ model: "m", messages: HI, ...fields });

describe("a deployment on Azure", () => {
  test.each([
    [{}, "/openai/v1/chat/completions", "my gpt"],
    [{ apiVersion: "v1" }, "/openai/v1/chat/completions", "my gpt"],
    [{ apiVersion: "preview" }, "/openai/v1/chat/completions?api-version=preview", "my gpt"],
    [{ apiVersion: "2024-10-21" }, "/openai/deployments/my%20gpt/chat/completions?api-version=2024-10-21", undefined],
  ])("with %j is at %s", (options, path, model) => {
    const sent = azureOpenai.variant!(request(), "my gpt", options).encode(request({ later: 1 }), "my gpt", options);
    expect(sent.path).toBe(path);
    expect(sent.body).toEqual({ ...(model && { model }), messages: HI, later: 1 });
  });

  test.each([
    [{}, "/openai/v1/responses"],
    [{ apiVersion: "2025-04-01-preview" }, "/openai/responses?api-version=2025-04-01-preview"],
    [{ apiVersion: "2024-10-21" }, "/openai/deployments/gpt/chat/completions?api-version=2024-10-21"],
  ])("with %j answers callers of Responses at %s", (options, path) => {
    const asked = openaiResponses.decode({ model: "m", input: "hi" });
    expect(azureOpenai.variant!(asked, "gpt", options).encode(asked, "gpt", options).path).toBe(path);
  });

  test.each([
    [{}, "/openai/v1/responses/resp_1/input_items?limit=2"],
    [{ apiVersion: "preview" }, "/openai/v1/responses/resp_1/input_items?limit=2&api-version=preview"],
    [{ apiVersion: "2025-04-01" }, "/openai/responses/resp_1/input_items?limit=2&api-version=2025-04-01"],
  ])("with %j keeps responses at %s", (options, path) => {
    const asked = responseItems.decode({}, { params: { id: "resp_1" }, query: "limit=2" });
    expect(azureOpenai.operations!["responses.items"]!.encode(asked, "gpt", options).path).toBe(path);
    expect(
      azureOpenai.variant!(openaiResponses.decode({ model: "m", input: "x" }), "gpt", options).keepsResponses,
    ).toBe(true);
  });

  test("is shown its key, or a token that a client's secret is traded for", () => {
    expect(azureOpenai.credential("0123")).toEqual({ "api-key": "0123" });
    expect(azureOpenai.authorization!("0123")).toBeNull();
    expect(azureOpenai.authorization!('{"tenantId":"t"}')).toBe("entra-access-token");
  });

  test("takes versions of the API in no other form", () => {
    const { pattern } = azureOpenai.options!.apiVersion!;
    const isWhole = (text: string) => new RegExp(`^(?:${pattern.source})$`).test(text);
    expect(["v1", "preview", "2024-10-21", "2025-01-01-preview"].every(isWhole)).toBe(true);
    expect(["v2", "2024-10-21&x=1", "latest/../"].some(isWhole)).toBe(false);
  });
});

describe("what Azure adds to answers", () => {
  const filter = { hate: { filtered: false, severity: "safe" } };
  const stream = (...chunks: JsonObject[]): EventPart[] => {
    const decoder = azureOpenai.decoder(request({ stream: true }));
    const frames = [...chunks.map((chunk) => JSON.stringify(chunk)), "[DONE]"];
    return [...frames.flatMap((data) => decoder.frame({ event: "", data })), ...decoder.close()];
  };
  const said = (delta: JsonObject, finish_reason: string | null = null): JsonObject => ({
    id: "c1",
    model: "gpt",
    choices: [{ index: 0, delta, finish_reason, content_filter_results: filter }],
  });

  test("a first chunk without choices, and filters' chunks without a delta, are no answer of their own", () => {
    const parts = stream(
      {
        id: "",
        model: "",
        object: "",
        choices: [],
        prompt_filter_results: [{ prompt_index: 0, content_filter_results: filter }],
      },
      said({ role: "assistant", content: "so" }),
      {
        id: "",
        choices: [
          {
            index: 0,
            finish_reason: null,
            content_filter_results: filter,
            content_filter_offsets: { start_offset: 0 },
          },
        ],
      },
      said({}, "stop"),
    );
    expect(parts.filter((part) => part.type === "start")).toEqual([{ type: "start", id: "c1", model: "gpt" }]);
    expect(parts.filter((part) => part.type === "text-delta")).toEqual([
      { type: "text-delta", choice: 0, block: 0, text: "so" },
    ]);
    expect(parts.at(-1)).toEqual({ type: "end" });
  });

  test("an answer that a filter ended says so", () => {
    const parts = stream(said({ content: "so" }), said({}, "content_filter"));
    expect(parts).toContainEqual({ type: "finish", choice: 0, reason: "content-filter", raw: "content_filter" });
  });

  test("an error in a 200 is an error", () => {
    const error = { code: "429", message: "too many" };
    expect(azureOpenai.decoder(request()).unary(JSON.stringify({ error })).at(-1)).toMatchObject({
      type: "error",
      error: { status: 429, message: "too many" },
    });
  });

  test("a prompt that a filter refused keeps its word", () => {
    const error = {
      code: "content_filter",
      message: "filtered",
      param: "prompt",
      status: 400,
      innererror: { code: "ResponsibleAIPolicyViolation" },
    };
    expect(azureOpenai.error(400, JSON.stringify({ error }), () => null)).toMatchObject({
      status: 400,
      code: "content_filter",
      message: "filtered",
    });
  });
});
