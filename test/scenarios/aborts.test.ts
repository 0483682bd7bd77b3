/**
 * Callers that leave a stream after any of its bytes, on every front that streams: they are charged the prompt and
 * what was streamed, the provider is let go of within a second, and nothing stays reserved. Proves gateway/settle.ts
 * and gateway/metering/tally.ts on the road. Every tenth byte in `npm run test:all`, every 130th otherwise.
 */
import { expect, test } from "bun:test";
import { chargesOf } from "../../src/domain/plans/charges.ts";
import { countTokens, utf8Length } from "../../src/domain/plans/estimate.ts";
import type { JsonObject } from "../../src/kernel/json.ts";
import type { Limit } from "../../src/kernel/limit.ts";
import { chat, messages, post } from "../support/app.ts";
import { Scene, until } from "../support/scene.ts";
import { anthropicMessages, frameText, head, openaiChat, type Script } from "../support/upstream.ts";

const EVERY = process.env.TEST_ALL === "1" ? 10 : 130;
const MAX_TOKENS = 100;
const WORDS = Array.from({ length: 12 }, (_, i) => `wörd${i} `);
const ANSWER = { text: WORDS, usage: { input: 7, output: 40 } };

const OPENAI = {
  frames: openaiChat.frames(ANSWER),
  textOf: (data: JsonObject) => (data.choices as { delta?: { content?: string } }[])[0]?.delta?.content ?? "",
};
const ANTHROPIC = {
  frames: anthropicMessages.frames(ANSWER),
  textOf: (data: JsonObject) => (data.delta as { text?: string } | undefined)?.text ?? "",
};
const completion = (text: string, finish: string | null) =>
  frameText({
    data: {
      id: "cmpl-1",
      object: "text_completion",
      created: 1,
      model: "m",
      choices: [{ index: 0, text, logprobs: null, finish_reason: finish }],
    },
  });
const COMPLETIONS = {
  frames: [...WORDS.map((word) => completion(word, null)), completion("", "stop"), "data: [DONE]\n\n"],
  textOf: (data: JsonObject) => (data.choices as { text?: string }[])[0]?.text ?? "",
};

const contents = [{ role: "user", parts: [{ text: "Say hello." }] }];
const FRONTS = [
  { name: "Chat Completions", upstream: OPENAI, path: "/v1/chat/completions", body: chat({ stream: true, max_tokens: MAX_TOKENS }) },
  { name: "Responses", upstream: OPENAI, path: "/v1/responses", body: { model: "small", input: "Say hello.", stream: true, max_output_tokens: MAX_TOKENS } },
  { name: "Completions", upstream: COMPLETIONS, path: "/v1/completions", body: { model: "small", prompt: "Say hello.", stream: true, max_tokens: MAX_TOKENS } },
  { name: "Messages", upstream: OPENAI, path: "/v1/messages", body: messages({ model: "small", stream: true, max_tokens: MAX_TOKENS }) },
  { name: "Messages, relayed", upstream: ANTHROPIC, path: "/v1/messages", body: messages({ model: "claude", stream: true, max_tokens: MAX_TOKENS }) },
  { name: "Gemini", upstream: OPENAI, path: "/v1beta/models/small:streamGenerateContent?alt=sse", body: { contents, generationConfig: { maxOutputTokens: MAX_TOKENS } } },
]; // biome-ignore format: rows

const LIMITS: Limit[] = [
  { dimension: "usd", window: "month", amount: 1e12 },
  { dimension: "tokens", window: "day", amount: 1e9 },
  { dimension: "tokens", window: "minute", amount: 1e9 },
  { dimension: "concurrent", window: null, amount: 5 },
];

/** The stream up to one of its bytes, and then nothing more. */
function upTo(frames: readonly string[], cut: number): Script {
  const bytes = new TextEncoder().encode(frames.join("")).subarray(0, cut);
  const headers = { "content-type": "text/event-stream", connection: "close" };
  return [head(200, headers), { do: "write", bytes }, { do: "silence" }];
}

