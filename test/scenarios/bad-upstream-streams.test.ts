/**
 * Bad upstream, second part: answers that begin well and then break, and usage that cannot be
 * true. A stream that broke ends with an error in the caller's dialect, and never like one
 * that is whole. Names what it proves: gateway/asking/ask.ts, gateway/answering/streamed-body.ts,
 * gateway/settle.ts, gateway/metering/closing.ts.
 */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import type { ErrorCode } from "../../src/errors.ts";
import type { JsonObject } from "../../src/kernel/json.ts";
import { PROVIDER_KEY } from "../support/app.ts";
import { type DialectName, MODELS, PAIRS, PROVIDERS, ROADS, readThrough, Scene, until } from "../support/scene.ts";
import { anthropicMessages, type Cut, openaiChat, type Script, sse } from "../support/upstream.ts";

let scene: Scene;
beforeAll(async () => {
  scene = await Scene.start();
});
afterAll(() => scene.stop());
beforeEach(() => scene.fresh());

const WORDS = ["one ", "two ", "three ", "four "];

/** The frames of a stream until the last of its words, and those after it. */
function begun(provider: DialectName): { first: string[]; rest: string[] } {
  const frames = PROVIDERS[provider].frames({ text: WORDS });
  const at = frames.findIndex((frame) => frame.includes("three "));
  return { first: frames.slice(0, at), rest: frames.slice(at) };
}

/** Frames, and then something that is none: in one read, or once `seen` has settled. */
function then(provider: DialectName, more: string[], seen: Promise<void> | null, ends: Cut | undefined): Script {
  const { first } = begun(provider);
  const end = ends === undefined ? {} : { ends };
  if (seen === null) return sse([[...first, ...more].join("")], end);
  const [head, ...rest] = sse(more, end);
  return [
    ...sse(first, { ends: "silence" }).slice(0, -1),
    { do: "until", open: seen },
    ...(head === undefined ? [] : rest),
  ];
}

interface Row {
  name: string;
  /** What comes in mid-stream, after two words. */
  more(provider: DialectName): string[];
  ends?: Cut;
  code: ErrorCode;
  status?: number;
  message?: RegExp;
  /** The provider tells of it itself, in words that may reach its caller. */
  told?: true;
}

const error = (provider: DialectName, details: { message?: string; type?: string; code?: string }): string[] =>
  provider === "openai"
    ? openaiChat.failureFrames(details)
    : [anthropicMessages.failureFrame(details), anthropicMessages.frames({ text: "" }).at(-1)!];

const rows: Row[] = [
  { name: "resets the connection", more: () => [], ends: "reset", code: "upstream_cut" },
  { name: "closes the connection", more: () => [], ends: "close", code: "upstream_cut" },
  { name: "ends in good order, but too early", more: () => [], code: "upstream_cut" },
  { name: "ends within a frame", more: () => ['data: {"choices":[{"in'], code: "upstream_malformed" },
  { name: "sends what is no JSON", more: () => ["data: {nope\n\n"], code: "upstream_malformed" },
  { name: "sends what is no object", more: () => ['data: ["three "]\n\n'], code: "upstream_malformed" },
  { name: "sends bytes that are no text", more: () => ["data: \u0000\u0001\u0002\n\n"], code: "upstream_malformed" },
  { name: "reports an error, and ends as if all were well", more: (provider) => error(provider, { message: "it broke" }), code: "upstream_error", status: 502, message: /^it broke$/, told: true },
  { name: "reports an error and goes on", more: (provider) => [...error(provider, { message: "it broke" }), ...begun(provider).rest], code: "upstream_error", status: 502, told: true },
  { name: "is overloaded", more: (provider) => error(provider, { type: "overloaded_error", message: "Overloaded" }), code: "upstream_error", status: 503, message: /^Overloaded$/, told: true },
  { name: "has used up its rate limit", more: (provider) => error(provider, { type: "rate_limit_error", message: "org-SECRET99 has 0 left" }), code: "upstream_rate_limited", message: /^\*{5} has 0 left$/, told: true },
  { name: "no longer takes the key, and quotes it", more: (provider) => error(provider, { type: "authentication_error", message: `bad key ${PROVIDER_KEY} of org-SECRET99` }), code: "upstream_refused", status: 401, message: /operator has to act: bad key \*{5} of \*{5}$/ },
  { name: "quotes the key in passing", more: (provider) => error(provider, { message: `x-api-key: ${PROVIDER_KEY}.` }), code: "upstream_error", status: 502, message: /^x-api-key: \*{5}\.$/, told: true },
]; // biome-ignore format: a table

