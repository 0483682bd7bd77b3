/** How the process stops: it takes nothing new, finishes what it has begun, within a bound, and loses no record. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import type { JsonObject } from "../../src/kernel/json.ts";
import { chat, messages, post } from "../support/app.ts";
import { configuration, type GatewayProcess, Installation, until } from "../support/process.ts";
import {
  anthropicMessages,
  gated,
  openaiChat,
  type ReceivedRequest,
  type Script,
  startUpstream,
  type Upstream,
} from "../support/upstream.ts";

const RECOVERED = "Holds that were open when the process last ended have been charged as reserved";
const LARGE = "z".repeat(6 * 1024 * 1024);
/** Steps of an answer that bring its first word in either dialect: the head, what opens it, a ping, the word. */
const BEGUN = 5;
const ANSWER = { text: ["It ", "goes ", "on."], usage: { input: 5, output: 3 } };

/** Opened by a test when the answers of one gateway may go on. */
const gates = new Map<string, PromiseWithResolvers<void>>();

let up: Upstream;
beforeAll(async () => {
  up = await startUpstream();
  up.plan(planned);
});
afterAll(() => up.stop());

/** A prompt `gate: <name>` gets the beginning of its answer at once, and the rest when the gate is open. */
function planned(request: ReceivedRequest): Script {
  const body = request.json();
  const prompt = String(body.messages.at(-1).content);
  const dialect = request.path.endsWith("/messages") ? anthropicMessages : openaiChat;
  if (prompt === "large") return dialect.unary({ text: LARGE });
  const gate = gates.get(/gate: (\w+)/.exec(prompt)?.[1] ?? "");
  if (gate === undefined) return dialect.replies(ANSWER)(request);
  const script = dialect.replies(ANSWER)(request);
  if (body.stream !== true) return gated(gate.promise, script);
  return [...script.slice(0, BEGUN), { do: "until", open: gate.promise }, ...script.slice(BEGUN)];
}

const prompt = (text: string) => [{ role: "user", content: text }];

/** Reads a stream, and can wait for a word in it. */
function reading(response: Response) {
  let text = "";
  let broken = false;
  const whole = (async () => {
    const decoder = new TextDecoder();
    try {
      for await (const bytes of response.body!) text += decoder.decode(bytes as Uint8Array, { stream: true });
    } catch {
      broken = true;
    }
    return text;
  })();
  return { whole, text: () => text, broken: () => broken, has: (word: string) => until(() => text.includes(word)) };
}

interface Scene {
  installation: Installation;
  gateway: GatewayProcess;
  gate: PromiseWithResolvers<void>;
  name: string;
}

async function withGateway(name: string, section: JsonObject, act: (scene: Scene) => Promise<void>): Promise<void> {
  const installation = new Installation(configuration({ upstream: up.url, gateway: section }));
  const gate = Promise.withResolvers<void>();
  gates.set(name, gate);
  try {
    await act({ installation, gateway: await installation.start(), gate, name });
  } finally {
    gate.resolve();
    await installation.remove();
  }
}

/** The records of an installation whose gateway has ended, by request id. */
async function recordsOf({ installation }: Scene): Promise<Map<string, JsonObject>> {
  const next = await installation.start();
  expect(next.lines.map(({ message }) => message)).not.toContain(RECOVERED);
  const records = await next.records();
  await next.stop();
  return new Map(records.map((record) => [String(record.requestId), record]));
}

const draining = async (url: string) => {
  const response = await fetch(`${url}/readyz`);
  return `${response.status} ${(await response.text()).trim()}`;
};

