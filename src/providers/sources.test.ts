import { describe, expect, test } from "bun:test";
import type { Json, JsonObject } from "../kernel/json.ts";
import type { Wire } from "../spec/wire.ts";
import { anthropicMessages } from "../wire/anthropic-messages/index.ts";
import { gemini } from "../wire/gemini/index.ts";
import { openaiChat } from "../wire/openai-chat/index.ts";
import { openaiResponses } from "../wire/openai-responses/index.ts";
import { ADAPTERS } from "./adapters.ts";
import { Sources } from "./sources.ts";

const A = { url: "https://a.example/", title: "A", snippet: "What A says." };
const B = "https://b.example/";

const chat = (kind: string) => ADAPTERS.find((each) => each.kind === kind)!;
const chunk = (delta: JsonObject, more: JsonObject = {}, finish: string | null = null): Json => ({
  id: "x",
  choices: [{ index: 0, delta, finish_reason: finish }],
  ...more,
});
const LISTS = { citations: [A.url, B], search_results: [A] };

/** The same answer of each server that tells beside it what it rests on: whole, and in a stream. */
const SERVERS: Record<string, { kind: string; whole: JsonObject; stream: Json[] }> = {
  Perplexity: {
    kind: "perplexity",
    whole: { choices: [{ message: { content: "Hi [1][2]." }, finish_reason: "stop" }], ...LISTS },
    stream: [chunk({ content: "Hi " }, LISTS), chunk({ content: "[1][2]." }, LISTS), chunk({}, LISTS, "stop")],
  },
  "xAI, behind the reason why it ended": {
    kind: "xai",
    whole: { choices: [{ message: { content: "Hi [1][2]." }, finish_reason: "stop" }], ...LISTS },
    stream: [chunk({ content: "Hi [1][2]." }), chunk({}, {}, "stop"), { id: "x", choices: [], ...LISTS }],
  },
  "Z.ai": {
    kind: "zai",
    whole: {
      choices: [{ message: { content: "Hi [1][2]." }, finish_reason: "stop" }],
      web_search: [{ link: A.url, title: "A", content: A.snippet }, { link: B }],
    },
    stream: [
      chunk({ content: "Hi [1][2]." }, { web_search: [{ link: A.url, title: "A", content: A.snippet }, { link: B }] }),
      chunk({}, {}, "stop"),
    ],
  },
  DashScope: {
    kind: "dashscope-native",
    whole: {
      output: {
        search_info: { search_results: [{ ...A, index: 1, site_name: "A" }, { url: B }] },
        choices: [{ message: { content: "Hi [1][2]." }, finish_reason: "stop" }],
      },
    },
    stream: [
      { output: { search_info: { search_results: [A, { url: B }] }, choices: [] } },
      { output: { choices: [{ message: { content: "Hi [1][2]." }, finish_reason: "null" }] } },
      { output: { choices: [{ message: { content: "" }, finish_reason: "stop" }] } },
    ],
  },
};

const ASK: JsonObject = { model: "m", max_tokens: 9, messages: [{ role: "user", content: "hi" }] };
const CONTEXT = { requestId: "req_1", created: 0 };

/** What a caller of a dialect is told, as one text. */
function told(server: keyof typeof SERVERS, wire: Wire, ask: JsonObject, stream: boolean): string {
  const request = wire.decode({ ...ask, ...(stream ? { stream } : {}) }, { params: { model: "m" }, query: "alt=sse" });
  const { kind, whole, stream: frames } = SERVERS[server]!;
  const decoder = chat(kind).decoder(request);
  const encoder = wire.encoder(request, CONTEXT);
  if (!stream) return encoder.unary(decoder.unary(JSON.stringify(whole)));
  const parts = frames.flatMap((frame) => decoder.frame({ event: "", data: JSON.stringify(frame) }));
  return encoder.frames([...parts, ...decoder.close()]);
}

const PAGES = {
  Messages: [
    { type: "web_search_result_location", cited_text: A.snippet, url: A.url, title: "A", encrypted_index: "" },
    { type: "web_search_result_location", cited_text: "", url: B, title: B, encrypted_index: "" },
  ],
  Responses: [
    { type: "url_citation", start_index: 0, end_index: 10, url: A.url, title: "A" },
    { type: "url_citation", start_index: 0, end_index: 10, url: B, title: B },
  ],
};