describe.each(PAIRS)("$front in front of $provider, in mid-stream", ({ front, provider }) => {
  const call = () => scene.call(front, { model: MODELS[provider], stream: true });

  test.each(rows)("a provider that $name, after the caller has seen something", async ({ more, ends, code, status, message, told = false }) => {
    const { promise, resolve } = Promise.withResolvers<void>();
    scene.up.answer(then(provider, more(provider), promise, ends));
    const response = await readThrough(await call(), "two ", resolve);
    // To a caller of its own dialect the provider's frame goes on as it came.
    const asItCame = told && front === provider;
    const broken = await scene.brokeOff(front, response, { code, asItCame, ...(status === undefined ? {} : { status }) });
    expect(broken.text).toContain("two ");
    expect(broken.text).not.toContain("three ");
    expect(broken.text + JSON.stringify(broken.record)).not.toContain("SECRET99");
    if (message !== undefined) expect(broken.message).toMatch(message);
    expect(broken.record).toMatchObject({ usageSource: "counted", attempts: [{ status: 200, error: null }] });
    expect(broken.record.inputTokens).toBeGreaterThan(0);
    expect(broken.record.outputTokens).toBeGreaterThanOrEqual(2);
  });

  test.each(rows)("a provider that $name, in one read with what came before, as if it had come in two", async ({ more, ends, code, status, message, told = false }) => {
    scene.up.answer(then(provider, more(provider), null, ends));
    const wanted = { code, asItCame: told && front === provider, ...(status === undefined ? {} : { status }) };
    const broken = await scene.brokeOff(front, await call(), wanted);
    expect(broken.text).toContain("two ");
    if (message !== undefined) expect(broken.message).toMatch(message);
    expect(broken.record).toMatchObject({ usageSource: "counted", attempts: [{ status: 200, error: null }] });
  });

  test("what came in one read with an error, after the caller has seen something, is passed on before it", async () => {
    const { promise, resolve } = Promise.withResolvers<void>();
    const { rest } = begun(provider);
    scene.up.answer(then(provider, [[rest[0]!, "data: {nope\n\n", ...rest.slice(1)].join("")], promise, undefined));
    const broken = await scene.brokeOff(front, await readThrough(await call(), "two ", resolve), { code: "upstream_malformed" });
    expect(broken.text).toContain("three ");
    expect(broken.text).not.toContain("four ");
  });

  test("silence longer than the deadline ends the stream, and the provider's connection", async () => {
    const hasty = await Scene.start({ settings: { deadlines: { idleMs: 250 } } });
    hasty.up.answer([...sse(begun(provider).first, { ends: "silence" })]);
    const broken = await hasty.brokeOff(front, await hasty.call(front, { model: MODELS[provider], stream: true }), { code: "upstream_timeout" });
    expect(broken.text).toContain("two ");
    expect((await hasty.up.requests[0]!.closed).by).toBe("peer");
    await hasty.stop();
  });

  test("a stream that never ends is cut at the deadline of calls", async () => {
    const hasty = await Scene.start({ settings: { deadlines: { totalMs: 600 } } });
    const { first } = begun(provider);
    const again = first.at(-1)!;
    hasty.up.answer([...sse(first, { ends: "silence" }).slice(0, -1), ...Array.from({ length: 400 }, () => [{ do: "wait", ms: 10 } as const, ...sse([again]).slice(1, 2)]).flat()]);
    const broken = await hasty.brokeOff(front, await hasty.call(front, { model: MODELS[provider], stream: true }), { code: "deadline_exceeded" });
    expect(broken.record.totalMs).toBeLessThan(2_000);
    expect((await hasty.up.requests[0]!.closed).by).toBe("peer");
    await hasty.stop();
  });

  test("a stream that says it is whole and does not close is whole at once, and leaves nothing open", async () => {
    const frames = PROVIDERS[provider].frames({ text: WORDS });
    scene.up.answer(sse(frames, { ends: "silence" }));
    const started = performance.now();
    const { text, record } = await scene.served(front, { model: MODELS[provider], stream: true });
    expect(performance.now() - started).toBeLessThan(900);
    expect(text).toContain("four ");
    expect(record.usageSource).toBe("reported");
    if (front === provider) expect((await scene.up.requests[0]!.closed).by).toBe("peer");
    await scene.quiet();
  });

  test("what comes after the end is not passed on", async () => {
    const frames = [...PROVIDERS[provider].frames({ text: WORDS }), ...PROVIDERS[provider].frames({ text: "evil" })];
    for (const script of [sse(frames), sse([frames.join("")])]) {
      scene.up.answer(script);
      const { text } = await scene.served(front, { model: MODELS[provider], stream: true });
      expect(text).not.toContain("evil");
      expect(text.match(/\[DONE\]|event: message_stop/g)).toHaveLength(1);
    }
  });

  test("a stream that lacks only its last mark is whole", async () => {
    scene.up.answer(sse(PROVIDERS[provider].frames({ text: WORDS }).slice(0, -1)));
    const { text } = await scene.served(front, { model: MODELS[provider], stream: true });
    // Some providers of OpenAI's dialect have no [DONE]: their streams are relayed as they are.
    const relayed = front === "openai" && provider === "openai";
    const end = front === "openai" ? "data: [DONE]\n\n" : 'event: message_stop\ndata: {"type":"message_stop"}\n\n';
    expect(text.endsWith(end)).toBe(!relayed);
    expect(text).toContain("four ");
  });

  test("a stream that is whole arrives whole, however the network cuts it", async () => {
    for (const split of ["bytes", { size: 7 }, { seed: 11, max: 90 }, { seed: 12, max: 2_000 }] as const) {
      scene.up.answer(PROVIDERS[provider].stream({ text: WORDS }, { split }));
      const { text, record } = await scene.served(front, { model: MODELS[provider], stream: true });
      for (const word of WORDS) expect(text).toContain(`"${word}"`);
      expect(record).toMatchObject({ usageSource: "reported", inputTokens: 12, outputTokens: 7 });
    }
  });
}); // biome-ignore format: rows

