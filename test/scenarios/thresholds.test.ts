/** Quotas and budgets that come near their end are told, once: the road with the embedded ledger's events behind it. */
import { afterEach, beforeEach, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Limit } from "../../src/kernel/limit.ts";
import type { Event, Events } from "../../src/ports/events.ts";
import { openEvents, type SqliteEvents } from "../../src/store/sqlite/events.ts";
import { openJournal, type SqliteJournal } from "../../src/store/sqlite/journal.ts";
import { type App, type AppOptions, chat, post, startApp } from "../support/app.ts";
import { openaiChat, startUpstream, type Upstream } from "../support/upstream.ts";

const NOON = Date.UTC(2026, 2, 4, 12);
const clock = { time: NOON, now: () => clock.time, ticks: () => performance.now() };
const perDay = (amount: number): Limit => ({ dimension: "requests", window: "day", amount });

let folder: string;
let upstream: Upstream;
let journal: SqliteJournal;
let events: SqliteEvents;
let app: App | undefined;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "sallyport-thresholds-"));
  clock.time = NOON;
  upstream = await startUpstream();
  upstream.plan(openaiChat.replies({ text: "Hello." }));
  await openBooks();
});

afterEach(async () => {
  await app?.stop();
  app = undefined;
  await upstream.stop();
  closeBooks();
  rmSync(folder, { recursive: true });
});

async function openBooks(): Promise<void> {
  journal = openJournal(join(folder, "ledger.db"));
  events = await openEvents(join(folder, "ledger.db"), clock);
}

function closeBooks(): void {
  events.close();
  journal.shut();
}

async function start(options: AppOptions): Promise<App> {
  await app?.stop();
  app = await startApp({ upstream: upstream.url, clock, journal, events, ...options });
  return app;
}

const calls = async (count: number, body?: object) => {
  const statuses: number[] = [];
  for (let i = 0; i < count; i++) {
    const response = await post(app!, body === undefined ? {} : { body });
    await response.text();
    statuses.push(response.status);
  }
  return statuses;
};

/** What is kept, oldest first. */
async function kept(): Promise<string[]> {
  const { events: all } = await events.page({ limit: 200 });
  return all.reverse().map(({ scope, limit, threshold }) => `${scope.split(":")[0]} ${limit.dimension} ${threshold}`);
}

test("half, four fifths and all of a quota are told of, once each, however often the rest is refused", async () => {
  await start({ limits: [perDay(10)] });
  await calls(4);
  expect(await kept()).toEqual([]);
  await calls(1);
  expect(await kept()).toEqual(["subscription requests 50"]);
  expect(await calls(7)).toEqual([200, 200, 200, 200, 200, 429, 429]);
  expect(await kept()).toEqual([50, 80, 100].map((percent) => `subscription requests ${percent}`));
  expect(app!.raised).toHaveLength(3);
  clock.time += 24 * 3_600_000;
  await calls(5);
  expect((await kept()).slice(3)).toEqual(["subscription requests 50"]);
});

test("every scope that has a quota or budget is told of for itself, in its own calendar", async () => {
  const limits = { key: [perDay(4)], application: [perDay(6)], team: [], tenant: [perDay(8)] };
  const model = { name: "small", targets: [{ provider: "up", model: "small-2026", weight: 1 }], fallbacks: [] };
  const models = [{ ...model, limits: [perDay(8)] }];
  await start({ principal: { limits, timeZone: "Asia/Tokyo" }, models });
  await calls(4);
  expect((await kept()).sort()).toEqual(
    [
      "application requests 50",
      "key requests 100",
      "key requests 50",
      "key requests 80",
      "model requests 50",
      "tenant requests 50",
    ].sort(),
  );
  const { events: all } = await events.page({ limit: 200 });
  const of = (kind: string) => all.find(({ scope }) => scope.startsWith(kind));
  expect(of("tenant")).toMatchObject({ tenantId: "ten_1", periodStart: Date.UTC(2026, 2, 3, 15) });
  expect(of("model")).toMatchObject({ tenantId: null, periodStart: Date.UTC(2026, 2, 4) });
});

test("a hundred calls at once that cross half of a quota raise one event", async () => {
  await start({ limits: [perDay(150)] });
  const all = await Promise.all(Array.from({ length: 100 }, () => post(app!)));
  expect(all.every(({ status }) => status === 200)).toBe(true);
  await Promise.all(all.map((response) => response.text()));
  expect(await kept()).toEqual(["subscription requests 50"]);
  expect(app!.raised).toHaveLength(1);
});

test("after a restart nothing is told again", async () => {
  await start({ limits: [perDay(10)] });
  await calls(5);
  await app!.stop();
  closeBooks();
  await openBooks();
  await start({ limits: [perDay(10)] });
  await calls(2);
  expect(app!.raised).toEqual([]);
  await calls(1);
  expect(app!.raised.map(({ threshold }) => threshold)).toEqual([80]);
  expect(await kept()).toEqual(["subscription requests 50", "subscription requests 80"]);
});

test("a budget of which a call was refused has reached 100, and what could never fit says nothing", async () => {
  await start({ limits: [{ dimension: "usd", window: "total", amount: 1_000_000 }] });
  expect(await calls(1, chat({ max_tokens: 5_000 }))).toEqual([429]);
  expect(await kept()).toEqual([]);
  await calls(1, chat({ max_tokens: 300 }));
  expect(await kept()).toEqual(["subscription usd 50"]);
  upstream.plan(openaiChat.replies({ text: "Hello.", usage: { input: 10, output: 290 } }));
  expect(await calls(2, chat({ max_tokens: 300 }))).toEqual([200, 429]);
  expect(await kept()).toEqual([50, 80, 100].map((percent) => `subscription usd ${percent}`));
});

test("an event that cannot be kept ends no call, is told in the log, and is kept when the store is back", async () => {
  let broken = true;
  const failing: Pick<Events, "raise"> = {
    async raise(event: Event) {
      if (broken) throw new Error("the disk is full");
      return await events.raise(event);
    },
  };
  await start({ limits: [perDay(10)], events: failing as Events });
  expect(await calls(6)).toEqual(Array(6).fill(200));
  expect(await kept()).toEqual([]);
  expect(app!.logs.filter(({ message }) => message.startsWith("an event could not be kept"))).toHaveLength(1);
  broken = false;
  clock.time += 10_000;
  expect(await calls(1)).toEqual([200]);
  expect(await kept()).toEqual(["subscription requests 50"]);
});

test("rates and calls at once have no thresholds", async () => {
  await start({
    limits: [
      { dimension: "requests", window: "minute", amount: 2 },
      { dimension: "concurrent", window: null, amount: 1 },
    ],
  });
  expect(await calls(3)).toEqual([200, 200, 429]);
  expect(await kept()).toEqual([]);
});
