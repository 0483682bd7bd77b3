import { afterEach, expect, test } from "bun:test";
import { X509Certificate } from "node:crypto";
import { connect } from "node:tls";
import { selfSigned } from "../../test/support/certificate.ts";
import { type Listener, type ListenerOptions, listen } from "./listener.ts";

const pair = () => selfSigned(new Date(Date.now() - 1e6), new Date(Date.now() + 1e9));
const printOf = (tls: { cert: string }) => new X509Certificate(tls.cert).fingerprint256;

let listeners: Listener[] = [];
afterEach(async () => {
  await Promise.all(listeners.map((listener) => listener.stop(true)));
  listeners = [];
});

function start(options: Partial<ListenerOptions> = {}, sharesPorts?: boolean): Listener {
  const answer = () => new Response("ok");
  const listener = listen({ hostname: "127.0.0.1", port: 0, tls: undefined, answer, ...options }, sharesPorts);
  listeners.push(listener);
  return listener;
}

function shown(listener: Listener): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const socket = connect({ host: "127.0.0.1", port: listener.port, rejectUnauthorized: false }, () => {
    resolve(socket.getPeerCertificate().fingerprint256);
    socket.destroy();
  });
  socket.on("error", reject);
  return promise;
}

test("the answer gets the request, the address of the socket's other end, and the socket's timer", async () => {
  const seen: unknown[] = [];
  const { url } = start({
    answer(request, peer, sockets) {
      sockets.timeout(request, 1);
      seen.push([request.method, peer]);
      return new Response("here");
    },
  });
  expect(await (await fetch(url)).text()).toBe("here");
  expect(seen).toEqual([["GET", "127.0.0.1"]]);
});

test("an answer that fails is a 500 that tells nothing", async () => {
  const { url } = start({
    answer() {
      throw new Error("a secret of the house");
    },
  });
  const response = await fetch(url);
  expect(response.status).toBe(500);
  expect(await response.text()).not.toContain("secret");
});

test("an answer is pending until it has left in full", async () => {
  const gate = Promise.withResolvers<void>();
  const listener = start({
    async answer() {
      await gate.promise;
      return new Response("late");
    },
  });
  expect(listener.pending).toBe(0);
  const asking = fetch(listener.url);
  while (listener.pending === 0) await Bun.sleep(1);
  gate.resolve();
  await (await asking).text();
  while (listener.pending > 0) await Bun.sleep(1);
});

test("an IPv6 address stands in brackets in the URL", () => {
  expect(start({ hostname: "::1" }).url).toMatch(/^http:\/\/\[::1\]:\d+$/);
});

test("a port that is taken is an error, and so it is with TLS, whose ports are shared on purpose", () => {
  for (const tls of [undefined, pair()]) {
    const { port } = start({ tls });
    expect(() => start({ tls, port })).toThrow(expect.objectContaining({ code: "EADDRINUSE" }));
  }
});

// newest-socket.ts is what makes the shared way safe; without it connections may be reset, but not served wrongly.
test.each([
  ["shared by two servers", process.platform === "linux"],
  ["taken over", false],
])(
  "a renewed certificate is served at once, again and again, on a port that is %s; one that is none changes nothing",
  async (_, shares) => {
    let current = pair();
    const listener = start({ tls: current }, shares);
    expect(await shown(listener)).toBe(printOf(current));
    for (let renewal = 0; renewal < 3; renewal++) {
      current = pair();
      listener.renew(current);
      for (let i = 0; i < 8; i++) expect(await shown(listener)).toBe(printOf(current));
      expect(() => listener.renew({ cert: pair().cert, key: current.key })).toThrow();
      for (let i = 0; i < 4; i++) expect(await shown(listener)).toBe(printOf(current));
    }
  },
);

test.each([true, false])("what was begun under the old certificate ends whole (ports shared: %p)", async (shares) => {
  const gate = Promise.withResolvers<void>();
  const answer = () =>
    new Response(
      new ReadableStream({
        async start(controller) {
          controller.enqueue(new TextEncoder().encode("begun, "));
          await gate.promise;
          controller.enqueue(new TextEncoder().encode("ended"));
          controller.close();
        },
      }),
    );
  const listener = start({ tls: pair(), answer }, shares && process.platform === "linux");
  const response = await fetch(listener.url, { tls: { rejectUnauthorized: false } });
  listener.renew(pair());
  listener.renew(pair());
  expect(listener.pending).toBe(1);
  gate.resolve();
  expect(await response.text()).toBe("begun, ended");
});
