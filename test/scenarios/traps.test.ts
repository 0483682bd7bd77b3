/**
 * The three traps of a gateway that streams: a caller who leaves must not leave a Hold or a
 * provider's connection behind; what was streamed to it must be charged although the
 * provider never reported it; what a guard withheld must be charged too.
 */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { type App, chat, messages, post, startApp } from "../support/app.ts";
import { anthropicMessages, openaiChat, type Script, startUpstream, type Upstream } from "../support/upstream.ts";

let up: Upstream;
beforeAll(async () => {
  up = await startUpstream();
});
afterAll(() => up.stop());

const TEXT = Array.from({ length: 40 }, (_, i) => `word${i} `);

/** Streams a while, then says nothing more, so that only the caller's leaving can end it. */
const pausing = {
  openai: (): Script => [...openaiChat.stream({ text: TEXT }).slice(0, 30), { do: "silence" }],
  anthropic: (): Script => [...anthropicMessages.stream({ text: TEXT }).slice(0, 30), { do: "silence" }],
};

const FRONTS = {
  openai: { path: "/v1/chat/completions", body: chat },
  anthropic: { path: "/v1/messages", body: messages },
} as const;
const PROVIDERS = { openai: "small", anthropic: "claude" } as const;

type Name = keyof typeof FRONTS;
const PAIRS = (["openai", "anthropic"] as Name[]).flatMap((front) =>
  (["openai", "anthropic"] as Name[]).map((provider) => ({ front, provider })),
);

async function until(condition: () => boolean | Promise<boolean>, within = 1_000): Promise<boolean> {
  const end = performance.now() + within;
  while (performance.now() < end) {
    if (await condition()) return true;
    await Bun.sleep(5);
  }
  return false;
}

/** Reads until the text has been seen, then leaves. */
async function readAndLeave(response: Response, wanted: string): Promise<string> {
  const reader = response.body!.getReader();
  let seen = "";
  while (!seen.includes(wanted)) {
    const { done, value } = await reader.read();
    if (done) break;
    seen += new TextDecoder().decode(value);
  }
  await reader.cancel();
  return seen;
}

async function settledRecord(app: App) {
  expect(await until(async () => (await app.records()).length > 0)).toBe(true);
  return (await app.records())[0]!;
}

describe.each(PAIRS)("trap 1: a caller of $front leaves a provider of $provider", ({ front, provider }) => {
  test("in mid-stream: the provider's connection closes within a second, no Hold is left, and it is on record", async () => {
    const app = await startApp({ upstream: up.url, limits: [{ dimension: "concurrent", window: null, amount: 1 }] });
    up.forget();
    up.answer(pausing[provider]());
    const leaving = new AbortController();
    const response = await post(app, {
      ...FRONTS[front],
      body: FRONTS[front].body({ model: PROVIDERS[provider], stream: true }),
      signal: leaving.signal,
    });
    await readAndLeave(response, "word3");
    leaving.abort();
    const request = await up.request();
    expect(await Promise.race([request.closed.then(() => "closed"), Bun.sleep(1_000)])).toBe("closed");
    expect(await until(() => app.meter.openHolds === 0 && app.gateway.openCalls === 0)).toBe(true);
    expect(await settledRecord(app)).toMatchObject({ outcome: "cancelled", status: 499, errorCode: "client_closed" });
    await app.stop();
  });

  test("before the first byte, streamed or not", async () => {
    for (const stream of [true, false]) {
      const app = await startApp({ upstream: up.url });
      up.forget();
      up.answer([{ do: "silence" }]);
      const leaving = new AbortController();
      const calling = post(app, {
        ...FRONTS[front],
        body: FRONTS[front].body({ model: PROVIDERS[provider], stream }),
        signal: leaving.signal,
      }).catch(() => null);
      const request = await up.request();
      expect(app.meter.openHolds).toBe(1);
      leaving.abort();
      await calling;
      expect(await Promise.race([request.closed.then(() => "closed"), Bun.sleep(1_000)])).toBe("closed");
      expect(await until(() => app.meter.openHolds === 0 && app.gateway.openCalls === 0)).toBe(true);
      expect(await settledRecord(app)).toMatchObject({ outcome: "cancelled", errorCode: "client_closed" });
      await app.stop();
    }
  });

  test("trap 2: what was streamed until then is charged, with the prompt", async () => {
    const app = await startApp({ upstream: up.url });
    up.answer(pausing[provider]());
    const response = await post(app, {
      ...FRONTS[front],
      body: FRONTS[front].body({ model: PROVIDERS[provider], stream: true }),
    });
    await readAndLeave(response, "word20");
    const record = await settledRecord(app);
    expect(record.outcome).toBe("cancelled");
    expect(record.usageSource).toBe("counted");
    expect(record.inputTokens).toBeGreaterThan(0);
    // Twenty-one words of six to seven bytes at four bytes a token, and never more than all that was sent.
    expect(record.outputTokens).toBeGreaterThanOrEqual(30);
    expect(record.outputTokens).toBeLessThanOrEqual(80);
    expect(record.costNanoUsd).toBeGreaterThan(0);
    await app.stop();
  });

  test("trap 3: what a guard withheld is charged as the provider reported it, and nobody sees it", async () => {
    for (const stream of [true, false]) {
      const app = await startApp({
        upstream: up.url,
        guardrails: [
          { name: "no-falcon", kind: "phrases", phrases: ["project falcon"], action: "deny", direction: "output" },
        ],
      });
      const answer = { text: ["All about ", "Proj", "ect Fal", "con."], usage: { input: 50, output: 30 } };
      const script = provider === "openai" ? openaiChat.replies(answer) : anthropicMessages.replies(answer);
      up.plan(script);
      const response = await post(app, {
        ...FRONTS[front],
        body: FRONTS[front].body({ model: PROVIDERS[provider], stream }),
      });
      expect(response.status).toBe(422);
      const text = await response.text();
      expect(text).not.toContain("Fal");
      expect(text).not.toContain("All about");
      expect(await settledRecord(app)).toMatchObject({
        outcome: "refused",
        errorCode: "guardrail_blocked",
        inputTokens: 50,
        outputTokens: 30,
        usageSource: "reported",
        costNanoUsd: 110_000,
        verdicts: [{ guardrail: "no-falcon", direction: "output", action: "deny", count: 1 }],
      });
      await app.stop();
    }
  });
});
