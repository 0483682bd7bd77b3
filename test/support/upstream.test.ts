// Covers test/support/upstream.ts with upstream/play.ts, upstream/received.ts and upstream/script.ts.
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { createConnection } from "node:net";
import {
  after,
  bomb,
  cutAfter,
  drip,
  endless,
  gated,
  hangUp,
  hangUpAfterHead,
  hangUpInChunk,
  json,
  longLine,
  nobody,
  raw,
  recorded,
  redirect,
  type Script,
  silence,
  sse,
  startUpstream,
  text,
  type Upstream,
} from "./upstream.ts";

let up: Upstream;
beforeEach(async () => {
  up = await startUpstream();
});
afterEach(async () => {
  await up.stop();
});

/** Sends bytes and gives everything that comes back until the connection ends. */
async function overTcp(...pieces: string[]): Promise<{ answer: string; failure: string | null }> {
  const { promise, resolve } = Promise.withResolvers<{ answer: string; failure: string | null }>();
  let answer = "";
  let failure: string | null = null;
  const socket = createConnection(up.port, "127.0.0.1");
  socket.on("data", (bytes) => {
    answer += bytes.toString("latin1");
  });
  socket.on("error", (error: NodeJS.ErrnoException) => {
    failure = error.code ?? error.message;
  });
  socket.on("close", () => resolve({ answer, failure }));
  for (const piece of pieces) socket.write(piece);
  return await promise;
}

const bodyOf = (answer: string) => answer.slice(answer.indexOf("\r\n\r\n") + 4);

describe("what is received", () => {
  test("a request is recorded byte for byte: header lines in order, duplicates and case kept", async () => {
    up.answer(text(200, "ok", { framing: "close" }));
    const request =
      "POST /v1/x?y=1 HTTP/1.1\r\nHost: a\r\nX-Twice: 1\r\nx-twice: 2\r\ncontent-length: 4\r\n\r\n\xff{}\n";
    const socket = createConnection(up.port, "127.0.0.1");
    socket.write(Buffer.from(request, "latin1"));
    const got = await up.request();
    expect(got.rawText()).toBe(request);
    expect(got.headerLines).toEqual(["Host: a", "X-Twice: 1", "x-twice: 2", "content-length: 4"]);
    expect(got.headerNames).toEqual(["host", "x-twice", "x-twice", "content-length"]);
    expect(got.headerValues("X-TWICE")).toEqual(["1", "2"]);
    expect([got.method, got.path, got.version]).toEqual(["POST", "/v1/x?y=1", "HTTP/1.1"]);
    expect([...got.body]).toEqual([0xff, 0x7b, 0x7d, 0x0a]);
    expect(up.everything()).toContain("x-twice: 2");
    socket.destroy();
  });

  test("a chunked body is decoded for `body` and left as it came in `raw`", async () => {
    up.answer(text(200, "ok", { framing: "close" }));
    const { answer } = await overTcp(
      "POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n3\r\nab",
      "c\r\n2;x=y\r\nde\r\n0\r\ntrailer: t\r\n\r\n",
    );
    expect(bodyOf(answer)).toBe("ok");
    expect(up.requests[0]!.text()).toBe("abcde");
    expect(up.requests[0]!.rawText()).toEndWith("3\r\nabc\r\n2;x=y\r\nde\r\n0\r\ntrailer: t\r\n\r\n");
  });

  test("several requests of one connection are told apart", async () => {
    up.plan((request) => text(200, request.path, { framing: request.path === "/b" ? "close" : "length" }));
    const { answer } = await overTcp("GET /a HTTP/1.1\r\nhost: a\r\n\r\nGET /b HTTP/1.1\r\nhost: a\r\n\r\n");
    expect(answer).toContain("\r\n\r\n/a");
    expect(answer).toEndWith("\r\n\r\n/b");
    expect(up.requests.map((request) => [request.connection, request.path])).toEqual([
      [0, "/a"],
      [0, "/b"],
    ]);
  });

  test("what is no HTTP is kept as noise", async () => {
    await overTcp("\x16\x03\x01 hello\r\n\r\n");
    expect(up.requests).toEqual([]);
    expect(Buffer.from(up.noise[0]!).toString("latin1")).toBe("\x16\x03\x01 hello\r\n\r\n");
  });

  test("a body that is cut off is not complete, and is not answered", async () => {
    const socket = createConnection(up.port, "127.0.0.1");
    socket.write("POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 10\r\n\r\nabc", () => socket.end());
    await new Promise((resolve) => socket.on("close", resolve));
    await up.requests[0]!.closed;
    expect(up.requests[0]!.complete).toBe(false);
  });

  test("an answer planned for the head comes before the body", async () => {
    up.planEarly(() => text(413, "too large", { framing: "close" }));
    const { answer } = await overTcp("POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 1000000\r\n\r\nabc");
    expect(answer).toStartWith("HTTP/1.1 413");
    expect(up.requests[0]!.complete).toBe(false);
  });

  test("a peer that leaves before the answer is over is told from one that leaves after it", async () => {
    up.answers(silence(), json(200, {}));
    const leaving = new AbortController();
    const first = fetch(up.url, { signal: leaving.signal }).catch((error) => error.name);
    const received = await up.request(1);
    leaving.abort();
    expect(await first).toBe("AbortError");
    expect(await received.closed).toMatchObject({ by: "peer", beforeEnd: true });
    expect([received.left, received.answered]).toEqual([true, false]);

    await (await fetch(up.url, { headers: { connection: "close" } })).text();
    const second = await up.request(2);
    await second.closed;
    expect([second.left, second.answered]).toEqual([false, true]);
  });

  test("a plan that throws is told by stop, so that no test passes on it", async () => {
    const other = await startUpstream();
    other.plan(() => {
      throw new Error("the plan is wrong");
    });
    await fetch(other.url).catch(() => null);
    await expect(other.stop()).rejects.toThrow("the plan is wrong");
  });
});

