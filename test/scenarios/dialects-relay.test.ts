/**
 * Same dialect on both sides: the bytes that arrived are the bytes that leave, streamed or
 * not, however the network cut them; what no version of the dialect knows is among them.
 * Nothing is added but the last comment of a stream (gateway/answering/streamed-body.ts,
 * gateway/respond.ts), nothing is taken but a usage chunk that the caller did not ask for.
 */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { DIALECTS, type DialectName } from "../support/scene.ts";
import { MODEL_AT, SdkScene } from "../support/sdk.ts";
import { type BodyOptions, type Split, sse, text as textAnswer } from "../support/upstream.ts";

let scene: SdkScene;
beforeAll(async () => {
  scene = await SdkScene.begin();
});
afterAll(() => scene.stop());

async function relayed(dialect: DialectName, body: string, options: BodyOptions, stream: boolean): Promise<string> {
  const contentType = stream ? "text/event-stream" : "application/json; charset=utf-8";
  const framing = stream ? "chunked" : "length";
  scene.up.answer(textAnswer(200, body, { contentType, framing, ...options }));
  const more = dialect === "openai" && stream ? { stream_options: { include_usage: true } } : {};
  const response = await scene.call(dialect, { model: MODEL_AT[dialect], stream, ...more });
  const text = await response.text();
  expect([response.status, text]).toEqual([200, text]);
  return text;
}

/** Bytes that a parser would not write again: spaces, escapes, order, numbers, a key twice, what nobody knows. */
const BODIES: Record<DialectName, string> = {
  openai: `{ "invented" : {"a":[1.0,1e3,-0, 1E+2]},"id":"chatcmpl-1","object":"chat.completion","created":1,
  "model":"m","choices":[{"index":0,"x":null,"message":{"role":"assistant","content":"\\u0048i \\ud83d\\ude00 \\/","content_x":1,"refusal":null},"finish_reason":"stop"}],
  "usage":{"prompt_tokens":3,"completion_tokens":2,"total_tokens":5,"total_tokens":5,"x":{}}}\n`,
  anthropic: `\t{"type":"message","id":"msg_1","role":"assistant","model":"m","content":[{"type":"text","text":"\\u0048i","citations":null,"x":1},{"type":"invented_block","deep":{"a":[1.0]}}],
  "stop_reason":"end_turn","stop_sequence":null,"stop_details":null,"usage":{"input_tokens":3,"output_tokens":2,"output_tokens":2,"x":1e2}}`,
};

describe.each(DIALECTS)("a whole answer of %s", (dialect) => {
  test.each<[string, BodyOptions]>([
    ["at once", {}],
    ["in chunks of a few bytes", { framing: "chunked", split: { size: 7 } }],
    ["until the connection closes", { framing: "close" }],
    ["compressed", { encoding: "gzip" }],
  ])("arrives byte for byte: %s", async (_, options) => {
    expect(await relayed(dialect, BODIES[dialect], options, false)).toBe(BODIES[dialect]);
  });

  test("arrives byte for byte when it is large", async () => {
    const body = BODIES[dialect].replace("Hi", "x".repeat(700_000)).replace("\\u0048i", "ä".repeat(300_000));
    expect(await relayed(dialect, body, {}, false)).toBe(body);
  });
});

const STREAMS: Record<DialectName, string[]> = {
  openai: [
    ": OPENROUTER PROCESSING\n\n",
    "retry: 3000\n\n",
    'data: {"id":"c","object":"chat.completion.chunk","created":1,"model":"m","choices":[],"prompt_filter_results":[{"x":1.0}]}\n\n',
    'data:{"id":"c","choices":[{"index":0,"delta":{"role":"assistant","content":"","x":[ ]}}], "obfuscation":"aF3"}\n\n',
    'event: message\nid: 7\ndata: {"id":"c","choices":[{"index":0,"delta":{"content":"\\u0048i"}}]}\n\n',
    'data: {"id":"c","choices":[{"index":0,\ndata: "delta":{"content":" there 😀"}}]}\n\n',
    ": keep-alive\n\n",
    'event: invented\ndata: {"id":"c","choices":[],"invented":{"a":1e3}}\n\n',
    'data: {"id":"c","choices":[{"index":0,"delta":{"invented":1},"finish_reason":"stop","x":null}],"usage":null}\n\n',
    'data: {"id":"c","choices":[],"usage":{"prompt_tokens":3,"completion_tokens":2,"total_tokens":5,"x":1}}\n\n',
    "data: [DONE]\n\n",
  ],
  anthropic: [
    'event: message_start\ndata: {"type":"message_start","message":{"id":"m","type":"message","role":"assistant","model":"m","content":[],"usage":{"input_tokens":3,"output_tokens":1.0},"x":1}}\n\n',
    'event: content_block_start\ndata: {"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}\n\n',
    'event: ping\ndata: {"type": "ping"}\n\n',
    ": a comment\n\n",
    'event: content_block_delta\ndata: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"\\u0048i"}     }\n\n',
    'event: content_block_delta\ndata: {"type":"content_block_delta","index":0,"delta":{"type":"invented_delta","x":1}}\n\n',
    'event: invented\ndata: {"type":"invented","x":{"a":1e3}}\n\n',
    'event: content_block_stop\ndata: {"type":"content_block_stop","index":0}\n\n',
    'event: content_block_start\ndata: {"type":"content_block_start","index":1,"content_block":{"type":"invented_block","x":[1.0]}}\n\n',
    'event: content_block_stop\ndata: {"type":"content_block_stop","index":1}\n\n',
    'event: message_delta\ndata: {"type":"message_delta","delta":{"stop_reason":"end_turn","stop_sequence":null,"x":0},"usage":{"output_tokens":2}}\n\n',
    'event: message_stop\ndata: {"type":"message_stop","x":1}\n\n',
  ],
};

