/**
 * Answers in JSON, asked for and parsed by the official clients' own means: natively where
 * the provider has the feature, by a tool that nobody sees where it has not.
 */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { zodOutputFormat } from "@anthropic-ai/sdk/helpers/zod";
import { zodResponseFormat } from "openai/helpers/zod";
import { z } from "zod";
import { SdkScene } from "../support/sdk.ts";
import type { Answer } from "../support/upstream/answer.ts";

let scene: SdkScene;
beforeAll(async () => {
  scene = await SdkScene.begin();
});
afterAll(() => scene.stop());

const WAYS = [{ stream: false }, { stream: true }];
const Person = z.object({ name: z.string(), age: z.number(), tags: z.array(z.string()) });
const ADA = { name: "Ada “Countess” Lovelace", age: 36, tags: ["maths", "1843"] };
const QUESTION = [{ role: "user" as const, content: "Who wrote the first program?" }];

const asText: Answer = { text: [...JSON.stringify(ADA)] };
const asTool = (name: string): Answer => ({
  toolCalls: [{ id: "toolu_1", name, arguments: [...JSON.stringify(ADA)] }],
});

describe.each(WAYS)("a client of OpenAI's, stream: $stream", ({ stream }) => {
  const parsed = async (model: string) => {
    const { completions } = scene.clients.openai.chat;
    const body = { model, messages: QUESTION, response_format: zodResponseFormat(Person, "person") };
    const completion = stream ? await completions.stream(body).finalChatCompletion() : await completions.parse(body);
    const [choice] = completion.choices;
    return { parsed: choice!.message.parsed, finish: choice!.finish_reason, calls: choice!.message.tool_calls };
  };
  const told = { parsed: ADA, finish: "stop" as const };

  test("gets its schema from a provider of OpenAI", async () => {
    scene.says(asText);
    expect(await parsed("gpt")).toMatchObject(told);
    expect(scene.sent().response_format).toMatchObject({
      type: "json_schema",
      json_schema: { name: "person", strict: true },
    });
  });

  test("gets it from Anthropic where the model has the feature", async () => {
    scene.says(asText);
    expect(await parsed("claude")).toMatchObject(told);
    const { output_config, tools } = scene.sent();
    expect(output_config).toMatchObject({
      format: {
        type: "json_schema",
        schema: { type: "object", required: ["name", "age", "tags"], additionalProperties: false },
      },
    });
    expect(tools).toBeUndefined();
  });

  test("gets it from an older model of Anthropic's by a forced tool, and sees no tool", async () => {
    scene.says(asTool("person"));
    const { calls, ...heard } = await parsed("haiku");
    expect(heard).toEqual(told);
    expect(calls ?? []).toEqual([]);
    const { tools, tool_choice } = scene.sent();
    expect(tools).toMatchObject([{ name: "person", input_schema: { type: "object" } }]);
    expect(tool_choice).toEqual({ type: "tool", name: "person", disable_parallel_tool_use: true });
  });

  test("gets some object where it asks for any", async () => {
    const asked = { messages: QUESTION, response_format: { type: "json_object" as const } };
    scene.says(asText);
    const [direct] = await scene.chat({ ...asked, model: "gpt" }, stream);
    expect(JSON.parse(direct.choices[0]!.message.content!)).toEqual(ADA);
    expect(scene.sent().response_format).toEqual({ type: "json_object" });
    scene.says(asTool("respond_with_json"));
    const [translated] = await scene.chat({ ...asked, model: "claude" }, stream);
    expect(JSON.parse(translated.choices[0]!.message.content!)).toEqual(ADA);
    expect(translated.choices[0]!.finish_reason).toBe("stop");
    expect(translated.choices[0]!.message.tool_calls).toBeUndefined();
  });

  test("keeps its own tools beside: a call of theirs stays a call", async () => {
    const tools = [{ type: "function" as const, function: { name: "search", parameters: { type: "object" } } }];
    const asked = { messages: QUESTION, response_format: { type: "json_object" as const }, tools, model: "claude" };
    scene.says({ toolCalls: [{ id: "toolu_1", name: "search", arguments: '{"q":"Ada"}' }] });
    const [calling] = await scene.chat(asked, stream);
    expect(calling.choices[0]).toMatchObject({
      finish_reason: "tool_calls",
      message: { tool_calls: [{ function: { name: "search" } }] },
    });
    expect(scene.sent().tool_choice).toEqual({ type: "any" });
    scene.says(asTool("respond_with_json"));
    const [answering] = await scene.chat(asked, stream);
    expect(answering.choices[0]).toMatchObject({ finish_reason: "stop", message: { content: JSON.stringify(ADA) } });
  });

  test("is told of a root that is no object, where only a tool could give it", async () => {
    const schema = { type: "array", items: { type: "string" } };
    const response_format = { type: "json_schema" as const, json_schema: { name: "list", schema } };
    scene.says(asText);
    const asked = scene.chat({ model: "haiku", messages: QUESTION, response_format }, stream);
    await expect(asked).rejects.toMatchObject({ status: 400, param: "response_format" });
    expect(scene.up.requests).toEqual([]);
  });
});

describe.each(WAYS)("a client of Anthropic's, stream: $stream", ({ stream }) => {
  test.each(["gpt", "claude"])("gets its schema from %s", async (model) => {
    scene.says(asText);
    const { messages } = scene.clients.anthropic;
    const body = { model, max_tokens: 500, messages: QUESTION, output_config: { format: zodOutputFormat(Person) } };
    const message = stream ? await messages.stream(body).finalMessage() : await messages.parse(body);
    expect(message.parsed_output).toEqual(ADA);
    const sent = scene.sent();
    const schema = { type: "object", required: ["name", "age", "tags"], additionalProperties: false };
    if (model === "claude") expect(sent.output_config).toMatchObject({ format: { type: "json_schema", schema } });
    // Anthropic holds its model to the schema, so OpenAI is asked to do the same.
    else expect(sent.response_format).toMatchObject({ type: "json_schema", json_schema: { schema, strict: true } });
  });
});
