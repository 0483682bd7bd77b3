/** Callers that are slow on purpose: each is cut off in its time, costs no memory, and harms nobody else. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { connect, type Socket } from "node:net";
import type { JsonObject } from "../../src/kernel/json.ts";
import { chat, messages, post } from "../support/app.ts";
import { configuration, type GatewayProcess, Installation, until } from "../support/process.ts";
import {
  anthropicMessages,
  endless,
  openaiChat,
  type Script,
  startUpstream,
  type Upstream,
} from "../support/upstream.ts";

const BODY_MS = 500;
const READER_MS = 700;
/** Far less than the usual bounds, far more than these here: other work may keep the machine busy, and Bun looks at its sockets' timers every four seconds only. */
const SOON_MS = 20_000;
const LARGE = "x".repeat(8 * 1024 * 1024);
const STALLED = 4;

const text = "y".repeat(40_000);
/** Begins like an answer of the dialect and never ends; the reader sets the pace. */
const forever = {
  openai: [...openaiChat.stream({ text }).slice(0, 3), ...endless({ data: openaiChat.chunks({ text })[1]! }).slice(1)],
  anthropic: [
    ...anthropicMessages.stream({ text }).slice(0, 4),
    ...endless(anthropicMessages.frames({ text })[3]!).slice(1),
  ],
} satisfies Record<string, Script>;

const FRONTS = [
  { front: "openai", path: "/v1/chat/completions", body: chat, model: "small" },
  { front: "anthropic", path: "/v1/messages", body: messages, model: "claude" },
] as const;

const large = { openai: openaiChat.unary({ text: LARGE }), anthropic: anthropicMessages.unary({ text: LARGE }) };

let up: Upstream;
let installation: Installation;
let gateway: GatewayProcess;

beforeAll(async () => {
  up = await startUpstream();
  up.plan((request) => {
    const { model, stream } = request.json();
    const dialect = model === "small-2026" ? "openai" : "anthropic";
    return (stream === true ? forever : large)[dialect];
  });
  const deadlines = { bodyMs: BODY_MS, readerMs: READER_MS };
  installation = new Installation(configuration({ upstream: up.url, gateway: { deadlines } }));
  gateway = await installation.start();
});
afterAll(async () => {
  await installation.remove();
  await up.stop();
});

/** A socket to the gateway, whose reader may pause. */
class Caller {
  readonly socket: Socket;
  received = 0;
  head = "";
  tail = "";
  readonly closed: Promise<"FIN" | "RST">;

  constructor(url = gateway.url) {
    this.socket = connect({ host: "127.0.0.1", port: Number(new URL(url).port), noDelay: true });
    const { promise, resolve } = Promise.withResolvers<"FIN" | "RST">();
    this.closed = promise;
    this.socket.on("data", (bytes: Buffer) => {
      this.received += bytes.length;
      const text = bytes.toString("latin1");
      if (this.head.length < 4_000) this.head += text;
      this.tail = (this.tail + text).slice(-200);
    });
    this.socket.on("error", () => resolve("RST"));
    this.socket.on("end", () => resolve("FIN"));
  }

  head_(line: string, body: string, extra: readonly string[] = []): string {
    const headers = [
      "Host: gateway",
      `Authorization: Bearer ${gateway.key}`,
      "Content-Type: application/json",
      ...extra,
    ];
    return `${line}\r\n${headers.join("\r\n")}\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n`;
  }

  ask(path: string, body: JsonObject, requestId: string): void {
    const json = JSON.stringify(body);
    this.socket.write(this.head_(`POST ${path} HTTP/1.1`, json, [`X-Request-Id: ${requestId}`]) + json);
  }

  /**
   * Whether the gateway still has its side of the connection open: ESTABLISHED (01) in the
   * kernel's table, proc(5). Only Linux tells; elsewhere nobody knows before the caller reads.
   */
  isOpenThere(): boolean {
    if (process.platform !== "linux") return false;
    const hex = (port: number) => `:${port.toString(16).toUpperCase().padStart(4, "0")}`;
    const row = new RegExp(`${hex(this.socket.remotePort!)} \\w+${hex(this.socket.localPort!)} 01 `);
    return row.test(readFileSync("/proc/net/tcp", "latin1"));
  }

