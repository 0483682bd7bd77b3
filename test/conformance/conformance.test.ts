import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { conformance } from "../../tools/conformance.ts";
import { digestOf, isSaidIn } from "../support/digests.ts";
import { CLIENTS_REFUSE, FORMED_OTHERWISE } from "../support/fidelity-forms.ts";
import { askedOtherwise } from "../support/fidelity-requests.ts";
import type { Digest, Digests, Exchange } from "../support/recordings.ts";
import { losses } from "./answers.ts";
import { FAULTS } from "./faults.ts";
import { Figures, genuineShare, reasonsOf, sumOf, tableOf, wrongOf } from "./figures.ts";
import { addressOf, FRONTS } from "./fronts.ts";
import { House } from "./house.ts";
import { brokenEnd, compareRefusals, envelopeOf, messageOf } from "./refusals.ts";
import { changes } from "./relay.ts";
import { accountOf, type Played, rowOf } from "./replay.ts";
import { parallels } from "./requests.ts";
import { cutsOf, METHODS } from "./run.ts";
import { compareSdks, lostBy, SDKS } from "./sdks.ts";
import { type Checks, judgeForm, malformed, relaxed } from "./specs.ts";

/** The instruments of `npm run conformance`, tried without a recording: a judge that never says no is worth nothing. */

const said = (text: string): Exchange => ({
  name: "small",
  provider: "openai",
  api: "openai.chat",
  model: "m",
  genuine: true,
  response: { status: 200, headers: {}, text },
});

const STREAM = `data: ${JSON.stringify({
  id: "c",
  object: "chat.completion.chunk",
  created: 1,
  model: "m",
  choices: [{ index: 0, delta: { role: "assistant", content: "Hello ünd good bye" }, finish_reason: null }],
})}\n\ndata: ${JSON.stringify({
  id: "c",
  object: "chat.completion.chunk",
  created: 1,
  model: "m",
  choices: [{ index: 0, delta: {}, finish_reason: "stop" }],
  usage: { prompt_tokens: 3, completion_tokens: 4, total_tokens: 7 },
})}\n\ndata: [DONE]\n\n`;

function played(exchange: Exchange): Played {
  const { text, json, status } = exchange.response;
  return {
    exchange,
    account: accountOf(exchange),
    stream: text !== undefined && status === 200,
    contentType: text === undefined ? "application/json" : "text/event-stream",
    bytes: new TextEncoder().encode(text ?? JSON.stringify(json)),
    judged: { api: exchange.api, response: exchange.response },
  };
}

const DIGEST: Digest = {
  text: "Hello",
  reasoning: "",
  refusal: "",
  tools: [],
  finish: "stop",
  in: 3,
  out: 4,
  cached: null,
  error: null,
};

describe("the house", () => {
  const exchange = said(STREAM);
  let house: House;
  beforeAll(async () => {
    house = await House.open([accountOf(exchange)]);
  });
  afterAll(() => house.close());

  test.each(FRONTS.map((front) => [front.name, front] as const))(
    "plays an answer to a caller of %s",
    async (_, front) => {
      const whole = await house.answer(front, played(exchange));
      expect(whole.status).toBe(200);
      expect(whole.text).toContain("ünd");
      const cut = await house.answer(front, played(exchange), cutsOf(7));
      // Pieces of one read may stand in one event; what they say is the same.
      expect(cut.text).toContain("ünd");
      expect(house.sent?.path).toContain("completions");
    },
  );

  test.each([
    [400, { identical: 1, listed: 0, wrong: 0 }],
    [401, { identical: 1, listed: 0, wrong: 0 }],
  ])("judges a refusal with %d to the letter", async (status, counted) => {
    const json = { error: { message: "no such thing", type: "x", param: null, code: null } };
    const refusal = played({ ...exchange, response: { status, headers: {}, json } });
    const figures = new Figures();
    const judge = { respDigest: () => DIGEST } as unknown as Digests;
    await compareRefusals(house, [refusal], judge, figures);
    const cells = figures.of("G", "openai-chat").map(({ figure }) => figure);
    expect(sumOf(cells)).toMatchObject(counted);
  });

  test("tells a relay that is equal from one that is not", async () => {
    const [chat] = FRONTS;
    const got = await house.answer(chat!, played(exchange));
    expect(changes(played(exchange), chat!, got)).toEqual([]);
    const other = { ...got, text: got.text.replace("Hello", "Hallo") };
    expect(changes(played(exchange), chat!, other)).toHaveLength(1);
  });

  test("asks a provider in the recorded API, whoever calls", () => {
    expect(accountOf(exchange)).toMatchObject({ kind: "openai", options: { api: "chat" } });
    expect(accountOf({ ...exchange, provider: "mistral" })).toMatchObject({ kind: "mistral", options: {} });
    const responses = accountOf({ ...exchange, api: "openai.responses" });
    expect(responses).toMatchObject({ kind: "openai", options: { api: "responses" } });
    expect(rowOf(played(exchange))).toBe("openai.chat (openai)");
  });
});

