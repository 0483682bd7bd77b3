/** What comes from outside, or goes wrong outside, never ends the process. */

import { Database } from "bun:sqlite";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { connect as connectTls } from "node:tls";
import { chat, messages, post } from "../support/app.ts";
import { configuration, type GatewayProcess, Installation, until } from "../support/process.ts";
import { openaiChat, startUpstream, type Upstream } from "../support/upstream.ts";

let up: Upstream;
beforeAll(async () => {
  up = await startUpstream();
  const answer = { text: Array.from({ length: 10 }, (_, i) => `word${i} `), usage: { input: 3, output: 10 } };
  up.plan(openaiChat.replies(answer, { stream: { delayMs: 3 } }));
});
afterAll(() => up.stop());

let places: Installation[] = [];
function place(options: Partial<Parameters<typeof configuration>[0]> = {}): Installation {
  const made = new Installation(configuration({ upstream: up.url, ...options }));
  places.push(made);
  return made;
}
afterEach(async () => {
  await Promise.all(places.map((each) => each.remove()));
  places = [];
});

/** Serves a call, has no call, Hold or body left, and ends in good order. */
async function isSound(gateway: GatewayProcess): Promise<void> {
  expect((await post(gateway, { body: chat() })).status).toBe(200);
  const idle = await until(async () => {
    const metrics = await gateway.metrics();
    return ["sallyport_open_calls", "sallyport_open_holds", "sallyport_body_bytes"].every(
      (name) => metrics.get(name) === 0,
    );
  }, 15_000);
  expect(idle, "calls, Holds or bodies are left").toBe(true);
  expect(await gateway.stop()).toBe(0);
}

const portOf = (url: string) => Number(new URL(url).port);

/** Sends bytes, and breaks the connection after a while or when the other side ends it. */
function shoot(port: number, bytes: string | Uint8Array, breakAfterMs: number): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const socket = connect({ host: "127.0.0.1", port }, () => {
    socket.write(bytes);
    setTimeout(() => {
      socket.resetAndDestroy();
      resolve();
    }, breakAfterMs);
  });
  socket.on("error", () => resolve());
  socket.on("close", () => resolve());
  return promise;
}