describe("what is answered", () => {
  test("JSON, text, headers twice, a redirect that names another place", async () => {
    up.answers(
      json(201, { a: 1 }, { headers: { "retry-after": "3" } }),
      text(500, "<html>", {
        contentType: "text/html",
        headers: [["set-cookie", "a=1"] as const, ["set-cookie", "b=2"] as const],
      }),
      redirect(302, "http://127.0.0.1:1/elsewhere"),
      recorded({
        status: 429,
        headers: { "Content-Type": "application/json", "Content-Length": "999" },
        json: { x: 2 },
      }),
    );
    const first = await fetch(up.url);
    expect([first.status, first.headers.get("retry-after"), await first.json()]).toEqual([201, "3", { a: 1 }]);
    const second = await fetch(up.url);
    expect(second.headers.getSetCookie()).toEqual(["a=1", "b=2"]);
    expect(await second.text()).toBe("<html>");
    const third = await fetch(up.url, { redirect: "manual" });
    expect([third.status, third.headers.get("location")]).toEqual([302, "http://127.0.0.1:1/elsewhere"]);
    const fourth = await fetch(up.url);
    expect([fourth.status, await fourth.json()]).toEqual([429, { x: 2 }]);
  });

  const splits = ["frames", "bytes", { seed: 7 }, { seed: 8, max: 3 }, { size: 5 }] as const;
  test.each(splits.map((split) => [JSON.stringify(split), split] as const))(
    "a stream says the same however it is split: %s",
    async (_, split) => {
      up.answer(sse([{ event: "a", data: { n: 1 } }, { data: "zwei €" }, ": comment\n\n"], { done: true, split }));
      const answer = await fetch(up.url);
      expect(answer.headers.get("content-type")).toStartWith("text/event-stream");
      expect(await answer.text()).toBe('event: a\ndata: {"n":1}\n\ndata: zwei €\n\n: comment\n\ndata: [DONE]\n\n');
    },
  );

  test("the same seed gives the same pieces, another seed others", () => {
    const cut = (seed: number) => sse([{ data: "x".repeat(500) }], { split: { seed } });
    expect(cut(3)).toEqual(cut(3));
    expect(cut(3)).not.toEqual(cut(4));
  });

  test("a compressed body is unpacked by who asks for it, and a bomb is small on the wire", async () => {
    for (const encoding of ["gzip", "deflate"] as const) {
      up.answer(json(200, { hello: encoding }, { encoding }));
      expect(await (await fetch(up.url)).json()).toEqual({ hello: encoding });
    }
    const packed = bomb(8).reduce((sum, step) => sum + (step.do === "write" ? step.bytes.length : 0), 0);
    expect(packed).toBeLessThan(20_000);
    up.answer(bomb(8));
    expect((await (await fetch(up.url)).text()).length).toBe(8 * 1_048_576);
  });

  test("a gate holds the answer until the test opens it", async () => {
    const gate = Promise.withResolvers<void>();
    up.answer(gated(gate.promise, json(200, 1)));
    let arrived = false;
    const call = fetch(up.url).then(async (answer) => {
      arrived = true;
      return await answer.json();
    });
    await up.request();
    await new Promise((resolve) => setImmediate(resolve));
    expect(arrived).toBe(false);
    gate.resolve();
    expect(await call).toBe(1);
  });

  test("a slow answer takes its time and arrives whole", async () => {
    up.answer(after(30, drip(json(200, { slow: true }), 20, 5)));
    const before = performance.now();
    expect(await (await fetch(up.url)).json()).toEqual({ slow: true });
    expect(performance.now() - before).toBeGreaterThan(40);
  });

  test("one answer after the other; the last one stays", async () => {
    up.answers(json(200, 1), json(200, 2));
    const seen = [];
    for (let call = 0; call < 3; call++) seen.push(await (await fetch(up.url)).json());
    expect(seen).toEqual([1, 2, 2]);
    up.forget();
    expect(up.requests).toEqual([]);
  });
});