/** Usage as a provider of each dialect writes it. */
const usage: Record<DialectName, (input: unknown, output: unknown) => JsonObject> = {
  openai: (input, output) => ({ prompt_tokens: input, completion_tokens: output, total_tokens: 0 }) as JsonObject,
  anthropic: (input, output) => ({ input_tokens: input, output_tokens: output }) as JsonObject,
};

function withUsage(provider: DialectName, stream: boolean, value: unknown): Script {
  const text = "Seven words are said in this answer.";
  const replace = (tree: unknown): unknown => {
    if (Array.isArray(tree)) return tree.map(replace);
    if (typeof tree !== "object" || tree === null) return tree;
    const copy = Object.fromEntries(Object.entries(tree).map(([name, inner]) => [name, name === "usage" && inner !== null ? value : replace(inner)]));
    if (value === undefined) delete copy.usage;
    return copy;
  };
  if (!stream) return PROVIDERS[provider].unary({ text, extra: { usage: value } as JsonObject });
  const frames = PROVIDERS[provider].frames({ text }).map((frame) => frame.replace(/data: (\{.*\})/, (_, data) => `data: ${JSON.stringify(replace(JSON.parse(data)))}`));
  return sse(frames);
} // biome-ignore format: rows

describe.each(ROADS)("usage that cannot be true, $front to $provider, stream: $stream", ({ front, provider, stream }) => {
  test.each<[string, (input: DialectName) => unknown]>([
    ["missing", () => undefined],
    ["null", () => null],
    ["a number", () => 5],
    ["empty", () => ({})],
    ["negative", (dialect) => usage[dialect](-5, -7)],
    ["negative in its output", (dialect) => usage[dialect](12, -1_000_000)],
    ["fractional", (dialect) => usage[dialect](1.5, 0.5)],
    ["beyond a safe integer", (dialect) => usage[dialect](2 ** 53 + 2, 2 ** 53 + 2)],
    ["absurd", (dialect) => usage[dialect](12, 1e15)],
    ["infinite", (dialect) => usage[dialect](1e308, 1e308)],
    ["text", (dialect) => usage[dialect]("12", "7")],
    ["null in its parts", (dialect) => usage[dialect](null, null)],
    ["lists", (dialect) => usage[dialect]([12], [7])],
  ])("%s: what was counted is charged", async (_, value) => {
    scene.up.answer(withUsage(provider, stream, value(provider)));
    const { record } = await scene.served(front, { model: MODELS[provider], stream });
    expect(record.usageSource).toBe("counted");
    expect(record.outputTokens).toBe(9);
    expect(record.inputTokens).toBeGreaterThanOrEqual(7);
    expect(record.inputTokens).toBeLessThanOrEqual(12);
    // 1 and 2 dollars a million.
    expect(record.costNanoUsd).toBe(record.inputTokens * 1_000 + 9 * 2_000);
  });

  test("the same answer with usage that can be true: what was reported is charged", async () => {
    scene.up.answer(withUsage(provider, stream, usage[provider](1_234, 567)));
    const { record, response } = await scene.served(front, { model: MODELS[provider], stream });
    expect(record).toMatchObject({ usageSource: "reported", inputTokens: 1_234, outputTokens: 567, costNanoUsd: 2_368_000 });
    if (!stream) expect(response.headers.get("x-sallyport-cost-usd")).toBe("0.002368");
  });

  test("a cached part that is larger than its whole makes nothing cheaper", async () => {
    const cheat = { ...usage[provider](100, 10), prompt_tokens_details: { cached_tokens: 1e6 }, cache_read_input_tokens: provider === "openai" ? 1e6 : -1e6 };
    scene.up.answer(withUsage(provider, stream, cheat));
    const { record } = await scene.served(front, { model: MODELS[provider], stream });
    expect([record.inputTokens, record.costNanoUsd]).toEqual([100, 120_000]);
  });
}); // biome-ignore format: rows

