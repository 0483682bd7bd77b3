// Covers connection.ts, answer.ts, pool.ts and content-coding.ts, as send.ts puts them together.
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import zlib from "node:zlib";
import {
  cutAfter,
  endless,
  json,
  nobody,
  raw,
  type Script,
  sse,
  startUpstream,
  text,
  type Upstream,
} from "../../test/support/upstream.ts";
import type { UpstreamCall } from "../ports/upstream.ts";
import { Egress } from "./egress.ts";
import { createUpstream } from "./send.ts";

let ticks = 0;
const clock = { now: () => Date.now(), ticks: () => ticks };
const upstream = createUpstream(new Egress(clock, async () => ["127.0.0.1"]), clock);
let up: Upstream;
beforeAll(async () => {
  up = await startUpstream();
});
afterAll(() => up.stop());
beforeEach(() => up.forget());

const send = (over: Partial<UpstreamCall> = {}) =>
  upstream.send({
    baseUrl: up.url,
    path: "/",
    headers: {},
    body: "{}",
    allowPrivateNetwork: true,
    signal: new AbortController().signal,
    ...over,
  });

async function whole(over: Partial<UpstreamCall> = {}): Promise<string> {
  return new TextDecoder().decode(await (await send(over)).bytes(100_000_000));
}

/** Until the event loop has nothing more to tell. */
const settled = () => new Promise((resolve) => setTimeout(resolve, 50));

const OK = "HTTP/1.1 200 OK\r\n";

describe("a connection", () => {
  const rows: [string, Script, boolean][] = [
    ["with a length", text(200, "a"), true],
    ["in chunks", sse(["data: a\n\n"]), true],
    ["without content", raw("HTTP/1.1 204 X\r\n\r\n"), true],
    ["that is an error", json(500, {}), true],
    ["that came faster than it was read", text(200, "a".repeat(1_000_000)), true],
    ["after an interim one", raw(`HTTP/1.1 100 Continue\r\n\r\n${OK}Content-Length: 1\r\n\r\na`), true],
    ["that says it is the last", raw(`${OK}Connection: close\r\nContent-Length: 1\r\n\r\na`), false],
    ["of HTTP/1.0", raw("HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 1\r\n\r\na"), false],
    ["that ends with it", text(200, "a", { framing: "close" }), false],
    ["with more behind it", raw(`${OK}Content-Length: 1\r\n\r\nab`), false],
    [
      "with more a moment later",
      [...raw(`${OK}Content-Length: 1\r\n\r\na`), { do: "wait", ms: 15 }, ...raw("b")],
      false,
    ],
    ["and closed by the provider", [...text(200, "a"), { do: "close" }], false],
    ["and reset by the provider", [...text(200, "a"), { do: "reset" }], false],
  ];
  test.each(rows)("serves the next call after an answer %s: see the row", async (_, script, again) => {
    up.answer(script);
    await whole();
    await settled();
    up.answer(text(200, "next"));
    expect(await whole()).toBe("next");
    expect(up.requests[1]!.connection === up.requests[0]!.connection).toBe(again);
    await settled();
  });

  test("that broke in mid-answer serves nobody", async () => {
    for (const how of ["close", "reset"] as const) {
      up.forget();
      up.answer(cutAfter(text(200, "a".repeat(100)), 90, how));
      await expect(whole()).rejects.toMatchObject({ code: "upstream_cut" });
      up.answer(text(200, "next"));
      expect(await whole()).toBe("next");
      expect(up.requests[1]!.connection).not.toBe(up.requests[0]!.connection);
    }
  });

  test("serves no other name at the same address, and no account that may call less", async () => {
    up.answer(text(200, "a"));
    for (const baseUrl of [up.url, `http://a.example:${up.port}`, `http://b.example:${up.port}`])
      await whole({ baseUrl });
    expect(new Set(up.requests.map(({ connection }) => connection)).size).toBe(3);
    const open = new Egress(clock, async () => ["127.0.0.1"]);
    const [may, mayNot] = [await open.pin(up.url, true), await open.pin("http://8.8.8.8", false)];
    expect(may.place).not.toBe((await open.pin("http://8.8.8.8", true)).place);
    expect(mayNot.place).not.toBe((await open.pin("https://8.8.8.8:80", false)).place);
  });

  test("serves one call at a time, and the one that rested least serves the next", async () => {
    up.answer(text(200, "a"));
    await Promise.all(Array.from({ length: 5 }, () => whole()));
    expect(new Set(up.requests.map(({ connection }) => connection)).size).toBe(5);
    up.forget();
    for (let i = 0; i < 5; i++) await whole();
    expect(new Set(up.requests.map(({ connection }) => connection)).size).toBe(1);
  });

  test("that has rested for over a minute is closed, and serves nobody", async () => {
    const own = await startUpstream();
    for (let i = 0; i < 2; i++, ticks += 60_001) await whole({ baseUrl: own.url });
    await settled();
    expect([own.accepted, own.open]).toEqual([2, 1]);
    await own.stop();
  });

  test("rests for less than the provider says that it keeps it", async () => {
    const own = await startUpstream();
    own.answer(text(200, "a", { headers: { "Keep-Alive": "max=9, timeout=5" } }));
    for (const rested of [0, 4_400, 4_600]) {
      ticks += rested;
      await whole({ baseUrl: own.url });
    }
    expect(own.requests.map(({ connection }) => connection)).toEqual([0, 0, 1]);
    await own.stop();
  });

  test("does not rest in any number", async () => {
    const own = await startUpstream();
    const gate = Promise.withResolvers<void>();
    own.answer([{ do: "until", open: gate.promise }, ...text(200, "a")]);
    const all = Array.from({ length: 300 }, () => whole({ baseUrl: own.url }));
    await own.request(300);
    gate.resolve();
    await Promise.all(all);
    await settled();
    expect(own.open).toBe(256);
    await own.stop();
  });
});

