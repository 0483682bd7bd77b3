/**
 * Results of tools by the official clients, on every road: sent back by hand, with errors and
 * images, and by the clients' own runners, which walk the whole loop.
 */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import type Anthropic from "@anthropic-ai/sdk";
import { BadRequestError } from "@anthropic-ai/sdk";
import type OpenAI from "openai";
import type { Json, JsonObject } from "../../src/kernel/json.ts";
import { ROADS } from "../support/scene.ts";
import { MODEL_AT, type Question, type Road, rejection, SdkScene } from "../support/sdk.ts";
import { openaiChat } from "../support/upstream.ts";
import { ANTHROPIC_TOOLS, ASKED, CITY, called, OPENAI_TOOLS } from "../support/weather-tools.ts";

let scene: SdkScene;
beforeAll(async () => {
  scene = await SdkScene.begin();
});
afterAll(() => scene.stop());

const PNG = "iVBORw0KGgo=";

/** A conversation in which tools were called and have answered. */
const RESULTS: Question = {
  openai: {
    tools: OPENAI_TOOLS,
    messages: [
      { role: "user", content: "Weather and time?" },
      {
        role: "assistant",
        content: "Let me look.",
        tool_calls: [
          { id: "call_1", type: "function", function: { name: "weather", arguments: '{"city":"Berlin"}' } },
          { id: "call_2", type: "function", function: { name: "now", arguments: "{}" } },
        ],
      },
      { role: "tool", tool_call_id: "call_1", content: "Sunny." },
      { role: "tool", tool_call_id: "call_2", content: "12:00" },
      { role: "user", content: "So?" },
    ],
  },
  anthropic: {
    max_tokens: 100,
    tools: ANTHROPIC_TOOLS,
    messages: [
      { role: "user", content: "Weather and time?" },
      {
        role: "assistant",
        content: [
          { type: "text", text: "Let me look." },
          { type: "tool_use", id: "call_1", name: "weather", input: { city: "Berlin" } },
          { type: "tool_use", id: "call_2", name: "now", input: {} },
        ],
      },
      {
        role: "user",
        content: [
          { type: "tool_result", tool_use_id: "call_1", content: "Sunny." },
          { type: "tool_result", tool_use_id: "call_2", content: "12:00" },
          { type: "text", text: "So?" },
        ],
      },
    ],
  },
};

describe("results", () => {
  test.each(ROADS)("of two calls go from $front to $provider, stream: $stream", async (road) => {
    scene.says({ text: "Go out." });
    expect((await scene.hear(road, RESULTS)).text).toBe("Go out.");
    expect(scene.sent().messages).toEqual(RESULTS[road.provider].messages as unknown as Json);
  });

  const failed: Question = {
    openai: RESULTS.openai,
    anthropic: {
      ...RESULTS.anthropic,
      messages: [
        ...RESULTS.anthropic.messages.slice(0, 2),
        {
          role: "user",
          content: [
            { type: "tool_result", tool_use_id: "call_1", content: "No such city.", is_error: true },
            {
              type: "tool_result",
              tool_use_id: "call_2",
              content: [
                { type: "text", text: "A clock:" },
                { type: "image", source: { type: "base64", media_type: "image/png", data: PNG } },
              ],
            },
          ],
        },
      ],
    },
  };

  test("a failed one, and one with an image, reach Anthropic as they are", async () => {
    scene.says({ text: "Hm." });
    await scene.hear({ front: "anthropic", provider: "anthropic", stream: false }, failed);
    expect(scene.sent().messages).toEqual(failed.anthropic.messages as unknown as Json);
  });

  test("a failed one, and one with an image, reach OpenAI as text, with the image behind and a warning", async () => {
    scene.says({ text: "Hm." });
    await scene.hear({ front: "anthropic", provider: "openai", stream: false }, failed);
    expect((scene.sent().messages as JsonObject[]).slice(2)).toEqual([
      { role: "tool", tool_call_id: "call_1", content: "No such city." },
      { role: "tool", tool_call_id: "call_2", content: "A clock:" },
      {
        role: "user",
        content: [
          { type: "text", text: "From the result of tool call call_2:" },
          { type: "image_url", image_url: { url: `data:image/png;base64,${PNG}` } },
        ],
      },
    ]);
    const warnings = (await scene.record()).warnings.join("\n");
    expect(warnings).toContain("is_error");
    expect(warnings).toContain("tool_result");
  });

  test("results that a client of OpenAI's splits from their calls' order stand before the text at Anthropic", async () => {
    const [user, assistant, first, second, last] = RESULTS.openai.messages;
    scene.says({ text: "Hm." });
    const openai = { ...RESULTS.openai, messages: [user!, assistant!, second!, first!, last!] };
    await scene.hear({ front: "openai", provider: "anthropic", stream: false }, { ...RESULTS, openai });
    expect((scene.sent().messages as JsonObject[])[2]).toEqual({
      role: "user",
      content: [
        { type: "tool_result", tool_use_id: "call_2", content: "12:00" },
        { type: "tool_result", tool_use_id: "call_1", content: "Sunny." },
        { type: "text", text: "So?" },
      ],
    });
  });
});

