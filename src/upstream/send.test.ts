import { afterAll, beforeAll, expect, test } from "bun:test";
import {
  endless,
  hangUp,
  json,
  nobody,
  raw,
  redirect,
  sse,
  startUpstream,
  type Upstream,
} from "../../test/support/upstream.ts";
import { Egress } from "./egress.ts";
import { createUpstream } from "./send.ts";

const clock = { now: () => Date.now(), ticks: () => performance.now() };
const upstream = createUpstream(new Egress(clock, async () => ["127.0.0.1"]), clock);
let up: Upstream;
beforeAll(async () => {
  up = await startUpstream();
});
afterAll(() => up.stop());

function send(over: { path?: string; baseUrl?: string; signal?: AbortSignal; allowPrivateNetwork?: boolean } = {}) {
  up.forget();
  return upstream.send({
    baseUrl: `${up.url}/base`,
    path: "/chat",
    headers: { "content-type": "application/json", authorization: "Bearer key" },
    body: "{}",
    allowPrivateNetwork: true,
    signal: new AbortController().signal,
    ...over,
  });
}

test("what leaves is the path under the base URL, the name in Host, and the adapter's headers", async () => {
  up.answer(json(200, { ok: true }));
  const answer = await send({ baseUrl: `http://llm.example:${up.port}/base/` });
  expect(JSON.parse(new TextDecoder().decode(await answer.bytes(1_000)))).toEqual({ ok: true });
  const [request] = up.requests;
  expect(request?.path).toBe("/base/chat");
  expect(request?.header("host")).toBe(`llm.example:${up.port}`);
  expect(request?.header("accept-encoding")).toBe("identity");
});

test("a redirect is an answer like any other, and nobody goes there", async () => {
  const elsewhere = await startUpstream();
  up.answer(redirect(307, `${elsewhere.url}/stolen`));
  const answer = await send();
  expect(answer.status).toBe(307);
  answer.discard();
  expect(elsewhere.requests).toHaveLength(0);
  await elsewhere.stop();
});

test("a proxy of the environment is not asked", async () => {
  const proxy = await startUpstream();
  const before = process.env.HTTP_PROXY;
  process.env.HTTP_PROXY = proxy.url;
  up.answer(json(200, {}));
  await (await send()).bytes(100);
  if (before === undefined) delete process.env.HTTP_PROXY;
  else process.env.HTTP_PROXY = before;
  expect(proxy.requests).toHaveLength(0);
  await proxy.stop();
});

test("nobody there is unreachable; a connection that breaks without an answer was cut, and the question is not sent again", async () => {
  await expect(send({ baseUrl: await nobody() })).rejects.toMatchObject({ code: "upstream_unreachable" });
  for (const [how, fresh] of [
    ["reset", false],
    ["reset", true],
    ["close", true],
  ] as const) {
    up.answer(json(200, {}, fresh ? { headers: { Connection: "close" } } : {}));
    await (await send()).bytes(100);
    up.forget();
    up.answer(hangUp(how));
    await expect(send()).rejects.toMatchObject({ code: "upstream_cut" });
    expect(up.requests).toHaveLength(1);
  }
});

test("a question that crosses with the close of a connection that had rested is sent again, once, on a new one", async () => {
  const rested = async () => {
    up.answer(json(200, {}));
    await (await send()).bytes(100);
    up.forget();
  };
  await rested();
  let asked = 0;
  up.plan(() => (asked++ === 0 ? hangUp("close") : json(200, { own: true })));
  expect(new TextDecoder().decode(await (await send()).bytes(100))).toBe('{"own":true}');
  expect(new Set(up.requests.map(({ connection }) => connection)).size).toBe(2);
  await rested();
  up.answer(hangUp("close"));
  await expect(send()).rejects.toMatchObject({ code: "upstream_cut" });
  expect(up.requests).toHaveLength(2);
});

