/**
 * One road: a translated answer that is streamed and put together again is the answer that
 * comes whole, field by field. The same holds where a guard has rewritten what would else be
 * relayed.
 */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import type { Json, JsonObject } from "../../src/kernel/json.ts";
import { DIALECTS, type DialectName } from "../support/scene.ts";
import { MODEL_AT, SdkScene } from "../support/sdk.ts";
import type { Answer } from "../support/upstream/answer.ts";
import { anthropicMessages, openaiChat, type Script, sse, json as wholeAnswer } from "../support/upstream.ts";

let plain: SdkScene;
let masked: SdkScene;
beforeAll(async () => {
  plain = await SdkScene.begin();
  masked = await SdkScene.begin({
    guardrails: [{ name: "falcon", kind: "phrases", phrases: ["project falcon"], action: "mask", direction: "output" }],
  });
});
afterAll(async () => {
  await plain.stop();
  await masked.stop();
});

/** An answer of one provider, whole and streamed. */
interface Told {
  unary: Script;
  stream: Script;
}

const inOpenai = (answer: Answer): Told => ({ unary: openaiChat.unary(answer), stream: openaiChat.stream(answer) });
const inAnthropic = (answer: Answer): Told => ({
  unary: anthropicMessages.unary(answer),
  stream: anthropicMessages.stream(answer),
});

const TOOLS = [
  { id: "call_1", name: "weather", arguments: '{"city":"Berlin","days":[1,2]}' },
  { id: "call_2", name: "now", arguments: "{}" },
];

const COMMON: [string, Answer][] = [
  ["text", { text: "Hello, Ada! 👋" }],
  ["nothing", { text: [] }],
  ["a call alone", { toolCalls: TOOLS.slice(0, 1) }],
  ["text and calls", { text: "Let me look.", toolCalls: TOOLS }],
  ["a thought", { reasoning: "Hm, so.", signature: "sig==", text: "Yes." }],
  ["a thought, text and calls", { reasoning: ["Hm, ", "so."], signature: "sig==", text: "Yes.", toolCalls: TOOLS }],
  ["an answer that was cut", { text: "And th", finish: "length" }],
  ["a filtered one", { text: "I", finish: "content_filter" }],
  ["tokens of every kind", { text: "Hi.", usage: { input: 900, output: 80, cacheRead: 500, reasoning: 30 } }],
  ["a guarded phrase", { text: ["It is pro", "ject Fal", "con and ", "Project Falcon", "."] }],
];

const ONLY: Record<DialectName, [string, Told][]> = {
  openai: [
    ["a refusal", inOpenai({ refusal: ["I can", "not."] })],
    ["a call with arguments that are no object", inOpenai({ toolCalls: [{ id: "c", name: "f", arguments: "[1,2]" }] })],
    ["a call with no arguments at all", inOpenai({ toolCalls: [{ id: "c", name: "f", arguments: "" }] })],
    [
      "an id that Anthropic does not allow",
      inOpenai({ toolCalls: [{ id: "functions.f:0", name: "f", arguments: "{}" }] }),
    ],
  ],
  anthropic: [
    ["a refusal", inAnthropic({ refusal: "I cannot." })],
    ["a sealed thought", inAnthropic({ redactedReasoning: "sealed==", text: "Yes." })],
    [
      "a sealed thought behind an open one",
      inAnthropic({ reasoning: "Hm.", signature: "s", redactedReasoning: "sealed==", text: "Yes." }),
    ],
    ["a stop sequence", inAnthropic({ text: "One", stopSequence: "END" })],
    [
      "what was written to a cache",
      inAnthropic({ text: "Hi.", usage: { input: 900, output: 8, cacheRead: 100, cacheWrite: 700 } }),
    ],
    ["a pause", inAnthropic({ text: "I will go on", finish: "pause_turn" })],
    ["a search of the provider's own, with a citation", searched()],
  ],
};

