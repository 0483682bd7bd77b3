import { afterAll, expect, test } from "bun:test";
import { connect } from "node:net";
import { adminHandler } from "../../src/http/admin-listener.ts";
import { listen } from "../../src/http/listener.ts";
import { ADMIN_TOKEN, adminPlane } from "../support/admin-plane.ts";

/**
 * Requests as bytes, because clients tidy a path before they send it. What the guard reads
 * and what the router reads is one parsed path, so that no spelling of a path gets past the
 * token. The listener says that it is reachable from outside, so that metrics are guarded too.
 */
const plane = adminPlane();
const handle = adminHandler({
  admin: plane.deps,
  hostname: "0.0.0.0",
  health: { ready: () => ({ ready: true }) },
  metrics: { contentType: "text/plain", text: () => "sallyport_calls_total 1\n" },
});
const listener = listen({
  hostname: "127.0.0.1",
  port: 0,
  tls: undefined,
  answer: (request, address) => handle(request, { address }),
});
afterAll(() => listener.stop(true));

function send(bytes: string): Promise<string> {
  const { promise, resolve } = Promise.withResolvers<string>();
  let answer = "";
  const socket = connect(listener.port, "127.0.0.1", () => socket.write(bytes));
  socket.setTimeout(5_000, () => socket.destroy());
  socket.on("data", (data) => {
    answer += data.toString();
  });
  socket.on("error", () => undefined);
  socket.on("close", () => resolve(answer));
  return promise;
}

async function get(target: string, headers: string[] = []): Promise<{ status: number; text: string }> {
  const lines = [`GET ${target} HTTP/1.1`, "Host: 127.0.0.1", "Connection: close", ...headers];
  const text = await send(`${lines.join("\r\n")}\r\n\r\n`);
  return { status: Number(text.split(" ")[1]), text };
}

/** Spellings of one path that some parser, somewhere, has taken for the path itself. */
function* spellings(path: string): Generator<string> {
  yield path;
  yield `/${path}`;
  yield `${path}/`;
  yield `${path}//`;
  yield `${path}/.`;
  yield `/x/..${path}`;
  yield `/x/%2e%2e${path}`;
  yield `/livez/..${path}`;
  yield `/livez/%2e%2e${path}`;
  yield `/livez;${path}`;
  yield `${path};jsessionid=1`;
  yield `${path}%00`;
  yield `${path}%20`;
  yield `${path}%3f`;
  yield `${path}?`;
  yield `${path}#`;
  yield `${path}?access_token=${ADMIN_TOKEN}`;
  yield path.toUpperCase();
  yield path.replaceAll("/", "\\");
  yield path.replace(/\/(?=[^/]+$)/, "\\");
  yield path.replace(/\/(?=[^/]+$)/, "%2f");
  yield path.replace(/[a-z](?=[a-z]*$)/, (letter) => `%${letter.charCodeAt(0).toString(16)}`);
  yield `http://127.0.0.1${path}`;
  yield `http://livez${path}`;
  yield `//livez${path}`;
}

for (const path of ["/api/v1/status", "/api/v1/keys", "/metrics"]) {
  test(`401 or nothing: no spelling of ${path} gets past the token`, async () => {
    for (const target of spellings(path)) {
      const { status, text } = await get(target);
      expect({ target, status: [400, 401, 404].includes(status) ? "refused" : status }).toEqual({
        target,
        status: "refused",
      });
      expect(text).not.toContain("catalogRevision");
      expect(text).not.toContain("sallyport_calls_total");
    }
    expect((await get(path, [`Authorization: Bearer ${ADMIN_TOKEN}`])).status).toBe(200);
  }, 20_000);
}

test.each([
  ["two Hosts", "GET /livez HTTP/1.1\r\nHost: 127.0.0.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n"],
  ["no Host", "GET /livez HTTP/1.1\r\nConnection: close\r\n\r\n"],
  ["a Host with a user", "GET /livez HTTP/1.1\r\nHost: a@127.0.0.1\r\nConnection: close\r\n\r\n"],
  ["an asterisk", "GET * HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n"],
])("400: %s", async (_case, bytes) => {
  expect(await send(bytes)).toStartWith("HTTP/1.1 400");
});
