/**
 * Calls of tools by the official clients, on every road: offered and chosen, in one piece and
 * in many, several at once, and in the odd forms of OpenAI's lookalikes.
 */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import type Anthropic from "@anthropic-ai/sdk";
import type OpenAI from "openai";
import type { Json, JsonObject } from "../../src/kernel/json.ts";
import { DIALECTS, ROADS } from "../support/scene.ts";
import { MODEL_AT, type Road, SdkScene } from "../support/sdk.ts";
import { sse } from "../support/upstream.ts";
import { ANTHROPIC_TOOLS, ASKED, called, OPENAI_TOOLS } from "../support/weather-tools.ts";

let scene: SdkScene;
beforeAll(async () => {
  scene = await SdkScene.begin();
});
afterAll(() => scene.stop());

describe.each(ROADS)("$front's client, $provider's provider, stream: $stream", (road) => {
  const { front, provider } = road;
  const end = front === "openai" ? "tool_calls" : "tool_use";

  test("tools are offered with their descriptions and schemas", async () => {
    scene.says({ text: "No need." });
    await scene.hear(road, ASKED);
    if (provider === "openai") {
      const none = front === "openai" ? {} : { parameters: { type: "object", properties: {} } };
      expect(scene.sent().tools).toEqual([
        OPENAI_TOOLS[0] as unknown as Json,
        { type: "function", function: { name: "now", ...none } },
      ]);
    } else expect(scene.sent().tools).toEqual(ANTHROPIC_TOOLS as unknown as Json);
  });

  test("one call", async () => {
    scene.says({ toolCalls: [called("call_1", "weather", '{"city":"Berlin"}')] });
    const heard = await scene.hear(road, ASKED);
    expect(heard.calls).toEqual([{ id: "call_1", name: "weather", arguments: { city: "Berlin" } }]);
    expect([heard.text, heard.finish]).toEqual(["", end]);
  });

  test("text, then several calls at once", async () => {
    scene.says({
      text: "Let me look.",
      toolCalls: [
        called("call_1", "weather", '{"city":"Berlin"}'),
        called("call_2", "weather", '{"city":"Zürich \\"Süd\\"","days":[1,2,{"x":null}]}'),
        called("call_3", "now", "{}"),
      ],
    });
    const heard = await scene.hear(road, ASKED);
    expect(heard.text).toBe("Let me look.");
    expect(heard.calls).toEqual([
      { id: "call_1", name: "weather", arguments: { city: "Berlin" } },
      { id: "call_2", name: "weather", arguments: { city: 'Zürich "Süd"', days: [1, 2, { x: null }] } },
      { id: "call_3", name: "now", arguments: {} },
    ]);
    expect(heard.finish).toBe(end);
  });

  test("arguments in a hundred pieces, cut within characters' escapes", async () => {
    const text = JSON.stringify({ city: `${"Ä\u2028\\u00e9🙂".repeat(20)}"\\` });
    scene.says({ toolCalls: [called("call_1", "weather", [...text])] });
    const heard = await scene.hear(road, ASKED);
    expect(heard.calls[0]!.arguments).toEqual(JSON.parse(text));
  });

  test("a call without arguments has an empty object", async () => {
    // From OpenAI to OpenAI the bytes are the provider's own, and OpenAI writes an object.
    scene.says({ toolCalls: [called("call_1", "now", front === "openai" && provider === "openai" ? "{}" : "")] });
    expect((await scene.hear(road, ASKED)).calls).toEqual([{ id: "call_1", name: "now", arguments: {} }]);
  });

  const choices: { word: string; openai: OpenAI.ChatCompletionToolChoiceOption; anthropic: Anthropic.ToolChoice }[] = [
    { word: "auto", openai: "auto", anthropic: { type: "auto" } },
    { word: "none", openai: "none", anthropic: { type: "none" } },
    { word: "some tool", openai: "required", anthropic: { type: "any" } },
    {
      word: "one tool by name",
      openai: { type: "function", function: { name: "now" } },
      anthropic: { type: "tool", name: "now" },
    },
  ];
  test.each(choices)("the choice of tools: $word", async (choice) => {
    scene.says({ text: "Fine." });
    await scene.hear(road, {
      openai: { ...ASKED.openai, tool_choice: choice.openai },
      anthropic: { ...ASKED.anthropic, tool_choice: choice.anthropic },
    });
    expect(scene.sent().tool_choice).toEqual(choice[provider] as Json);
  });

  test("one call at a time, where that is asked for", async () => {
    scene.says({ text: "Fine." });
    await scene.hear(road, {
      openai: { ...ASKED.openai, parallel_tool_calls: false },
      anthropic: { ...ASKED.anthropic, tool_choice: { type: "auto", disable_parallel_tool_use: true } },
    });
    if (provider === "openai") expect(scene.sent().parallel_tool_calls).toBe(false);
    else expect(scene.sent().tool_choice).toEqual({ type: "auto", disable_parallel_tool_use: true });
  });
});