describe.each(ROADS)("silence before the first byte, $front to $provider, stream: $stream", ({ front, provider, stream }) => {
  const begin = stream ? sse([": wait\n\n"], { ends: "silence" }) : ([{ do: "silence" }] as const);
  test.each<[string, Script]>([
    ["of any kind", [{ do: "silence" }]],
    ["after a head, or a comment", stream ? begin : [...PROVIDERS.openai.unary({ text: "a" }).slice(0, 1), { do: "silence" }]],
  ])("%s, longer than the deadline, is 504", async (_, script) => {
    const hasty = await Scene.start({ settings: { deadlines: { firstByteMs: 80, unaryMs: 80, idleMs: 80 } } });
    hasty.up.answer(script);
    const { record } = await hasty.refused(front, await hasty.call(front, { model: MODELS[provider], stream }), { code: "upstream_timeout", param: null, outcome: "failed", upstream: 1 });
    // A whole answer may have been on its way.
    expect(record).toMatchObject({ usageSource: stream ? "counted" : "reserved", attempts: [{ error: "upstream_timeout" }] });
    expect(record!.totalMs).toBeGreaterThanOrEqual(80);
    expect(await until(() => hasty.up.open === 0)).toBe(true);
    await hasty.stop();
  });

  test("the deadline of the whole call comes first where it is shorter", async () => {
    const hasty = await Scene.start({ settings: { deadlines: { totalMs: 80 } } });
    hasty.up.answer([{ do: "silence" }]);
    await hasty.refused(front, await hasty.call(front, { model: MODELS[provider], stream }), { code: "deadline_exceeded", outcome: "failed", upstream: 1 });
    await hasty.stop();
  });

  test("a slow answer within the deadlines is served", async () => {
    const patient = await Scene.start({ settings: { deadlines: { firstByteMs: 2_000, unaryMs: 4_000, idleMs: 2_000 } } });
    const answer = { text: WORDS };
    patient.up.answer([{ do: "wait", ms: 60 }, ...(stream ? PROVIDERS[provider].stream(answer, { delayMs: 20 }) : PROVIDERS[provider].unary(answer))]);
    await patient.served(front, { model: MODELS[provider], stream });
    await patient.stop();
  });
}); // biome-ignore format: rows