describe("a large question", () => {
  const big = `{"pad":"${"ü".repeat(5_000_000)}"}`;
  test.each([
    ["text", big],
    ["bytes", Buffer.from(big)],
  ])("of ten megabytes arrives whole, as %s", async (_, body) => {
    up.answer(text(200, "a"));
    await whole({ body });
    expect(Buffer.compare(up.requests[0]!.body, Buffer.from(big))).toBe(0);
    expect(await whole()).toBe("a");
  });

  test("that is answered before it was heard is answered, and its connection serves nobody", async () => {
    up.answer(text(200, "next"));
    up.planEarly((request) =>
      Number(request.header("content-length")) > 1_000
        ? [{ do: "stop-reading" }, ...text(413, "too large"), { do: "silence" }]
        : null,
    );
    // More than the sockets of both sides hold.
    const answer = await send({ body: Buffer.alloc(40_000_000, "a") });
    expect(answer.status).toBe(413);
    expect(new TextDecoder().decode(await answer.bytes(100))).toBe("too large");
    up.planEarly(null);
    expect(await whole()).toBe("next");
    expect(up.requests[1]!.connection).not.toBe(up.requests[0]!.connection);
  });
});

describe("an abort", () => {
  const within = async (request: { closed: Promise<{ by: string }> }) => {
    const late = new Promise((resolve) => setTimeout(resolve, 1_000, "late"));
    expect(await Promise.race([request.closed, late])).toMatchObject({ by: "peer" });
  };
  test.each<[string, Script]>([
    ["before the head", [{ do: "silence" }]],
    ["in mid-head", [...raw("HTTP/1.1 200"), { do: "silence" }]],
    ["in mid-body", [...raw(`${OK}Content-Length: 9\r\n\r\na`), { do: "silence" }]],
    ["in an endless body", endless("data: a\n\n")],
  ])("%s closes the connection within a second, and is the reason that the reader hears", async (_, script) => {
    up.answer(script);
    const leave = new AbortController();
    const reading = whole({ signal: leave.signal });
    const request = await up.request();
    await settled();
    leave.abort(new Error("enough"));
    await expect(reading).rejects.toThrow("enough");
    await within(request);
  });

  test("of a call whose answer waits to be read closes it too, and what waits is not read", async () => {
    up.answer(endless("data: a\n\n"));
    const leave = new AbortController();
    const chunks = (await send({ signal: leave.signal })).chunks();
    await chunks.next();
    await settled();
    leave.abort(new Error("enough"));
    await expect(chunks.next()).rejects.toThrow("enough");
    await within(up.requests[0]!);
  });

  test("before anything is sent sends nothing", async () => {
    let told = false;
    const signal = AbortSignal.abort(new Error("enough"));
    const onSend = () => {
      told = true;
    };
    await expect(send({ signal, onSend })).rejects.toThrow("enough");
    await expect(send({ baseUrl: await nobody(), onSend })).rejects.toMatchObject({ code: "upstream_unreachable" });
    await settled();
    expect([up.requests.length, told]).toEqual([0, false]);
  });

  test("after the answer leaves the connection alone", async () => {
    up.answer(text(200, "a"));
    const leave = new AbortController();
    await whole({ signal: leave.signal });
    leave.abort();
    await whole();
    expect(up.requests[1]!.connection).toBe(up.requests[0]!.connection);
  });
});