describe("the judges", () => {
  /** Reads what it is given as a digest. */
  const judge = (told: Digest): Digests => ({
    respDigest: ({ response }) => (response.json as Digest | undefined) ?? told,
    reqDigest: () => ({}),
    diff: (want, got) => (want.text === got.text ? [] : ["text"]),
  });

  test("find what was lost, and an error that nobody was told", () => {
    const exchange: Exchange = { ...said(""), response: { status: 200, headers: {}, json: { ...DIGEST } as never } };
    const got = (told: Digest) => ({ status: 200, headers: new Headers(), text: JSON.stringify(told) });
    const found = (told: Digest) => losses(played(exchange), FRONTS[0]!, got(told), judge(DIGEST)).found;
    expect(found(DIGEST)).toEqual([]);
    expect(found({ ...DIGEST, text: "" })).toEqual(["text"]);
    expect(found({ ...DIGEST, error: "x" })).toHaveLength(1);
  });

  test("see a clean end behind an error", () => {
    const got = { status: 200, headers: new Headers(), text: "data: [DONE]\n\n" };
    expect(brokenEnd(FRONTS[0]!, got, "full", judge({ ...DIGEST, error: "full" }))).toEqual(["a clean end"]);
    expect(brokenEnd(FRONTS[0]!, { ...got, text: "" }, "full", judge(DIGEST))).toEqual(["no error"]);
    expect(FAULTS.length).toBeGreaterThan(6);
  });

  test.each([
    [{ error: { message: "a" } }, "a"],
    [{ error: "b" }, "b"],
    [[{ error: { message: "c" } }], "c"],
    [{ message: "d" }, "d"],
    [{ detail: "e" }, "e"],
    ["f", "f"],
  ])("read the message of %j", (body, message) => {
    expect(messageOf(body)).toBe(message);
  });

  test("know every front's envelope", () => {
    const faults = FRONTS.map((front) => {
      const error = { status: 400, code: "x", message: "no", param: null, requestId: "r" };
      return envelopeOf(front, front.wire(false).errorBody(error)).faults;
    });
    expect(faults.flat()).toEqual([]);
    expect(FRONTS.map((front) => envelopeOf(front, { message: "no" }).faults.length)).toEqual([1, 1, 1, 1, 1]);
  });
});

/** `digests.ts` */
describe("beside the digest", () => {
  const judge: Digests = { respDigest: () => DIGEST, reqDigest: () => ({}), diff: () => [] };

  test("Ollama's count of cached tokens is read, whole and streamed, and nobody else's", () => {
    const json = { done: true, prompt_eval_cached_count: 2 };
    const text = `{"done":false}\n${JSON.stringify(json)}\n`;
    const cached = (api: string, response: object) => digestOf(judge, api, { status: 200, ...response }).cached;
    expect([cached("ollama.chat", { json }), cached("ollama.chat", { text })]).toEqual([2, 2]);
    expect([cached("openai.chat", { json }), cached("ollama.chat", { text: "{broken" })]).toEqual([null, null]);
  });

  test("a function_call of 2023 is a call, in pieces or whole, and an empty one is none", () => {
    const tools = (response: object) => digestOf(judge, "openai.chat", { status: 200, ...response }).tools;
    const piece = (call: object) => `data: ${JSON.stringify({ choices: [{ delta: { function_call: call } }] })}\n\n`;
    const text = `${piece({ name: "f", arguments: "" })}${piece({ arguments: '{"b":1,' })}${piece({ arguments: '"a":2}' })}`;
    expect(tools({ text })).toEqual([{ name: "f", args: { a: 2, b: 1 } }]);
    const whole = (name: string) => ({ json: { choices: [{ message: { function_call: { name, arguments: "" } } }] } });
    expect([tools(whole("f")), tools(whole(""))]).toEqual([[{ name: "f", args: {} }], []]);
  });

  test("a thought counts as said where any field of the recording holds it, in pieces or whole", () => {
    const event = (tool_plan: string) => `data: ${JSON.stringify({ delta: { message: { tool_plan } } })}\n\n`;
    const streamed = said(event("I will ") + event("look."));
    expect(isSaidIn(streamed, "I will look.")).toBe(true);
    expect(isSaidIn(streamed, "I will not.")).toBe(false);
    const whole = { ...streamed, response: { status: 200, headers: {}, json: { message: { tool_plan: "Look." } } } };
    expect(isSaidIn(whole, "Look.")).toBe(true);
    const lines = said('{"message":{"thinking":"Lo"}}\n{"message":{"thinking":"ok."}}\n');
    expect(isSaidIn(lines, "Look.")).toBe(true);
  });
});