describe("what is broken", () => {
  const whole = json(200, { hello: "world" });
  const cuts: [string, Script, string, string | null][] = [
    ["nothing, then a reset", hangUp(), "", "ECONNRESET"],
    ["nothing, then a close", hangUp("close"), "", null],
    ["a head, then a reset", hangUpAfterHead(), "HTTP/1.1 200 OK", "ECONNRESET"],
    ["half a chunk, then a close", hangUpInChunk("close"), "3e8\r\n: ten byte", null],
    ["half a chunk, then a reset", hangUpInChunk("reset"), "3e8\r\n: ten byte", "ECONNRESET"],
    ["the first 70 bytes, then a close", cutAfter(whole, 70, "close"), "content-length: 17", null],
    [
      "two frames and no end, then a reset",
      sse(["data: 1\n\n", "data: 2\n\n"], { ends: "reset" }),
      "data: 2",
      "ECONNRESET",
    ],
    ["raw bytes that are no HTTP", [...raw("HTTP/9 what\r\n\r\n"), { do: "close" }], "HTTP/9 what", null],
    [
      "a length that is too large",
      [...json(200, {}, { contentLength: 50 }), { do: "close" }],
      "content-length: 50",
      null,
    ],
  ];
  test.each(cuts)("%s", async (_, script, mustContain, failure) => {
    up.answer(script);
    const got = await overTcp("GET / HTTP/1.1\r\nhost: a\r\n\r\n");
    expect(got.answer).toContain(mustContain);
    expect(got.failure).toBe(failure as never);
    expect(await up.requests[0]!.closed).toMatchObject({ by: "upstream", beforeEnd: false });
  });

  test("an endless stream flows at the peer's pace and stops when the peer leaves", async () => {
    up.answer(endless({ data: { more: "x".repeat(100) } }));
    const leaving = new AbortController();
    const answer = await fetch(up.url, { signal: leaving.signal });
    const reader = answer.body!.getReader();
    let read = 0;
    while (read < 4_000_000) read += (await reader.read()).value!.length;
    leaving.abort();
    const request = up.requests[0]!;
    expect(await request.closed).toMatchObject({ by: "peer", beforeEnd: true });
    expect(request.bytesTaken).toBeGreaterThan(4_000_000);
    // What was not read is in socket buffers; those are some megabytes, not what could have been sent.
    expect(request.bytesTaken).toBeLessThan(read + 32_000_000);
  });

  const LONG = 200_000_000;
  test("a line without a newline has exactly the length asked for, and is never held as a whole", async () => {
    up.answer(longLine(LONG));
    Bun.gc(true);
    const before = process.memoryUsage().rss;
    const answer = await fetch(up.url);
    let read = 0;
    let newlines = 0;
    let collectAt = LONG / 20;
    for await (const piece of answer.body!) {
      read += piece.length;
      if (piece.includes(10)) newlines++;
      // Pieces that were read are nobody's: when they are collected must not depend on how busy the machine is.
      if (read < collectAt) continue;
      Bun.gc(true);
      collectAt = read + LONG / 20;
    }
    expect([read, newlines]).toEqual([LONG, 0]);
    expect(process.memoryUsage().rss - before).toBeLessThan(LONG / 2);
    expect(up.requests[0]!.bytesTaken).toBeGreaterThan(LONG);
  });

  test("nobody listens at the address of nobody", async () => {
    await expect(fetch(await nobody())).rejects.toThrow();
  });
});