test("garbage, TLS on the plain port, and 1,000 connections that are reset at some moment", async () => {
  const gateway = await place().start();
  const body = JSON.stringify(chat({ stream: true }));
  const request = `POST /v1/chat/completions HTTP/1.1\r\nHost: g\r\nAuthorization: Bearer ${gateway.key}\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
  const shots = Array.from({ length: 1_000 }, (_, i) => async () => {
    const port = portOf(i % 10 === 9 ? gateway.adminUrl : gateway.url);
    if (i % 4 === 0) return shoot(port, crypto.getRandomValues(new Uint8Array(1 + (i % 3_000))), i % 7);
    // A whole request, or the beginning of one.
    const cut = i % 4 === 1 ? Math.floor(Math.random() * request.length) : request.length;
    return shoot(port, request.slice(0, cut), Math.random() * 60);
  });
  await Promise.all(
    Array.from({ length: 20 }, async () => {
      for (let shot = shots.pop(); shot !== undefined; shot = shots.pop()) await shot();
    }),
  );
  const greeted = await new Promise((resolve) => {
    const socket = connectTls({ host: "127.0.0.1", port: portOf(gateway.url), rejectUnauthorized: false }, () =>
      resolve("TLS?"),
    );
    socket.on("error", () => resolve("no TLS"));
    socket.on("close", () => resolve("no TLS"));
  });
  expect(greeted).toBe("no TLS");
  await isSound(gateway);
  const outcomes = Object.groupBy(
    gateway.lines.filter(({ message }) => message === "call"),
    ({ outcome }) => String(outcome),
  );
  expect(outcomes.cancelled?.length ?? 0).toBeGreaterThan(20);
  expect(gateway.lines.filter(({ level }) => level === "error")).toEqual([]);
}, 60_000);

describe("a ledger that takes nothing", () => {
  /** Another process that holds the ledger's write lock, as a backup tool would that means it too well. */
  function lockLedger(installation: Installation): () => void {
    const db = new Database(join(installation.dataDir, "ledger.db"));
    db.run("PRAGMA busy_timeout = 2000");
    db.run("BEGIN IMMEDIATE");
    return () => {
      db.run("ROLLBACK");
      db.close();
    };
  }

  test("refuses calls with 503 in their dialect, keeps what was under way, and is forgotten when it takes again", async () => {
    const installation = place({ limits: [{ per: "hour", requests: 1_000 }] });
    const gateway = await installation.start();
    const stream = await post(gateway, { body: chat({ stream: true }), headers: { "x-request-id": "under-way" } });
    const unlock = lockLedger(installation);
    const cut = await stream.text();
    expect(cut).toContain('"code":"store_unavailable"');
    expect(cut).not.toContain("[DONE]");

    const openai = await post(gateway, { body: chat() });
    expect(openai.status).toBe(503);
    expect(Number(openai.headers.get("retry-after"))).toBeGreaterThan(0);
    expect(await openai.json()).toMatchObject({ error: { code: "store_unavailable" } });
    const anthropic = await post(gateway, { path: "/v1/messages", body: messages() });
    expect(anthropic.status).toBe(503);
    expect(await anthropic.json()).toMatchObject({ type: "error", error: { type: "overloaded_error" } });
    expect(await (await fetch(`${gateway.url}/readyz`)).text()).toBe("not ready: store unavailable\n");
    // Only the calls with a Hold need the ledger.
    expect(
      (await fetch(`${gateway.url}/v1/models`, { headers: { authorization: `Bearer ${gateway.key}` } })).status,
    ).toBe(200);
    const detail = gateway.lines.find(({ code, level }) => level === "error" && code === "store_unavailable")?.detail;
    expect(String(detail)).toContain("database is locked");

    unlock();
    expect(await until(async () => (await fetch(`${gateway.url}/readyz`)).status === 200, 15_000)).toBe(true);
    await gateway.said("usage records that could not be committed are committed now");
    const response = await post(gateway, { body: chat() });
    expect(response.status).toBe(200);
    // Refused for our own fault: nobody's request is gone.
    expect(response.headers.get("ratelimit")).toContain('"hour";r=998;');
    const kept = (await gateway.records()).filter(({ requestId }) => requestId === "under-way");
    // It was finished, as far as the provider is concerned, and is charged as such.
    expect(kept).toMatchObject([{ outcome: "finished", usageSource: "reported", tokens: { input: 3, output: 10 } }]);
    await isSound(gateway);
    const next = await installation.start();
    expect((await next.records()).filter(({ outcome }) => outcome === "recovered")).toEqual([]);
  }, 60_000);

  test("because its disk is full, likewise", async () => {
    if (process.platform !== "linux" || Bun.which("prlimit") === null) {
      console.error("skipped: a full disk is played by prlimit, which this machine has not");
      return;
    }
    const installation = place();
    // Files of the process may grow to so many bytes; the limit of the shell is lifted later from outside.
    const gateway = await installation.start({ before: "trap '' XFSZ" });
    const limit = (bytes: string) =>
      Bun.spawnSync(["prlimit", `--pid=${gateway.pid}`, `--fsize=${bytes}:unlimited`]).exitCode;
    expect((await post(gateway, { body: chat() })).status).toBe(200);
    expect(limit("4096")).toBe(0);
    const statuses: number[] = [];
    expect(
      await until(async () => {
        const response = await post(gateway, { body: chat() });
        statuses.push(response.status);
        await response.text();
        return response.status === 503;
      }, 15_000),
    ).toBe(true);
    for (let i = 0; i < 5; i++) expect((await post(gateway, { body: chat() })).status).toBe(503);
    expect(gateway.running).toBe(true);
    expect(limit("unlimited")).toBe(0);
    expect((await post(gateway, { body: chat(), headers: { "x-request-id": "after" } })).status).toBe(200);
    // Full again, it stops in good order all the same, and what was committed is there at the next start.
    expect(limit("4096")).toBe(0);
    expect(await gateway.stop()).toBe(0);
    const next = await installation.start();
    expect((await next.records()).filter(({ requestId }) => requestId === "after")).toMatchObject([
      { outcome: "finished" },
    ]);
    await isSound(next);
  }, 60_000);
});

test("a log that nobody reads any more", async () => {
  const installation = place();
  const gateway = await installation.start();
  expect((await post(gateway, { body: chat() })).status).toBe(200);
  await gateway.closeStdout();
  for (let i = 0; i < 20; i++) expect((await post(gateway, { body: chat() })).status).toBe(200);
  await isSound(gateway);
}, 60_000);

test("an error that nobody caught, and a promise that nobody waited for", async () => {
  const installation = place();
  const preload = join(installation.folder, "preload.ts");
  writeFileSync(
    preload,
    `process.on("SIGUSR2", () => {
       setTimeout(() => { throw new TypeError("thrown at nobody"); });
       setTimeout(() => void Promise.reject(new Error("told to nobody")));
     });`,
  );
  const gateway = await installation.start({ env: { BUN_OPTIONS: `--preload=${preload}` } });
  const stream = await post(gateway, { body: chat({ stream: true }) });
  gateway.kill("SIGUSR2");
  for (const words of ["thrown at nobody", "told to nobody"]) {
    const line = await gateway.said(({ detail }) => String(detail).includes(words));
    expect(line).toMatchObject({ level: "error", message: "an error that nobody caught; the gateway goes on" });
  }
  expect(await stream.text()).toEndWith("data: [DONE]\n\n");
  expect(gateway.plain).toEqual([]);
  await isSound(gateway);
}, 60_000);