test.each([
  ["no HTTP at all", "SSH-2.0-OpenSSH_9.9 is what listens here\r\n\r\n"],
  ["two lengths", "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab"],
  ["NUL in a header", "HTTP/1.1 200 OK\r\nA: b\0c\r\n\r\n"],
  ["a header of a megabyte and more", `HTTP/1.1 200 OK\r\nA: ${"b".repeat(4_000_000)}\r\n\r\n`],
  ["another protocol", "HTTP/1.1 101 X\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n"],
])("%s is malformed", async (_, head) => {
  up.answer(raw(head));
  await expect(send()).rejects.toMatchObject({ code: "upstream_malformed" });
});

test("what follows an answer, with it or while the connection rests, is never the next call's answer", async () => {
  const evil = 'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 8\r\n\r\n{"evil":';
  const heads = [
    "200 OK\r\nContent-Length: 2",
    "500 X\r\nContent-Length: 2",
    "302 X\r\nLocation: /\r\nContent-Length: 2",
    "304 X",
  ];
  for (const head of heads) {
    for (const script of [raw(`HTTP/1.1 ${head}\r\n\r\n{}${evil}`), raw(`HTTP/1.1 ${head}\r\n\r\n{}`, evil)]) {
      up.answer(script);
      const first = await send();
      await first.bytes(100);
      await new Promise((resolve) => setTimeout(resolve, 20));
      up.answer(json(200, { own: true }));
      expect(new TextDecoder().decode(await (await send()).bytes(100))).toBe('{"own":true}');
    }
  }
});

test("a body that is let go after its last byte but before its end leaves the connection for the next call", async () => {
  up.answer(sse(["data: a\n\n"]));
  const before = up.accepted;
  for (let i = 0; i < 5; i++) for await (const _chunk of (await send()).chunks()) break;
  expect(up.accepted - before).toBeLessThanOrEqual(5);
  await new Promise((resolve) => setTimeout(resolve, 20));
  const later = up.accepted;
  for await (const _chunk of (await send()).chunks()) break;
  expect(up.accepted).toBe(later);
});

test("a provider that goes on writing into a body that was let go is cut off", async () => {
  up.answer(endless("data: a\n\n"));
  for await (const _chunk of (await send()).chunks()) break;
  expect((await up.requests[0]!.closed).by).toBe("peer");
  expect(up.requests[0]!.bytesTaken).toBeLessThan(16 * 1_048_576);
});

test("a private address is not called unless the account allows it", async () => {
  await expect(send({ allowPrivateNetwork: false })).rejects.toMatchObject({ code: "upstream_blocked" });
  expect(up.requests).toHaveLength(0);
});

test("a body longer than its bound is not read to the end, whether its length is told or not", async () => {
  for (const framing of ["length", "chunked"] as const) {
    up.answer(json(200, { pad: "x".repeat(5_000_000) }, { framing }));
    const answer = await send();
    await expect(answer.bytes(1_000)).rejects.toMatchObject({ code: "upstream_malformed" });
  }
});

test("a compressed body is bounded by what it unpacks to", async () => {
  up.answer(json(200, { pad: "x".repeat(5_000_000) }, { encoding: "gzip" }));
  await expect((await send()).bytes(100_000)).rejects.toMatchObject({ code: "upstream_malformed" });
});

test("a connection that breaks in mid-body is told as cut", async () => {
  up.answer(sse(["data: a\n\n", "data: b\n\n"], { ends: "reset" }));
  const answer = await send();
  const read = async () => {
    for await (const _chunk of answer.chunks());
  };
  await expect(read()).rejects.toMatchObject({ code: "upstream_cut" });
});

test("whoever stops reading early closes the connection; an abort ends with its own reason", async () => {
  up.answer([...raw("HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\ndata: a\n\n"), { do: "silence" }]);
  const answer = await send();
  for await (const _chunk of answer.chunks()) break;
  expect((await up.requests[0]!.closed).by).toBe("peer");
  const abort = new AbortController();
  const waiting = (await send({ signal: abort.signal })).chunks();
  await waiting.next();
  abort.abort(new Error("enough"));
  await expect(waiting.next()).rejects.toThrow("enough");
});