/** A search that Anthropic ran itself, and a text that cites what it found. */
function searched(): Told {
  const use = { type: "server_tool_use", id: "srvtoolu_1", name: "web_search", input: { query: "Ada" } };
  const found = {
    type: "web_search_tool_result",
    tool_use_id: "srvtoolu_1",
    content: [{ type: "web_search_result", url: "https://example.com/ada", title: "Ada", encrypted_content: "e" }],
  };
  const citation = {
    type: "web_search_result_location",
    url: "https://example.com/ada",
    title: "Ada",
    cited_text: "She wrote",
    encrypted_index: "i",
  };
  const usage = { input_tokens: 9, output_tokens: 5 };
  const head = { id: "msg_1", type: "message", role: "assistant", model: "m", stop_reason: null, stop_sequence: null };
  const text = "Ada did.";
  const event = (data: JsonObject) => ({ event: String(data.type), data });
  return {
    unary: wholeAnswer(200, {
      ...head,
      content: [use, found, { type: "text", text, citations: [citation] }],
      stop_reason: "end_turn",
      usage,
    }),
    stream: sse([
      event({ type: "message_start", message: { ...head, content: [], usage } }),
      event({ type: "content_block_start", index: 0, content_block: { ...use, input: {} } }),
      event({
        type: "content_block_delta",
        index: 0,
        delta: { type: "input_json_delta", partial_json: '{"query":"Ada"}' },
      }),
      event({ type: "content_block_stop", index: 0 }),
      event({ type: "content_block_start", index: 1, content_block: found }),
      event({ type: "content_block_stop", index: 1 }),
      event({ type: "content_block_start", index: 2, content_block: { type: "text", text: "", citations: [] } }),
      event({ type: "content_block_delta", index: 2, delta: { type: "citations_delta", citation } }),
      event({ type: "content_block_delta", index: 2, delta: { type: "text_delta", text } }),
      event({ type: "content_block_stop", index: 2 }),
      event({ type: "message_delta", delta: { stop_reason: "end_turn", stop_sequence: null }, usage }),
      event({ type: "message_stop" }),
    ]),
  };
}

const tellers = { openai: inOpenai, anthropic: inAnthropic };
const rowsOf = (provider: DialectName): [string, Told][] => [
  ...COMMON.map(([name, answer]): [string, Told] => [name, tellers[provider](words(answer, provider))]),
  ...ONLY[provider],
];

/** The common answers in the provider's own words for how they end. */
function words(answer: Answer, provider: DialectName): Answer {
  const own: Record<string, string> = { length: "max_tokens", content_filter: "refusal" };
  return provider === "openai" || answer.finish === undefined ? answer : { ...answer, finish: own[answer.finish]! };
}

async function whole(scene: SdkScene, front: DialectName, model: string): Promise<JsonObject> {
  const response = await scene.call(front, { model });
  expect(response.status).toBe(200);
  return (await response.json()) as JsonObject;
}

async function puttogether(scene: SdkScene, front: DialectName, model: string): Promise<JsonObject> {
  if (front === "anthropic") {
    const body = { model, max_tokens: 100, messages: [{ role: "user" as const, content: "Say hello." }] };
    const message = await scene.clients.anthropic.messages.stream(body).finalMessage();
    return JSON.parse(JSON.stringify(message), (name, value) =>
      name === "parsed_output" ? undefined : value,
    ) as JsonObject;
  }
  const response = await scene.call(front, { model, stream: true, stream_options: { include_usage: true } });
  const frames = (await response.text()).split("\n\n").filter((frame) => frame.startsWith("data: {"));
  return collected(frames.map((frame) => JSON.parse(frame.slice(6)) as Chunk));
}

interface Chunk extends JsonObject {
  choices: { index: number; delta: JsonObject; finish_reason: string | null; logprobs: Json }[];
}

/** Chunks as one answer, the way OpenAI's documentation has clients do it. */
function collected(chunks: Chunk[]): JsonObject {
  const choices: { index: number; message: JsonObject; logprobs: Json; finish_reason: string | null }[] = [];
  let top: JsonObject = {};
  for (const { choices: pieces, ...rest } of chunks) {
    top = { ...top, ...rest };
    for (const { index, delta, finish_reason, logprobs } of pieces) {
      choices[index] ??= { index, message: {}, logprobs: null, finish_reason: null };
      merge(choices[index].message, delta);
      choices[index].finish_reason = finish_reason ?? choices[index].finish_reason;
      choices[index].logprobs = logprobs ?? choices[index].logprobs;
    }
  }
  for (const { message } of choices) {
    for (const call of (message.tool_calls ?? []) as JsonObject[]) delete call.index;
    message.refusal ??= null;
  }
  return { ...top, object: "chat.completion", choices };
}

