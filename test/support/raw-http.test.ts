import { expect, test } from "bun:test";
import { requestText, sendRaw } from "./raw-http.ts";
import { json, raw, startUpstream } from "./upstream.ts";

test("what is sent arrives byte for byte, and the answer comes back in parts", async () => {
  const up = await startUpstream();
  up.answer(json(207, { a: 1 }, { headers: { "X-One": "1" }, framing: "chunked", split: { size: 2 } }));
  const text = requestText("POST /x HTTP/1.1", ["Host: a", "HOST: b", "x-odd: \u00ff"], "\u0000body");
  const answer = await sendRaw(up.url, [text.slice(0, 20), Buffer.from(text.slice(20), "latin1")]);
  expect(up.requests[0]!.rawText()).toBe(text);
  expect(answer).toMatchObject({ status: 207, text: '{"a":1}', closed: false, sent: text.length });
  expect(answer.header("x-one")).toBe("1");
  await up.stop();
});

test("an interim answer is not the answer", async () => {
  const up = await startUpstream();
  up.answer(raw("HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"));
  expect(await sendRaw(up.url, [requestText("GET / HTTP/1.1", ["Host: a"])])).toMatchObject({
    status: 200,
    text: "ok",
  });
  await up.stop();
});

test("sending ends when the other side has closed, and tells how much it took", async () => {
  const up = await startUpstream();
  up.planEarly(() => [...json(400, {}), { do: "stop-reading" }, { do: "close" }]);
  function* endless() {
    yield requestText("POST / HTTP/1.1", ["Host: a", "Transfer-Encoding: chunked"]);
    for (;;) yield `10000\r\n${"x".repeat(65_536)}\r\n`;
  }
  const answer = await sendRaw(up.url, endless(), { closeMs: 2_000 });
  expect(answer).toMatchObject({ status: 400, closed: true });
  expect(answer.sent).toBeLessThan(64 * 1_048_576);
  await up.stop();
});