describe("SIGTERM", () => {
  test.concurrent("turns readiness red and refuses new calls at once, while everything that was begun ends whole", async () => {
    await withGateway("term", {}, async (scene) => {
      const { gateway, gate } = scene;
      const stream = await post(gateway, {
        body: chat({ stream: true, messages: prompt("gate: term") }),
        headers: { "x-request-id": "stream" },
      });
      const answer = reading(stream);
      expect(await answer.has("It ")).toBe(true);
      const unary = post(gateway, {
        path: "/v1/messages",
        body: messages({ messages: prompt("gate: term") }),
        headers: { "x-request-id": "unary" },
      });
      const large = await post(gateway, {
        body: chat({ messages: prompt("large") }),
        headers: { "x-request-id": "large" },
      });
      expect(await until(() => up.requests.length >= 3)).toBe(true);

      gateway.kill("SIGTERM");
      await gateway.said("draining");
      expect(await draining(gateway.url)).toBe("503 not ready: draining");
      expect(await draining(gateway.adminUrl)).toBe("503 not ready: draining");
      expect((await fetch(`${gateway.url}/livez`)).status).toBe(200);
      expect((await gateway.metrics()).get("sallyport_ready")).toBe(0);
      const refused = await post(gateway, { body: chat(), headers: { "x-request-id": "late-openai" } });
      expect(refused.status).toBe(503);
      expect(Number(refused.headers.get("retry-after"))).toBeGreaterThan(0);
      expect(await refused.json()).toMatchObject({ error: { code: "draining" } });
      const other = await post(gateway, {
        path: "/v1/messages",
        body: messages(),
        headers: { "x-request-id": "late-anthropic" },
      });
      expect(other.status).toBe(503);
      expect(Number(other.headers.get("retry-after"))).toBeGreaterThan(0);
      expect(await other.json()).toMatchObject({ type: "error", error: { type: "overloaded_error" } });

      await Bun.sleep(300);
      expect(gateway.running).toBe(true);
      gate.resolve();
      expect(await answer.whole).toEndWith("data: [DONE]\n\n");
      expect(answer.text()).toContain("on.");
      expect(((await (await unary).json()) as JsonObject).stop_reason).toBe("end_turn");
      // Its bytes have been waiting for a reader all the time.
      await Bun.sleep(200);
      const body = (await large.json()) as { choices: { message: { content: string } }[] };
      expect(body.choices[0]!.message.content).toHaveLength(LARGE.length);
      expect(await gateway.exited).toBe(0);
      expect(gateway.lines.at(-1)).toMatchObject({ message: "stopped", signal: "SIGTERM" });

      const records = await recordsOf(scene);
      for (const id of ["stream", "unary", "large"])
        expect(records.get(id)).toMatchObject({ outcome: "finished", status: 200 });
      for (const id of ["late-openai", "late-anthropic"]) {
        expect(records.get(id)).toMatchObject({ outcome: "refused", status: 503, errorCode: "draining" });
      }
    });
  }, 60_000);

  test.concurrent("with drainDelayMs still takes calls while readiness is red, and refuses them after that", async () => {
    await withGateway("delay", { drainDelayMs: 1_500 }, async ({ gateway }) => {
      gateway.kill("SIGTERM");
      await gateway.said("not ready any more; calls are still taken");
      expect(await draining(gateway.url)).toBe("503 not ready: draining");
      expect((await post(gateway, { body: chat() })).status).toBe(200);
      expect(await gateway.exited).toBe(0);
    });
  });

  test.concurrent("cuts what outlasts drainMs, with an error in the caller's dialect and a record, and exits with 0", async () => {
    await withGateway("bound", { drainMs: 400 }, async (scene) => {
      const { gateway } = scene;
      const openai = reading(
        await post(gateway, {
          body: chat({ stream: true, messages: prompt("gate: bound") }),
          headers: { "x-request-id": "o" },
        }),
      );
      const anthropic = reading(
        await post(gateway, {
          path: "/v1/messages",
          body: messages({ stream: true, messages: prompt("gate: bound") }),
          headers: { "x-request-id": "a" },
        }),
      );
      const unary = post(gateway, {
        body: chat({ messages: prompt("gate: bound") }),
        headers: { "x-request-id": "u" },
      });
      expect(await openai.has("It ")).toBe(true);
      expect(await anthropic.has("It ")).toBe(true);
      expect(
        await until(
          () => gateway.running && up.requests.filter((request) => request.text().includes("gate: bound")).length === 3,
        ),
      ).toBe(true);
      gateway.kill("SIGTERM");
      const inOpenai = await openai.whole;
      expect(inOpenai).toContain('"code":"draining"');
      expect(inOpenai).not.toContain("[DONE]");
      const inAnthropic = await anthropic.whole;
      expect(inAnthropic).toMatch(/event: error\ndata: .*overloaded_error/);
      expect(inAnthropic).not.toContain("message_stop");
      expect([openai.broken(), anthropic.broken()]).toEqual([false, false]);
      expect((await unary).status).toBe(503);
      expect(await gateway.exited).toBe(0);
      expect(gateway.lines.find(({ message }) => message === "ending the calls that are still open")).toMatchObject({
        count: 3,
      });
      const records = await recordsOf(scene);
      for (const id of ["o", "a"]) {
        expect(records.get(id)).toMatchObject({ outcome: "cut", errorCode: "draining", usageSource: "counted" });
      }
      expect(records.get("u")).toMatchObject({ outcome: "failed", status: 503, errorCode: "draining" });
    });
  }, 60_000);

  test.concurrent("a second time ends the waiting", async () => {
    await withGateway("hurry", { drainMs: 600_000 }, async (scene) => {
      const { gateway } = scene;
      const stream = reading(
        await post(gateway, {
          body: chat({ stream: true, messages: prompt("gate: hurry") }),
          headers: { "x-request-id": "s" },
        }),
      );
      expect(await stream.has("It ")).toBe(true);
      gateway.kill("SIGTERM");
      await gateway.said("draining");
      await Bun.sleep(1_000);
      expect(gateway.running).toBe(true);
      gateway.kill("SIGTERM");
      expect(await stream.whole).toContain('"code":"draining"');
      expect(await gateway.exited).toBe(0);
      expect((await recordsOf(scene)).get("s")).toMatchObject({ outcome: "cut", errorCode: "draining" });
    });
  }, 60_000);
});

test.concurrent("SIGINT does the same; one that comes twice, by the terminal and by npm, is one", async () => {
  await withGateway("int", {}, async (scene) => {
    const { gateway, gate } = scene;
    const stream = reading(
      await post(gateway, {
        body: chat({ stream: true, messages: prompt("gate: int") }),
        headers: { "x-request-id": "s" },
      }),
    );
    expect(await stream.has("It ")).toBe(true);
    gateway.kill("SIGINT");
    gateway.kill("SIGINT");
    await gateway.said("draining");
    await Bun.sleep(300);
    gate.resolve();
    expect(await stream.whole).toEndWith("data: [DONE]\n\n");
    expect(await gateway.exited).toBe(0);
    expect(gateway.lines.at(-1)).toMatchObject({ message: "stopped", signal: "SIGINT" });
    expect((await recordsOf(scene)).get("s")).toMatchObject({ outcome: "finished" });
  });
}, 60_000);

test.concurrent("a gateway with nothing to do stops at once, whoever keeps a connection open", async () => {
  await withGateway("idle", {}, async ({ gateway }) => {
    for (let i = 0; i < 3; i++) expect((await post(gateway, { body: chat({ model: "demo" }) })).status).toBe(200);
    const asked = performance.now();
    expect(await gateway.stop()).toBe(0);
    expect(performance.now() - asked).toBeLessThan(5_000);
  });
}, 60_000);