test("a reader who does not read holds the provider up, and memory with it", async () => {
  up.answer(endless({ data: { more: "x".repeat(1_000) } }));
  const answer = await send();
  const chunks = answer.chunks();
  await chunks.next();
  const taken = () => up.requests[0]!.bytesTaken;
  for (let before = -1; before !== taken(); ) {
    before = taken();
    await new Promise((resolve) => setTimeout(resolve, 150));
  }
  // What the sockets of both sides hold, and not a gigabyte a second.
  expect(taken()).toBeLessThan(16 * 1_048_576);
  const stood = taken();
  let read = 0;
  while (read < 32_000_000) read += (await chunks.next()).value!.length;
  expect(taken()).toBeGreaterThan(stood);
  await chunks.return!();
  expect((await up.requests[0]!.closed).by).toBe("peer");
});

describe("content that is compressed though nobody asked", () => {
  const body = JSON.stringify({ text: "ü".repeat(100_000) });
  const packed = {
    gzip: zlib.gzipSync(body),
    "X-GZIP": zlib.gzipSync(body),
    deflate: zlib.deflateSync(body),
    br: zlib.brotliCompressSync(body),
    zstd: zlib.zstdCompressSync(body),
    identity: Buffer.from(body),
  };
  test.each(Object.entries(packed))("by %s is unpacked", async (coding, bytes) => {
    for (const framing of ["length", "chunked", "close"] as const) {
      up.answer(text(200, bytes, { headers: { "content-encoding": coding }, framing }));
      expect(await whole()).toBe(body);
    }
  });

  test("in a way that nobody knows is malformed; what cannot be unpacked, or is not whole, is cut", async () => {
    up.answer(text(200, "a", { headers: { "content-encoding": "compress" } }));
    await expect(whole()).rejects.toMatchObject({ code: "upstream_malformed" });
    up.answer(text(200, "no gzip", { headers: { "content-encoding": "gzip" } }));
    await expect(whole()).rejects.toMatchObject({ code: "upstream_cut" });
    up.answer(text(200, packed.gzip.subarray(0, 100), { headers: { "content-encoding": "gzip" } }));
    await expect(whole()).rejects.toMatchObject({ code: "upstream_cut" });
  });

  test("and aborted ends with the abort's reason", async () => {
    up.answer([...raw(`${OK}Content-Encoding: gzip\r\n\r\n`, packed.gzip.subarray(0, 100)), { do: "silence" }]);
    const leave = new AbortController();
    const reading = whole({ signal: leave.signal });
    await up.request();
    await settled();
    leave.abort(new Error("enough"));
    await expect(reading).rejects.toThrow("enough");
    expect((await up.requests[0]!.closed).by).toBe("peer");
  });
});

test("a path is written as URLs are, and steps up are taken before it leaves", async () => {
  up.answer(text(200, "a"));
  for (const path of ["/ü b?q=ü", "/a/../b", "/a%2Fb"]) await whole({ path });
  expect(up.requests.map(({ path }) => path)).toEqual(["/%C3%BC%20b?q=%C3%BC", "/b", "/a%2Fb"]);
});

test("a header that could be two is an error of ours, and nothing is sent", async () => {
  await expect(send({ headers: { "x-a": "b\r\nx-c: d" } })).rejects.toMatchObject({ code: "internal" });
  await settled();
  expect(up.requests).toHaveLength(0);
});
