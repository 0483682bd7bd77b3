/** The bench's own parts, put together as the bench puts them, on any platform: upstream.ts, relay.ts, load/main.ts. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { join } from "node:path";
import type { Subprocess } from "bun";
import { JSON_TEXT, STREAM_EVENTS, STREAM_TEXT } from "./answers.ts";
import type { Job, Outcome } from "./load/job.ts";
import { freePort } from "./process.ts";
import { requestBody } from "./targets.ts";

const children: Subprocess[] = [];
let upstream = 0;
let relay = 0;

function spawn(script: string, ...args: string[]): Subprocess<"ignore", "pipe", "inherit"> {
  const argv = [process.execPath, join(import.meta.dir, script), ...args];
  const child = Bun.spawn(argv, { stdio: ["ignore", "pipe", "inherit"] });
  children.push(child);
  return child;
}

async function listening(port: number): Promise<void> {
  for (let i = 0; i < 500; i++) {
    const answer = await fetch(`http://127.0.0.1:${port}/stats`).catch(() => undefined);
    if (answer !== undefined) return;
    await Bun.sleep(10);
  }
  throw new Error(`nothing listens on port ${port}`);
}

beforeAll(async () => {
  upstream = await freePort();
  relay = await freePort();
  spawn("upstream.ts", String(upstream));
  spawn("peers/relay.ts", String(relay), `http://127.0.0.1:${upstream}`);
  await Promise.all([listening(upstream), listening(relay)]);
});

afterAll(() => {
  for (const child of children) child.kill();
});

async function ask(port: number, model: string, stream: boolean): Promise<string> {
  const answer = await fetch(`http://127.0.0.1:${port}/v1/chat/completions`, {
    method: "POST",
    body: requestBody(model, stream),
  });
  expect(answer.status).toBe(200);
  return answer.text();
}

async function stats(): Promise<{ calls: number; open: number; left: number }> {
  return (await fetch(`http://127.0.0.1:${upstream}/stats`)).json() as Promise<never>;
}

test.each(["bench", "bench-every-2"])(
  "the upstream answers %s whole, straight and through the relay",
  async (model) => {
    for (const port of [upstream, relay]) {
      expect(JSON.parse(await ask(port, model, false)).choices[0].message.content).toBe(JSON_TEXT);
      const events = (await ask(port, model, true)).split("\n\n").filter((event) => event !== "");
      expect(events.pop()).toBe("data: [DONE]");
      expect(events).toHaveLength(STREAM_EVENTS);
      const text = events.map((event) => JSON.parse(event.slice(6)).choices[0]?.delta.content ?? "").join("");
      expect(text).toBe(STREAM_TEXT);
    }
  },
);

async function load(job: Partial<Job>): Promise<Outcome> {
  const route = { port: relay, path: "/v1/chat/completions", headers: {} };
  const child = spawn(
    "load/main.ts",
    JSON.stringify({ route, pids: [], upstreamPid: 0, cores: { gateway: 0, load: 0 }, ...job }),
  );
  return JSON.parse(await new Response(child.stdout).text()) as Outcome;
}

test("the open loop makes the calls that are due, no more and no fewer", async () => {
  const outcome = await load({
    mode: "open",
    body: requestBody("bench", false),
    ratePerSecond: 200,
    warmupMs: 100,
    durationMs: 500,
  });
  expect(outcome.failures).toBe(0);
  expect(outcome.calls).toBeWithin(80, 122);
});

test("held streams are all alive at the end, and the relay closes the upstream when they leave", async () => {
  const before = await stats();
  const outcome = await load({
    mode: "hold",
    body: requestBody("bench-every-1000", true),
    connections: 20,
    opensPerSecond: 1_000,
    holdMs: 200,
  });
  expect([outcome.special, outcome.failures]).toEqual([20, 0]);
  for (let i = 0; i < 200 && (await stats()).open > 0; i++) await Bun.sleep(10);
  expect((await stats()).left - before.left).toBe(20);
});

test("a soak leaves streams in the middle and calls none of it a failure", async () => {
  const outcome = await load({
    mode: "soak",
    jsonBody: requestBody("bench", false),
    streamBody: requestBody("bench", true),
    connections: 8,
    streams: 0.5,
    aborts: 0.9,
    calls: 400,
    atLeastMs: 0,
  });
  expect(outcome.failures).toBe(0);
  // Most end before they would have been left, where nothing keeps the machine busy.
  expect(outcome.special).toBeGreaterThan(0);
  expect(outcome.calls + outcome.special).toBeGreaterThanOrEqual(400);
});

test("failures are counted and named", async () => {
  const route = { port: upstream, path: "/", headers: {} };
  const refused = await freePort();
  const body = requestBody("bench", false);
  const closed = { mode: "closed", body, connections: 2, warmupMs: 50, durationMs: 100 } as const;
  expect((await load({ ...closed, route })).failures).toBe(0);
  expect(await load({ ...closed, route: { ...route, port: refused } })).toMatchObject({ calls: 0, failure: "refused" });
});