  /** Sends a byte every so often until the connection is over. */
  async drip(bytes: string, everyMs: number): Promise<void> {
    let over = false;
    void this.closed.then(() => {
      over = true;
    });
    for (const byte of bytes) {
      if (over) return;
      this.socket.write(byte);
      await Bun.sleep(everyMs);
    }
  }
}

async function within<T>(ms: number, promise: Promise<T>): Promise<T | "never"> {
  return await Promise.race([promise, Bun.sleep(ms).then(() => "never" as const)]);
}

async function recordOf(requestId: string): Promise<JsonObject> {
  let found: JsonObject | undefined;
  await until(async () => {
    const page = (await (await gateway.admin(`/api/v1/usage-records?id=${requestId}`)).json()) as {
      items: JsonObject[];
    };
    found = page.items[0];
    return found !== undefined;
  }, SOON_MS);
  return found ?? {};
}

const alive = async () => (await post(gateway, { body: chat({ model: "demo" }) })).status;

test.concurrent("headers that come byte by byte: closed after some twelve seconds, and never a call", async () => {
  const caller = new Caller();
  const started = performance.now();
  void caller.drip(
    caller.head_(
      "GET /v1/models HTTP/1.1",
      "",
      Array.from({ length: 50 }, (_, i) => `X-Slow-${i}: 1`),
    ),
    150,
  );
  expect(await within(25_000, caller.closed)).not.toBe("never");
  expect(performance.now() - started).toBeGreaterThan(5_000);
  expect(caller.received).toBe(0);
}, 60_000);

test.concurrent("a stranger at the admin listener who sends a body byte by byte is refused and closed at once", async () => {
  const caller = new Caller(gateway.adminUrl);
  const head = caller
    .head_("POST /api/v1/keys HTTP/1.1", "x".repeat(1_000))
    .replace("Host: gateway", "Host: localhost");
  caller.socket.write(head.replace(/Bearer \S+/, "Bearer nobody"));
  void caller.drip("x".repeat(1_000), 40);
  expect(await within(SOON_MS, caller.closed)).not.toBe("never");
  expect(caller.head).toStartWith("HTTP/1.1 401 ");
}, 60_000);