describe.each(Object.keys(SERVERS))("what an answer of %s rests on", (server) => {
  test("stands at its text for clients of Messages", () => {
    const whole = JSON.parse(told(server, anthropicMessages, ASK, false)) as JsonObject;
    expect(whole.content).toEqual([{ type: "text", text: "Hi [1][2].", citations: PAGES.Messages }]);
    const stream = told(server, anthropicMessages, ASK, true);
    for (const page of PAGES.Messages) {
      const delta = JSON.stringify({ type: "citations_delta", citation: page });
      expect(stream.split(delta)).toHaveLength(2);
      expect(stream.indexOf(delta)).toBeLessThan(stream.indexOf("content_block_stop"));
    }
    expect(stream).toContain(`"stop_reason":"end_turn"`);
  });

  test("are annotations for clients of Responses", () => {
    const ask = { model: "m", input: "hi" };
    const whole = JSON.parse(told(server, openaiResponses, ask, false)) as { output: { content: JsonObject[] }[] };
    expect(whole.output[0]!.content).toMatchObject([{ text: "Hi [1][2].", annotations: PAGES.Responses }]);
    const stream = told(server, openaiResponses, ask, true);
    for (const page of PAGES.Responses) expect(stream).toContain(`"annotation":${JSON.stringify(page)}`);
  });

  test("is what an answer is grounded in for clients of Gemini", () => {
    const ask = { contents: [{ parts: [{ text: "hi" }] }] };
    const grounding = `"groundingMetadata":{"groundingChunks":[{"web":{"uri":"${A.url}","title":"A"}},{"web":{"uri":"${B}","title":"${B}"}}]}`;
    for (const stream of [false, true]) expect(told(server, gemini, ask, stream).split(grounding)).toHaveLength(2);
  });

  test("is told to clients of Chat Completions once", () => {
    for (const stream of [false, true]) {
      const text = told(server, openaiChat, ASK, stream);
      const inTheirWords = /"citations"|"search_info"|"web_search"/.test(text);
      expect([inTheirWords, text.includes(`"annotations"`)]).toEqual(
        server === "DashScope" ? [false, true] : [true, false],
      );
      expect(text.split(B).length).toBe(server === "DashScope" ? 3 : 2);
    }
  });
});

test("an answer that fails after its reason to end does not end well", () => {
  const request = anthropicMessages.decode({ ...ASK, stream: true });
  const decoder = chat("xai").decoder(request);
  const frames = [chunk({ content: "Hi" }), chunk({}, {}, "stop"), { error: { message: "no" } }];
  const parts = frames.flatMap((frame) => decoder.frame({ event: "", data: JSON.stringify(frame) }));
  expect([...parts, ...decoder.close()].map(({ type }) => type)).toEqual([
    "start",
    "block-start",
    "text-delta",
    "error",
  ]);
});

test("what an answer has used is told behind its end, and before an error", () => {
  const request = anthropicMessages.decode({ ...ASK, stream: true });
  const usage = { prompt_tokens: 3, completion_tokens: 2 };
  const told = (choices: number, ...frames: Json[]) => {
    const decoder = chat("xai").decoder({ ...request, choices });
    const parts = frames.flatMap((frame) => decoder.frame({ event: "", data: JSON.stringify(frame) }));
    return [...parts, ...decoder.close()].map(({ type }) => type).slice(3);
  };
  const frames = [chunk({ content: "Hi" }), chunk({}, {}, "stop"), { id: "x", choices: [], usage }];
  expect(told(1, ...frames)).toEqual(["block-end", "finish", "usage", "end"]);
  expect(told(1, ...frames, { error: { message: "no" } })).toEqual(["usage", "error"]);
  expect(told(2, ...frames)).toEqual(["usage", "error"]);
});

test("annotations before the text, beside calls and behind the end stand at the text", () => {
  const request = anthropicMessages.decode({ ...ASK, stream: true });
  const annotation = (url: string) => ({ type: "url_citation", url_citation: { url } });
  const call = { id: "1", function: { name: "f", arguments: "{}" } };
  const decoder = chat("openrouter").decoder(request);
  const cited = (frames: Json[]) =>
    [...frames.flatMap((frame) => decoder.frame({ event: "", data: JSON.stringify(frame) })), ...decoder.close()]
      .filter((part) => part.type === "citation" || part.type === "block-end")
      .map((part) => (part.type === "citation" ? (part.value.url_citation as JsonObject).url! : part.block));
  const frames = [
    chunk({ annotations: [annotation("1")] }),
    chunk({ content: "Hi" }),
    chunk({ tool_calls: [call], annotations: [annotation("2")] }, {}, "tool_calls"),
  ];
  expect(cited(frames)).toEqual(["2", "1", 0, 1]);
});

test("each page counts once, with what any list says of it, and what is no page is none", () => {
  const sources = new Sources();
  sources.read({ citations: ["u", "", 1, { title: "no address" }], search_results: "no list", web_search: null });
  sources.read({ search_results: [{ url: "u", title: "T", snippet: "" }], citations: ["u", { url: "v", title: 1 }] });
  expect(sources.all()).toEqual([{ url: "u", title: "T" }, { url: "v" }]);
});