test("ids of calls that Anthropic's dialect does not allow come back to their provider as they were", async () => {
  const id = "functions.weather:0";
  for (const stream of [false, true]) {
    const road: Road = { front: "anthropic", provider: "openai", stream };
    scene.says({ toolCalls: [called(id, "weather", '{"city":"Rome"}')] });
    const [call] = (await scene.hear(road, ASKED)).calls;
    expect(call!.id).toMatch(/^[\w-]+$/);
    scene.says({ text: "Sunny." });
    await scene.hear(road, {
      ...ASKED,
      anthropic: {
        ...ASKED.anthropic,
        messages: [
          { role: "user", content: "Weather?" },
          {
            role: "assistant",
            content: [{ type: "tool_use", id: call!.id, name: call!.name, input: call!.arguments }],
          },
          { role: "user", content: [{ type: "tool_result", tool_use_id: call!.id, content: "Sunny." }] },
        ],
      },
    });
    const [, assistant, result] = scene.sent().messages as JsonObject[];
    expect([(assistant!.tool_calls as JsonObject[])[0]!.id, result!.tool_call_id]).toEqual([id, id]);
  }
});

test("a tool whose name is too long for OpenAI is offered, chosen and called under a shorter one, unseen", async () => {
  const name = `mcp__${"server_".repeat(11)}weather`;
  const short = expect.stringMatching(/^mcp__server_[\w]{52}$/);
  for (const stream of [false, true]) {
    const road: Road = { front: "anthropic", provider: "openai", stream };
    const tools = [{ name, input_schema: CITY }];
    const asked = { max_tokens: 100, tools, tool_choice: { type: "tool" as const, name } };
    const question = { role: "user" as const, content: "Weather?" };
    scene.up.plan((request) => {
      const [tool] = request.json().tools as { function: { name: string } }[];
      return openaiChat.replies({ toolCalls: [called("call_1", tool!.function.name, '{"city":"Rome"}')] })(request);
    });
    const heard = await scene.hear(road, { ...RESULTS, anthropic: { ...asked, messages: [question] } });
    expect(heard.calls).toEqual([{ id: "call_1", name, arguments: { city: "Rome" } }]);
    expect(scene.sent()).toMatchObject({
      tools: [{ function: { name: short } }],
      tool_choice: { function: { name: short } },
    });
    const use = { type: "tool_use" as const, id: "call_1", name, input: { city: "Rome" } };
    const result = { type: "tool_result" as const, tool_use_id: "call_1", content: "Sunny." };
    await scene.hear(road, {
      ...RESULTS,
      anthropic: {
        ...asked,
        messages: [question, { role: "assistant", content: [use] }, { role: "user", content: [result] }],
      },
    });
    expect((scene.sent().messages as JsonObject[])[1]).toMatchObject({ tool_calls: [{ function: { name: short } }] });
  }
});

/** What the two tools of the loops give back. */
const weather = ({ city }: { city: string }) => `Sunny in ${city}.`;
const now = () => "12:00";

function openaiRunner(model: string, stream: boolean): Promise<OpenAI.ChatCompletion> {
  const tools = [
    {
      type: "function" as const,
      function: { name: "weather", description: "w", parameters: CITY, parse: JSON.parse, function: weather },
    },
    {
      type: "function" as const,
      function: {
        name: "now",
        description: "n",
        parameters: { type: "object", properties: {} },
        parse: JSON.parse,
        function: now,
      },
    },
  ];
  const { completions } = scene.clients.openai.chat;
  const messages = [{ role: "user" as const, content: "Weather and time?" }];
  return stream
    ? completions.runTools({ model, messages, tools, stream: true }).finalChatCompletion()
    : completions.runTools({ model, messages, tools }).finalChatCompletion();
}