/** Chunks of OpenAI's dialect, each with one delta. */
function chunksOf(...deltas: (JsonObject | string)[]) {
  const chunk = (delta: JsonObject, finish: string | null = null) => ({
    data: {
      id: "chatcmpl-1",
      object: "chat.completion.chunk",
      created: 1,
      model: "m",
      choices: [{ index: 0, delta, finish_reason: finish }],
    },
  });
  return sse(
    deltas.map((delta) => (typeof delta === "string" ? chunk({}, delta) : chunk(delta))),
    { done: true },
  );
}

const fragment = (index: number, text: string): JsonObject => ({
  tool_calls: [{ index, function: { arguments: text } }],
});
const opened = (index: number, id: string, name: string, text = ""): JsonObject => ({
  tool_calls: [{ index, id, type: "function", function: { name, arguments: text } }],
});

describe.each(DIALECTS)("odd streams of OpenAI's dialect are straightened for a client of %s", (front) => {
  const road: Road = { front, provider: "openai", stream: true };

  const rows: [string, (JsonObject | string)[], { name: string; arguments: unknown }[]][] = [
    [
      "fragments of two calls interleaved",
      [
        opened(0, "a", "weather"),
        opened(1, "b", "now"),
        fragment(0, '{"city":'),
        fragment(1, '{"zone"'),
        fragment(0, '"Rome"}'),
        fragment(1, ':"CET"}'),
        "tool_calls",
      ],
      [
        { name: "weather", arguments: { city: "Rome" } },
        { name: "now", arguments: { zone: "CET" } },
      ],
    ],
    [
      "two calls within one chunk, whole",
      [
        {
          tool_calls: [
            { index: 0, id: "a", type: "function", function: { name: "weather", arguments: '{"city":"Rome"}' } },
            { index: 1, id: "b", type: "function", function: { name: "now", arguments: "{}" } },
          ],
        },
        "tool_calls",
      ],
      [
        { name: "weather", arguments: { city: "Rome" } },
        { name: "now", arguments: {} },
      ],
    ],
    [
      "an end that says stop",
      [opened(0, "a", "weather", '{"city":"Rome"}'), "stop"],
      [{ name: "weather", arguments: { city: "Rome" } }],
    ],
    [
      "an id and a name that are repeated as empty texts",
      [opened(0, "a", "weather"), opened(0, "", "", '{"city":'), opened(0, "", "", '"Rome"}'), "tool_calls"],
      [{ name: "weather", arguments: { city: "Rome" } }],
    ],
  ];
  test.each(rows)("%s", async (_, deltas, calls) => {
    scene.up.answer(chunksOf({ role: "assistant", content: "Wait." }, ...deltas));
    if (front === "anthropic") {
      const message = await scene.message({ ...ASKED.anthropic, model: "gpt" }, true);
      expect(message.content[0]).toMatchObject({ type: "text", text: "Wait." });
      const uses = message.content.filter((block) => block.type === "tool_use");
      expect(uses.map(({ name, input }) => ({ name, arguments: input }))).toEqual(calls);
      expect(message.stop_reason).toBe("tool_use");
    } else {
      const body = { ...ASKED.openai, model: MODEL_AT[road.provider] };
      const [completion] = await scene.chat(body, true);
      const told = completion.choices[0]!.message.tool_calls!.map((call) =>
        call.type === "function"
          ? { name: call.function.name, arguments: JSON.parse(call.function.arguments) as unknown }
          : call,
      );
      expect(told as unknown[]).toEqual(calls);
    }
  });
});