function merge(message: JsonObject, delta: JsonObject): void {
  for (const [name, value] of Object.entries(delta)) {
    const before = message[name];
    if (name === "role") message.role = value;
    else if (name === "tool_calls") mergeCalls(message, value as JsonObject[]);
    else if (typeof before === "string" && typeof value === "string") message[name] = before + value;
    else if (Array.isArray(before) && Array.isArray(value)) message[name] = [...before, ...value];
    else message[name] = value ?? before ?? null;
  }
}

function mergeCalls(message: JsonObject, pieces: JsonObject[]): void {
  message.tool_calls ??= [];
  const calls = message.tool_calls as JsonObject[];
  for (const { function: called, ...rest } of pieces) {
    const index = rest.index as number;
    calls[index] ??= {};
    const call = calls[index]!;
    const before = (call.function ?? { arguments: "" }) as JsonObject;
    const more = called as JsonObject;
    Object.assign(call, rest);
    call.function = { ...before, ...more, arguments: `${before.arguments}${more.arguments ?? ""}` };
  }
}

const SILENT = new Set([
  ...["annotations", "citations", "content", "accepted_prediction_tokens", "rejected_prediction_tokens"],
  ...["cache_creation_input_tokens", "cache_read_input_tokens"],
]);
const isEmptyList = (value: Json) => Array.isArray(value) && value.length === 0;

/**
 * Without what differs by the time of the call, and without fields that say nothing (empty
 * lists, zeros that only OpenAI knows): a rewritten answer does not have them.
 */
function comparable(answer: JsonObject): JsonObject {
  const { created: _created, id, ...rest } = answer;
  const written = typeof id === "string" && /^(?:chatcmpl-|msg_)01/.test(id) ? "made here" : id;
  const said = JSON.stringify({ ...rest, id: written ?? null }, (name, value: Json) =>
    SILENT.has(name) && (value === 0 || value === null || value === "" || isEmptyList(value)) ? undefined : value,
  );
  return JSON.parse(said) as JsonObject;
}

const CROSS: { front: DialectName; provider: DialectName }[] = [
  { front: "openai", provider: "anthropic" },
  { front: "anthropic", provider: "openai" },
];

async function expectParity(
  scene: SdkScene,
  front: DialectName,
  provider: DialectName,
  { unary, stream }: Told,
): Promise<JsonObject> {
  scene.up.plan((request) => (request.json().stream === true ? stream : unary));
  const direct = comparable(await whole(scene, front, MODEL_AT[provider]));
  expect(comparable(await puttogether(scene, front, MODEL_AT[provider]))).toEqual(direct);
  return direct;
}

describe.each(CROSS)("a provider of $provider, a client of $front", ({ front, provider }) => {
  test.each(rowsOf(provider))("%s", async (_, told) => {
    await expectParity(plain, front, provider, told);
  });
});

/** The same answers with something in their text that the guard takes out. */
const guarded = (provider: DialectName) =>
  COMMON.filter(([, { text }]) => text !== undefined).map(([name, answer]): [string, Told] => {
    const text = [answer.text!, " by the way, project ", "falcon too."].flat();
    return [name, tellers[provider](words({ ...answer, text }, provider))];
  });

describe.each(DIALECTS.flatMap((front) => DIALECTS.map((provider) => ({ front, provider }))))(
  "what a guard has rewritten of $provider's, for a client of $front",
  ({ front, provider }) => {
    test.each(guarded(provider))("%s", async (_, told) => {
      const direct = JSON.stringify(await expectParity(masked, front, provider, told));
      expect(direct).toMatch(/by the way, \S*falcon\S* too\./);
      expect(direct).not.toMatch(/project falcon/i);
    });

    test.each(rowsOf(provider))("or might have: %s", async (_, told) => {
      await expectParity(masked, front, provider, told);
    });
  },
);

test("arguments that the model never finished are kept as it wrote them, streamed or not", async () => {
  const { unary, stream } = inOpenai({ toolCalls: [{ id: "c", name: "f", arguments: '{"a": 1' }], finish: "length" });
  plain.up.plan((request) => (request.json().stream === true ? stream : unary));
  const message = await whole(plain, "anthropic", "gpt");
  expect((message.content as JsonObject[])[0]!.input).toEqual({ _raw_arguments: '{"a": 1' });
  const text = await (await plain.call("anthropic", { model: "gpt", stream: true })).text();
  const pieces = [...text.matchAll(/"partial_json":("(?:[^"\\]|\\.)*")/g)].map(
    ([, piece]) => JSON.parse(piece!) as string,
  );
  expect(pieces.join("")).toBe('{"a": 1');
});