/** What the model has said in the events that are whole by then. */
function said({ frames, textOf }: typeof OPENAI, cut: number): string {
  let text = "";
  let length = 0;
  for (const frame of frames) {
    length += utf8Length(frame);
    if (length > cut) break;
    const data = frame.slice(frame.indexOf("data: ") + 6);
    if (data.startsWith("{")) text += textOf(JSON.parse(data) as JsonObject);
  }
  return text;
}

/** Reads until this text is there (in pieces, as each dialect cuts it), and leaves. */
async function leaveAfter(calling: Promise<Response>, wanted: string, leave: () => void): Promise<void> {
  try {
    const last = wanted.trim().split(" ").at(-1) ?? "";
    let text = "";
    for await (const chunk of (await calling).body!.pipeThrough(new TextDecoderStream())) {
      text += chunk;
      if (last !== "" && text.includes(last)) leave();
    }
  } catch {
    // It was left.
  }
}

test.each(FRONTS)(
  "$name: whoever leaves is charged the prompt and what was streamed",
  async ({ upstream, path, body }) => {
    const scene = await Scene.start({ limits: LIMITS });
    try {
      const whole = utf8Length(upstream.frames.join(""));
      // The last frame ends the answer; what comes after it is no abort.
      const last = whole - utf8Length(upstream.frames.slice(-2).join(""));
      const inputs = new Set<number>();
      let slowest = 0;
      let cuts = 0;
      for (let cut = 0; cut < last; cut += EVERY, cuts++) {
        const wanted = said(upstream, cut);
        scene.up.forget();
        scene.up.answer(upTo(upstream.frames, cut));
        const leaving = new AbortController();
        let leftAt = 0;
        const leave = () => {
          leftAt ||= performance.now();
          leaving.abort();
        };
        const reading = leaveAfter(post(scene.app, { path, body, signal: leaving.signal }), wanted, leave);
        const request = await scene.up.request();
        if (wanted === "") {
          // Nothing will come by which the caller could know that it was sent.
          expect(await until(() => cut === 0 || request.bytesTaken > cut)).toBe(true);
          leave();
        }
        await reading;
        const { by, at } = await request.closed;
        expect(by, `byte ${cut}`).toBe("peer");
        slowest = Math.max(slowest, at - leftAt);
        const record = await scene.record();
        expect([record.outcome, record.errorCode], `byte ${cut}`).toEqual(["cancelled", "client_closed"]);
        inputs.add(record.inputTokens);
        const streamed = countTokens(utf8Length(wanted));
        expect(record.outputTokens, `byte ${cut}: ${wanted}`).toBeGreaterThanOrEqual(streamed);
        // Anthropic's first event says that one token has been written.
        expect(record.outputTokens, `byte ${cut}: ${wanted}`).toBeLessThanOrEqual(Math.max(1, streamed));
        expect(record.costNanoUsd).toBe(record.inputTokens * 1_000 + record.outputTokens * 2_000);
        await scene.quiet();
      }
      expect(slowest).toBeLessThan(1_000);
      // The prompt as it was counted here, and where the provider has said so before, as it counted.
      expect(inputs.size).toBeLessThanOrEqual(upstream === ANTHROPIC ? 2 : 1);
      expect(Math.min(...inputs)).toBeGreaterThan(0);
      await accountsAgree(scene, cuts);
    } finally {
      await scene.stop();
    }
  },
  300_000,
);

/** That nothing is held, and that the accounts say what the ledger says. */
async function accountsAgree({ app }: Scene, calls: number): Promise<void> {
  const sums = new Map<string, { requests: number; usd: number }>();
  for (const { record } of app.journal.entries(0)) {
    for (const { scope, amounts } of chargesOf(record)) {
      const sum = sums.get(scope) ?? { requests: 0, usd: 0 };
      sums.set(scope, { requests: sum.requests + amounts.requests, usd: sum.usd + amounts.usd });
    }
  }
  expect(sums.get("tenant:ten_1")!.requests).toBe(calls);
  expect(sums.size).toBe(7);
  for (const [scope, sum] of sums) {
    const { periods, running } = await app.meter.usage(scope, "UTC");
    expect(periods.total.spent, scope).toMatchObject(sum);
    expect([running, periods.total.reserved.usd, periods.total.reserved.output], scope).toEqual([0, 0, 0]);
  }
}