/** Without the gateway's own comment, which stands before the event that ends the stream. */
function withoutTrailer(text: string): string {
  const without = text.replace(/: sallyport \{.*\}\n\n/, "");
  expect(text.length - without.length).toBeGreaterThan(50);
  return without;
}

describe.each(DIALECTS)("a stream of %s", (dialect) => {
  const whole = STREAMS[dialect].join("");

  test.each<[string, Split]>([
    ["an event at a time", "frames"],
    ["a byte at a time", "bytes"],
    ["cut at random", { seed: 1 }],
    ["cut at random again", { seed: 20_261_122, max: 300 }],
  ])("arrives byte for byte: %s", async (_, split) => {
    scene.forget();
    expect(withoutTrailer(await relayed(dialect, whole, { split }, true))).toBe(whole);
    expect(await scene.record()).toMatchObject({ outcome: "finished", inputTokens: 3, outputTokens: 2 });
  });

  test.each([
    ["CRLF", "\r\n"],
    ["CR", "\r"],
  ])("keeps its line ends: %s", async (_, end) => {
    const text = whole.replaceAll("\n", end);
    for (const split of ["frames", { seed: 3, max: 9 }] as Split[]) {
      expect(withoutTrailer(await relayed(dialect, text, { split }, true))).toBe(text);
    }
  });

  test("is read by the client as if there were no gateway", async () => {
    scene.up.plan(() => textAnswer(200, whole, { contentType: "text/event-stream", framing: "chunked" }));
    if (dialect === "openai") {
      const stream = await scene.clients.openai.chat.completions.create({
        model: MODEL_AT.openai,
        messages: [{ role: "user", content: "Hi" }],
        stream: true,
        stream_options: { include_usage: true },
      });
      const data = STREAMS.openai.map((frame) => dataOf(frame)).filter((each) => each !== "" && each !== "[DONE]");
      expect(await Array.fromAsync(stream)).toEqual(data.map((each) => JSON.parse(each)));
    } else {
      const stream = await scene.clients.anthropic.messages.create({
        model: MODEL_AT.anthropic,
        max_tokens: 9,
        messages: [{ role: "user", content: "Hi" }],
        stream: true,
      });
      const data = STREAMS.anthropic.filter((frame) => !frame.includes("ping")).map((frame) => dataOf(frame));
      const known = data.filter((each) => each !== "");
      expect((await Array.fromAsync(stream)) as unknown[]).toEqual(known.map((each) => JSON.parse(each)));
    }
  });

  test("says nothing of the provider's unknown events to a client of the other dialect", async () => {
    const front: DialectName = dialect === "openai" ? "anthropic" : "openai";
    scene.up.answer(sse(STREAMS[dialect]));
    const response = await scene.call(front, { model: MODEL_AT[dialect], stream: true });
    const text = await response.text();
    expect(text).toContain("Hi");
    expect(text).not.toContain("invented");
    expect(text).not.toContain("OPENROUTER");
  });
});

test("a usage chunk that nobody asked for is taken out, and no other", async () => {
  const usage = STREAMS.openai.at(-2)!;
  scene.up.answer(sse(STREAMS.openai));
  const response = await scene.call("openai", { model: MODEL_AT.openai, stream: true });
  const left = STREAMS.openai.filter((frame) => frame !== usage).join("");
  expect(withoutTrailer(await response.text())).toBe(left);
});

test("a provider that tells the usage in every chunk loses none of them", async () => {
  const counted = (choices: unknown[], completion_tokens: number) =>
    `data: ${JSON.stringify({ id: "c", choices, usage: { prompt_tokens: 3, completion_tokens, total_tokens: 3 + completion_tokens } })}\n\n`;
  const frames = [
    counted([{ index: 0, delta: { role: "assistant", content: "" } }], 0),
    counted([{ index: 0, delta: { content: "Hi" } }], 1),
    counted([{ index: 0, delta: {}, finish_reason: "stop" }], 2),
    "data: [DONE]\n\n",
  ];
  scene.forget();
  scene.up.answer(sse(frames));
  const response = await scene.call("openai", { model: MODEL_AT.openai, stream: true });
  expect(withoutTrailer(await response.text())).toBe(frames.join(""));
  expect(await scene.record()).toMatchObject({ inputTokens: 3, outputTokens: 2 });
});

function dataOf(frame: string): string {
  const lines = frame.split("\n").filter((line) => line.startsWith("data:"));
  return lines.map((line) => line.slice(5).replace(/^ /, "")).join("\n");
}