describe("official clients", () => {
  const read = { read: { text: "Hello", tools: [] } };
  const refused = { refused: "no" };
  test.each([
    ["read what was said", DIGEST, undefined, read, 0],
    ["read something else", DIGEST, undefined, { read: { text: "Hallo", tools: [] } }, 1],
    ["refuse what was said", DIGEST, undefined, refused, 1],
    ["refuse with and without a gateway", DIGEST, refused, refused, 0],
    ["refuse with a gateway only", DIGEST, read, refused, 1],
    ["read with a gateway only", DIGEST, refused, read, 0],
    ["are told an error", { ...DIGEST, error: "full" }, undefined, refused, 0],
    ["are not told an error", { ...DIGEST, error: "full" }, undefined, read, 1],
  ])("%s", (_, want, alone, through, lost) => {
    expect(lostBy(want, alone, through)).toHaveLength(lost);
  });

  test("each read the same answer through the gateway", async () => {
    const exchange = said(STREAM);
    const house = await House.open([accountOf(exchange)]);
    const figures = new Figures();
    const text = "Hello ünd good bye";
    const judge: Digests = { respDigest: () => ({ ...DIGEST, text }), reqDigest: () => ({}), diff: () => [] };
    await compareSdks(house, [played(exchange)], judge, figures);
    await house.close();
    expect(wrongOf(figures, "D")).toEqual([]);
    expect(sumOf(figures.of("D").map(({ figure }) => figure)).identical).toBe(SDKS.length);
  });
});

describe("a missing or listed thing", () => {
  test("is said by tools/conformance.ts, which tries nothing without recordings", async () => {
    const said: string[] = [];
    expect(await conformance([], { here: false, say: (line) => said.push(line) })).toBe(2);
    expect(said.join()).toContain("recordings are missing");
    expect(Object.keys(METHODS)).toEqual(["A", "turned", "B", "C", "D", "cuts", "F", "G"]);
  });

  test("has a reason in fidelity-forms.ts only where a provider gave cause for it", () => {
    const gemini = (finishReason: string): Exchange => ({
      ...said(""),
      api: "gemini.generateContent",
      response: { status: 200, headers: {}, json: { candidates: [{ finishReason }] } },
    });
    const formed = (exchange: Exchange) =>
      FORMED_OTHERWISE.some((row) => row.applies({ exchange, want: DIGEST, found: ["x"] }));
    expect([gemini("UNEXPECTED_TOOL_CALL"), gemini("STOP"), said(STREAM)].map(formed)).toEqual([true, false, false]);
    const refused = (counted: number | null) =>
      CLIENTS_REFUSE.some((row) =>
        row.applies({ exchange: said(""), want: { ...DIGEST, in: counted }, found: ["refused: no → at usage"] }),
      );
    expect([refused(null), refused(3)]).toEqual([true, false]);
  });

  test("has a reason in fidelity-requests.ts only between the APIs that its row names", () => {
    const scenario = "ruby_llm/chat_tool_choice_and_calls_control/respects_choice_none";
    expect(askedOtherwise(scenario, "openai.chat", "gemini.generateContent")?.because).toBeString();
    expect(askedOtherwise(scenario, "openai.chat", "anthropic.messages")).toBeUndefined();
    expect(askedOtherwise("another", "openai.chat", "gemini.generateContent")).toBeUndefined();
  });
});