function anthropicRunner(model: string, stream: boolean): Promise<Anthropic.Beta.BetaMessage> {
  return scene.clients.anthropic.beta.messages
    .toolRunner({
      model,
      stream,
      max_tokens: 1_000,
      messages: [{ role: "user", content: "Weather and time?" }],
      tools: [
        {
          name: "weather",
          description: "w",
          input_schema: CITY,
          parse: (input) => input as { city: string },
          run: weather,
        },
        {
          name: "now",
          description: "n",
          input_schema: { type: "object", properties: {} },
          parse: (input) => input,
          run: now,
        },
      ],
    })
    .runUntilDone();
}

describe.each(ROADS)(
  "the loop of $front's client with a provider of $provider, stream: $stream",
  ({ front, provider, stream }) => {
    test("calls both tools, sends both results with the whole conversation, and hears the answer", async () => {
      scene.saysInTurn(
        {
          text: "Let me look.",
          toolCalls: [called("call_1", "weather", '{"city":"Berlin"}'), called("call_2", "now", "{}")],
        },
        { text: "Sunny, at noon." },
      );
      scene.forget();
      if (front === "openai") {
        const last = await openaiRunner(MODEL_AT[provider], stream);
        expect(last.choices[0]).toMatchObject({ finish_reason: "stop", message: { content: "Sunny, at noon." } });
      } else {
        const last = await anthropicRunner(MODEL_AT[provider], stream);
        expect(last).toMatchObject({ stop_reason: "end_turn", content: [{ type: "text", text: "Sunny, at noon." }] });
      }
      expect(scene.up.requests).toHaveLength(2);
      for (const request of scene.up.requests) expect((request.json() as JsonObject).tools).toHaveLength(2);
      const results = RESULTS[provider].messages as unknown as JsonObject[];
      const sent = scene.sent(1).messages as JsonObject[];
      if (provider === "openai") {
        expect(sent).toEqual([
          ...results.slice(0, 2),
          ...["Sunny in Berlin.", "12:00"].map((content, index) => ({ ...results[index + 2], content })),
        ]);
      } else {
        expect(sent).toMatchObject([
          results[0]!,
          results[1]!,
          {
            role: "user",
            content: [
              { type: "tool_result", tool_use_id: "call_1", content: "Sunny in Berlin." },
              { type: "tool_result", tool_use_id: "call_2", content: "12:00" },
            ],
          },
        ]);
      }
    });
  },
);

test("a run of OpenAI's functions of 2023 is translated both ways", async () => {
  const functions = [{ name: "weather", description: "w", parameters: CITY }];
  scene.says({ toolCalls: [called("call_1", "weather", '{"city":"Rome"}')] });
  for (const stream of [false, true]) {
    const asked = {
      messages: [{ role: "user" as const, content: "Weather?" }],
      functions,
      function_call: "auto" as const,
    };
    const [completion] = await scene.chat({ ...asked, model: "claude" }, stream);
    expect(completion.choices[0]).toMatchObject({
      finish_reason: "function_call",
      message: { function_call: { name: "weather", arguments: '{"city":"Rome"}' } },
    });
    scene.forget();
    await scene.chat(
      {
        ...asked,
        model: "claude",
        messages: [
          ...asked.messages,
          { role: "assistant", content: null, function_call: { name: "weather", arguments: '{"city":"Rome"}' } },
          { role: "function", name: "weather", content: "Sunny." },
        ],
      },
      stream,
    );
    const [, assistant, result] = scene.sent().messages as JsonObject[];
    const [use] = assistant!.content as JsonObject[];
    expect(use).toMatchObject({ type: "tool_use", name: "weather", input: { city: "Rome" } });
    expect(result!.content).toEqual([{ type: "tool_result", tool_use_id: use!.id!, content: "Sunny." }]);
    scene.forget();
  }
});

test("a thread that lies with the provider is refused with the code on which the client gives it up", async () => {
  for (const model of Object.values(MODEL_AT)) {
    scene.forget();
    const thread = scene.clients.anthropic.beta.messages.thread({ model, max_tokens: 100 });
    const thrown = await rejection(thread.send({ role: "user", content: "Hi" }));
    expect(thrown).toBeInstanceOf(BadRequestError);
    expect(thrown).toMatchObject({
      status: 400,
      errorCode: "thread_unsupported_request",
      type: "invalid_request_error",
    });
    expect(scene.up.requests).toEqual([]);
  }
});