describe.each([...FRONTS])("a caller of $front", ({ path, body, model, front }) => {
  test.concurrent("that sends its body byte by byte is answered 408 in its dialect, and closed, long before it is done", async () => {
    for (const framing of ["length", "chunked"] as const) {
      const caller = new Caller();
      const id = `slow-body-${front}-${framing}`;
      const json = JSON.stringify(body({ model, padding: "x".repeat(5_000) }));
      const head = caller.head_(`POST ${path} HTTP/1.1`, json, [`X-Request-Id: ${id}`]);
      caller.socket.write(
        framing === "length" ? head : head.replace(/Content-Length: \d+/, "Transfer-Encoding: chunked"),
      );
      void caller.drip(framing === "length" ? json : "1\r\nx\r\n".repeat(5_000), 40);
      expect(await within(SOON_MS, caller.closed)).not.toBe("never");
      expect(caller.head).toStartWith("HTTP/1.1 408 ");
      const told = JSON.parse(caller.head.slice(caller.head.indexOf("\r\n\r\n") + 4));
      if (front === "openai") expect(told.error).toMatchObject({ code: "body_timeout" });
      else expect(told).toMatchObject({ type: "error", error: { type: "timeout_error" }, request_id: id });
      expect(await recordOf(id)).toMatchObject({ outcome: "refused", status: 408, errorCode: "body_timeout" });
    }
  }, 60_000);

  test.concurrent("that nobody knows, and that sends its body byte by byte, is refused and closed as soon as any other", async () => {
    const caller = new Caller();
    const json = "x".repeat(100_000);
    caller.socket.write(caller.head_(`POST ${path} HTTP/1.1`, json).replace(/Bearer \S+/, "Bearer nobody"));
    void caller.drip(json, 40);
    expect(await within(SOON_MS, caller.closed)).not.toBe("never");
    expect(caller.head).toStartWith("HTTP/1.1 401 ");
  }, 60_000);

  test.concurrent(`that stops reading a stream, ${STALLED} times: cut off, recorded and charged, the provider let go, memory flat`, async () => {
    const before = await gateway.residentMb();
    const callers = Array.from({ length: STALLED }, (_, i) => {
      const caller = new Caller();
      caller.socket.pause();
      caller.ask(path, body({ model, stream: true }), `stalled-${front}-${i}`);
      return caller;
    });
    for (let i = 0; i < STALLED; i++) {
      const record = await recordOf(`stalled-${front}-${i}`);
      expect(record).toMatchObject({
        outcome: "cancelled",
        status: 499,
        errorCode: "client_closed",
        usageSource: "counted",
      });
      expect(Number(record.costUsd)).toBeGreaterThan(0);
    }
    const during = await gateway.residentMb();
    expect(await alive()).toBe(200);
    // The connections are closed although nobody has read.
    expect(await until(() => !callers.some((caller) => caller.isOpenThere()), SOON_MS)).toBe(true);
    // Whoever reads on gets what had left the gateway, and then the end of the connection, not of the answer.
    for (const caller of callers) caller.socket.resume();
    expect(await Promise.all(callers.map((caller) => within(SOON_MS, caller.closed)))).not.toContain("never");
    for (const caller of callers) {
      expect(caller.head).toStartWith("HTTP/1.1 200 ");
      expect(caller.tail).not.toEndWith("0\r\n\r\n");
    }
    const asked = up.requests.filter(
      (request) => request.path.endsWith(path.slice(3)) && request.json().stream === true,
    );
    expect(asked).toHaveLength(STALLED);
    const closings = await Promise.all(asked.map((request) => within(SOON_MS, request.closed)));
    expect(closings).not.toContain("never");
    const taken = asked.map((request) => Math.round(request.bytesTaken / 1e6)).join(", ");
    console.log(
      `${STALLED} stalled readers of ${front}: ${Math.round(before)} MB before, ${Math.round(during)} MB during; taken from the provider: ${taken} MB`,
    );
    // What fits into the buffers of two sockets, and no more, although the provider never stops.
    for (const request of asked) expect(request.bytesTaken).toBeLessThan(64e6);
    expect(during - before).toBeLessThan(400);
  }, 60_000);

  test.concurrent("that stops reading a large unary answer is cut off; the answer was made, so it is charged", async () => {
    const caller = new Caller();
    const id = `stalled-unary-${front}`;
    caller.socket.pause();
    caller.ask(path, body({ model }), id);
    expect(await recordOf(id)).toMatchObject({ outcome: "finished", usageSource: "reported" });
    expect(caller.isOpenThere()).toBe(process.platform === "linux");
    expect(await until(() => !caller.isOpenThere(), SOON_MS)).toBe(true);
    await Bun.sleep(READER_MS);
    caller.socket.resume();
    expect(await within(SOON_MS, caller.closed)).not.toBe("never");
    expect(caller.head).toStartWith("HTTP/1.1 200 ");
    expect(caller.received).toBeLessThan(LARGE.length);
  }, 60_000);

  test.concurrent("that reads slowly but reads is not cut off", async () => {
    const caller = new Caller();
    caller.ask(path, body({ model }), `steady-${front}`);
    let over = false;
    void caller.closed.then(() => {
      over = true;
    });
    for (let pause = 0; pause < 6 && !over; pause++) {
      caller.socket.pause();
      await Bun.sleep(READER_MS / 2);
      caller.socket.resume();
      await Bun.sleep(5);
    }
    await until(() => caller.received > LARGE.length || over, SOON_MS);
    expect(caller.received).toBeGreaterThan(LARGE.length);
    expect(over).toBe(false);
    caller.socket.destroy();
  }, 60_000);
});