describe("relaxed specifications", () => {
  test("require only what tells forms apart, and allow null and more", () => {
    expect(
      relaxed({
        type: "object",
        required: ["id", "type"],
        additionalProperties: false,
        properties: { required: { type: "string", nullable: true }, type: { type: "string", enum: ["text"] } },
        oneOf: [{ type: "string" }],
      }),
    ).toEqual({
      type: ["object", "null"],
      required: ["type"],
      properties: { required: { type: ["string", "null"] }, type: { type: "string", enum: ["text"] } },
      anyOf: [{ type: ["string", "null"] }],
    });
  });

  test("are asked about every event but errors, pings and the end", () => {
    const text = 'data: {"id":1}\n\ndata: {"error":{}}\n\ndata: {"type":"ping"}\n\ndata: [DONE]\n\n';
    const asked: unknown[] = [];
    const check = (value: unknown) => {
      asked.push(value);
      return "no";
    };
    const found = malformed(FRONTS[0]!, { status: 200, headers: new Headers(), text }, true, {
      whole: check,
      piece: check,
    });
    expect([asked, found]).toEqual([[{ id: 1 }], ["no"]]);
  });

  test("are asked about each answer of a list", () => {
    const got = { status: 200, headers: new Headers(), text: "[1,2]" };
    const checks = { whole: (value: unknown) => (value === 2 ? "no two" : undefined), piece: () => "not asked" };
    expect(malformed(FRONTS[3]!, got, false, checks)).toEqual(["no two"]);
  });

  test("of a lookalike allow what it says in its own words, and of nobody else's", () => {
    const refuse = () => "no";
    const checks = new Map<string, Checks>([
      ["openai.chat", { whole: refuse, piece: refuse }],
      ["groq", { whole: () => undefined, piece: () => undefined }],
    ]);
    const listed = (provider: string) => {
      const figures = new Figures();
      const exchange: Exchange = { ...said(""), provider, response: { status: 200, headers: {}, json: {} } };
      const got = { status: 200, headers: new Headers(), text: "{}" };
      judgeForm(played(exchange), FRONTS[0]!, got, checks, figures);
      return sumOf(figures.of("F").map(({ figure }) => figure)).listed;
    };
    expect([listed("groq"), listed("openai")]).toEqual([0, 1]);
  });
});

describe("the table", () => {
  test("counts what is identical, listed and wrong, and the share of what is genuine", () => {
    const figures = new Figures();
    const at = ["A", "provider", "front"] as const;
    figures.count(at, { name: "a", genuine: true, found: [] });
    figures.count(at, { name: "b", genuine: false, found: ["x"], because: "meant" });
    figures.count(at, { name: "c", genuine: true, found: ["y"] });
    const sum = sumOf(figures.of("A").map(({ figure }) => figure));
    expect(sum).toEqual({ identical: 1, listed: 1, taste: 0, wrong: 1, genuine: { all: 2, identical: 1, alone: 1 } });
    expect(genuineShare(sum)).toBe(0.5);
    expect(tableOf(figures, "A")).toContain("provider         1/1/1");
    expect(reasonsOf(figures, "A")).toEqual(["    1 × meant"]);
    expect(wrongOf(figures, "A")).toEqual(["front ← provider: c: y"]);
  });

  test("what its author asks for differently is not comparable, and what only we read is told apart", () => {
    const figures = new Figures();
    const at = ["B", "provider", "front"] as const;
    figures.count(at, { name: "a", genuine: true, found: [], alone: ["x"] });
    figures.count(at, { name: "b", genuine: true, found: ["y"], because: "taste", taste: true });
    figures.count(at, { name: "c", genuine: true, found: ["y"], because: "ours" });
    const table = tableOf(figures, "B");
    expect(table).toMatch(/of genuine ones +33\.33 %/);
    expect(table).toMatch(/of comparable ones +50\.00 %/);
    expect(table).toMatch(/by the digest alone +0\.00 %/);
  });

  test("sizes of reads are the same for the same seed, and never nothing", () => {
    const sizes = (seed: number) => Array.from({ length: 200 }, cutsOf(seed));
    expect(sizes(1)).toEqual(sizes(1));
    expect(sizes(1)).not.toEqual(sizes(2));
    expect(Math.min(...sizes(3))).toBeGreaterThan(0);
  });

  test("without recordings there is nothing to compare, and what is there has a front", () => {
    expect(parallels().every(({ front }) => FRONTS.includes(front))).toBe(true);
    expect(addressOf("https://x/v1beta/models/gemini-2%2E5:generateContent?a=b")).toEqual({
      params: { model: "gemini-2.5" },
      query: "a=b",
    });
  });
});
